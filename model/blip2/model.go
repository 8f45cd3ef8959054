package blip2

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

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
	kept      keptReadings       // what the language model need not read again
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

// Close gives back the files. The model must not be used afterwards.
func (m *Model) Close() error { return m.open.close() }

// Params lists what is trained, in a fixed order.
func (m *Model) Params() []*tensor.Tensor { return m.params }

// Values lists the bridge's tensors: what is trained, and what is kept as it was once found.
func (m *Model) Values() []*tensor.Tensor { return slices.Concat(m.params, m.Bridge.buffers()) }

// stored are the tensors that a checkpoint holds.
func (m *Model) stored() []*tensor.Tensor {
	return slices.Concat(m.Values(), m.Memory.tensors())
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
	if err := model.Restore(m.Values(), src, path); err != nil {
		return err
	}
	m.Settle()
	return nil
}

// Settle is due after somebody changed Values.
func (m *Model) Settle() {
	if h := m.Bridge.Head; h != nil && h.Landmarks != nil {
		h.Landmarks.Settle()
	}
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
