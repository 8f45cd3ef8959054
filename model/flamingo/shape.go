package flamingo

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"dragoman/bridge"
	"dragoman/bridge/gated"
	"dragoman/bridge/resampler"
	"dragoman/internal/plainjson"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/vision"
)

// typeOwn is the model type of a system that was put together here, out of any frozen image encoder and any decoder-only language model.
const typeOwn = "dragoman-flamingo"

// Config is a config.json of that type.
//
//	{"model_type": "dragoman-flamingo",
//	 "vision_config":    {"model_type": …, "weights": F, …},   the frozen parts, and where their tensors are
//	 "text_config":      {"model_type": …, "weights": F, …},
//	 "features":         ["tokens", "pooled"],
//	 "resampler_config": {…}, "gated_config": {…},
//	 "prompt":           "…"}
type Config struct {
	Vision   model.Part
	Language model.Part
	Shape
}

// Shape is the bridge's. What is 0 is as in OpenFlamingo.
type Shape struct {
	// Features are what of a picture is read: "tokens", the encoder's, and "pooled", its summary of the whole (the first alone if empty).
	// Each passes a layer norm and a projection to the resampler's width, unless they are tokens alone of that very width.
	Features  []string       `json:"features,omitempty" yaml:"features,omitempty"`
	Resampler ResamplerShape `json:"resampler_config" yaml:"resampler,omitempty"`
	Gated     GatedShape     `json:"gated_config" yaml:"gated,omitempty"`
	Prompt    string         `json:"prompt,omitempty" yaml:"prompt,omitempty"` // between a picture and what is said of it
	// Begin is a token that stands before every page: a language model makes little of what stands first. Default: what the tokenizer
	// puts before texts; where that is nothing, <|endoftext|>, the token that begins a text, or the one that ends it, if there is one.
	Begin string `json:"begin,omitempty" yaml:"begin,omitempty"`
}

// ResamplerShape is the resampler's.
type ResamplerShape struct {
	Width        int    `json:"hidden_size" yaml:"hidden_size,omitempty"`                 // 0: the encoder's
	Latents      int    `json:"num_latents" yaml:"num_latents,omitempty"`                 // 0: 64
	Layers       int    `json:"num_hidden_layers" yaml:"num_hidden_layers,omitempty"`     // 0: 6
	Heads        int    `json:"num_attention_heads" yaml:"num_attention_heads,omitempty"` // 0: 8
	HeadDim      int    `json:"head_dim" yaml:"head_dim,omitempty"`                       // 0: 64
	FeedForward  int    `json:"intermediate_size" yaml:"intermediate_size,omitempty"`     // 0: 4 times the width
	Act          string `json:"hidden_act" yaml:"hidden_act,omitempty"`                   // gelu (default), relu, squared_relu, …
	FeaturesOnly bool   `json:"features_only,omitempty" yaml:"features_only,omitempty"`   // keys and values from the features alone: the plain Perceiver
}

// GatedShape is the gated blocks'.
type GatedShape struct {
	Every       int    `json:"cross_attn_every_n_layers" yaml:"cross_attn_every_n_layers,omitempty"` // 0: 1
	First       bool   `json:"from_first_layer" yaml:"from_first_layer,omitempty"`                   // the first layer has a block, not the every-th
	Heads       int    `json:"num_attention_heads" yaml:"num_attention_heads,omitempty"`             // 0: 8
	HeadDim     int    `json:"head_dim" yaml:"head_dim,omitempty"`                                   // 0: 64
	FeedForward int    `json:"intermediate_size" yaml:"intermediate_size,omitempty"`                 // 0: 4 times the language model's width
	Act         string `json:"hidden_act" yaml:"hidden_act,omitempty"`
	// TouchText lets the perceptrons act on text before any picture too, as in OpenFlamingo; without it such text is the language model's
	// alone, to the bit.
	TouchText bool `json:"touch_text,omitempty" yaml:"touch_text,omitempty"`
}

// Kinds of features, the values of Shape.Features.
const (
	kindTokens = "tokens"
	kindPooled = "pooled"
)

// configJSON is the file.
type configJSON struct {
	Type   string          `json:"model_type"`
	Vision json.RawMessage `json:"vision_config"`
	Text   json.RawMessage `json:"text_config"`
	Shape
}

func parseOwn(raw []byte) (c Config, err error) {
	var j configJSON
	if err := plainjson.Unmarshal(raw, &j); err != nil {
		return c, fmt.Errorf("config.json: %w", err)
	}
	c.Shape = j.Shape
	if c.Vision, err = model.ParsePart(j.Vision, ""); err != nil {
		return c, fmt.Errorf("config.json: vision_config: %w", err)
	}
	if c.Language, err = model.ParsePart(j.Text, ""); err != nil {
		return c, fmt.Errorf("config.json: text_config: %w", err)
	}
	return c, nil
}

// MarshalJSON writes the file.
func (c Config) MarshalJSON() ([]byte, error) {
	return json.Marshal(configJSON{Type: typeOwn, Vision: c.Vision.JSON, Text: c.Language.JSON, Shape: c.Shape})
}

// fill writes what is 0 as it is meant.
func (s *Shape) fill(v vision.Shape, l language.Config) {
	if len(s.Features) == 0 {
		s.Features = []string{kindTokens}
	}
	or := func(to *int, value int) { *to = cmp.Or(*to, value) }
	r, g := &s.Resampler, &s.Gated
	or(&r.Width, v.Width)
	released := resampler.Released(r.Width)
	or(&r.Latents, released.Latents)
	or(&r.Layers, released.Layers)
	or(&r.Heads, released.Heads)
	or(&r.HeadDim, released.HeadDim)
	or(&r.FeedForward, 4*r.Width)
	or(&g.Every, 1)
	blocks := gated.Released(l.Hidden, r.Width, l.Layers, g.Every)
	or(&g.Heads, blocks.Heads)
	or(&g.HeadDim, blocks.HeadDim)
	or(&g.FeedForward, blocks.FeedForward)
	r.Act, g.Act = cmp.Or(r.Act, "gelu"), cmp.Or(g.Act, "gelu")
}

// act is an activation by its name.
func act(name string) (bridge.Act, error) {
	if name == "squared_relu" {
		return bridge.Act{Kind: kernel.ReLU, Square: true}, nil
	}
	kind, err := nn.ParseAct(name)
	return bridge.Act{Kind: kind}, err
}

// group is a stretch of feature tokens of one kind.
type group struct {
	kind          string
	tokens, width int
}

// groups are the features that are read, in order.
func (s Shape) groups(v vision.Shape) ([]group, error) {
	var groups []group
	for _, kind := range s.Features {
		switch kind {
		case kindTokens:
			groups = append(groups, group{kind, v.Tokens, v.Width})
		case kindPooled:
			groups = append(groups, group{kind, 1, v.WholeWidth()})
		default:
			return nil, fmt.Errorf("config.json: features: %.60q is neither %s nor %s", kind, kindTokens, kindPooled)
		}
	}
	for i, g := range groups {
		if slices.Contains(groups[:i], g) {
			return nil, fmt.Errorf("config.json: features: %.60q stands there twice", g.kind)
		}
	}
	return groups, nil
}

// parts makes the configurations of the bridge's two parts.
func (s Shape) parts(l language.Config) (r resampler.Config, g gated.Config, err error) {
	p := s.Resampler
	r = resampler.Config{
		Width: p.Width, Latents: p.Latents, Layers: p.Layers, Heads: p.Heads, HeadDim: p.HeadDim, FeedForward: p.FeedForward,
		FeaturesOnly: p.FeaturesOnly, Eps: 1e-5,
	}
	var of, og error
	r.Act, of = act(p.Act)
	q := s.Gated
	g = gated.Config{
		Width: l.Hidden, MediaWidth: p.Width, Heads: q.Heads, HeadDim: q.HeadDim, FeedForward: q.FeedForward, Layers: l.Layers, Every: q.Every,
		First: q.First, Norm: bridge.LayerNorm, Untouched: !q.TouchText, Eps: 1e-5,
	}
	g.Act, og = act(q.Act)
	if err := errors.Join(of, og); err != nil {
		return r, g, fmt.Errorf("config.json: hidden_act: %w", err)
	}
	return r, g, errors.Join(r.Validate(), g.Validate())
}
