package nn

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"dragoman/kernel"
	"dragoman/tensor"
	"dragoman/weights"
)

// BuilderOptions say how a Builder binds and what a fresh parameter starts from.
type BuilderOptions struct {
	// Seed is what fresh parameters are drawn from; each depends on it and on its name alone.
	Seed uint64
	// Store says what a matrix of a frozen part is to be stored as; nil, or an answer of false, leaves it as the checkpoint has it,
	// mapped and not copied. What is converted is read from the file piece by piece, and its mapping is not touched.
	Store func(t weights.Tensor) (d kernel.DType, convert bool)
	// Bound, if set, is told every tensor of the checkpoint that a model asks for, by its full name, before it is converted.
	Bound func(t weights.Tensor)
	// Fresh makes what the checkpoint lacks a fresh parameter instead of an error.
	Fresh bool
	// Most is how many values fresh parameters may have in all; 0: any number. More are an error, and are not made.
	Most int64
	// Make makes fresh tensors instead of drawing float32 parameters.
	Make func(name string, init Init, shape []int) *tensor.Tensor
	// Finite makes a NaN or an infinity in the checkpoint an error, at the cost of reading it.
	Finite bool
}

// Builder walks the names of a checkpoint and binds its tensors, or makes fresh parameters where there is no checkpoint. It
// remembers every error (missing, misshapen) instead of failing at the first, and every name that was asked for. Where there
// is an error, what it returns has the right shape, so that a constructor can go on; Err then says that nothing is to be used.
type Builder struct {
	shared    *shared
	prefix    string // with the last dot
	trainable bool
}

// shared is what all builders of one walk have in common.
type shared struct {
	source weights.Source
	opt    BuilderOptions
	made   map[string]*tensor.Tensor
	asked  map[string]bool
	params []*tensor.Tensor
	values int64 // of the fresh ones
	errs   []error
	zeros  int // elements of what stands in for what is missing
}

// NewBuilder walks a checkpoint; without one (nil) all tensors are fresh.
func NewBuilder(source weights.Source, opt BuilderOptions) *Builder {
	return &Builder{shared: &shared{
		source: source, opt: opt, made: map[string]*tensor.Tensor{}, asked: map[string]bool{},
	}}
}

// Sub goes down: Sub("encoder", "layer", 3) has the prefix "encoder.layer.3.".
func (b *Builder) Sub(parts ...any) *Builder {
	sub := *b
	for _, p := range parts {
		sub.prefix += fmt.Sprint(p) + "."
	}
	return &sub
}

// hopeless is how much may be missing before a constructor stops asking.
const hopeless = 1000

// Count counts from 0 to below n, for a constructor's loop over its layers, and stops where so much is missing already that n must be
// wrong: a configuration that asks for millions of layers costs no memory.
func (b *Builder) Count(n int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; i < n && len(b.shared.errs) < hopeless && yield(i); i++ {
		}
	}
}

// Path is the module path: the prefix without its last dot.
func (b *Builder) Path() string { return strings.TrimSuffix(b.prefix, ".") }

// Trainable says whether what is made below is a parameter: float32, with a gradient. Without it a tensor is frozen.
func (b *Builder) Trainable(on bool) *Builder {
	sub := *b
	sub.trainable = on
	return &sub
}

// Has says whether the checkpoint has the tensor.
func (b *Builder) Has(name string) bool {
	_, ok := b.ShapeOf(name)
	return ok
}

// Same says whether the checkpoint has one tensor under two names, byte by byte.
func (b *Builder) Same(name, other string) bool {
	if !b.Has(name) || !b.Has(other) {
		return false
	}
	x, _ := b.shared.source.Lookup(b.prefix + name)
	y, _ := b.shared.source.Lookup(b.prefix + other)
	same, err := x.Equal(y)
	return same && err == nil
}

// ShapeOf is the tensor's shape in the checkpoint.
func (b *Builder) ShapeOf(name string) ([]int, bool) {
	if b.shared.source == nil {
		return nil, false
	}
	t, ok := b.shared.source.Lookup(b.prefix + name)
	return t.Shape, ok
}

// Optional is Tensor, or nil where the checkpoint lacks it.
func (b *Builder) Optional(name string, shape ...int) *tensor.Tensor {
	if !b.Has(name) {
		return nil
	}
	return b.Tensor(name, Init{}, shape...)
}

// Tensor binds the checkpoint's tensor of that name below the prefix: as it is stored if it is frozen (vectors as float32),
// as a float32 parameter of its own if it is trainable. Without a checkpoint it is fresh. Asked twice for a name, it
// returns the same tensor (tied weights).
func (b *Builder) Tensor(name string, init Init, shape ...int) *tensor.Tensor {
	s, full := b.shared, b.prefix+name
	if t := s.made[full]; t != nil {
		if !slices.Equal(t.Shape(), shape) {
			s.fail(full, fmt.Errorf("asked for as %v and as %v", t.Shape(), shape))
			return s.standIn(full, shape)
		}
		return t
	}
	shape = slices.Clone(shape)
	t, err := b.make(full, init, shape)
	if err != nil {
		s.fail(full, err)
		t = s.standIn(full, shape)
	} else if t.NeedsGrad() {
		s.params = append(s.params, t)
	}
	s.made[full] = t
	return t
}

func (b *Builder) make(full string, init Init, shape []int) (*tensor.Tensor, error) {
	s := b.shared
	if err := checkShape(shape); err != nil {
		return nil, err
	}
	if s.source == nil {
		return b.start(full, init, shape)
	}
	s.asked[full] = true
	stored, ok := s.source.Lookup(full)
	if !ok {
		if s.opt.Fresh {
			return b.start(full, init, shape)
		}
		return nil, s.inFile(errors.New("not in the checkpoint"))
	}
	if err := b.check(stored, shape); err != nil {
		if file := stored.File(); file != "" {
			err = fmt.Errorf("%s: %w", file, err)
		}
		return nil, err
	}
	stored.Name = full
	if s.opt.Bound != nil {
		s.opt.Bound(stored)
	}
	return b.bind(stored)
}

// inFile names the file of a checkpoint that is one file, in an error about what it lacks.
func (s *shared) inFile(err error) error {
	names := s.source.Names()
	if len(names) == 0 {
		return err
	}
	first, _ := s.source.Lookup(names[0])
	last, _ := s.source.Lookup(names[len(names)-1])
	if file := first.File(); file != "" && file == last.File() {
		return fmt.Errorf("%s: %w", file, err)
	}
	return err
}

// check says what is wrong with what the checkpoint has.
func (b *Builder) check(stored weights.Tensor, shape []int) error {
	if !slices.Equal(stored.Shape, shape) {
		return fmt.Errorf("shape %v in the checkpoint, want %v", stored.Shape, shape)
	}
	if err := stored.Check(); err != nil {
		return err
	}
	if stored.Type.Integer() {
		return fmt.Errorf("stored as %v, which holds no weights: rounded by a program whose scales are elsewhere", stored.Type)
	}
	if b.shared.opt.Finite {
		return finite(stored)
	}
	return nil
}

// bind makes a tensor of what the checkpoint has.
func (b *Builder) bind(stored weights.Tensor) (*tensor.Tensor, error) {
	full, shape := stored.Name, slices.Clone(stored.Shape)
	// Only matrices are used as they lie: operations read everything else as aligned float32 values.
	if !b.trainable && len(shape) == 2 {
		converted, own, err := b.convert(stored)
		if err != nil {
			return nil, err
		}
		if d, direct := converted.Kernel(); direct {
			m := kernel.MatOf(d, shape[0], shape[1], converted.Data)
			if own {
				kernel.Default().InEights(tensor.DefaultPool(), &m)
			}
			return tensor.NewWeight(full, m, shape...), nil
		}
	}
	values, err := stored.Float32()
	if err != nil {
		return nil, err
	}
	t := tensor.NewParamOf(full, values, shape...)
	t.SetTrainable(b.trainable)
	return t, nil
}

// convert stores a matrix as the options say, where its rows are whole blocks of that; own says that what it returns is memory of its own.
func (b *Builder) convert(t weights.Tensor) (converted weights.Tensor, own bool, err error) {
	if b.shared.opt.Store == nil {
		return t, false, nil
	}
	d, ok := b.shared.opt.Store(t)
	if from, direct := t.Kernel(); !ok || direct && from == d || t.Shape[1]%d.BlockLen() != 0 {
		return t, false, nil
	}
	converted, err = t.Recode(tensor.DefaultPool(), d)
	return converted, true, err
}

// start makes a fresh tensor.
func (b *Builder) start(full string, init Init, shape []int) (*tensor.Tensor, error) {
	s := b.shared
	if s.opt.Make != nil {
		return s.opt.Make(full, init, shape), nil
	}
	if len(s.errs) > 0 { // nothing of it will be used
		return s.standIn(full, shape), nil
	}
	n := int64(tensor.Count(shape))
	if most := s.opt.Most; most > 0 && n > most-s.values {
		return nil, fmt.Errorf("as %v it would be the parameter with which all fresh ones have %.1f million values, and there is memory for %.1f million", shape, float64(s.values+n)/1e6, float64(most)/1e6)
	}
	s.values += n
	t := tensor.NewParam(full, shape...)
	fanIn := tensor.Count(shape[min(1, len(shape)):])
	if init.Kind == TorchLinear && len(shape) < 2 {
		// A bias has its weight's fan-in.
		if w := s.made[strings.TrimSuffix(full, "bias")+"weight"]; w != nil && len(w.Shape()) > 1 {
			fanIn = tensor.Count(w.Shape()[1:])
		}
	}
	init.fill(t.Data(), fanIn, s.opt.Seed, full)
	t.SetTrainable(b.trainable)
	return t, nil
}

// Err is all errors in one, nil if there are none. Its text is one line that tells the first few.
func (b *Builder) Err() error {
	if len(b.shared.errs) == 0 {
		return nil
	}
	return &bindError{slices.Clone(b.shared.errs)}
}

// bindError is everything that does not fit between a model and its checkpoint: often hundreds of tensors for one wrong number.
type bindError struct{ errs []error }

func (e *bindError) Error() string {
	const most = 3
	var b strings.Builder
	for i, err := range e.errs[:min(most, len(e.errs))] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	if n := len(e.errs) - most; n > 0 {
		fmt.Fprintf(&b, "; and %d more", n)
	}
	return b.String()
}

func (e *bindError) Unwrap() []error { return e.errs }

// Refuse makes an error of a tensor that is there, and that the model has no place for.
func (b *Builder) Refuse(name, why string) { b.shared.fail(b.prefix+name, errors.New(why)) }

// Unused lists the names of the checkpoint that nobody asked for, in its order.
func (b *Builder) Unused() []string {
	if b.shared.source == nil {
		return nil
	}
	var names []string
	for _, name := range b.shared.source.Names() {
		if !b.shared.asked[name] {
			names = append(names, name)
		}
	}
	return names
}

// Params lists every trainable parameter, in the order it was asked for.
func (b *Builder) Params() []*tensor.Tensor { return slices.Clone(b.shared.params) }

func (s *shared) fail(name string, err error) {
	s.errs = append(s.errs, fmt.Errorf("bind tensor %s: %w", name, err))
}

// maxElements is the size of a tensor that a configuration may ask for.
const maxElements = 1 << 33

// checkShape refuses shapes that a configuration cannot mean.
func checkShape(shape []int) error {
	n := 1
	for _, d := range shape {
		if d < 0 || d > 0 && n > maxElements/d {
			return fmt.Errorf("a shape of %v is out of range", shape)
		}
		n *= d
	}
	return nil
}

// standIn has the shape that was asked for, and zeros as long as all together are not too many.
func (s *shared) standIn(name string, shape []int) *tensor.Tensor {
	const most = 1 << 24
	if checkShape(shape) == nil && s.zeros+tensor.Count(shape) <= most {
		s.zeros += tensor.Count(shape)
		t := tensor.NewParam(name, shape...)
		t.SetTrainable(false)
		return t
	}
	return tensor.NewParam(name, make([]int, len(shape))...)
}

// finite says where a stored tensor has a value that is none.
func finite(t weights.Tensor) error {
	values, err := t.Float32()
	if err != nil {
		return err
	}
	for i, v := range values {
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("element %d is %v", i, v)
		}
	}
	return nil
}
