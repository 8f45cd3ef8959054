package flamingo

import (
	"fmt"

	"dragoman/model"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/vision/clip"
)

// Sizes are an OpenFlamingo's.
type Sizes struct {
	Vision       string // the config.json of a CLIP's image encoder
	Language     string // that of the language model
	Every        int    // layers of the language model for each gated block
	Picture, End int32  // the ids of <image> and <|endofchunk|>
}

// Rooms are parts of a model. The bridge wants the language model's sizes, and so the language model.
type Rooms struct{ Vision, Resampler, Language bool }

// Fresh makes parts of a model without a checkpoint, of tensors that create makes: for measuring. It is asked under the names that Precision
// knows, init says what a fresh parameter would start from. There is no tokenizer.
func Fresh(s Sizes, create func(name string, init nn.Init, shape []int) *tensor.Tensor, want Rooms) (*Model, error) {
	m := &Model{}
	opt := nn.BuilderOptions{Make: func(name string, init nn.Init, shape []int) *tensor.Tensor {
		return create(openFlamingoPart(name), init, shape)
	}}
	if err := m.fresh(s, nn.NewBuilder(nil, opt), want); err != nil {
		return nil, fmt.Errorf("fresh model: %w", err)
	}
	return m, nil
}

func (m *Model) fresh(s Sizes, b *nn.Builder, want Rooms) error {
	look, err := clip.ParseConfig([]byte(s.Vision))
	if err != nil {
		return err
	}
	look.Patches = true
	encoder := &clip.Model{Config: look}
	if want.Vision {
		encoder = clip.New(look, b.Sub(visionModule))
	}
	m.Vision, m.processor = encoder, encoder.Processor()
	if want.Resampler {
		if err := m.bindResampler(b, look.HiddenSize); err != nil {
			return err
		}
	}
	if !want.Language {
		return b.Err()
	}
	raw := []byte(s.Language)
	kind, err := languageType(raw)
	if err != nil {
		return err
	}
	layers := layersOf[kind]
	if m.Language, err = model.BindLanguage(b.Sub("lang_encoder"), kind, raw, model.Generation{}); err != nil {
		return err
	}
	if err := m.bindGates(b, layers, look.HiddenSize, s.Every); err != nil {
		return err
	}
	m.dialect = &openFlamingo{picture: s.Picture, end: s.End}
	return b.Err()
}
