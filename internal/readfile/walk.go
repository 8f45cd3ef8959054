package readfile

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Walk is filepath.WalkDir for a folder that somebody named, be it by a link: a link by itself is no folder to WalkDir. Links in the folder are
// not followed, as they may lead in circles.
func Walk(root string, fn fs.WalkDirFunc) error {
	folder := root + string(filepath.Separator) // which is where a link leads
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if path == folder {
			path = root
			if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
				pe.Path = root
			}
		}
		return fn(path, d, err)
	})
}
