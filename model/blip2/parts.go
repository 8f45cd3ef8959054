package blip2

import (
	"fmt"

	"dragoman/model"
	"dragoman/nn"
	"dragoman/vision"
	"dragoman/weights"
)

// Where the frozen parts stand in a whole model's checkpoint.
const (
	visionModule   = model.VisionModule
	languageModule = model.LanguageModule
)

// opened is what is kept open as long as a model is.
type opened model.Opened

func (o *opened) close() error { return (*model.Opened)(o).Close() }

// source finds a part's tensors, under the prefix that they have in a whole model's checkpoint: in the model's own, or in the file
// that the part names, where they may stand without it. What the model's own file has of the part stands before what that file has:
// BLIP-2 trains the frozen encoder's last norm.
func (o *opened) source(p Part, files Files, own weights.Source, prefix string) (weights.Source, *weights.File, error) {
	at, err := p.Weights()
	if err != nil {
		return nil, nil, err
	}
	if at == "" {
		if own == nil {
			return nil, nil, fmt.Errorf("config.json: a part of type %s names no weights", p.Type)
		}
		return own, nil, nil
	}
	if at, err = files.Locate(at); err != nil {
		return nil, nil, err
	}
	f, err := files.Weights(at)
	if err != nil {
		return nil, nil, err
	}
	*o = append(*o, f)
	src, err := translated(f)
	if err != nil {
		return nil, nil, err
	}
	if len(weights.Prefix(src, prefix).Names()) == 0 {
		src = weights.Below(src, prefix)
	}
	if own != nil {
		src = weights.Merge(weights.Below(weights.Prefix(own, prefix), prefix), src)
	}
	return src, f, nil
}

// openVision opens the image encoder that a configuration describes.
func (m *Model) openVision(p Part, files Files, own weights.Source, opt Options) error {
	src, _, err := m.open.source(p, files, own, "vision_model.")
	if err != nil {
		return err
	}
	m.Vision, err = bindVision(src, p, opt)
	m.encoder = weights.Prefix(src, visionModule+".")
	return err
}

func bindVision(src weights.Source, p Part, opt Options) (vision.Encoder, error) {
	b := nn.NewBuilder(src, opt.frozenBuilder()).Trainable(opt.All).Sub(visionModule)
	m, err := model.BindVision(b, p)
	if err != nil {
		return nil, err
	}
	opt.learn(b)
	return m, b.Err()
}
