package flamingo

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"dragoman/bridge/gated"
	"dragoman/bridge/resampler"
	"dragoman/internal/hint"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/vision/clip"
	"dragoman/weights"
)

// openFlamingoConfig is a config.json of model_type open_flamingo: the arguments of the factory that made the model, paths relative to
// the directory or names of a hub. The checkpoint beside it holds the resampler, the gated blocks and the words' embeddings alone.
type openFlamingoConfig struct {
	Vision    string `json:"clip_vision_encoder_path"`
	Language  string `json:"lang_encoder_path"`
	Tokenizer string `json:"tokenizer_path"`
	Every     int    `json:"cross_attn_every_n_layers"`
}

// checkpointName is what the project calls a checkpoint; a directory without one may have any other that package weights reads.
const checkpointName = "checkpoint.pt"

// layersOf is where the layers of each language model are.
var layersOf = map[string]string{
	model.Llama: "model.layers", model.OPT: "model.decoder.layers", model.GPTNeoX: "gpt_neox.layers",
	model.MPT: "transformer.blocks", model.MosaicGPT: "transformer.blocks",
}

// headDim is the width of a head in everything that the project made; how many there are follows from the tensors.
const headDim = 64

func (m *Model) openOpenFlamingo(raw []byte, files model.Files, opt Options) error {
	c := openFlamingoConfig{Every: 1}
	if err := json.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	if c.Vision == "" || c.Language == "" {
		return errors.New("config.json: clip_vision_encoder_path and lang_encoder_path must say where the frozen parts are")
	}
	checkpoint, err := m.checkpoint(files)
	if err != nil {
		return err
	}
	width, err := m.openCLIP(c.Vision, files, opt)
	if err != nil {
		return err
	}
	at, err := files.Locate(c.Language)
	if err != nil {
		return fmt.Errorf("lang_encoder_path: %w", err)
	}
	folder := files.Below(at)
	config, kind, err := readLanguage(folder)
	if err != nil {
		return err
	}
	layers := layersOf[kind]
	frozen, err := m.weights(files, at)
	if err != nil {
		return err
	}
	b := opt.builder(weights.Merge(checkpoint, weights.Below(frozen, "lang_encoder.")), openFlamingoPart)
	if m.Language, err = model.BindLanguage(b.Sub("lang_encoder"), kind, config, model.Generation{}); err != nil {
		return err
	}
	if err := m.bindBridge(b, layers, width, c.Every); err != nil {
		return err
	}
	m.params = append(m.params, b.Params()...)
	if err := b.Err(); err != nil {
		return hint.Wrap(err, "%s and %s must be those that the checkpoint was trained with", c.Vision, c.Language)
	}
	for _, name := range b.Unused() {
		if _, own := checkpoint.Lookup(name); own {
			return fmt.Errorf("%s: tensor %s belongs to nothing that config.json describes", checkpointName, name)
		}
	}
	if at, err = files.Locate(cmp.Or(c.Tokenizer, c.Language)); err != nil {
		return fmt.Errorf("tokenizer_path: %w", err)
	}
	if m.Tokenizer, err = files.Below(at).Tokenizer(); err != nil {
		return err
	}
	m.dialect, err = newOpenFlamingo(m.Tokenizer, layers, m.Language.Config().Vocab)
	return err
}

// readLanguage reads what kind of language model there is.
func readLanguage(folder model.Files) (config []byte, kind string, err error) {
	if config, err = folder.ReadFile("config.json"); err != nil {
		return nil, "", fmt.Errorf("lang_encoder_path: %w", err)
	}
	var head struct {
		Type string `json:"model_type"`
	}
	if err := json.Unmarshal(config, &head); err != nil {
		return nil, "", fmt.Errorf("lang_encoder_path: config.json: %w", err)
	}
	if _, ok := layersOf[head.Type]; !ok {
		return nil, "", hint.Wrap(fmt.Errorf("lang_encoder_path: config.json: a language model of type %q is not supported", head.Type),
			"OpenFlamingo runs here over MPT, GPT-NeoX (RedPajama), LLaMA and OPT")
	}
	return config, head.Type, nil
}

// bindBridge binds resampler and gated blocks, whose sizes follow from the tensors.
func (m *Model) bindBridge(b *nn.Builder, layers string, width, every int) error {
	p := b.Sub("perceiver")
	r := resampler.Released(width)
	if shape, ok := p.ShapeOf("latents"); ok && len(shape) == 2 {
		r.Latents = shape[0]
	}
	if shape, ok := p.ShapeOf("frame_embs"); ok && len(shape) == 2 {
		r.Frames = shape[0]
	}
	if shape, ok := p.ShapeOf("layers.0.0.to_q.weight"); ok && len(shape) == 2 {
		r.Heads = max(1, shape[0]/headDim)
	}
	for r.Layers = 0; p.Has(fmt.Sprintf("layers.%d.0.to_q.weight", r.Layers)); r.Layers++ {
	}
	if err := r.Validate(); err != nil {
		return fmt.Errorf("%s: %w", checkpointName, err)
	}
	m.Resampler = resampler.New(p, r)
	c := m.Language.Config()
	g := gated.Released(c.Width, width, c.Layers, every)
	if every > 0 {
		if shape, ok := b.ShapeOf(fmt.Sprintf("lang_encoder.%s.%d.gated_cross_attn_layer.attn.to_q.weight", layers, every-1)); ok && len(shape) == 2 {
			g.Heads = max(1, shape[0]/headDim)
		}
	}
	if err := g.Validate(); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	m.Gates = gated.New(g, func(layer, _ int) *nn.Builder { return b.Sub("lang_encoder", layers, layer, "gated_cross_attn_layer") })
	return nil
}

// openCLIP opens the encoder, of transformers' files or open_clip's: the width of its features.
func (m *Model) openCLIP(name string, files model.Files, opt Options) (int, error) {
	at, err := files.Locate(name)
	if err != nil {
		return 0, fmt.Errorf("clip_vision_encoder_path: %w", err)
	}
	f, err := m.weights(files, at)
	if err != nil {
		return 0, fmt.Errorf("clip_vision_encoder_path: %w", err)
	}
	var src weights.Source = f
	var c clip.Config
	all := src
	found := weights.IsOpenCLIP(src)
	if found {
		if src, err = weights.OpenCLIP(src); err != nil {
			return 0, err
		}
	}
	const module = "vision_encoder"
	if inner := weights.Prefix(src, "vision_model."); len(inner.Names()) > 0 {
		src = inner
	}
	b := opt.builder(weights.Below(src, module+"."), openFlamingoPart).Sub(module)
	if found {
		c, err = clip.Detect(b)
	} else {
		c, err = readCLIP(files.Below(at))
	}
	if err != nil {
		return 0, fmt.Errorf("clip_vision_encoder_path: %w", err)
	}
	c.Patches, c.Pool = true, b.Has(pooledNorm)
	if c.Pool {
		if m.compare, err = projection(all, c.HiddenSize); err != nil {
			return 0, fmt.Errorf("clip_vision_encoder_path: %w", err)
		}
	}
	m.Vision = clip.New(c, b)
	m.params = append(m.params, b.Params()...)
	return c.HiddenSize, b.Err()
}

// pooledNorm is the norm of what CLIP takes a picture for as a whole, which nothing but comparing pictures needs.
const pooledNorm = "post_layernorm.weight"

// projection reads what CLIP compares pictures by, [out, width], as transformers or open_clip name it; nil where an encoder stands by itself.
func projection(src weights.Source, width int) (*tensor.Tensor, error) {
	if t, ok := src.Lookup("visual_projection.weight"); ok && len(t.Shape) == 2 && t.Shape[1] == width {
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

// readCLIP reads transformers' configuration of an encoder, by itself or in a whole model's.
func readCLIP(folder model.Files) (clip.Config, error) {
	raw, err := folder.ReadFile("config.json")
	if err != nil {
		return clip.Config{}, err
	}
	var whole struct {
		Vision json.RawMessage `json:"vision_config"`
	}
	if err := json.Unmarshal(raw, &whole); err != nil {
		return clip.Config{}, fmt.Errorf("config.json: %w", err)
	}
	if whole.Vision != nil {
		raw = whole.Vision
	}
	return clip.ParseConfig(raw)
}

// wrapped are what training puts before names, of what it wraps.
var wrapped = strings.NewReplacer("module.", "", "_fsdp_wrapped_", "", "_checkpoint_wrapped_", "")

// ignored says whether a checkpoint's tensor is nothing that was trained: buffers, second names of blocks, the frozen encoder.
func ignored(name string) bool {
	for _, part := range []string{"vision_encoder.", "lang_encoder.old_decoder_blocks.", "lang_encoder.gated_cross_attn_layers."} {
		if strings.HasPrefix(name, part) {
			return true
		}
	}
	for _, buffer := range []string{".attention.bias", ".masked_bias", ".rotary_emb.inv_freq"} {
		if strings.HasSuffix(name, buffer) {
			return true
		}
	}
	return false
}

// checkpoint opens what was trained, under the names of a language model whose layers are not wrapped.
func (m *Model) checkpoint(files model.Files) (weights.Memory, error) {
	name := checkpointName
	if !files.Has(name) {
		name = "."
	}
	f, err := m.weights(files, name)
	if err != nil {
		return nil, err
	}
	own := weights.Memory{}
	for _, old := range f.Names() {
		name := strings.Replace(wrapped.Replace(old), ".decoder_layer.", ".", 1)
		if ignored(name) {
			continue
		}
		t, _ := f.Lookup(old)
		if _, twice := own[name]; twice {
			return nil, fmt.Errorf("%s: two tensors are called %s", f.Path(), name)
		}
		own[name] = t
	}
	return own, nil
}

// openFlamingoPart is what a tensor belongs to, for Options.Store.
func openFlamingoPart(name string) string {
	if inner, ok := strings.CutPrefix(name, "vision_encoder."); ok {
		return "vision_model." + inner
	}
	if inner, ok := strings.CutPrefix(name, "lang_encoder."); ok && !strings.Contains(name, ".gated_cross_attn_layer.") {
		return "language_model." + inner
	}
	return name
}

// endOfChunk stands behind each example.
const endOfChunk = "<|endofchunk|>"

// openFlamingo is how OpenFlamingo writes pages.
type openFlamingo struct {
	picture, end int32
	layer        *regexp.Regexp // the path of a layer of the language model, and what is below
}

func newOpenFlamingo(t *tokenizer.Pipeline, layers string, rows int) (*openFlamingo, error) {
	added := []string{endOfChunk, imageToken}
	if t.Special().Pad == tokenizer.None {
		added = append(added, "<PAD>")
	}
	if err := t.AddSpecial(added...); err != nil {
		return nil, err
	}
	if t.Size() > rows {
		return nil, fmt.Errorf("the tokenizer has %d words with %s and %s, the checkpoint's embedding %d", t.Size(), endOfChunk, imageToken, rows)
	}
	return marked(t, layers), nil
}

// marked is the dialect of a tokenizer that has its tokens.
func marked(t *tokenizer.Pipeline, layers string) *openFlamingo {
	d := &openFlamingo{layer: regexp.MustCompile(`^(lang_encoder\.` + regexp.QuoteMeta(layers) + `\.\d+)(\..*)?$`)}
	d.picture, _ = t.ID(imageToken)
	d.end, _ = t.ID(endOfChunk)
	return d
}

func (d *openFlamingo) image() int32                 { return d.picture }
func (d *openFlamingo) special() bool                { return true }
func (d *openFlamingo) stop() []int32                { return []int32{d.end} }
func (d *openFlamingo) never() []int32               { return []int32{d.picture} }
func (d *openFlamingo) media() string                { return "perceiver" }
func (d *openFlamingo) inputs() (pixels, ids string) { return "vision_x", "lang_x" }

// outside is upstream's name: there each layer of the language model is wrapped with the block before it.
func (d *openFlamingo) outside(path string) string {
	part := d.layer.FindStringSubmatch(path)
	if part == nil || strings.HasPrefix(part[2], ".gated_cross_attn_layer") {
		return path
	}
	return part[1] + ".decoder_layer" + part[2]
}

// page is texts and pictures as they are.
func (d *openFlamingo) page(parts []Part) string {
	var text strings.Builder
	for _, p := range parts {
		if p.Picture {
			text.WriteString(imageToken)
		} else {
			text.WriteString(p.Text)
		}
	}
	return text.String()
}

// seen gives each token the last picture at or before it.
func (d *openFlamingo) seen(ids []int32, pictures int) []uint8 {
	mask := make([]uint8, len(ids)*pictures)
	last := -1
	for i, id := range ids {
		if id == d.picture {
			last++
		}
		if last >= 0 && last < pictures {
			mask[i*pictures+last] = 1
		}
	}
	return mask
}

// What stands before a question without any example: the paper's two descriptions, or two questions about the same, without their
// pictures (one is not enough, and more help little).
var (
	paperDescriptions = []Shot{{Text: "This is a cat wearing sunglasses."}, {Text: "Three elephants walking in the savanna."}}
	paperQuestions    = []Shot{
		{Question: "What is the cat wearing?", Text: "sunglasses"}, {Question: "How many elephants are walking in the savanna?", Text: "three"},
	}
)

// shots writes examples as the project's evaluation does.
func (d *openFlamingo) shots(shots []Shot, ask Shot) []Part {
	if len(shots) == 0 {
		shots = paperDescriptions
		if ask.Question != "" {
			shots = paperQuestions
		}
	}
	var w writer
	write := func(s Shot) {
		w.pictures(s.Pictures)
		if s.Question != "" {
			w.text("Question:" + s.Question + " Short answer:")
		} else {
			w.text("Output:")
		}
	}
	for _, s := range shots {
		write(s)
		w.text(strings.TrimSpace(s.Text) + endOfChunk + "\n")
	}
	write(ask)
	return w.parts
}

func (d *openFlamingo) textOnly() int      { return len(paperDescriptions) }
func (d *openFlamingo) chat([]Turn) []Part { return nil }

// behind is a text by itself, as the project's evaluation scores it.
func (d *openFlamingo) behind(t tokenizer.Tokenizer, _, text string) []int32 {
	return t.Encode(text, false)
}
