package model

import (
	"errors"
	"fmt"
	"io/fs"

	"dragoman/picture"
)

// Processor is the directory's own, where it has one, else the encoder's. Unless pixels come from elsewhere (lenient), it must make
// pictures of the encoder's size.
func (f Files) Processor(encoder picture.Processor, lenient bool) (picture.Processor, error) {
	p, err := picture.LoadProcessor(f.Where("."))
	if p.Uncut { // as large as the encoder reads, or an error for that picture
		p.Size = encoder.Size
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return encoder, nil
	case lenient && (err != nil || p.Size != encoder.Size):
		return encoder, nil
	case err == nil && p.Size != encoder.Size:
		err = fmt.Errorf("preprocessor_config.json: pictures of %d×%d, the encoder reads %d×%d", p.Size[0], p.Size[1], encoder.Size[0], encoder.Size[1])
	}
	return p, err
}
