package flamingo

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"dragoman/bridge/gated"
	"dragoman/bridge/resampler"
	"dragoman/internal/hint"
	"dragoman/internal/plainjson"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// openFlamingoConfig is a config.json of model_type open_flamingo: the arguments of the factory that made the model, paths relative to
// the directory or names of a hub. The checkpoint beside it holds the resampler, the gated blocks and the words' embeddings alone.
type openFlamingoConfig struct {
	Type      string `json:"model_type"`
	Vision    string `json:"clip_vision_encoder_path"`
	Language  string `json:"lang_encoder_path"`
	Tokenizer string `json:"tokenizer_path"`
	Every     int    `json:"cross_attn_every_n_layers"`
}

// checkpointName is what the project calls a checkpoint; a directory without one may have any other that package weights reads.
const checkpointName = "checkpoint.pt"

// layersOf is where the layers of each language model are.
var layersOf = map[string]string{
	model.Llama: "model.layers", model.Mistral: "model.layers", model.OPT: "model.decoder.layers", model.GPTNeoX: "gpt_neox.layers",
	model.MPT: "transformer.blocks", model.MosaicGPT: "transformer.blocks",
}

// headDim is the width of a head in everything that the project made; how many there are follows from the tensors.
const headDim = 64

func (m *Model) openOpenFlamingo(raw []byte, files model.Files, opt Options) error {
	c := openFlamingoConfig{Every: 1}
	if err := plainjson.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	if c.Vision == "" || c.Language == "" {
		return errors.New("config.json: clip_vision_encoder_path and lang_encoder_path must say where the frozen parts are")
	}
	named := c
	c.Tokenizer = cmp.Or(c.Tokenizer, c.Language)
	if files.Packed == nil {
		if err := c.locate(files); err != nil {
			return err
		}
	}
	checkpoint, err := m.checkpoint(files)
	if err != nil {
		return err
	}
	if m.upon, err = m.findFrozen(c, files, checkpoint); err != nil {
		return err
	}
	if m.Tokenizer, err = files.Below(c.Tokenizer).Tokenizer(); err != nil {
		return fmt.Errorf("tokenizer_path: %w", err)
	}
	if err := addMarks(m.Tokenizer); err != nil {
		return err
	}
	m.upon.cutWords(m.Tokenizer.Size())
	if err := opt.fits(openFlamingoPart, m.upon.vision, m.upon.language); err != nil {
		return err
	}
	if err := m.bindCLIP(opt); err != nil {
		return err
	}
	layers := layersOf[m.upon.kind]
	b := opt.builder(m.upon.language, openFlamingoPart)
	if m.Language, err = model.BindLanguage(b.Sub("lang_encoder"), m.upon.kind, m.upon.languageConfig, model.Generation{}); err != nil {
		return err
	}
	if err := m.bindBridge(b, layers, m.upon.clip.HiddenSize, c.Every); err != nil {
		return err
	}
	m.params = append(m.params, b.Params()...)
	if err := b.Err(); err != nil {
		return hint.Wrap(err, "%s and %s must be those that the checkpoint was trained with", named.Vision, named.Language)
	}
	for _, name := range b.Unused() {
		if _, own := checkpoint.Lookup(name); own && !m.secondName(checkpoint, name) {
			return fmt.Errorf("%s: tensor %s belongs to nothing that config.json describes", checkpointName, name)
		}
	}
	if n, rows := m.Tokenizer.Size(), m.Language.Config().Vocab; n > rows {
		return fmt.Errorf("the tokenizer has %d words with %s and %s, the checkpoint's embedding %d", n, endOfChunk, imageToken, rows)
	}
	m.dialect = marked(m.Tokenizer, layers)
	return nil
}

// secondName says whether a tensor is the output head of a language model whose head is its embedding: training saves it under both names.
func (m *Model) secondName(checkpoint weights.Source, name string) bool {
	const below = "lang_encoder."
	table := tables[m.upon.kind]
	if t, ok := m.Language.(interface{ Tied() bool }); !ok || !t.Tied() || name != below+table[1] && name != below+"lm_head.weight" {
		return false
	}
	head, _ := checkpoint.Lookup(name)
	words, ok := checkpoint.Lookup(below + table[0])
	return ok && slices.Equal(head.Shape, words.Shape)
}

// bindBridge binds resampler and gated blocks.
func (m *Model) bindBridge(b *nn.Builder, layers string, width, every int) error {
	if err := m.bindResampler(b, width); err != nil {
		return err
	}
	return m.bindGates(b, layers, width, every)
}

// bindResampler binds the resampler, whose sizes follow from the tensors; without any, they are those of the releases.
func (m *Model) bindResampler(b *nn.Builder, width int) error {
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
	layers := 0
	for p.Has(fmt.Sprintf("layers.%d.0.to_q.weight", layers)) {
		layers++
	}
	r.Layers = cmp.Or(layers, r.Layers)
	if err := r.Validate(); err != nil {
		return fmt.Errorf("%s: %w", checkpointName, err)
	}
	m.Resampler = resampler.New(p, r)
	return nil
}

// bindGates binds the gated blocks, in the same way.
func (m *Model) bindGates(b *nn.Builder, layers string, width, every int) error {
	c := m.Language.Config()
	g := gated.Released(c.Hidden, width, c.Layers, every)
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

// addMarks adds the project's own tokens to a language model's tokenizer.
func addMarks(t *tokenizer.Pipeline) error {
	added := []string{endOfChunk, imageToken}
	if t.Special().Pad == tokenizer.None {
		added = append(added, "<PAD>")
	}
	return t.AddSpecial(added...)
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

// pictures are prepared as CLIP prepares them.
func (d *openFlamingo) pictures(p picture.Processor) picture.Processor { return p }

// outside is upstream's name: there each layer of the language model is wrapped with the block before it.
func (d *openFlamingo) outside(path string) string {
	part := d.layer.FindStringSubmatch(path)
	if part == nil || strings.HasPrefix(part[2], ".gated_cross_attn_layer") {
		return path
	}
	return part[1] + ".decoder_layer" + part[2]
}

// wrapper is the module whose last part a layer of the language model is there, and which gives the same; any other path as it is.
func (d *openFlamingo) wrapper(path string) string {
	outer, ok := strings.CutSuffix(path, ".decoder_layer")
	if ok && d.layer.MatchString(outer) {
		return outer
	}
	return path
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
	return wording{"Question:", " Short answer:", "Output:"}.page(shots, ask, func(text string) string {
		return strings.TrimSpace(text) + endOfChunk + "\n"
	})
}

func (d *openFlamingo) textOnly() int      { return len(paperDescriptions) }
func (d *openFlamingo) chat([]Turn) []Part { return nil }

// behind is a text by itself, as the project's evaluation scores it.
func (d *openFlamingo) behind(t tokenizer.Tokenizer, _, text string) []int32 {
	return t.Encode(text, false)
}
