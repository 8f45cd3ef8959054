package flamingo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dragoman/bridge/gated"
	"dragoman/bridge/linear"
	"dragoman/bridge/resampler"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/language/llama"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// A system that was put together here: config.json says what of, and one file beside it holds what was trained, under OpenFlamingo's
// names, and two of our own.
//
//	perceiver.…                                             the resampler
//	lang_encoder.<layers>.N.gated_cross_attn_layer.…        the gated blocks
//	feature_projection.KIND.…                               to the resampler's width
//	new_words.embedding.weight, new_words.head.weight       rows of the tokens that were added; the head where it is not the embedding
const (
	trainedName = "model.safetensors"
	packedName  = "model.gguf" // what Convert writes
	visionBelow = model.VisionModule + "."
	languageOf  = "lang_encoder"
	bridgeOf    = "bridge" // where what was trained is in a packed file
)

// own is what a system of ours is beyond Model's parts.
type own struct {
	config  Config
	groups  []group
	inputs  map[string]*linear.Input // of each kind of feature; nil where tokens are read as they come
	bridge  []*tensor.Tensor         // what learns
	encoder weights.Source           // what the image encoder was bound to
	frozen  []weights.Source         // everything that must not change

	kind  string    // of the language model
	text  standing  // what it was bound to
	words *newWords // nil: no token was added
}

// newWords are the tokens that were added, from an id on.
type newWords struct {
	First, Rows int
	Pad         bool // upstream would add one for padding, too
}

// Parts names what a fresh system is put together from.
type Parts struct {
	Files            model.Files
	Vision, Language string // a file, a directory, or a name in the Hugging Face cache
	Seed             uint64
	Room             model.Room // for what learns
}

// Assemble makes a system whose bridge is fresh, and trainable: its gates are shut.
func Assemble(s Shape, p Parts) (*Model, error) {
	m := &Model{own: &own{config: Config{Shape: s}}}
	err := func() (err error) {
		c := &m.own.config
		if c.Vision, err = model.VisionPart(p.Files, p.Vision); err != nil {
			return err
		}
		if c.Language, err = model.LanguagePart(p.Files, p.Language); err != nil {
			return err
		}
		if err := m.bindOwn(p.Files, weights.Memory{}, nn.BuilderOptions{Seed: p.Seed, Fresh: true, Most: p.Room.Learnable()}, Options{Trainable: true}); err != nil {
			return err
		}
		m.startWords()
		m.processor = m.Vision.Processor()
		return nil
	}()
	if err != nil {
		return nil, fmt.Errorf("assemble model: %w", errors.Join(err, m.Close()))
	}
	return m, nil
}

// openOwn opens a directory that Save or Convert wrote.
func (m *Model) openOwn(raw []byte, files model.Files, opt Options) error {
	c, err := parseOwn(raw)
	if err != nil {
		return err
	}
	if opt.Trainable { // which may be written elsewhere
		vision, verr := c.Vision.Fixed(files)
		words, werr := c.Language.Fixed(files)
		if err := errors.Join(verr, werr); err != nil {
			return err
		}
		c.Vision, c.Language = vision, words
	}
	m.own = &own{config: c}
	name := trainedName
	switch {
	case files.Packed != nil && opt.Trainable:
		return model.ErrPacked
	case files.Packed != nil:
		name = bridgeOf
	case !files.Has(name):
		name = packedName
	}
	f, err := m.weights(files, name)
	if err != nil {
		return err
	}
	return m.bindOwn(files, f, opt.bind(openFlamingoPart), opt)
}

// bindOwn binds the frozen parts of the configuration and, from src, the bridge.
func (m *Model) bindOwn(files model.Files, src weights.Source, bind nn.BuilderOptions, opt Options) error {
	o := m.own
	look, err := m.part(o.config.Vision, files, "vision_config", visionBelow)
	if err != nil {
		return err
	}
	words, err := m.part(o.config.Language, files, "text_config", languageOf+".")
	if err != nil {
		return err
	}
	if err := opt.fits(openFlamingoPart, weights.Below(weights.Prefix(look.src, visionBelow), visionBelow), words.src, src); err != nil {
		return err
	}
	if err := m.openEncoder(look, opt); err != nil {
		return err
	}
	base, kind, err := m.openLanguage(words, files, opt)
	if err != nil {
		return err
	}
	l := base.Config()
	o.config.fill(m.Vision.Shape(), l)
	if o.groups, err = o.config.groups(m.Vision.Shape()); err != nil {
		return err
	}
	r, g, err := o.config.parts(l)
	if err != nil {
		return err
	}
	if bound := bind.Bound; bound != nil {
		bind.Bound = func(t weights.Tensor) {
			t.Name = bridgeOf + "." + t.Name
			bound(t)
		}
	}
	b := nn.NewBuilder(src, bind).Trainable(opt.Trainable || opt.Gradients)
	if len(o.groups) > 1 || o.groups[0] != (group{kindTokens, o.groups[0].tokens, r.Width}) {
		o.inputs = map[string]*linear.Input{}
		for _, f := range o.groups {
			o.inputs[f.kind] = linear.NewInput(b.Sub("feature_projection", f.kind), f.width, r.Width)
		}
	}
	m.Resampler = resampler.New(b.Sub("perceiver"), r)
	layers := layersOf[kind]
	o.kind = kind
	m.Gates = gated.New(g, func(layer, _ int) *nn.Builder { return b.Sub(languageOf, layers, layer, "gated_cross_attn_layer") })
	if err := m.addWords(base, layers, b); err != nil {
		return err
	}
	o.bridge = b.Params()
	m.params = append(m.params, o.bridge...)
	if err := b.Err(); err != nil {
		return err
	}
	for _, name := range b.Unused() {
		return fmt.Errorf("tensor %s belongs to nothing that config.json describes", name)
	}
	return nil
}

// addWords adds the tokens that stand for a picture and for the end of what is said of it, and a row each for those that are new.
func (m *Model) addWords(base language.Model, layers string, b *nn.Builder) error {
	first := m.Tokenizer.Size()
	if vocab := base.Config().Vocab; first > vocab {
		return fmt.Errorf("the tokenizer has %d words, the language model %d", first, vocab)
	}
	c := &m.own.config
	if c.Begin == "" {
		c.Begin = beginning(m.Tokenizer)
	}
	d, err := newOwnDialect(m.Tokenizer, layers, c.Begin, c.Prompt, base.Config().EOS)
	if err != nil {
		return err
	}
	m.dialect, m.Language = d, base
	added := m.Tokenizer.Size() - first
	if added == 0 {
		return nil
	}
	width, start := base.Config().Width, nn.Init{Kind: nn.Normal, Std: 0.02}
	embed := b.Tensor("new_words.embedding.weight", start, added, width)
	head := embed
	if t, ok := base.(interface{ Tied() bool }); !ok || !t.Tied() {
		head = b.Tensor("new_words.head.weight", start, added, width)
	}
	m.own.words = &newWords{First: first, Rows: added, Pad: m.Tokenizer.Special().Pad == tokenizer.None}
	m.Language = language.Extend(base, first, embed, head)
	return nil
}

// startWords has new words begin as the mean of all others, each a little apart.
func (m *Model) startWords() {
	for _, p := range m.own.bridge {
		if p.Name() != "new_words.embedding.weight" {
			continue
		}
		const some = 1024
		ids := make([]int32, some)
		vocab := m.Language.Config().Vocab - p.Dim(0)
		for i := range ids {
			ids[i] = int32(i * vocab / some)
		}
		run := tensor.NewRun(tensor.Options{})
		mean := run.MeanAxis(m.Language.Embed(run, ids, 1, some), 1).Data()
		for i := range p.Data() {
			p.Data()[i] += mean[i%len(mean)]
		}
	}
}

// standing is the checkpoint of a frozen part.
type standing struct {
	src  weights.Source // its tensors, whose names begin as those of the part do
	file *weights.File
	at   string
}

// part opens the checkpoint of a frozen part, whose tensors then begin with below.
func (m *Model) part(p model.Part, files model.Files, what, below string) (s standing, err error) {
	if s.at, err = p.Weights(); err != nil {
		return s, err
	}
	if s.at == "" {
		return s, fmt.Errorf("config.json: %s: it names no weights", what)
	}
	if s.at, err = files.Locate(s.at); err != nil {
		return s, fmt.Errorf("%s: %w", what, err)
	}
	if s.file, err = m.weights(files, s.at); err != nil {
		return s, fmt.Errorf("%s: %w", what, err)
	}
	m.own.frozen = append(m.own.frozen, s.file)
	s.src = s.file
	if len(weights.Prefix(s.src, below).Names()) == 0 {
		s.src = weights.Below(s.src, below)
	}
	return s, nil
}

func (m *Model) openEncoder(p standing, opt Options) (err error) {
	learns := opt.Gradients && !slices.Contains(m.own.config.Features, kindPooled) // none leads back through how a summary is made
	b := nn.NewBuilder(p.src, opt.bind(openFlamingoPart)).Trainable(learns).Sub(model.VisionModule)
	if m.Vision, err = model.BindVision(b, m.own.config.Vision); err != nil {
		return err
	}
	m.params = append(m.params, b.Params()...)
	m.own.encoder = weights.Prefix(p.src, visionBelow)
	return b.Err()
}

// openLanguage opens the language model and its tokenizer; kind is its model type.
func (m *Model) openLanguage(p standing, files model.Files, opt Options) (base language.Model, kind string, err error) {
	c := m.own.config.Language
	m.own.text = p
	if p.file.Format == weights.GGUF && (files.Packed == nil || p.file.Meta.Architecture() != "") { // whose tensors are no parameters
		if base, err = llama.FromGGUF(p.file, languageOf, opt.bind(openFlamingoPart)); err != nil {
			return nil, "", err
		}
		m.Tokenizer, err = tokenizer.FromGGUF(p.file.Meta)
		return base, model.Llama, err
	}
	if _, ok := layersOf[c.Type]; !ok {
		return nil, "", fmt.Errorf("text_config: a language model of type %.60q takes no gated blocks here", c.Type)
	}
	folder := files.Below(p.at)
	g, err := model.ReadGeneration(folder)
	if err != nil {
		return nil, "", err
	}
	b := opt.builder(p.src, openFlamingoPart)
	m.Rules = g.Rules()
	if base, err = model.BindLanguage(b.Sub(languageOf), c.Type, c.JSON, g); err != nil {
		return nil, "", err
	}
	if err := b.Err(); err != nil {
		return nil, "", err
	}
	m.params = append(m.params, b.Params()...)
	m.Tokenizer, err = folder.Tokenizer()
	return base, c.Type, err
}

// Save writes what Open reads into a directory that is there. The frozen parts stay where they are; config.json says where. Where
// OpenFlamingo's project has such a system, a folder open_flamingo in it is the same as that project's.
func (m *Model) Save(dir string) error {
	err := m.save(dir)
	if err == nil && m.upstream() {
		err = m.saveUpstream(filepath.Join(dir, upstreamDir))
	}
	if err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	return nil
}

func (m *Model) save(dir string) error {
	var tensors []weights.Tensor
	for _, p := range m.own.bridge {
		tensors = append(tensors, weights.FromFloat32(p.Name(), p.Shape(), p.Data()))
	}
	if err := m.saveConfig(dir); err != nil {
		return err
	}
	return weights.WriteSafetensors(filepath.Join(dir, trainedName), tensors, map[string]string{"format": "pt"})
}

func (m *Model) saveConfig(dir string) error {
	raw, err := json.MarshalIndent(m.own.config, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), append(raw, '\n'), 0o644)
}

// Checkpoint writes what Restore needs. There is nothing to share with another.
func (m *Model) Checkpoint(dir, _ string) error {
	if err := m.save(dir); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	return nil
}

// Restore reads the values of a directory that Save wrote of this very model.
func (m *Model) Restore(path string) error {
	f, err := weights.Open(filepath.Join(path, trainedName))
	if err != nil {
		return err
	}
	defer f.Close()
	return model.Restore(m.own.bridge, f, path)
}

// Convert writes the directory anew, with the bridge's matrices as d, and everything finer (norms, biases, gates, latents, new words) as
// float32. The model was opened Trainable.
func (m *Model) Convert(dir string, d kernel.DType) error {
	if m.own == nil {
		return errors.New("convert model: only a bridge that was trained here is written by itself")
	}
	var tensors []weights.Tensor
	for _, p := range m.own.bridge {
		shape := p.Shape()
		if len(shape) != 2 || !strings.HasSuffix(p.Name(), ".weight") || strings.HasPrefix(p.Name(), "new_words.") || shape[1]%d.BlockLen() != 0 {
			tensors = append(tensors, weights.FromFloat32(p.Name(), shape, p.Data()))
			continue
		}
		w := weights.Tensor{Name: p.Name(), Type: weights.TypeOf(d), Shape: slices.Clone(shape), Data: make([]byte, shape[0]*d.RowBytes(shape[1]))}
		kernel.Encode(d, w.Data, p.Data())
		tensors = append(tensors, w)
	}
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = m.saveConfig(dir)
	}
	if err == nil {
		err = weights.WriteGGUF(filepath.Join(dir, packedName), tensors, weights.Meta{"general.architecture": typeOwn})
	}
	if err != nil {
		return fmt.Errorf("convert model: %w", err)
	}
	return nil
}
