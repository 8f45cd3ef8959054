package train

import (
	"context"

	"dragoman/eval"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/weights"
)

// subject is what a run trains: a kind of system, and what it learns from. The trainer takes the steps, and knows no more of it than
// this.
type subject interface {
	// open puts the system together, or opens the one to go on with, once the data is there.
	open() (system, error)
	// restored takes over what a checkpoint knows besides the parameters.
	restored(s state)
	// canLearn says which part a stage needs and the system has not.
	canLearn(st *Stage) error
	// params are the parameters that a stage trains. The others are told that they want no gradient.
	params(st *Stage) []*tensor.Tensor
	// learner begins a stage, or goes on with it; a trial learner takes a step or two of a stage whose beginning has not been prepared.
	learner(st *Stage, trial bool) (learner, error)
	// complete does what is left when the last stage is over.
	complete() error
	// measure looks how the result does on a set that was held out.
	measure(ctx context.Context, h Held) (eval.Report, error)
	// captions is how many different texts there are to learn.
	captions() int
}

// learner computes a stage's losses.
type learner interface {
	// losses computes batch k's: each by name, and their weighed sum, to go back from.
	losses(k uint64) (map[string]float64, *tensor.Tensor, error)
	// dealt is how many samples a batch has, and how many pairs and pages they are drawn from.
	dealt() (samples, rows int)
	// validate is the mean of the losses over what is held out, as it is, without dropout.
	validate() (map[string]float64, error)
	// keep is what a checkpoint must hold besides the parameters and the optimiser, for a stage to go on.
	keep() []weights.Tensor
}

// system is a model whose bridge learns, and whose other parts stand still.
type system interface {
	encoder
	Params() []*tensor.Tensor
	// FrozenHash is a hash of everything that training must not change.
	FrozenHash() string
	// Save writes the model into a directory; Checkpoint does, too, and may link what another checkpoint, in the directory like, has
	// already; Restore reads what either wrote.
	Save(dir string) error
	Checkpoint(dir, like string) error
	Restore(dir string) error
	Close() error
}

// encoder is the frozen image encoder of a system, as far as it does not change what the bridge reads of a picture.
type encoder interface {
	Processor() picture.Processor
	// Encode writes FeatureLen numbers a picture for pixels [B, 3, H, W].
	Encode(run *tensor.Run, pixels *tensor.Tensor, dst []float32)
	FeatureLen() int
	// EncodingHash is a hash of everything that those numbers depend on besides the pixels.
	EncodingHash() string
}
