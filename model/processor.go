package model

import (
	"errors"
	"fmt"
	"io/fs"

	"dragoman/picture"
)

// ReadProcessor reads what a directory says of preparing pictures, and which file says it; "": none does.
func ReadProcessor(files Files) (p picture.Processor, name string, err error) {
	for _, name := range picture.ProcessorFiles {
		raw, err := files.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return p, "", err
		}
		p, err := picture.ParseProcessor(raw)
		if err == nil {
			return p, name, nil
		}
		if name == picture.ProcessorFiles[0] && errors.Is(err, picture.ErrNoImageProcessor) { // transformers 4 writes one that says nothing of pictures
			continue
		}
		return p, "", fmt.Errorf("%s: %w", name, err)
	}
	return p, "", nil
}

// Processor is the directory's own, where it has one, else the encoder's. Unless pixels come from elsewhere (lenient), it must make
// pictures of the encoder's size.
func (f Files) Processor(encoder picture.Processor, lenient bool) (picture.Processor, error) {
	p, name, err := ReadProcessor(f)
	if p.Uncut { // as large as the encoder reads, or an error for that picture
		p.Size = encoder.Size
	}
	switch {
	case err == nil && name == "":
		return encoder, nil
	case lenient && (err != nil || p.Size != encoder.Size):
		return encoder, nil
	case err == nil && p.Size != encoder.Size:
		err = fmt.Errorf("%s: pictures of %d×%d, the encoder reads %d×%d", name, p.Size[0], p.Size[1], encoder.Size[0], encoder.Size[1])
	}
	return p, err
}
