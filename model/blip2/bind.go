package blip2

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"dragoman/model"
	"dragoman/nn"
	"dragoman/tokenizer"
	"dragoman/weights"
)

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
	asked, tell := map[string]bool{}, opt.bound
	opt.bound = func(t weights.Tensor) {
		asked[t.Name] = true
		if tell != nil {
			tell(t)
		}
	}
	m.packed, m.dir = files.Packed != nil, files.Where("")
	raw, err := m.readConfig(files, opt.Trainable)
	if err != nil {
		return err
	}
	own, lavis, err := m.openOwn(files)
	if err != nil {
		return err
	}
	opt.lineEnds = m.Config.Extras.LineEnds
	if err := opt.fits(files, own, map[string]Part{visionModule: m.Config.Vision, languageModule: m.Config.Language}); err != nil {
		return err
	}
	src, err := m.openBeside(files, own, opt.Extra)
	if err != nil {
		return err
	}
	if err := m.openEncoder(files, own, opt); err != nil {
		return err
	}
	if err := m.bindBridge(files, src, opt); err != nil {
		return err
	}
	if err := m.openTexts(files, own, opt); err != nil {
		return err
	}
	if !lavis {
		if err := m.strays(own, asked); err != nil {
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

// readConfig reads config.json, and what it leaves to others, which it then says itself where the model may be written elsewhere. raw is the file.
func (m *Model) readConfig(files Files, elsewhere bool) (raw []byte, err error) {
	if raw, err = files.ReadFile("config.json"); err != nil {
		return nil, err
	}
	c, err := ParseConfig(raw)
	if err != nil {
		return nil, err
	}
	if c.Vision, err = complete(files, c.Vision, "vision_config", model.ViT); err != nil {
		return nil, err
	}
	if c.Language, err = complete(files, c.Language, "text_config", model.OPT); err != nil {
		return nil, err
	}
	if elsewhere {
		if c.Vision, err = c.Vision.Fixed(files); err != nil {
			return nil, err
		}
		if c.Language, err = c.Language.Fixed(files); err != nil {
			return nil, err
		}
	}
	m.Config = c
	return raw, nil
}

// openOwn opens the model's own checkpoint, as transformers names its tensors; lavis says that LAVIS wrote it.
func (m *Model) openOwn(files Files) (own weights.Source, lavis bool, err error) {
	file, err := files.Weights(ownWeights(files, m.Config))
	if err != nil {
		return nil, false, err
	}
	m.open = append(m.open, file)
	if own, err = translated(file); err != nil {
		return nil, false, err
	}
	m.Config.Extras.Weights = "" // what Save writes has its own
	if lavis = weights.IsLAVIS(file); lavis {
		err = m.Config.asTrained()
	}
	return own, lavis, err
}

// openBeside is the model's own tensors, and what lies beside them that the bridge may need.
func (m *Model) openBeside(files Files, own, extra weights.Source) (weights.Source, error) {
	src := own
	if files.Packed == nil && files.Has(firstStageFile) {
		first, err := files.Weights(firstStageFile)
		if err != nil {
			return nil, err
		}
		m.open = append(m.open, first)
		src = weights.Merge(src, first)
	}
	if extra != nil {
		src = weights.Merge(src, extra)
	}
	return src, nil
}

// openEncoder opens the image encoder, and says how pictures are prepared for it.
func (m *Model) openEncoder(files Files, own weights.Source, opt Options) error {
	if err := m.openVision(m.Config.Vision, files, own, opt); err != nil {
		return err
	}
	if opt.ImageSize > 0 {
		if err := m.resizeVision(opt.ImageSize); err != nil {
			return err
		}
	}
	return m.openProcessor(files, opt)
}

// bindBridge binds the bridge to its tensors, and reads what hints come from.
func (m *Model) bindBridge(files Files, src weights.Source, opt Options) (err error) {
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
	return nil
}

// openTexts opens what reads and writes texts: the language model that the bridge leads to, and the tokenizer of the Q-Former's text stream.
func (m *Model) openTexts(files Files, own weights.Source, opt Options) error {
	if m.Bridge.Prompt == nil && slices.ContainsFunc(own.Names(), func(name string) bool { return strings.HasPrefix(name, languageModule+".") }) {
		return errors.New("there is a language model, but no tensor language_projection.weight that leads to it")
	}
	if m.Bridge.Prompt != nil {
		if err := m.openLanguage(m.Config.Language, files, own, languageModule, opt); err != nil {
			return err
		}
	}
	if m.Config.QFormer.Text {
		if err := m.openWords(files); err != nil && !opt.spares(err) {
			return err
		}
	}
	return nil
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
	has := func(name string) bool { _, ok := src.Lookup(name); return ok }
	reads := has("text_projection.weight") || has("itm_head.weight")
	if !words && !c.Instruct && (has("language_projection.weight") || !reads) {
		c.QFormer.Text = false // transformers wrote the stream's layers, and has no place for its words (Blip2VisionModelWithProjection, too)
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
	if err := m.checkReader(); err != nil {
		return err
	}
	if m.Words != nil && m.Words.Size() > m.Config.QFormer.Vocab+1 {
		return fmt.Errorf("the Q-Former's tokenizer has %d words, its embeddings %d", m.Words.Size(), m.Config.QFormer.Vocab)
	}
	return nil
}
