package nn

import (
	"dragoman/tensor"
)

// Init says how a fresh parameter starts.
type Init struct {
	Kind InitKind
	Std  float32
}

// InitKind is a way to start.
type InitKind uint8

// Zero, One; Normal(0, Std); TorchLinear (uniform in ±1/√fan-in, PyTorch's default for Linear weights and biases).
const (
	Zero InitKind = iota
	One
	Normal
	TorchLinear
)

// Builder walks the names of a checkpoint and binds its tensors, or makes fresh parameters where there is no checkpoint. It
// remembers every error (missing, misshapen) instead of failing at the first, and every name that was asked for.
//
// Exported methods, implemented in this package:
//
//	NewBuilder(src weights.Source, opt BuilderOptions) *Builder     // src nil: all parameters are fresh
//	(b *Builder) Sub(parts ...any) *Builder                          // "encoder", "layer", 3 → prefix "encoder.layer.3."
//	(b *Builder) Path() string                                       // the prefix without the last dot, a module path
//	(b *Builder) Tensor(name string, init Init, shape ...int) *tensor.Tensor  // bound as stored if frozen, as f32 parameter if Trainable
//	(b *Builder) Optional(name string, shape ...int) *tensor.Tensor  // nil where the checkpoint lacks it
//	(b *Builder) Has(name string) bool
//	(b *Builder) ShapeOf(name string) ([]int, bool)
//	(b *Builder) Trainable(on bool) *Builder                         // what is made below is a parameter (f32, with gradient)
//	(b *Builder) Err() error                                         // all errors in one, nil if none
//	(b *Builder) Unused() []string                                   // names of the source that nobody asked for
//	(b *Builder) Params() []*tensor.Tensor                           // every trainable parameter made, in order
type Builder struct {
	_ *tensor.Tensor
}
