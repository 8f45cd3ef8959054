package flamingo

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"dragoman/bridge/gated"
	"dragoman/bridge/resampler"
	"dragoman/generate"
	"dragoman/internal/plainjson"
	"dragoman/language"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/vision"
	"dragoman/vision/clip"
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
	Rules     generate.Rules // of what the language model writes

	dialect   dialect
	compare   *tensor.Tensor // nil, or the encoder's own projection of a picture as a whole, [out, width]
	found     model.Files
	upon      frozen           // of OpenFlamingo
	parts     []weights.Source // checkpoints of which transformers has more than is read here
	own       *own             // of a system that was put together here; nil for others
	processor picture.Processor
	params    []*tensor.Tensor // where Options.Gradients asked for them
	files     model.Opened
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
	// pictures is how pictures are prepared where no file says it, of how CLIP prepares them.
	pictures(p picture.Processor) picture.Processor
	// inputs are what the reference's forward calls pictures and tokens.
	inputs() (pixels, ids string)
	// media is where the reference keeps what the text looks at, a picture apart; "": with the resampler's output.
	media() string
	// outside is what a path inside the program is called in the reference.
	outside(path string) string
}

// Options say how a model is opened.
type Options struct {
	Precision model.Precision // what matrices are rounded to
	Room      model.Room      // what the weights have to fit into
	ImageSize int             // side of the pictures that are read, positions interpolated between the learnt ones (IDEFICS); 0: as trained
	Gradients bool            // all tensors are parameters, to see their gradients
	Trainable bool            // the bridge's are, of a system that was put together here
	Finite    bool            // a NaN or an infinity in the checkpoint is an error
	Pixels    bool            // pictures come as pixels and texts as ids: IDEFICS can do without a tokenizer

	bound func(weights.Tensor) // nil, or who is told what the model asks its checkpoints for
}

// builder walks a source; part is what Precision takes a name for: vision_model.…, language_model.…, and others for the bridge.
func (o Options) builder(src weights.Source, part func(name string) string) *nn.Builder {
	return nn.NewBuilder(src, o.bind(part)).Trainable(o.Gradients)
}

// bind are the options of who binds a checkpoint.
func (o Options) bind(part func(name string) string) nn.BuilderOptions {
	return nn.BuilderOptions{Finite: o.Finite, Bound: o.bound, Store: o.Precision.StoreAs(part)}
}

// fits refuses tensors that are larger than the memory; a name that several sources have is the first's.
func (o Options) fits(part func(name string) string, sources ...weights.Source) error {
	return o.Room.FitsAs(part, o.Precision, o.Gradients, sources...)
}

// Is says whether there is a model at path which this package opens: its config.json says so, or it is a released checkpoint.
func Is(path string) bool {
	kind := typeAt(path)
	return kind == typeIDEFICS || kind == typeOpenFlamingo || kind == typeOwn
}

// IsOwn says whether it is one that was put together here, whose frozen parts are elsewhere.
func IsOwn(path string) bool { return typeAt(path) == typeOwn }

// typeAt is the model_type of a model; "" where there is none.
func typeAt(path string) string {
	files, err := model.Find(path)
	if err != nil {
		return ""
	}
	defer files.Close() // a file that was only looked at
	var c struct {
		Type string `json:"model_type"`
	}
	config, err := readConfig(files)
	if err != nil || json.Unmarshal(config, &c) != nil {
		return ""
	}
	return c.Type
}

// Open opens a model's directory, or the one file that Pack made of one.
func Open(path string, opt Options) (*Model, error) {
	files, err := model.Find(path)
	if err != nil {
		return nil, fmt.Errorf("open model: %w", err)
	}
	m := &Model{found: files}
	if files.Packed != nil {
		m.files = append(m.files, files.Packed)
	}
	if err := m.bind(files, opt); err != nil {
		return nil, model.OpenError(path, errors.Join(err, m.Close()))
	}
	return m, nil
}

func (m *Model) bind(files model.Files, opt Options) error {
	raw, err := readConfig(files)
	if err != nil {
		return err
	}
	var c struct {
		Type string `json:"model_type"`
	}
	if err := plainjson.Unmarshal(raw, &c); err != nil {
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
		err = fmt.Errorf("config.json: model_type %.60q is none of %s, %s and %s", c.Type, typeIDEFICS, typeOpenFlamingo, typeOwn)
	}
	if err != nil {
		return err
	}
	if m.processor, err = files.Processor(m.dialect.pictures(m.Vision.Processor()), false); err != nil || opt.ImageSize == 0 {
		return err
	}
	return m.resize(opt.ImageSize)
}

// resize has the encoder read pictures of another size.
func (m *Model) resize(size int) error {
	encoder, ok := m.Vision.(*clip.Model)
	if !ok || m.isOpenFlamingo() { // whose encoder has no such way in open_clip
		want := m.processor.Size
		return fmt.Errorf("pictures of %d×%d: the encoder reads its own size alone, %d×%d", size, size, want[0], want[1])
	}
	other, err := encoder.At(size)
	if err != nil {
		return err
	}
	m.Vision = other
	m.processor.SetSize(size)
	if m.own != nil {
		m.own.groups, err = m.own.config.groups(other.Shape())
	}
	return err
}

// weights opens a checkpoint that is closed with the model.
func (m *Model) weights(files model.Files, name string) (*weights.File, error) {
	f, err := files.Weights(name)
	if err == nil && files.Packed == nil {
		m.files = append(m.files, f)
	}
	return f, err
}

// Processor makes the pixels that the model was trained on.
func (m *Model) Processor() picture.Processor { return m.processor }

// Params lists the parameters, where Options.Gradients asked for them.
func (m *Model) Params() []*tensor.Tensor { return slices.Clone(m.params) }

// StopIDs are the ids that end a text, NeverIDs those that are not to be written: a picture's, which would stand for none.
func (m *Model) StopIDs() []int32  { return m.dialect.stop() }
func (m *Model) NeverIDs() []int32 { return m.dialect.never() }

// Close gives back the files. The model must not be used afterwards.
func (m *Model) Close() error { return m.files.Close() }
