package dragoman

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"dragoman/hub"
	"dragoman/internal/builtin"
	"dragoman/internal/hint"
	"dragoman/internal/nearest"
	"dragoman/internal/rss"
	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/model/clip"
	"dragoman/model/flamingo"
	"dragoman/picture"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// ErrNoModel is wrapped where a name leads to no model, or to a folder that holds none.
var ErrNoModel = errors.New("no such model")

// ErrNoPart is wrapped where a model lacks the part that a call needs: a language model to caption with, heads to match with.
var ErrNoPart = errors.New("the model has no such part")

// Option is how a model is opened.
type Option func(*options)

type options struct {
	dtype     string
	seed      uint64
	pictures  picture.Options
	frames    picture.Sampling
	imageSize int
	extra     string
	memory    int64
	finite    bool
	pixels    bool
}

// WithDType chooses what is computed with: "auto" (as stored, or bf16 where that is float32 and the processor is fast at bf16), "f32"
// (nothing is rounded on the way), "bf16", "f16", "q8_0", "q4_0", "q4_1" (matrices are converted when they are loaded; see
// blip2.Precision for which are kept finer).
func WithDType(name string) Option { return func(o *options) { o.dtype = name } }

// WithSeed sets what drawing starts from where a call does not say.
func WithSeed(seed uint64) Option { return func(o *options) { o.seed = seed } }

// WithPictures sets how pictures are decoded.
func WithPictures(p picture.Options) Option { return func(o *options) { o.pictures = p } }

// WithFrames sets which frames of a video are looked at: without it one a second, as the Flamingo paper trains. Where s does not say how
// many at most, that is as many as the model learnt to tell apart.
func WithFrames(s picture.Sampling) Option { return func(o *options) { o.frames = s } }

// WithImageSize has pictures read at another size than the encoder was trained on, size by size pixels: its positions are interpolated, as
// with transformers' interpolate_pos_encoding. 0 leaves the size as it is.
func WithImageSize(size int) Option { return func(o *options) { o.imageSize = size } }

// WithPixels says that the model is given pixel values and token ids rather than pictures and texts: what its directory says of preparing
// pictures may then contradict its encoder, and a tokenizer be missing. A model without one can do nothing but trace.
func WithPixels() Option { return func(o *options) { o.pixels = true } }

// WithExtra names a safetensors file in which tensors are looked for that the files of a BLIP-2 or an InstructBLIP lack. Any other model is
// refused with it.
func WithExtra(path string) Option { return func(o *options) { o.extra = path } }

// WithMemory sets how many bytes of memory a model's weights may take: a larger one is refused before it is read. Without it that is
// what the machine, the container or ulimit -v leave to this process; 0 never refuses.
func WithMemory(bytes int64) Option { return func(o *options) { o.memory = bytes } }

// WithCheck reads all weights first, and refuses a model that has a NaN or an infinity among them.
func WithCheck() Option { return func(o *options) { o.finite = true } }

// builtinPrefix begins the paths of files that are built into the program.
const builtinPrefix = "mini:"

// builtinModels are the directories of the built-in models, by their names.
var builtinModels = map[string]string{"": builtinPrefix, "mini": builtinPrefix, "mini-flamingo": builtinPrefix + "flamingo/"}

// BuiltIn are the names of the models that the program was built with.
func BuiltIn() (names []string) {
	for name, path := range builtinModels {
		if _, err := builtin.ReadFile(path + "config.json"); err == nil && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// orBuiltIn puts before a hint which models are built in, and which of them a misspelt name may mean. A name with a slash is somebody's on a hub.
func orBuiltIn(name, text string) string {
	names := BuiltIn()
	if len(names) == 0 || hub.IsName(name) && strings.Contains(name, "/") {
		return text
	}
	said := "built in: " + strings.Join(names, ", ")
	if meant := nearest.To(name, names); meant != "" {
		return fmt.Sprintf("did you mean %s? %s", meant, said)
	}
	return said + "; " + text
}

// aModel is what to give where there is none.
const aModel = "give a directory with a config.json, or a GGUF file"

// resolve turns what a user calls a model into a directory or a file: nothing, "mini" and "mini-flamingo" are built in; what is no path is
// looked for in the Hugging Face cache, as NAME or NAME@REVISION.
func resolve(name string) (string, error) {
	if path, ok := builtinModels[name]; ok {
		if _, err := builtin.ReadFile(path + "config.json"); err != nil {
			return "", hint.Wrap(fmt.Errorf("opening a model: %s: %w in this program", cmp.Or(name, "mini"), ErrNoModel), "import _ \"dragoman/mini\" builds it in")
		}
		return path, nil
	}
	if _, err := os.Stat(name); err == nil {
		return name, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("opening a model: %w", err)
	}
	if model, _ := hub.SplitRevision(name); !hub.IsName(model) || weights.IsFile(model) {
		return "", hint.Wrap(fmt.Errorf("opening a model: %s: %w", name, ErrNoModel), "%s", orBuiltIn(name, aModel))
	}
	dir, err := hub.Lookup(name)
	if errors.Is(err, hub.ErrNotCached) {
		return "", hint.Wrap(fmt.Errorf("opening a model: %s: %w here, nor in the Hugging Face cache", name, ErrNoModel), "%s", orBuiltIn(name, hint.Of(err)))
	}
	if err != nil {
		return "", fmt.Errorf("opening a model: %w", err)
	}
	return dir, nil
}

// Locate is the directory or the file of a model that Open takes, whose name may be one in the Hugging Face cache; of a built-in one it is where
// the packages below find it, which is no path.
func Locate(name string) (string, error) { return resolve(name) }

// Open loads a model: a directory with a config.json, the GGUF file that Convert made of one, a GGUF file or a directory of a language
// model (which then can chat only), a CLIP's directory (which compares only), the name of a model in the Hugging Face cache (NAME or NAME@REVISION), or
// one that the program was built with: "mini", which "" stands for, or "mini-flamingo".
func Open(name string, opts ...Option) (*Model, error) { return open(name, false, opts...) }

func open(name string, trainable bool, opts ...Option) (*Model, error) {
	began := time.Now()
	o := options{dtype: "auto", memory: -1, frames: picture.Sampling{Rate: 1}}
	for _, f := range opts {
		if f != nil {
			f(&o)
		}
	}
	if o.imageSize < 0 {
		return nil, fmt.Errorf("opening a model: pictures of %d×%d", o.imageSize, o.imageSize)
	}
	compute, store, err := computing(o.dtype)
	if err != nil {
		return nil, fmt.Errorf("opening a model: %w", err)
	}
	path, err := resolve(name)
	if err != nil {
		return nil, err
	}
	m := &Model{opt: o, compute: compute}
	bo := blip2.Options{Precision: store, Trainable: trainable, All: trainable, Room: o.room(), Finite: o.finite, ImageSize: o.imageSize, Pixels: o.pixels}
	pages, pair := flamingo.Is(path), clip.IsDir(path)
	alone := !pages && !pair && blip2.IsLanguage(path)
	if o.extra != "" && (pages || pair || alone) {
		return nil, fmt.Errorf("opening a model: %s: tensors from another file are for a BLIP-2 or an InstructBLIP, and this is neither", path)
	}
	if pages {
		if err := m.openPages(path, flamingo.Options{Precision: store, Room: o.room(), ImageSize: o.imageSize, Gradients: trainable, Finite: o.finite, Pixels: o.pixels}); err != nil {
			return nil, err
		}
	} else if pair {
		if err := m.openPair(path, store, trainable); err != nil {
			return nil, err
		}
	} else if alone {
		if m.system, err = blip2.OpenLanguage(path, bo); err != nil {
			return nil, err
		}
	} else {
		if o.extra != "" {
			extra, err := weights.Open(o.extra)
			if err != nil {
				return nil, err
			}
			m.extra, bo.Extra = extra, extra
		}
		if m.system, err = blip2.Open(path, bo); err != nil {
			if m.extra != nil {
				err = errors.Join(err, m.extra.Close())
			}
			if _, none := os.Stat(filepath.Join(path, "config.json")); errors.Is(err, fs.ErrNotExist) && errors.Is(none, fs.ErrNotExist) {
				err = hint.Wrap(fmt.Errorf("opening a model: %s: %w: there is no config.json in it", path, ErrNoModel), "%s", orBuiltIn(name, aModel))
			}
			return nil, err
		}
	}
	m.load = time.Since(began).Seconds()
	return m, nil
}

// room is what the weights have to fit into.
func (o options) room() blip2.Room {
	if o.memory >= 0 {
		return blip2.Room{Bytes: o.memory, By: "the limit that was set"}
	}
	bytes, by := rss.Limit()
	return blip2.Room{Bytes: bytes, By: by}
}

// computing says what a dtype means: what operands may be rounded to, and what matrices are stored as.
func computing(dtype string) (compute kernel.DType, store blip2.Precision, err error) {
	if dtype == "" || dtype == "auto" {
		store = blip2.Precision{Some: true, Wide: true, Matrices: kernel.F32}
		if kernel.Default().FastBF16() {
			store.Matrices = kernel.BF16
		}
		return kernel.Q8_0, store, nil
	}
	d, err := kernel.ParseDType(dtype)
	if err != nil {
		return 0, store, err
	}
	switch d {
	case kernel.F32:
		return kernel.F32, store, nil
	case kernel.F16, kernel.BF16:
		compute = kernel.BF16
	default:
		compute = kernel.Q8_0
	}
	return compute, blip2.Precision{Some: true, Matrices: d}, nil
}

// isBare says whether a directory is no model's, and can hold the files of a tokenizer or a processor at most.
func isBare(path string) bool {
	_, err := os.Stat(filepath.Join(path, "config.json"))
	return err != nil && !flamingo.Is(path) && !clip.IsDir(path)
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// OpenTokenizer loads the tokenizer of a model's language model, or of a folder that holds only a tokenizer's files.
func OpenTokenizer(name string) (tokenizer.Tokenizer, error) {
	path, err := resolve(name)
	if err != nil {
		return nil, err
	}
	if isDir(path) {
		t, err := tokenizer.FromDir(path)
		if err == nil {
			return t, nil
		}
		if isBare(path) || !errors.Is(err, tokenizer.ErrNoFiles) { // a bridge's directory names its language model's files in config.json
			return nil, err
		}
	}
	m, err := Open(name, WithDType("f32"), WithMemory(0)) // nothing is converted, nor read but the words
	if err != nil {
		return nil, err
	}
	defer m.Close()
	if m.system.Tokenizer == nil && m.system.Words != nil { // a matching model's
		return m.system.Words, nil
	}
	if m.system.Tokenizer == nil {
		return nil, fmt.Errorf("opening a tokenizer: %s: %w: a tokenizer", path, ErrNoPart)
	}
	return m.system.Tokenizer, nil
}

// OpenProcessor loads what turns pictures into the numbers that a model's encoder reads; a folder that holds only a processor's
// files is enough.
func OpenProcessor(name string) (picture.Processor, error) {
	path, err := resolve(name)
	if err != nil {
		return picture.Processor{}, err
	}
	if isDir(path) {
		p, err := picture.LoadProcessor(path)
		if err == nil || isBare(path) || !errors.Is(err, picture.ErrNoImageProcessor) {
			return p, err
		}
	}
	m, err := Open(name, WithDType("f32"), WithMemory(0))
	if err != nil {
		return picture.Processor{}, err
	}
	defer m.Close()
	p, ok := m.processor()
	if !ok {
		return p, fmt.Errorf("opening a processor: %s: %w: an image encoder", name, ErrNoPart)
	}
	return p, nil
}
