package blip2

import (
	"encoding/json"
	"errors"
	"fmt"

	"dragoman/nn"
	"dragoman/vision"
	"dragoman/vision/efficientnet"
	"dragoman/vision/vit"
	"dragoman/weights"
)

// The model types of image encoders.
const (
	typeViT          = "blip_2_vision_model"
	typeInstructViT  = "instructblip_vision_model" // the same
	typeEfficientNet = "efficientnet_lite"
)

// Where the frozen parts stand in a whole model's checkpoint.
const (
	visionModule   = "vision_model"
	languageModule = "language_model"
)

// partFile is the key that a part's configuration may have besides its own: where its weights are, if not among the model's.
type partFile struct {
	Weights string `json:"weights"`
}

// weights is where a part's tensors are; empty for the model's own checkpoint.
func (p Part) weights() (string, error) {
	var at partFile
	if err := json.Unmarshal(p.JSON, &at); err != nil {
		return "", fmt.Errorf("config.json: %w", err)
	}
	return at.Weights, nil
}

// VisionPart describes the image encoder in a checkpoint of its own, for a config.json: a file, a directory of a whole model's, or the
// name of one in the Hugging Face cache.
func VisionPart(files Files, name string) (Part, error) {
	name, err := files.Locate(name)
	if err != nil {
		return Part{}, err
	}
	raw, err := files.ReadFile(name + "/config.json")
	if err == nil {
		var whole struct {
			Vision json.RawMessage `json:"vision_config"`
		}
		if err := json.Unmarshal(raw, &whole); err != nil {
			return Part{}, fmt.Errorf("%s/config.json: %w", name, err)
		}
		if whole.Vision == nil {
			return Part{}, fmt.Errorf("%s/config.json: there is no vision_config", name)
		}
		return withWeights(whole.Vision, typeViT, files.Where(name))
	}
	kind := typeEfficientNet
	if f, err := files.Weights(name); err == nil { // otherwise it is said when the part is opened
		if weights.IsLAVIS(f) {
			kind = typeViT
		}
		if err := f.Close(); err != nil {
			return Part{}, err
		}
	}
	return withWeights(nil, kind, files.Where(name))
}

// withWeights adds model_type and weights to a part's configuration.
func withWeights(raw json.RawMessage, fallback, path string) (Part, error) {
	fields := map[string]any{}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &fields); err != nil {
			return Part{}, fmt.Errorf("config.json: %w", err)
		}
	}
	if _, ok := fields["model_type"]; !ok {
		fields["model_type"] = fallback
	}
	fields["weights"] = path
	all, err := json.Marshal(fields)
	if err != nil {
		return Part{}, err
	}
	return parsePart(all, fallback)
}

// opened is what is kept open as long as a model is.
type opened []*weights.File

func (o *opened) close() error {
	var errs []error
	for _, f := range *o {
		errs = append(errs, f.Close())
	}
	*o = nil
	return errors.Join(errs...)
}

// source finds a part's tensors, under the prefix that they have in a whole model's checkpoint: in the model's own, or in the file
// that the part names, where they may stand without it. What the model's own file has of the part stands before what that file has:
// BLIP-2 trains the frozen encoder's last norm.
func (o *opened) source(p Part, files Files, own weights.Source, prefix string) (weights.Source, *weights.File, error) {
	at, err := p.weights()
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
	switch p.Type {
	case typeEfficientNet:
		b := nn.NewBuilder(src, opt.frozenBuilder()).Sub(visionModule)
		c, err := efficientnet.Detect(b)
		if err != nil {
			return nil, err
		}
		m := efficientnet.New(b, c)
		return m, b.Err()
	case typeViT, typeInstructViT:
		c, err := vit.ParseConfig(p.JSON)
		if err != nil {
			return nil, err
		}
		b := nn.NewBuilder(src, opt.frozenBuilder()).Trainable(opt.All).Sub(visionModule)
		m := vit.New(c, b)
		opt.learn(b)
		return m, b.Err()
	}
	return nil, fmt.Errorf("config.json: vision_config: model_type %q is none of %s, %s", p.Type, typeViT, typeEfficientNet)
}
