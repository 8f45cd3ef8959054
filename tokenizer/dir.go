package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds a tokenizer's file, in bytes.
const maxFile = 1 << 28

// FromDir builds the tokenizer of a model directory: from tokenizer.json, else
// from vocab.json and merges.txt, else from vocab.txt. The roles of special
// tokens are read from tokenizer_config.json and special_tokens_map.json where
// those are there.
func FromDir(dir string) (*Pipeline, error) {
	p, err := fromDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read tokenizer: %s: %w", dir, err)
	}
	return p, nil
}

func fromDir(dir string) (*Pipeline, error) {
	config, err := readConfig(dir)
	if err != nil {
		return nil, err
	}
	p, err := fromFiles(dir, config)
	if err != nil {
		return nil, err
	}
	config.apply(p)
	return p, nil
}

// fromFiles picks the files to build from.
func fromFiles(dir string, config jsonConfig) (*Pipeline, error) {
	if data, err := readFile(dir, "tokenizer.json"); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, err
		}
		return FromJSON(data)
	}
	if vocab, err := readFile(dir, "vocab.json"); !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			return nil, err
		}
		merges, err := readFile(dir, "merges.txt")
		if err != nil {
			return nil, err
		}
		return FromMerges(vocab, merges)
	}
	data, err := readFile(dir, "vocab.txt")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no tokenizer.json, vocab.json or vocab.txt in this directory")
	}
	if err != nil {
		return nil, err
	}
	return FromVocabTxt(data, orTrue(config.Lower))
}

// readFile reads a file of the directory, within limits.
func readFile(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s: not a file of at most %d bytes", name, maxFile)
	}
	return os.ReadFile(path)
}

// jsonConfig is what tokenizer_config.json and special_tokens_map.json say
// about tokens: each a string, or an object with the string as content.
type jsonConfig struct {
	BOS     jsonToken `json:"bos_token"`
	EOS     jsonToken `json:"eos_token"`
	Pad     jsonToken `json:"pad_token"`
	Unknown jsonToken `json:"unk_token"`
	CLS     jsonToken `json:"cls_token"`
	Sep     jsonToken `json:"sep_token"`
	Mask    jsonToken `json:"mask_token"`

	AddBOS   *bool           `json:"add_bos_token"`
	Lower    *bool           `json:"do_lower_case"`
	Template json.RawMessage `json:"chat_template"`
}

type jsonToken string

func (t *jsonToken) UnmarshalJSON(raw []byte) error {
	var object struct {
		Content string `json:"content"`
	}
	if json.Unmarshal(raw, (*string)(t)) == nil {
		return nil
	}
	err := json.Unmarshal(raw, &object)
	*t = jsonToken(object.Content)
	return err
}

// readConfig reads both files; tokenizer_config.json has the last word.
func readConfig(dir string) (config jsonConfig, err error) {
	for _, name := range []string{"special_tokens_map.json", "tokenizer_config.json"} {
		data, err := readFile(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(data, &config)
		}
		if err != nil {
			return config, fmt.Errorf("%s: %w", name, err)
		}
	}
	return config, nil
}

// apply gives the tokens their roles. A tokenizer that puts nothing around a
// text gets the BOS that the config asks for.
func (c jsonConfig) apply(p *Pipeline) {
	for _, role := range []struct {
		name jsonToken
		id   *int32
	}{
		{c.BOS, &p.special.BOS}, {c.EOS, &p.special.EOS}, {c.Pad, &p.special.Pad},
		{c.Unknown, &p.special.Unknown}, {c.CLS, &p.special.CLS}, {c.Sep, &p.special.Sep}, {c.Mask, &p.special.Mask},
	} {
		if id, ok := p.ID(string(role.name)); ok && role.name != "" {
			*role.id = id
		}
	}
	if p.post == nil && c.AddBOS != nil && *c.AddBOS && p.special.BOS != None {
		p.post = template{before: []int32{p.special.BOS}}
	}
	var template string
	if json.Unmarshal(c.Template, &template) == nil && template != "" {
		p.chatTemplate = template
	}
}
