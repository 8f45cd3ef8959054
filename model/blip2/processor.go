package blip2

import (
	"errors"
	"fmt"
	"io/fs"

	"dragoman/picture"
)

// Processor makes the pixels that the model was trained on: as its directory says, or as its encoder wants them.
func (m *Model) Processor() picture.Processor {
	if m.processor != nil {
		return *m.processor
	}
	return m.Vision.Processor()
}

// openProcessor reads the directory's own processor, where there is one.
func (m *Model) openProcessor(files Files) error {
	for _, name := range []string{"preprocessor_config.json", "processor_config.json"} {
		raw, err := files.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		p, err := picture.ParseProcessor(raw)
		if err != nil {
			if name == "processor_config.json" { // transformers 4 writes one that says nothing of pictures
				continue
			}
			return fmt.Errorf("%s: %w", name, err)
		}
		if want := m.Vision.Processor().Size; p.Size != want {
			return fmt.Errorf("%s: pictures of %d×%d, the encoder reads %d×%d", name, p.Size[0], p.Size[1], want[0], want[1])
		}
		m.processor = &p
		return nil
	}
	return nil
}
