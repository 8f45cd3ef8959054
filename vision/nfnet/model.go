package nfnet

import (
	"fmt"
	"math"

	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/vision"
)

// Model is an NFNet with its weights. It is frozen: nothing of it learns.
type Model struct {
	Config Config
	path   string
	shape  shape
	stem   [4]conv
	stages [stages][]block
	final  conv
	head   *tensor.Tensor // [classes, features], or nil
	bias   *tensor.Tensor
}

var _ vision.Encoder = (*Model)(nil)

// block is one of the stages'.
type block struct {
	path                        string
	conv1, conv2, conv2b, conv3 conv
	squeeze                     squeeze
	shortcut                    *conv // nil: what comes in
	halve                       bool
	scale                       float32 // of what is added
}

// New binds a network to the tensors below b. Errors of tensors are b's.
func New(c Config, b *nn.Builder) (*Model, error) {
	b = b.Trainable(false)
	s, err := detect(b)
	if err != nil {
		return nil, err
	}
	m := &Model{Config: c, path: b.Path(), shape: s}
	in, gain := 3, 1.0 // nothing is activated before the first
	for i, out := range s.stem {
		stride := 1
		if i == 0 || i == len(s.stem)-1 {
			stride = 2
		}
		m.stem[i] = newConv(b.Sub("stem"), fmt.Sprintf("conv%d", i+1), in, out, 3, stride, 1, gain)
		in, gain = out, geluGain
	}
	variance := 1.0
	for i, blocks := range s.stages {
		for n, k := range blocks {
			m.stages[i] = append(m.stages[i], newBlock(b.Sub("stages", i, n), k, geluGain/math.Sqrt(variance)))
			if n == 0 { // the shortcut's convolution has begun anew
				variance = 1
			}
			variance += alpha * alpha
			in = k.out
		}
	}
	m.final = newConv(b, "final_conv", in, s.features, 1, 1, 1, 1)
	if s.classes > 0 {
		m.head = b.Tensor("head.fc.weight", nn.Init{}, s.classes, s.features)
		m.bias = b.Tensor("head.fc.bias", nn.Init{}, s.classes)
	}
	return m, nil
}

// newBlock binds a block; gain is of what goes into it.
func newBlock(b *nn.Builder, s blockShape, gain float64) block {
	groups := s.mid / s.group
	k := block{
		path:    b.Path(),
		conv1:   newConv(b, "conv1", s.in, s.mid, 1, 1, 1, gain),
		conv2:   newConv(b, "conv2", s.group, s.mid, 3, s.stride, groups, geluGain),
		conv2b:  newConv(b, "conv2b", s.group, s.mid, 3, 1, groups, geluGain),
		conv3:   newConv(b, "conv3", s.mid, s.out, 1, 1, 1, geluGain),
		squeeze: newSqueeze(b.Sub("attn_last"), s.out, s.squeeze),
		halve:   s.stride > 1,
		scale:   alpha * attnGain,
	}
	if s.gain {
		if g := b.Tensor("skipinit_gain", nn.Init{}).Floats(); len(g) == 1 {
			k.scale *= g[0]
		}
	}
	if s.shortcut {
		c := newConv(b, "downsample.conv", s.in, s.out, 1, 1, 1, gain)
		k.shortcut = &c
	}
	return k
}

func (k *block) forward(r *tensor.Run, h *tensor.Tensor) *tensor.Tensor {
	x := r.Act(h, kernel.GELU)
	shortcut := h
	if k.shortcut != nil {
		y := x
		if k.halve {
			y = halved(r, x)
		}
		shortcut = k.shortcut.forward(r, y)
	}
	x = k.conv2.forward(r, r.Act(k.conv1.forward(r, x), kernel.GELU))
	x = k.conv2b.forward(r, r.Act(x, kernel.GELU))
	x = k.conv3.forward(r, r.Act(x, kernel.GELU))
	h = r.Add(r.Scale(k.squeeze.forward(r, x), k.scale), shortcut)
	r.Observe(k.path, h)
	return h
}

// Encode implements vision.Encoder, for pictures of any size: tokens are the cells of the last map, activated, row by row.
func (m *Model) Encode(r *tensor.Run, pixels *tensor.Tensor) vision.Features {
	batch, height, width := pixels.Dim(0), pixels.Dim(2), pixels.Dim(3)
	h := r.Reshape(r.Transpose(r.Reshape(pixels, batch, 3, height*width), 1, 2), batch, height, width, 3)
	mark := r.Mark()
	for i := range m.stem {
		if i > 0 {
			h = r.Act(h, kernel.GELU)
		}
		h = r.Release(mark, m.stem[i].forward(r, h))
	}
	for i := range m.stages {
		for n := range m.stages[i] {
			h = r.Release(mark, m.stages[i][n].forward(r, h))
		}
		r.Observe(fmt.Sprintf("%s.stages.%d", m.path, i), h)
	}
	h = r.Scale(r.Act(m.final.forward(r, h), kernel.GELU), geluGain)
	out := vision.Features{Tokens: r.Reshape(h, batch, h.Dim(1)*h.Dim(2), h.Dim(3))}
	out.Pooled = r.MeanAxis(out.Tokens, 1)
	if m.head != nil {
		out.Logits = r.Linear(out.Pooled, m.head, m.bias, kernel.NoAct)
	}
	r.Observe(m.path, out.Tokens)
	return out
}

// Shape implements vision.Encoder.
func (m *Model) Shape() vision.Shape {
	n := m.Config.Size
	for range 5 {
		n = (n + 1) / 2
	}
	return vision.Shape{
		Tokens: n * n, Width: m.shape.features, Pooled: m.shape.features, Classes: m.shape.classes, Grid: [2]int{n, n},
	}
}

// Processor implements vision.Encoder: as timm prepares pictures to be measured on.
func (m *Model) Processor() picture.Processor {
	c := m.Config
	p := picture.Processor{
		Size: [2]int{c.Size, c.Size}, Resample: c.Filter, Fit: picture.Crop, Edge: int(float64(c.Size) / c.Crop), Rounding: picture.RoundEven,
		Rescale: 1.0 / 255, Mean: c.Mean, Std: c.Std,
	}
	if c.Squash {
		p.Fit, p.Squashed = picture.Squash, [2]int{p.Edge, p.Edge}
	}
	return p
}
