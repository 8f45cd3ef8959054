package gated

import (
	"math"
	"slices"

	"dragoman/bridge"
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
)

// Stack is the blocks that stand before a language model's layers.
type Stack struct {
	Config Config
	blocks []*block // a layer of the language model each, nil where there is none
}

// block is one cross-attention and a perceptron, each behind its gate.
type block struct {
	path                string
	opens               [2]string // of the gates' tanh
	norm                bridge.Norm
	attention           *bridge.Attention
	feedForward         *bridge.FeedForward
	attentionGate, gate *tensor.Tensor // [1], or [1, 1, width]
}

// New binds the blocks of a checkpoint, or makes fresh ones whose gates are shut; at is where the tensors of the index-th block are,
// which stands before a layer of the language model.
func New(c Config, at func(layer, index int) *nn.Builder) *Stack {
	s := &Stack{Config: c, blocks: make([]*block, c.Layers)}
	index := 0
	for layer := range s.blocks {
		if c.gated(layer) {
			s.blocks[layer] = newBlock(at(layer, index), c)
			index++
		}
	}
	return s
}

func newBlock(b *nn.Builder, c Config) *block {
	w := c.Names.words()
	attention := bridge.AttentionConfig{
		QueryWidth: c.Width, KeyWidth: c.MediaWidth, Heads: c.Heads, HeadDim: c.HeadDim, Eps: c.Eps, Names: w.attention,
	}
	if c.HeadNorm {
		attention.HeadNorm = c.Norm
	}
	gate := []int{1}
	if c.Vectors {
		gate = []int{1, 1, c.Width}
	}
	opens := w.opens
	for i, name := range opens {
		if name != "" {
			opens[i] = b.Sub(name).Path()
		}
	}
	return &block{
		path:      b.Path(),
		opens:     opens,
		norm:      bridge.NewNorm(b.Sub(w.norm), c.Norm, c.Width, c.Eps),
		attention: bridge.NewAttention(b.Sub(w.attentionModule), attention),
		feedForward: bridge.NewFeedForward(b, bridge.FeedForwardConfig{
			Width: c.Width, Hidden: c.FeedForward, Act: c.Act, Norm: c.Norm, Eps: c.Eps, Names: w.feedForward,
		}),
		attentionGate: b.Tensor(w.attentionGate, nn.Init{Kind: nn.Zero}, gate...),
		gate:          b.Tensor(w.gate, nn.Init{Kind: nn.Zero}, gate...),
	}
}

// Shut is the same blocks with every gate at 0: they look at pictures, and nothing comes of it.
func (s *Stack) Shut() *Stack {
	shut := &Stack{Config: s.Config, blocks: make([]*block, len(s.blocks))}
	for layer, k := range s.blocks {
		if k == nil {
			continue
		}
		with := *k
		with.attentionGate = tensor.FromFloats(make([]float32, k.attentionGate.Len()), k.attentionGate.Shape()...)
		with.gate = tensor.FromFloats(make([]float32, k.gate.Len()), k.gate.Shape()...)
		shut.blocks[layer] = &with
	}
	return shut
}

// Matrices are those that every token is multiplied by, of all blocks.
func (s *Stack) Matrices() []*tensor.Tensor {
	var all []*tensor.Tensor
	for _, k := range s.blocks {
		if k != nil {
			all = slices.Concat(all, k.attention.Readers(), k.feedForward.Matrices())
		}
	}
	return all
}

// Open is what the gates of the block before a layer let through: a value, or one for each column; nil where there is no block.
func (s *Stack) Open(layer int) (attention, feedForward []float32) {
	k := s.blocks[layer]
	if k == nil {
		return nil, nil
	}
	open := func(gate *tensor.Tensor) []float32 {
		x := make([]float32, gate.Len())
		for i, v := range gate.Data() {
			x[i] = float32(math.Tanh(float64(v)))
		}
		return x
	}
	return open(k.attentionGate), open(k.gate)
}

// forward is a block: x [rows, tokens, width] looks at what view shows of the pictures.
func (k *block) forward(run *tensor.Run, x *tensor.Tensor, view view) *tensor.Tensor {
	y := x
	if view.kv.K != nil {
		found := k.attention.Read(run, k.norm.Forward(run, x), view.mask, view.even, view.kv)
		passed := through(run, k.attentionGate, found, k.opens[0])
		if !view.blind { // else it was only shown
			y = run.Add(y, passed)
		}
	}
	y = run.Add(y, through(run, k.gate, k.feedForward.Forward(run, y), k.opens[1]))
	if view.choose != nil { // tokens that see no picture stay as they came
		tokens, width := x.Dim(0)*x.Dim(1), x.Dim(2)
		both := run.Concat(0, run.Reshape(x, tokens, width), run.Reshape(y, tokens, width))
		y = run.Reshape(run.Gather(both, view.choose), x.Shape()...)
	}
	run.Observe(k.path, y)
	return y
}

// through is what a gate lets through of x; path is its tanh's.
func through(run *tensor.Run, gate, x *tensor.Tensor, path string) *tensor.Tensor {
	open := run.Act(gate, kernel.Tanh)
	run.Observe(path, open)
	if open.Len() == 1 {
		return run.ScaleBy(x, open)
	}
	return run.Mul(x, open)
}

// Path is the module path of the block before a layer; "" where there is none.
func (s *Stack) Path(layer int) string {
	if s.blocks[layer] == nil {
		return ""
	}
	return s.blocks[layer].path
}
