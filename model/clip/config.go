package clip

import (
	"encoding/json"
	"fmt"

	"dragoman/internal/plainjson"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/picture"
	vision "dragoman/vision/clip"
)

// The model types of config.json.
const (
	typeCLIP   = "clip"
	typeVision = "clip_vision_model"
	typeText   = "clip_text_model"
)

// Config is what a directory says of a CLIP. One side may be missing.
type Config struct {
	Vision *vision.Config
	Text   *TextConfig
	Width  int // of the space that both are projected into

	preprocess preprocessing
}

// preprocessing is what open_clip says of pictures; what is missing has CLIP's values.
type preprocessing struct {
	Mean   []float32 `json:"mean"`
	Std    []float32 `json:"std"`
	Filter string    `json:"interpolation"`
	Mode   string    `json:"resize_mode"`
}

// apply changes an encoder's processor as open_clip does.
func (c preprocessing) apply(p *picture.Processor) error {
	if len(c.Mean) == 3 {
		p.Mean = [3]float32(c.Mean)
	}
	if len(c.Std) == 3 {
		p.Std = [3]float32(c.Std)
	}
	switch c.Filter {
	case "", "bicubic":
	case "bilinear":
		p.Resample = picture.Bilinear
	default:
		return fmt.Errorf("%s: preprocess_cfg: interpolation %.60q is not supported", openCLIPConfig, c.Filter)
	}
	switch c.Mode {
	case "", "shortest":
	case "squash":
		p.Fit = picture.Squash
	default:
		return fmt.Errorf("%s: preprocess_cfg: resize_mode %.60q is not supported", openCLIPConfig, c.Mode)
	}
	return nil
}

// TextConfig is the size of the text encoder.
type TextConfig struct {
	vision.Sizes
	Vocab     int
	Positions int // the longest text, in tokens
	// EOS is the token at whose first place a text is read off. 2 stands for what transformers wrote before it was corrected, and
	// for open_clip: the place of the highest id, which in CLIP's own vocabulary is the end's.
	EOS int32
}

// highest is the EOS that stands for the highest id.
const highest = 2

// Is says whether a config.json is that of a model which this package opens.
func Is(config []byte) bool {
	var c struct {
		Type string `json:"model_type"`
	}
	if json.Unmarshal(config, &c) != nil {
		return false
	}
	return c.Type == typeCLIP || c.Type == typeVision || c.Type == typeText
}

// ParseConfig reads a config.json of transformers'. What is left out has transformers' default.
func ParseConfig(data []byte) (Config, error) {
	j := struct {
		Type       string          `json:"model_type"`
		Vision     json.RawMessage `json:"vision_config"`
		Text       json.RawMessage `json:"text_config"`
		OldVision  json.RawMessage `json:"vision_config_dict"` // of the first generation: it wins, whole
		OldText    json.RawMessage `json:"text_config_dict"`
		Projection int             `json:"projection_dim"`
	}{Projection: 512}
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return Config{}, fmt.Errorf("config.json: %w", err)
	}
	var c Config
	c.Width = j.Projection
	if c.Width < 1 || c.Width > 1<<20 {
		return c, fmt.Errorf("config.json: projection_dim %d is out of range", c.Width)
	}
	if j.Type != typeText {
		part := chosen(j.OldVision, j.Vision)
		if j.Type == typeVision {
			part = data
		}
		v, err := vision.ParseConfig(part)
		if err != nil {
			return c, fmt.Errorf("config.json: %w", err)
		}
		v.Pool = true
		c.Vision = &v
	}
	if j.Type != typeVision {
		part := chosen(j.OldText, j.Text)
		if j.Type == typeText {
			part = data
		}
		t, err := parseText(part)
		if err != nil {
			return c, fmt.Errorf("config.json: text_config: %w", err)
		}
		c.Text = &t
	}
	return c, nil
}

// chosen is the first that is there.
func chosen(parts ...json.RawMessage) json.RawMessage {
	for _, p := range parts {
		if len(p) > 0 && string(p) != "null" {
			return p
		}
	}
	return nil
}

func parseText(data []byte) (TextConfig, error) {
	j := struct {
		Vocab        int          `json:"vocab_size"`
		Hidden       int          `json:"hidden_size"`
		Intermediate int          `json:"intermediate_size"`
		Layers       int          `json:"num_hidden_layers"`
		Heads        int          `json:"num_attention_heads"`
		Positions    int          `json:"max_position_embeddings"`
		Act          string       `json:"hidden_act"`
		Eps          float32      `json:"layer_norm_eps"`
		EOS          language.IDs `json:"eos_token_id"`
	}{
		Vocab: 49408, Hidden: 512, Intermediate: 2048, Layers: 12, Heads: 8, Positions: 77, Act: "quick_gelu", Eps: 1e-5,
		EOS: language.IDs{49407},
	}
	if len(data) > 0 {
		if err := plainjson.Unmarshal(data, &j); err != nil {
			return TextConfig{}, err
		}
	}
	c := TextConfig{
		Sizes: vision.Sizes{HiddenSize: j.Hidden, IntermediateSize: j.Intermediate, Layers: j.Layers, Heads: j.Heads, Act: j.Act, Eps: j.Eps},
		Vocab: j.Vocab, Positions: j.Positions, EOS: j.EOS.First(),
	}
	return c, c.check()
}

func (c *TextConfig) check() error {
	for _, v := range []struct {
		name  string
		value int
	}{
		{"vocab_size", c.Vocab},
		{"hidden_size", c.HiddenSize},
		{"intermediate_size", c.IntermediateSize},
		{"num_hidden_layers", c.Layers},
		{"num_attention_heads", c.Heads},
		{"max_position_embeddings", c.Positions},
	} {
		if v.value < 1 || v.value > 1<<20 {
			return fmt.Errorf("%s: %d is out of range", v.name, v.value)
		}
	}
	if c.HiddenSize%c.Heads != 0 {
		return fmt.Errorf("hidden_size %d is not a multiple of num_attention_heads %d", c.HiddenSize, c.Heads)
	}
	if _, err := nn.ParseAct(c.Act); err != nil {
		return fmt.Errorf("hidden_act: %w", err)
	}
	return nil
}
