package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"dragoman/generate"
	"dragoman/internal/plainjson"
	"dragoman/language"
	"dragoman/language/gptneox"
	"dragoman/language/llama"
	"dragoman/language/mpt"
	"dragoman/language/opt"
	"dragoman/language/t5"
	"dragoman/nn"
)

// The model types of language models, as a config.json says them.
const (
	Llama   = "llama"
	OPT     = "opt"
	T5      = "t5"
	Mistral = "mistral"
	GPTNeoX = "gpt_neox"
	MPT     = "mpt"

	MosaicGPT = "mosaic_gpt" // MPT's first generation
)

var languageTypes = []string{Llama, Mistral, OPT, T5, GPTNeoX, MPT, MosaicGPT}

// IsLanguage says whether a model_type is that of a language model.
func IsLanguage(modelType string) bool { return slices.Contains(languageTypes, modelType) }

// BindLanguage binds the language model of a configuration to the tensors below b, whose errors are b's.
func BindLanguage(b *nn.Builder, modelType string, config json.RawMessage, g Generation) (language.Model, error) {
	switch modelType {
	case Llama, Mistral:
		parse := llama.ParseConfig
		if modelType == Mistral {
			parse = llama.ParseMistral
		}
		c, err := parse(config)
		if err != nil {
			return nil, err
		}
		g.setEOS(&c.EOS)
		return llama.New(b, c), nil
	case OPT:
		c, err := opt.ParseConfig(config)
		if err != nil {
			return nil, err
		}
		g.setEOS(&c.EOS)
		return opt.New(b, c), nil
	case GPTNeoX:
		c, err := gptneox.ParseConfig(config)
		if err != nil {
			return nil, err
		}
		g.setEOS(&c.EOS)
		return gptneox.New(b, c), nil
	case MPT, MosaicGPT:
		parse := mpt.ParseConfig
		if modelType == MosaicGPT {
			parse = mpt.ParseFirst
		}
		c, err := parse(config)
		if err != nil {
			return nil, err
		}
		g.setEOS(&c.EOS)
		return mpt.New(b, c), nil
	case T5:
		c, err := t5.ParseConfig(config)
		if err != nil {
			return nil, err
		}
		g.setEOS(&c.EOS)
		if len(g.Begin) > 0 {
			if c.Begin = g.Begin.First(); c.Begin < 0 || int(c.Begin) >= c.Vocab {
				return nil, fmt.Errorf("%s: decoder_start_token_id is %d of %d", GenerationFile, c.Begin, c.Vocab)
			}
		}
		return t5.New(b, c), nil
	}
	return nil, fmt.Errorf("config.json: text_config: model_type %.60q is none of %s", modelType, strings.Join(languageTypes, ", "))
}

// GenerationFile is where transformers keeps what generating needs.
const GenerationFile = "generation_config.json"

// Generation is what that file says. A model may have learnt anew where its texts end: BLIP-2 ends OPT's with the end of a line.
type Generation struct {
	EOS        language.IDs `json:"eos_token_id"`
	Begin      language.IDs `json:"decoder_start_token_id"`
	Never      language.IDs `json:"suppress_tokens"`
	NeverFirst language.IDs `json:"begin_suppress_tokens"`
	Phrases    [][]int32    `json:"bad_words_ids"`
	NoRepeat   int          `json:"no_repeat_ngram_size"`
	First      language.IDs `json:"forced_bos_token_id"`
	Last       language.IDs `json:"forced_eos_token_id"`
}

// Rules are what it forbids or forces.
func (g Generation) Rules() generate.Rules {
	return generate.Rules{Never: g.Never, NeverFirst: g.NeverFirst, Phrases: g.Phrases, NoRepeat: max(0, g.NoRepeat), First: g.First, Last: g.Last}
}

// setEOS replaces what a model's configuration says, where there is something to replace it with.
func (g Generation) setEOS(ids *[]int32) {
	if len(g.EOS) > 0 {
		*ids = g.EOS
	}
}

// ReadGeneration reads the file; it is nothing without one.
func ReadGeneration(files Files) (g Generation, err error) {
	raw, err := files.ReadFile(GenerationFile)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	if err != nil {
		return g, err
	}
	if err := plainjson.Unmarshal(raw, &g); err != nil {
		return g, fmt.Errorf("%s: %w", GenerationFile, err)
	}
	if err := unheeded(raw); err != nil {
		return g, fmt.Errorf("%s: %w", GenerationFile, err)
	}
	return g, nil
}

// unheeded is an error for a key that changes which tokens are likeliest, and that neither Generation nor an option stands for.
func unheeded(raw []byte) error {
	var values map[string]any
	if err := plainjson.Unmarshal(raw, &values); err != nil {
		return err
	}
	for _, key := range []struct {
		name    string
		nothing any // the value that changes nothing, besides null
	}{
		{"encoder_no_repeat_ngram_size", 0.0},
		{"encoder_repetition_penalty", 1.0},
		{"exponential_decay_length_penalty", nil},
		{"guidance_scale", 1.0},
		{"sequence_bias", nil},
	} {
		value := values[key.name]
		if n, ok := value.(float64); value == nil || ok && n == key.nothing {
			continue
		}
		return fmt.Errorf("%s is not supported", key.name)
	}
	return nil
}
