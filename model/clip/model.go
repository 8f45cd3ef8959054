package clip

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"dragoman/model"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/tokenizer"
	vision "dragoman/vision/clip"
	"dragoman/weights"
)

// Model is a CLIP. It may be used by many runs at a time.
type Model struct {
	Config    Config
	Vision    *vision.Model       // nil where the directory has the text side alone
	Text      *Text               // nil where it has the image side alone
	Tokenizer *tokenizer.Pipeline // nil where the directory has none

	visual  *tensor.Tensor // [Config.Width, the image side's width], of what it projects
	textual *tensor.Tensor // [Config.Width, the text side's width]
	scale   *tensor.Tensor // [] the logarithm of what cosines are multiplied with; nil where a side is missing

	processor picture.Processor
	params    []*tensor.Tensor // where Options.Gradients asked for them
	files     model.Opened
}

// Options say how a model is opened.
type Options struct {
	Precision model.Precision // what matrices are rounded to: it is asked under the names vision_model.… and, for the text side, language_model.…
	Room      model.Room      // what the weights have to fit into
	Gradients bool            // all tensors are parameters, to see their gradients
	Finite    bool            // a NaN or an infinity in the checkpoint is an error
	Pixels    bool            // the model is given pixel values: a processor that contradicts the encoder does not matter
}

// IsDir says whether a directory is that of a CLIP: transformers' or open_clip's.
func IsDir(path string) bool {
	files := model.Dir(path)
	raw, err := files.ReadFile("config.json")
	if err == nil {
		return Is(raw)
	}
	return errors.Is(err, fs.ErrNotExist) && files.Has(openCLIPConfig)
}

// Open opens a model's directory.
func Open(path string, opt Options) (*Model, error) {
	m := &Model{}
	if err := m.bind(model.Dir(path), opt); err != nil {
		return nil, fmt.Errorf("open model: %s: %w", path, errors.Join(err, m.Close()))
	}
	return m, nil
}

func (m *Model) bind(files model.Files, opt Options) error {
	src, err := m.read(files)
	if err != nil {
		return err
	}
	if err := opt.Room.FitsAs(part, opt.Precision, opt.Gradients, src); err != nil {
		return err
	}
	b := nn.NewBuilder(src, nn.BuilderOptions{Finite: opt.Finite, Store: opt.Precision.StoreAs(part)}).Trainable(opt.Gradients)
	c := m.Config
	project := func(name string, in int) *tensor.Tensor { return b.Tensor(name, nn.Init{}, c.Width, in) }
	if c.Vision != nil {
		m.Vision = vision.New(*c.Vision, b.Sub("vision_model"))
		m.visual = project("visual_projection.weight", c.Vision.HiddenSize)
	}
	if c.Text != nil {
		m.Text = NewText(*c.Text, b.Sub("text_model"))
		m.textual = project("text_projection.weight", c.Text.HiddenSize)
	}
	if c.Vision != nil && c.Text != nil {
		m.scale = b.Tensor("logit_scale", nn.Init{})
	}
	if err := b.Err(); err != nil {
		return err
	}
	m.params = b.Params()
	if m.Text != nil {
		if err := m.openTokenizer(files); err != nil {
			return err
		}
	}
	if m.Vision == nil {
		return nil
	}
	encoder := m.Vision.Processor()
	if err := c.preprocess.apply(&encoder); err != nil {
		return err
	}
	m.processor, err = files.Processor(encoder, opt.Pixels)
	return err
}

// read finds out what the directory is: its configuration, and its tensors under transformers' names.
func (m *Model) read(files model.Files) (weights.Source, error) {
	raw, err := files.ReadFile("config.json")
	if errors.Is(err, fs.ErrNotExist) {
		return m.readOpenCLIP(files)
	}
	if err != nil {
		return nil, err
	}
	if m.Config, err = ParseConfig(raw); err != nil {
		return nil, err
	}
	return m.weights(files, ".")
}

func (m *Model) weights(files model.Files, name string) (weights.Source, error) {
	f, err := files.Weights(name)
	if err != nil {
		return nil, err
	}
	m.files = append(m.files, f)
	if weights.IsOpenCLIP(f) {
		return transformersNames(f)
	}
	return f, nil
}

// part is what a tensor is to Options.Precision.
func part(name string) string {
	if inner, ok := strings.CutPrefix(name, "text_model."); ok {
		if inner == "embeddings.token_embedding.weight" {
			inner = "embed_tokens.weight" // a table of words
		}
		return "language_model." + inner
	}
	return name
}

// openTokenizer reads the directory's tokenizer, where there is one: pixels, or ids, can do without.
func (m *Model) openTokenizer(files model.Files) error {
	t, err := files.Tokenizer()
	if errors.Is(err, tokenizer.ErrNoFiles) {
		return nil
	}
	if err != nil {
		return err
	}
	if t.Size() > m.Text.Config.Vocab {
		return fmt.Errorf("the tokenizer has %d words, the text encoder %d", t.Size(), m.Text.Config.Vocab)
	}
	m.Tokenizer = t
	return nil
}

// Processor makes the pixels that the model was trained on.
func (m *Model) Processor() picture.Processor { return m.processor }

// Close gives back the files. The model must not be used afterwards.
func (m *Model) Close() error { return m.files.Close() }
