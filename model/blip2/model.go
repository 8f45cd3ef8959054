package blip2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dragoman/generate"
	"dragoman/internal/builtin"
	"dragoman/language"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/vision"
	"dragoman/weights"
)

// Model is a whole system. What a checkpoint lacks is nil: a matching model has no language model.
type Model struct {
	Config    Config
	Vision    vision.Encoder
	Bridge    *Bridge
	Language  language.Model
	Tokenizer tokenizer.Tokenizer // of the language model
	Words     tokenizer.Tokenizer // of the Q-Former's text stream
	Rules     generate.Rules      // of what the language model writes
	Memory    *Memory             // what hints come from
	vocab     []byte              // Words as vocab.txt
	frozen    []*tensor.Tensor    // parameters of the frozen parts, where Options.All asked for them
	stock     []weights.Tensor    // the frozen parts' tensors as their checkpoints have them
	packed    bool                // everything came out of one file
	dir       string              // the directory that it came from; "" for none
	small     map[string][]byte   // the files of that directory besides config.json and tensors, where it may be written anew
	origin    *origin             // nil, or the directory that holds all of the model
	params    []*tensor.Tensor    // what is trained
	encoder   weights.Source      // what Vision was bound to
	groups    []featureGroup
	processor *picture.Processor // nil: the encoder's own
	open      opened
}

// Options say how a model is opened.
type Options struct {
	Precision Precision      // what matrices are rounded to
	Trainable bool           // the bridge's tensors are parameters
	All       bool           // those of the frozen parts too, where they are not quantised: to see their gradients
	ImageSize int            // side of the pictures that are read, positions interpolated between the learnt ones; 0: as trained
	Pixels    bool           // pictures come as pixels and texts as ids: a processor that contradicts the encoder does not matter, nor does a tokenizer that is missing
	Extra     weights.Source // nil, or where tensors are looked for that the checkpoint lacks
	Room      Room           // what the weights have to fit into
	Finite    bool           // all weights are read first, and a NaN or an infinity is an error

	lineEnds bool                 // see Extras
	frozen   *[]*tensor.Tensor    // where those are listed
	stock    *[]weights.Tensor    // nil, or where the frozen parts' tensors are listed
	bound    func(weights.Tensor) // nil, or who is told what the model asks its checkpoints for
}

// spares says that nobody needs the tokenizer that is missing.
func (o Options) spares(err error) bool {
	return o.Pixels && (errors.Is(err, tokenizer.ErrNoFiles) || errors.Is(err, errNoWords))
}

var errNoWords = errors.New("there is neither tokenizer.json nor vocab.txt, with which the queries read an instruction")

// builder are the options of those who bind the parts.
func (o Options) builder() nn.BuilderOptions {
	return nn.BuilderOptions{Store: o.Precision.Store, Bound: o.bound, Finite: o.Finite}
}

// frozenBuilder are those of who binds a frozen part.
func (o Options) frozenBuilder() nn.BuilderOptions {
	b := o.builder()
	if o.stock == nil {
		return b
	}
	b.Bound = func(t weights.Tensor) {
		*o.stock = append(*o.stock, t)
		if o.bound != nil {
			o.bound(t)
		}
	}
	return b
}

// learn keeps what a builder made trainable in a frozen part.
func (o Options) learn(b *nn.Builder) {
	if o.All && o.frozen != nil {
		*o.frozen = append(*o.frozen, b.Params()...)
	}
}

// wordsDir is where a checkpoint keeps the vocabulary of the Q-Former's text stream.
const wordsDir = "qformer_tokenizer"

// Open opens a model's directory, or the one file that Pack made of one; "mini:" is the built-in one's directory.
func Open(path string, opt Options) (*Model, error) {
	files, err := model.Find(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	m, err := open(files, opt)
	if err != nil {
		return nil, model.OpenError(path, errors.Join(err, files.Close()))
	}
	return m, nil
}

func open(files Files, opt Options) (*Model, error) {
	m := &Model{}
	if err := m.bind(files, opt); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// bind opens the parts that a directory's config.json names, and the bridge.
func (m *Model) bind(files Files, opt Options) error {
	opt.frozen = &m.frozen
	if opt.Trainable {
		opt.stock = &m.stock
	}
	raw, err := files.ReadFile("config.json")
	if err != nil {
		return err
	}
	c, err := ParseConfig(raw)
	if err != nil {
		return err
	}
	if c.Vision, err = complete(files, c.Vision, "vision_config", model.ViT); err != nil {
		return err
	}
	if c.Language, err = complete(files, c.Language, "text_config", model.OPT); err != nil {
		return err
	}
	m.packed, m.dir = files.Packed != nil, files.Where("")
	if opt.Trainable { // which may be written elsewhere
		if c.Vision, err = c.Vision.Fixed(files); err != nil {
			return err
		}
		if c.Language, err = c.Language.Fixed(files); err != nil {
			return err
		}
	}
	file, err := files.Weights(ownWeights(files, c))
	if err != nil {
		return err
	}
	m.open = append(m.open, file)
	own, err := translated(file)
	if err != nil {
		return err
	}
	c.Extras.Weights = "" // what Save writes has its own
	if weights.IsLAVIS(file) {
		if err := c.asTrained(); err != nil {
			return err
		}
	}
	opt.lineEnds = c.Extras.LineEnds
	m.Config = c
	if err := opt.fits(files, own, map[string]Part{visionModule: c.Vision, languageModule: c.Language}); err != nil {
		return err
	}
	src := own
	if files.Packed == nil && files.Has(firstStageFile) {
		first, err := files.Weights(firstStageFile)
		if err != nil {
			return err
		}
		m.open = append(m.open, first)
		src = weights.Merge(src, first)
	}
	if opt.Extra != nil {
		src = weights.Merge(src, opt.Extra)
	}
	if err := m.openVision(c.Vision, files, own, opt); err != nil {
		return err
	}
	if opt.ImageSize > 0 {
		if err := m.resizeVision(opt.ImageSize); err != nil {
			return err
		}
	}
	if err := m.openProcessor(files, opt); err != nil {
		return err
	}
	m.Config.detect(src)
	if m.Config.Instruct && !m.Config.QFormer.Text {
		return errors.New("the Q-Former has no text stream (tensor qformer.encoder.layer.0.intermediate.dense.weight), which instructblip needs")
	}
	b := nn.NewBuilder(src, opt.builder()).Trainable(opt.Trainable)
	if m.groups, err = m.Config.groups(m.Vision.Shape()); err != nil {
		return err
	}
	if !m.Config.projected() { // whatever the configuration says, as in transformers
		m.Config.QFormer.FeatureWidth = m.groups[0].width
	}
	m.Bridge = NewBridge(b, m.Config, m.groups, Want{})
	if err := m.openMemory(files, b); err != nil {
		return err
	}
	if err := b.Err(); err != nil {
		return err
	}
	m.params = b.Params()
	if m.Bridge.Prompt == nil && slices.ContainsFunc(own.Names(), func(name string) bool { return strings.HasPrefix(name, languageModule+".") }) {
		return errors.New("there is a language model, but no tensor language_projection.weight that leads to it")
	}
	if m.Bridge.Prompt != nil {
		if err = m.openLanguage(c.Language, files, own, languageModule, opt); err != nil {
			return err
		}
	}
	if m.Config.QFormer.Text {
		if err := m.openWords(files); err != nil && !opt.spares(err) {
			return err
		}
	}
	if opt.Trainable {
		if err := m.keepSmall(files); err != nil {
			return err
		}
		if err := m.keepOrigin(raw); err != nil {
			return err
		}
	}
	return m.check()
}

// ownWeights is the file that holds the bridge: the one that the configuration names, what Save or Convert wrote, or whatever
// checkpoint the directory has.
func ownWeights(files Files, c Config) string {
	if c.Extras.Weights != "" {
		return c.Extras.Weights
	}
	for _, name := range []string{"model.safetensors", packedName} {
		if files.Has(name) {
			return name
		}
	}
	return "."
}

// detect takes from the tensors what a config.json may not know or get wrong: whether there is a text stream, and how many
// words it has.
func (c *Config) detect(src weights.Source) {
	_, c.QFormer.Text = src.Lookup("qformer.encoder.layer.0.intermediate.dense.weight")
	words := false
	for _, name := range []string{"embeddings.word_embeddings.weight", "qformer.embeddings.word_embeddings.weight"} {
		if t, ok := src.Lookup(name); ok && len(t.Shape) == 2 {
			c.QFormer.Vocab, words = t.Shape[0], true
		}
	}
	if _, speaks := src.Lookup("language_projection.weight"); speaks && !words && !c.Instruct {
		c.QFormer.Text = false // transformers wrote the stream's layers, and has no place for its words
	}
}

// openWords reads the text stream's tokenizer: in a folder of its own, or, unless that is the language model's, in the model's directory.
func (m *Model) openWords(files Files) (err error) {
	if files.Has(wordsDir + "/tokenizer.json") {
		m.Words, err = files.Below(wordsDir).Tokenizer()
		return err
	}
	raw, err := files.ReadFile(wordsDir + "/vocab.txt")
	if err == nil {
		return m.setWords(raw)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if m.Config.Instruct {
		return fmt.Errorf("%s: %w", wordsDir, errNoWords)
	}
	t, err := files.Tokenizer()
	if err == nil {
		m.Words = t
	}
	return err
}

func (m *Model) setWords(vocab []byte) error {
	t, err := tokenizer.FromVocabTxt(vocab, true)
	if err != nil {
		return fmt.Errorf("%s/vocab.txt: %w", wordsDir, err)
	}
	m.Words, m.vocab = t, vocab
	return nil
}

// check says what does not fit together.
func (m *Model) check() error {
	if m.Vision == nil {
		return nil
	}
	if m.Language != nil && m.Bridge.Prompt != nil && m.Bridge.Prompt.Width() != m.Language.Config().Width {
		return fmt.Errorf("the soft prompt is %d wide, the language model %d", m.Bridge.Prompt.Width(), m.Language.Config().Width)
	}
	if m.Words != nil && m.Words.Size() > m.Config.QFormer.Vocab+1 {
		return fmt.Errorf("the Q-Former's tokenizer has %d words, its embeddings %d", m.Words.Size(), m.Config.QFormer.Vocab)
	}
	return nil
}

// Close gives back the files. The model must not be used afterwards.
func (m *Model) Close() error { return m.open.close() }

// Params lists what is trained, in a fixed order.
func (m *Model) Params() []*tensor.Tensor { return m.params }

// stored are the tensors that a checkpoint holds.
func (m *Model) stored() []*tensor.Tensor {
	return slices.Concat(m.params, m.Bridge.buffers(), m.Memory.tensors())
}

// Restore reads the values of a directory that Save or Checkpoint wrote of this very model.
func (m *Model) Restore(path string) error {
	f, err := weights.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	src := weights.Source(f)
	if first := filepath.Join(path, firstStageFile); fileExists(first) {
		g, err := weights.Open(first)
		if err != nil {
			return err
		}
		defer g.Close()
		src = weights.Merge(f, g)
	}
	if err := model.Restore(slices.Concat(m.params, m.Bridge.buffers()), src, path); err != nil {
		return err
	}
	if h := m.Bridge.Head; h != nil && h.Landmarks != nil {
		h.Landmarks.Settle()
	}
	return nil
}

// Writable is an error where the bridge cannot be saved or converted by itself.
func (m *Model) Writable() error {
	if m.packed {
		return model.ErrPacked
	}
	return nil
}

// saveConfig writes everything of a model's directory but the tensors.
func (m *Model) saveConfig(dir string) error {
	c := m.Config
	var err error
	if c.Vision, err = m.standing(c.Vision); err != nil {
		return err
	}
	if m.Language != nil {
		if c.Language, err = m.standing(c.Language); err != nil {
			return err
		}
	}
	raw, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), append(raw, '\n'), 0o644); err != nil {
		return err
	}
	if err := writeSmall(dir, m.small); err != nil {
		return err
	}
	if err := m.saveMemory(dir); err != nil {
		return err
	}
	if m.vocab == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(dir, wordsDir), 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, wordsDir, "vocab.txt"), m.vocab, 0o644)
}

// standing is a frozen part that stays where it is: one that the model's own checkpoint holds is found there from anywhere.
func (m *Model) standing(p Part) (Part, error) {
	at, err := p.Weights()
	if err != nil || at != "" || m.dir == "" {
		return p, err
	}
	if at = m.dir; !builtin.Is(at) {
		if at, err = filepath.Abs(at); err != nil {
			return p, err
		}
	}
	return p.Inside(at)
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// Save writes what Open reads into a directory that is there: everything, if the model came as one directory with all in it; otherwise
// config.json, the bridge's tensors, and the text stream's vocabulary, and frozen parts stay where they are; config.json says where.
func (m *Model) Save(dir string) error {
	if m.Whole() {
		if err := m.saveWhole(dir, "", false); err != nil {
			return fmt.Errorf("save model: %w", err)
		}
		return nil
	}
	if err := m.saveConfig(dir); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	var tensors []weights.Tensor
	for _, p := range m.stored() {
		tensors = append(tensors, weights.FromFloat32(p.Name(), p.Shape(), p.Data()))
	}
	if err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), tensors, map[string]string{"format": "pt"}); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	return nil
}
