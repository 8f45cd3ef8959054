//go:build !unix && !windows

package weights

import (
	"errors"
	"os"
)

// mapping is not to be had here: files are read.
func mapping(*os.File, int) (data []byte, unmap func() error, err error) {
	return nil, nil, errors.ErrUnsupported
}
