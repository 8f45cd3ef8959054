package model

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path/filepath"
	"slices"

	"dragoman/internal/builtin"
	"dragoman/internal/plainjson"
	"dragoman/nn"
	"dragoman/vision"
	"dragoman/vision/clip"
	"dragoman/vision/efficientnet"
	"dragoman/vision/nfnet"
	"dragoman/vision/vit"
	"dragoman/weights"
)

// The model types of image encoders.
const (
	ViT          = "blip_2_vision_model"
	InstructViT  = "instructblip_vision_model" // the same
	EfficientNet = "efficientnet_lite"
	CLIP         = "clip_vision_model"
	NFNet        = "nfnet" // timm's files do not say a model_type, but an architecture
)

var visionTypes = []string{ViT, InstructViT, EfficientNet, CLIP, NFNet}

// Part is the configuration of a frozen part, as its own package reads it.
type Part struct {
	Type string          // model_type
	JSON json.RawMessage // all of it
}

// ParsePart reads a part of a config.json; fallback is the model_type of one that does not say.
func ParsePart(raw json.RawMessage, fallback string) (Part, error) {
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}
	var head struct {
		ModelType string `json:"model_type"`
	}
	if err := plainjson.Unmarshal(raw, &head); err != nil {
		return Part{}, err
	}
	if head.ModelType == "" {
		head.ModelType = fallback
	}
	return Part{Type: head.ModelType, JSON: raw}, nil
}

// Weights is where a part's tensors are, the key "weights" that its configuration may have besides its own; empty for the model's own
// checkpoint.
func (p Part) Weights() (string, error) {
	var at struct {
		Weights string `json:"weights"`
	}
	if err := plainjson.Unmarshal(p.JSON, &at); err != nil {
		return "", fmt.Errorf("config.json: %w", err)
	}
	return at.Weights, nil
}

// partAt adds model_type and weights to a part's configuration.
func partAt(raw json.RawMessage, fallback, path string) (Part, error) {
	fields := map[string]any{}
	if len(raw) > 0 {
		if err := plainjson.Unmarshal(raw, &fields); err != nil {
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
	return ParsePart(all, fallback)
}

// Fixed is a part that a config.json in any directory may name: its weights' path, which files find from where they are, from anywhere.
func (p Part) Fixed(files Files) (Part, error) {
	at, err := p.Weights()
	if err != nil || at == "" || files.Packed != nil || builtin.Is(at) || filepath.IsAbs(at) || !files.Has(at) { // not there: a name on a hub
		return p, err
	}
	if at = files.Where(at); !builtin.Is(at) {
		if at, err = filepath.Abs(at); err != nil {
			return p, err
		}
	}
	return partAt(p.JSON, p.Type, at)
}

// Inside is a part whose weights are below a module of a packed file that it is in.
func (p Part) Inside(module string) (Part, error) { return partAt(p.JSON, p.Type, module) }

// VisionPart describes the image encoder in a checkpoint of its own, for a config.json: a file, a directory of a whole model's, of the
// encoder alone or of a timm NFNet, or the name of one in the Hugging Face cache.
func VisionPart(files Files, name string) (Part, error) {
	name, err := files.Locate(name)
	if err != nil {
		return Part{}, err
	}
	raw, err := files.ReadFile(name + "/config.json")
	if err == nil {
		var whole struct {
			Type         string          `json:"model_type"`
			Architecture string          `json:"architecture"`
			Vision       json.RawMessage `json:"vision_config"`
		}
		if err := plainjson.Unmarshal(raw, &whole); err != nil {
			return Part{}, fmt.Errorf("%s/config.json: %w", name, err)
		}
		fallback := ViT
		switch {
		case nfnet.Is(whole.Architecture):
			whole.Vision, fallback = raw, NFNet
		case slices.Contains(visionTypes, whole.Type):
			whole.Vision = raw
		case whole.Vision == nil:
			return Part{}, fmt.Errorf("%s/config.json: there is no vision_config", name)
		case whole.Type == "clip":
			fallback = CLIP
		}
		return partAt(whole.Vision, fallback, files.Where(name))
	}
	kind := EfficientNet
	if f, err := files.Weights(name); err == nil { // otherwise it is said when the part is opened
		if weights.IsLAVIS(f) {
			kind = ViT
		}
		if err := f.Close(); err != nil {
			return Part{}, err
		}
	}
	return partAt(nil, kind, files.Where(name))
}

// LanguagePart describes the language model in a GGUF file or in a directory of transformers', or that of a name in the Hugging Face
// cache, for a config.json.
func LanguagePart(files Files, name string) (Part, error) {
	name, err := files.Locate(name)
	if err != nil {
		return Part{}, err
	}
	raw, err := files.ReadFile(name + "/config.json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !IsNotDir(err) {
		return Part{}, err
	}
	return partAt(raw, Llama, files.Where(name))
}

// IsNotDir says whether a file was looked for below something that is no directory.
func IsNotDir(err error) bool {
	var p *fs.PathError
	return errors.As(err, &p) && p.Op == "stat"
}

// BindVision binds the image encoder of a configuration to the tensors below b, whose errors are b's.
func BindVision(b *nn.Builder, p Part) (vision.Encoder, error) {
	switch p.Type {
	case EfficientNet:
		b = b.Trainable(false)
		c, err := efficientnet.Detect(b)
		if err != nil {
			return nil, err
		}
		return efficientnet.New(b, c), nil
	case ViT, InstructViT:
		c, err := vit.ParseConfig(p.JSON)
		if err != nil {
			return nil, err
		}
		return vit.New(c, b), nil
	case NFNet:
		c, err := nfnet.ParseConfig(p.JSON)
		if err != nil {
			return nil, err
		}
		return nfnet.New(c, b)
	case CLIP:
		c, err := clip.ParseConfig(p.JSON)
		if err != nil {
			return nil, err
		}
		c.Patches, c.Pool = true, b.Has("post_layernorm.weight")
		return clip.New(c, b), nil
	}
	return nil, fmt.Errorf("config.json: vision_config: model_type %.60q is none of %v", p.Type, visionTypes)
}

// HashTensors adds the names and the bytes of all tensors of a source to a hash.
func HashTensors(h hash.Hash, src weights.Source) {
	for _, name := range src.Names() {
		if t, ok := src.Lookup(name); ok {
			h.Write([]byte(name))
			h.Write(t.Data)
		}
	}
}
