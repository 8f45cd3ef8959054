package blip2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"dragoman/language"
	"dragoman/language/llama"
	"dragoman/language/opt"
	"dragoman/language/t5"
	"dragoman/nn"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// The model types of language models.
const (
	typeLlama = "llama"
	typeOPT   = "opt"
	typeT5    = "t5"
)

var languageTypes = []string{typeLlama, typeOPT, typeT5}

func isLanguageType(t string) bool { return slices.Contains(languageTypes, t) }

// LanguagePart describes the language model in a GGUF file or in a directory of transformers', or that of a name in the Hugging Face
// cache, for a config.json.
func LanguagePart(files Files, name string) (Part, error) {
	name, err := files.locate(name)
	if err != nil {
		return Part{}, err
	}
	raw, err := files.ReadFile(name + "/config.json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isNotDir(err) {
		return Part{}, err
	}
	return withWeights(raw, typeLlama, files.where(name))
}

func isNotDir(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p) && p.Op == "stat"
}

// openLanguage opens the language model that a configuration describes, with its tokenizer. Its module path begins with module, and so
// do its tensors' names where they stand among those of a whole model.
func (o *opened) openLanguage(p Part, files Files, own weights.Source, module string, options Options) (language.Model, tokenizer.Tokenizer, error) {
	prefix := module
	if prefix != "" {
		prefix += "."
	}
	src, file, err := o.source(p, files, own, prefix)
	if err != nil {
		return nil, nil, err
	}
	bound := options.frozenBuilder()
	if module == "" {
		bound.Store = options.Precision.storeLanguage
	}
	if file != nil && file.Format == weights.GGUF && (files.packed == nil || file.Meta.Architecture() != "") {
		m, err := llama.FromGGUF(file, module, bound)
		if err != nil {
			return nil, nil, err
		}
		t, err := tokenizer.FromGGUF(file.Meta)
		return m, t, err
	}
	at, err := p.weights()
	if err != nil {
		return nil, nil, err
	}
	folder := files.Below(at)
	g, err := readGeneration(folder)
	if err != nil {
		return nil, nil, err
	}
	b := nn.NewBuilder(src, bound).Trainable(options.All)
	if module != "" {
		b = b.Sub(module)
	}
	m, err := bindLanguage(b, p, g)
	if err != nil {
		return nil, nil, err
	}
	options.learn(b)
	if err := b.Err(); err != nil {
		return nil, nil, err
	}
	t, err := folder.Tokenizer()
	return m, t, err
}

// bindLanguage binds the language model of a configuration.
func bindLanguage(b *nn.Builder, p Part, g generation) (language.Model, error) {
	switch p.Type {
	case typeLlama:
		c, err := llama.ParseConfig(p.JSON)
		if err != nil {
			return nil, err
		}
		g.setEOS(&c.EOS)
		return llama.New(b, c), nil
	case typeOPT:
		c, err := opt.ParseConfig(p.JSON)
		if err != nil {
			return nil, err
		}
		g.setEOS(&c.EOS)
		return opt.New(b, c), nil
	case typeT5:
		c, err := t5.ParseConfig(p.JSON)
		if err != nil {
			return nil, err
		}
		g.setEOS(&c.EOS)
		return t5.New(b, c), nil
	}
	return nil, fmt.Errorf("config.json: text_config: model_type %q is none of %s", p.Type, strings.Join(languageTypes, ", "))
}

// generationFile is where transformers keeps what generating needs.
const generationFile = "generation_config.json"

// generation is what that file says. A model may have learnt anew where its texts end: BLIP-2 ends OPT's with the end of a line.
type generation struct {
	EOS language.IDs `json:"eos_token_id"`
}

// setEOS replaces what a model's configuration says, where there is something to replace it with.
func (g generation) setEOS(ids *[]int32) {
	if len(g.EOS) > 0 {
		*ids = g.EOS
	}
}

// readGeneration reads the file; it is nothing without one.
func readGeneration(files Files) (g generation, err error) {
	raw, err := files.ReadFile(generationFile)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return g, err
	}
	if err := json.Unmarshal(raw, &g); err != nil {
		return g, fmt.Errorf("%s: %w", generationFile, err)
	}
	return g, nil
}
