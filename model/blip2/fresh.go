package blip2

import (
	"fmt"

	"dragoman/model"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/vision/vit"
)

// Rooms are parts of a model.
type Rooms struct{ Vision, Bridge, Language bool }

// Maker makes a tensor of a shape; init says what a fresh parameter of that name would start from.
type Maker = func(name string, init nn.Init, shape []int) *tensor.Tensor

// Fresh makes parts of a model of a config.json's shapes without a checkpoint, of tensors that create makes: for measuring. There is no
// tokenizer, and a projection into the language model only where there is one.
func Fresh(config []byte, create Maker, want Rooms) (*Model, error) {
	m := &Model{}
	if err := m.fresh(config, nn.BuilderOptions{Make: create}, want); err != nil {
		return nil, fmt.Errorf("fresh model: %w", err)
	}
	return m, nil
}

func (m *Model) fresh(config []byte, opt nn.BuilderOptions, want Rooms) (err error) {
	if m.Config, err = ParseConfig(config); err != nil {
		return err
	}
	c, err := vit.ParseConfig(m.Config.Vision.JSON)
	if err != nil {
		return err
	}
	encoder := &vit.Model{Config: c}
	if m.groups, err = m.Config.groups(encoder.Shape()); err != nil {
		return err
	}
	if want.Vision {
		b := nn.NewBuilder(nil, opt)
		encoder = vit.New(c, b.Sub(visionModule))
		if err := b.Err(); err != nil {
			return err
		}
	}
	m.Vision = encoder
	var heads Want
	if want.Language {
		b := nn.NewBuilder(nil, opt)
		if m.Language, err = model.BindLanguage(b.Sub(languageModule), m.Config.Language.Type, m.Config.Language.JSON, model.Generation{}); err == nil {
			err = b.Err()
		}
		if err != nil {
			return err
		}
		heads.LanguageWidth = m.Language.Config().Width
	}
	if !want.Bridge {
		return nil
	}
	b := nn.NewBuilder(nil, opt)
	m.Bridge = NewBridge(b, m.Config, m.groups, heads)
	if err := b.Err(); err != nil {
		return err
	}
	return m.check()
}
