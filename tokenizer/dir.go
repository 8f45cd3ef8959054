package tokenizer

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"dragoman/internal/readfile"
)

// maxFile bounds a tokenizer's file, in bytes.
const maxFile = 1 << 28

// ErrNoFiles is wrapped where a directory has no file to build a tokenizer of.
var ErrNoFiles = errors.New("no tokenizer.json, vocab.json, spiece.model, tokenizer.model or vocab.txt in this directory")

// FromDir builds the tokenizer of a model directory: from tokenizer.json, else
// from vocab.json and merges.txt, from spiece.model or tokenizer.model, or from
// vocab.txt. The roles of special tokens, and further added tokens, are read
// from tokenizer_config.json, special_tokens_map.json and added_tokens.json
// where those are there.
func FromDir(dir string) (*Pipeline, error) {
	return FromFiles(dir, func(name string) ([]byte, error) { return readFile(dir, name) })
}

// FromFiles is FromDir for files that are somewhere else than in a directory.
// read gives a file's contents, or an fs.ErrNotExist; where stands for the
// place in errors.
func FromFiles(where string, read func(name string) ([]byte, error)) (*Pipeline, error) {
	config, err := readConfig(read)
	var p *Pipeline
	if err == nil {
		p, err = fromFiles(read, config)
	}
	if err != nil {
		return nil, fmt.Errorf("read tokenizer: %s: %w", where, err)
	}
	return p, nil
}

// reader gives a file's contents by its name.
type reader = func(name string) ([]byte, error)

// builders are the files that a tokenizer is built from, the first that is
// there. Where there is no tokenizer.json they do what the class of transformers
// does that reads them.
var builders = []struct {
	file  string
	build func(config jsonConfig, data []byte, read reader) (*Pipeline, error)
}{
	{"tokenizer.json", jsonConfig.tokenizerJSON},
	{"vocab.json", jsonConfig.vocabJSON},
	{"spiece.model", jsonConfig.spieceModel},
	{"tokenizer.model", jsonConfig.tokenizerModel},
	{"vocab.txt", jsonConfig.vocabTxt},
}

// fromFiles picks the file to build from.
func fromFiles(read reader, config jsonConfig) (*Pipeline, error) {
	for _, b := range builders {
		data, err := read(b.file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return b.build(config, data, read)
	}
	return nil, ErrNoFiles
}

// readFile reads a file of the directory, within limits.
func readFile(dir, name string) ([]byte, error) {
	b, err := readfile.Regular(filepath.Join(dir, name), maxFile)
	if err != nil && !errors.As(err, new(*fs.PathError)) {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return b, err
}
