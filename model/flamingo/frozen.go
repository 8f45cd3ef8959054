package flamingo

import (
	"encoding/json"
	"fmt"

	"dragoman/internal/hint"
	"dragoman/internal/plainjson"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/vision/clip"
	"dragoman/weights"
)

// frozen is what an OpenFlamingo stands upon.
type frozen struct {
	config         openFlamingoConfig // its paths are where the parts were found
	vision         weights.Source     // the encoder, below visionModule
	clip           clip.Config
	language       weights.Source // the language model and what was trained, which counts before it, below lang_encoder and perceiver
	trained        weights.Source // what was trained, alone
	own            weights.Source // the language model alone, under its own names
	languageConfig json.RawMessage
	kind           string // its model_type
}

// visionModule is what upstream calls the encoder.
const visionModule = "vision_encoder"

// findFrozen finds the frozen parts, and configurations of them, by the paths of a configuration. In a packed file all is in one place.
func (m *Model) findFrozen(c openFlamingoConfig, files model.Files, trained weights.Memory) (f frozen, err error) {
	f.config, f.trained = c, trained
	if f.vision, f.clip, err = m.findCLIP(c.Vision, files); err != nil {
		return f, fmt.Errorf("clip_vision_encoder_path: %w", err)
	}
	if f.languageConfig, f.kind, err = readLanguage(files.Below(c.Language)); err != nil {
		return f, fmt.Errorf("lang_encoder_path: %w", err)
	}
	headIsTable(trained, tables[f.kind])
	f.language = trained
	m.parts = append(m.parts, f.vision)
	if files.Packed != nil {
		return f, nil
	}
	own, err := m.weights(files, c.Language)
	if err != nil {
		return f, fmt.Errorf("lang_encoder_path: %w", err)
	}
	f.own, f.language = own, weights.Merge(trained, weights.Below(own, "lang_encoder."))
	return f, nil
}

// headIsTable finds the words' embedding under its other name: training that leaves an MPT's embedding alone does not save it, but for its output
// head, which is the same.
func headIsTable(trained weights.Memory, names [2]string) {
	const below = "lang_encoder."
	head, ok := trained[below+names[1]]
	if _, both := trained[below+names[0]]; ok && !both {
		delete(trained, below+names[1])
		head.Name = below + names[0]
		trained[head.Name] = head
	}
}

// cutWords hides rows of the language model's tables that stand for no word, as upstream does: there are as many as the trained table has,
// or, where none was trained, as the tokenizer.
func (f *frozen) cutWords(words int) {
	if f.own == nil {
		return
	}
	const below = "lang_encoder."
	if t, ok := f.trained.Lookup(below + tables[f.kind][0]); ok && len(t.Shape) == 2 {
		words = t.Shape[0]
	}
	cut, own := weights.Memory{}, tables[f.kind]
	for _, name := range append(own[:], "lm_head.weight") { // as transformers 5 calls any head
		if _, trained := f.trained.Lookup(below + name); trained {
			continue
		}
		if t, ok := f.own.Lookup(name); ok && len(t.Shape) == 2 && t.Shape[0] > words {
			cut[below+name] = t.Rows(0, words)
		}
	}
	f.language = weights.Merge(cut, f.language)
}

// readLanguage reads what kind of language model there is.
func readLanguage(folder model.Files) (config []byte, kind string, err error) {
	if config, err = folder.ReadFile("config.json"); err != nil {
		return nil, "", err
	}
	kind, err = languageType(config)
	return config, kind, err
}

// languageType is the model_type of a language model.
func languageType(config []byte) (string, error) {
	var head struct {
		Type string `json:"model_type"`
	}
	if err := plainjson.Unmarshal(config, &head); err != nil {
		return "", fmt.Errorf("config.json: %w", err)
	}
	if _, ok := layersOf[head.Type]; !ok {
		return "", hint.Wrap(fmt.Errorf("config.json: a language model of type %.60q is not supported", head.Type),
			"OpenFlamingo runs here over MPT, GPT-NeoX (RedPajama), LLaMA and OPT")
	}
	return head.Type, nil
}

// findCLIP finds the encoder, in transformers' files or open_clip's.
func (m *Model) findCLIP(at string, files model.Files) (src weights.Source, c clip.Config, err error) {
	if files.Packed != nil {
		src = weights.Prefix(files.Packed, visionModule+".")
		if c, err = readCLIP(files.Below(at)); err != nil {
			return nil, c, err
		}
		return m.findPool(src, src, c)
	}
	f, err := m.weights(files, at)
	if err != nil {
		return nil, c, err
	}
	src = f
	all := src
	found := weights.IsOpenCLIP(src)
	if found {
		if src, err = weights.OpenCLIP(src); err != nil {
			return nil, c, fmt.Errorf("%s: %w", f.Path(), err)
		}
	}
	if inner := weights.Prefix(src, "vision_model."); len(inner.Names()) > 0 {
		src = inner
	}
	if found {
		c, err = detectCLIP(src, files.Below(at))
	} else {
		c, err = readCLIP(files.Below(at))
	}
	if err != nil {
		return nil, c, err
	}
	return m.findPool(src, all, c)
}

// detectCLIP takes an encoder's sizes from tensors of open_clip's, and the rest from a configuration beside them: transformers', or open_clip's
// own. Without either it is one of OpenAI's.
func detectCLIP(src weights.Source, folder model.Files) (clip.Config, error) {
	if folder.Has("config.json") {
		raw, err := visionConfig(folder)
		var described struct {
			Heads int `json:"num_attention_heads"`
		}
		if err == nil && plainjson.Unmarshal(raw, &described) == nil && described.Heads > 0 { // else it is somebody else's
			return clip.ParseConfig(raw)
		}
	}
	c, err := clip.Detect(nn.NewBuilder(src, nn.BuilderOptions{}))
	if err != nil || !folder.Has(clip.OpenCLIPConfig) {
		return c, err
	}
	raw, err := folder.ReadFile(clip.OpenCLIPConfig)
	if err != nil {
		return c, err
	}
	return c, c.ReadOpenCLIP(raw)
}

// findPool finds what of an encoder src compares pictures, in a whole checkpoint, and puts the encoder below visionModule. Flamingo reads its
// patches.
func (m *Model) findPool(src, all weights.Source, c clip.Config) (weights.Source, clip.Config, error) {
	_, c.Pool = src.Lookup(pooledNorm)
	c.Patches = true
	var err error
	if c.Pool {
		m.compare, err = projection(all, c.HiddenSize)
	}
	return weights.Below(src, visionModule+"."), c, err
}

// readCLIP reads transformers' configuration of an encoder, by itself or in a whole model's.
func readCLIP(folder model.Files) (clip.Config, error) {
	raw, err := visionConfig(folder)
	if err != nil {
		return clip.Config{}, err
	}
	return clip.ParseConfig(raw)
}

// visionConfig is what a config.json says of the encoder.
func visionConfig(folder model.Files) ([]byte, error) {
	raw, err := folder.ReadFile("config.json")
	if err != nil {
		return nil, err
	}
	var whole struct {
		Vision json.RawMessage `json:"vision_config"`
	}
	if err := plainjson.Unmarshal(raw, &whole); err != nil {
		return nil, fmt.Errorf("config.json: %w", err)
	}
	if whole.Vision != nil {
		raw = whole.Vision
	}
	return raw, nil
}

// bindCLIP binds the encoder that was found.
func (m *Model) bindCLIP(opt Options) error {
	b := opt.builder(m.upon.vision, openFlamingoPart).Sub(visionModule)
	m.Vision = clip.New(m.upon.clip, b)
	m.params = append(m.params, b.Params()...)
	return hint.Wrap(b.Err(), "%s must be the encoder that its configuration describes", m.upon.config.Vision)
}

// pooledNorm is the norm of what CLIP takes a picture for as a whole, which nothing but comparing pictures needs.
const pooledNorm = "post_layernorm.weight"

// projectionName is what transformers calls that which CLIP compares pictures by.
const projectionName = "visual_projection.weight"

// projection reads what CLIP compares pictures by, [out, width], as transformers or open_clip name it; nil where an encoder stands by itself.
func projection(src weights.Source, width int) (*tensor.Tensor, error) {
	if t, ok := src.Lookup(projectionName); ok && len(t.Shape) == 2 && t.Shape[1] == width {
		x, err := t.Float32()
		return tensor.FromFloats(x, t.Shape...), err
	}
	t, ok := src.Lookup("visual.proj")
	if !ok || len(t.Shape) != 2 || t.Shape[0] != width {
		return nil, nil
	}
	x, err := t.Float32()
	if err != nil {
		return nil, err
	}
	out := t.Shape[1]
	turned := make([]float32, len(x))
	for i, v := range x {
		turned[i%out*width+i/out] = v
	}
	return tensor.FromFloats(turned, out, width), nil
}
