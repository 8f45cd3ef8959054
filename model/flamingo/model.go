package flamingo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"dragoman/bridge/gated"
	"dragoman/bridge/resampler"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/vision"
	"dragoman/weights"
)

// The model types of config.json.
const (
	typeIDEFICS      = "idefics"
	typeOpenFlamingo = "open_flamingo"
)

// Model is a whole system.
type Model struct {
	Vision    vision.Encoder
	Resampler *resampler.Resampler // nil where the text looks at the encoder's features themselves
	Gates     *gated.Stack
	Language  language.Model
	Tokenizer *tokenizer.Pipeline

	dialect   dialect
	compare   *tensor.Tensor // nil, or the encoder's own projection of a picture as a whole, [out, width]
	own       *own           // of a system that was put together here; nil for others
	processor picture.Processor
	params    []*tensor.Tensor // where Options.Gradients asked for them
	files     []*weights.File
}

// dialect is what the two projects do otherwise with text.
type dialect interface {
	// page writes a page's parts as one text.
	page(parts []Part) string
	// special says whether Encode adds what the tokenizer adds around a text.
	special() bool
	// seen says which of a row's pictures each token sees: [len(ids), pictures].
	seen(ids []int32, pictures int) []uint8
	// image is the id of the token that stands for a picture.
	image() int32
	// stop and never are ids that end a text, and that are not to be written.
	stop() []int32
	never() []int32
	// shots writes examples and what is asked behind them, chat a conversation whose next turn is the model's (nil: it was taught no turns).
	shots(shots []Shot, ask Shot) []Part
	textOnly() int // how many examples without pictures stand before a question that has none
	chat(turns []Turn) []Part
	// behind are the tokens of a text that could stand behind a page.
	behind(t tokenizer.Tokenizer, page, text string) []int32
	// inputs are what the reference's forward calls pictures and tokens.
	inputs() (pixels, ids string)
	// media is where the reference keeps what the text looks at, a picture apart; "": with the resampler's output.
	media() string
	// outside is what a path inside the program is called in the reference.
	outside(path string) string
}

// Options say how a model is opened.
type Options struct {
	// Store says what a frozen matrix is stored as (nil: as the checkpoint has it); it is asked under the names vision_model.…,
	// language_model.…, and others for the bridge.
	Store     func(t weights.Tensor) (d kernel.DType, convert bool)
	Gradients bool // all tensors are parameters, to see their gradients
	Trainable bool // the bridge's are, of a system that was put together here
	Finite    bool // a NaN or an infinity in the checkpoint is an error
}

// builder walks a source; part is what Store takes a name for.
func (o Options) builder(src weights.Source, part func(name string) string) *nn.Builder {
	return nn.NewBuilder(src, o.bind(part)).Trainable(o.Gradients)
}

// bind are the options of who binds a checkpoint.
func (o Options) bind(part func(name string) string) nn.BuilderOptions {
	b := nn.BuilderOptions{Finite: o.Finite}
	if o.Store != nil {
		b.Store = func(t weights.Tensor) (kernel.DType, bool) {
			t.Name = part(t.Name)
			return o.Store(t)
		}
	}
	return b
}

// Is says whether a config.json is that of a model which this package opens.
func Is(config []byte) bool {
	var c struct {
		Type string `json:"model_type"`
	}
	return json.Unmarshal(config, &c) == nil && (c.Type == typeIDEFICS || c.Type == typeOpenFlamingo || c.Type == typeOwn)
}

// Open opens a model's directory.
func Open(path string, opt Options) (*Model, error) {
	files := model.Dir(path)
	m := &Model{}
	if err := m.bind(files, opt); err != nil {
		return nil, model.OpenError(path, errors.Join(err, m.Close()))
	}
	return m, nil
}

func (m *Model) bind(files model.Files, opt Options) error {
	raw, err := files.ReadFile("config.json")
	if err != nil {
		return err
	}
	var c struct {
		Type string `json:"model_type"`
	}
	if err := json.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	switch c.Type {
	case typeIDEFICS:
		err = m.openIDEFICS(raw, files, opt)
	case typeOpenFlamingo:
		err = m.openOpenFlamingo(raw, files, opt)
	case typeOwn:
		err = m.openOwn(raw, files, opt)
	default:
		err = fmt.Errorf("config.json: model_type %q is none of %s, %s and %s", c.Type, typeIDEFICS, typeOpenFlamingo, typeOwn)
	}
	if err != nil {
		return err
	}
	return m.openProcessor(files)
}

// weights opens a checkpoint that is closed with the model.
func (m *Model) weights(files model.Files, name string) (*weights.File, error) {
	f, err := files.Weights(name)
	if err == nil {
		m.files = append(m.files, f)
	}
	return f, err
}

// openProcessor reads the directory's own processor, where there is one.
func (m *Model) openProcessor(files model.Files) error {
	m.processor = m.Vision.Processor()
	p, err := picture.LoadProcessor(files.Where("."))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if p.Uncut { // as large as the encoder reads, or an error for that picture
		p.Size = m.processor.Size
	}
	if p.Size != m.processor.Size {
		return fmt.Errorf("preprocessor_config.json: pictures of %d×%d, the encoder reads %d×%d", p.Size[0], p.Size[1], m.processor.Size[0], m.processor.Size[1])
	}
	m.processor = p
	return nil
}

// Processor makes the pixels that the model was trained on.
func (m *Model) Processor() picture.Processor { return m.processor }

// Params lists the parameters, where Options.Gradients asked for them.
func (m *Model) Params() []*tensor.Tensor { return slices.Clone(m.params) }

// StopIDs are the ids that end a text, NeverIDs those that are not to be written: a picture's, which would stand for none.
func (m *Model) StopIDs() []int32  { return m.dialect.stop() }
func (m *Model) NeverIDs() []int32 { return m.dialect.never() }

// Close gives back the files. The model must not be used afterwards.
func (m *Model) Close() error {
	var errs []error
	for _, f := range m.files {
		errs = append(errs, f.Close())
	}
	m.files = nil
	return errors.Join(errs...)
}
