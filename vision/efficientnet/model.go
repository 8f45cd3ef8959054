// Package efficientnet is EfficientNet-Lite (Tan and Le, 2019, section 4, without squeeze-excitation and with ReLU6), a
// convolutional image encoder trained on ImageNet.
//
// Pixels [B, 3, H, W], (byte − 127)/128, become a map of features at stride 16 and one at stride 32 (at 224 pixels [B, 14,
// 14, 112] and [B, 7, 7, 320] for lite0), their pooled summary [B, 1280] and the logits of 1000 classes. Inside, maps lie
// channels last, so that a 1×1 convolution is a matrix product. Tensor names are those of the PyTorch package
// efficientnet_lite_pytorch. Batch norm is folded into the convolutions when the weights are bound.
package efficientnet

import (
	"fmt"

	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/vision"
)

// Model is an EfficientNet-Lite with its weights.
type Model struct {
	cfg    Config
	path   string
	stem   stem
	blocks []mbconv
	split  int // the blocks before it work at stride 16 or finer
	head   conv
	fc     *tensor.Tensor // [classes, 1280]
	fcBias *tensor.Tensor
}

// mbconv is an inverted bottleneck; expand is nil where it does not widen.
type mbconv struct {
	path    string
	expand  *conv
	depth   conv
	project conv
	skip    bool
}

// New binds a network to the tensors below b. Errors are b's.
func New(b *nn.Builder, cfg Config) *Model {
	m := &Model{cfg: cfg, path: b.Path()}
	m.stem = newStem(b)
	stride := 2
	in := stemWidth
	for i, s := range cfg.blocks() {
		if stride *= s.stride; stride <= 16 {
			m.split = i + 1
		}
		m.blocks = append(m.blocks, newBlock(b.Sub("_blocks", i), s))
		in = s.out
	}
	m.head = newConv(b, "_conv_head", "_bn1", in, headWidth, 1, 1, 1)
	m.fc = b.Tensor("_fc.weight", nn.Init{Kind: nn.TorchLinear}, cfg.Classes, headWidth)
	m.fcBias = b.Tensor("_fc.bias", nn.Init{Kind: nn.TorchLinear}, cfg.Classes)
	return m
}

func newBlock(b *nn.Builder, s block) mbconv {
	m := mbconv{path: b.Path(), skip: s.stride == 1 && s.in == s.out}
	mid := s.in * s.expand
	if s.expand != 1 {
		e := newConv(b, "_expand_conv", "_bn0", s.in, mid, 1, 1, 1)
		m.expand = &e
	}
	m.depth = newConv(b, "_depthwise_conv", "_bn1", mid, mid, s.kernel, s.stride, mid)
	m.project = newConv(b, "_project_conv", "_bn2", mid, s.out, 1, 1, 1)
	m.project.act = kernel.NoAct
	return m
}

// Detect tells from the shapes of a checkpoint which of the family it is.
func Detect(b *nn.Builder) (Config, error) {
	head, ok := b.ShapeOf("_conv_head.weight")
	if !ok || len(head) != 4 {
		return Config{}, fmt.Errorf("efficientnet: the checkpoint has no _conv_head.weight [1280, channels, 1, 1]")
	}
	for _, c := range Configs() {
		bs := c.blocks()
		_, last := b.ShapeOf(fmt.Sprintf("_blocks.%d._project_conv.weight", len(bs)-1))
		_, more := b.ShapeOf(fmt.Sprintf("_blocks.%d._project_conv.weight", len(bs)))
		if last && !more && head[1] == bs[len(bs)-1].out {
			if fc, ok := b.ShapeOf("_fc.weight"); ok && len(fc) == 2 {
				c.Classes = fc[0]
			}
			return c, nil
		}
	}
	return Config{}, fmt.Errorf("efficientnet: the checkpoint's blocks are none of lite0 to lite4's")
}

// Config is the network's size.
func (m *Model) Config() Config { return m.cfg }

// Maps are a network's outputs for B pictures, channels last.
type Maps struct {
	Stride16 *tensor.Tensor // [B, H/16, W/16, channels]
	Stride32 *tensor.Tensor // [B, H/32, W/32, channels]
	Pooled   *tensor.Tensor // [B, 1280]
	Logits   *tensor.Tensor // [B, classes]
}

// chunk is how many pictures go through the network at a time. One is fastest: its maps stay in the caches.
const chunk = 1

// Forward runs pixels [B, 3, H, W] of any size through the network.
func (m *Model) Forward(r *tensor.Run, pixels *tensor.Tensor) Maps {
	if len(pixels.Shape()) != 4 || pixels.Dim(1) != 3 {
		panic(fmt.Sprintf("efficientnet: pixels %v, want [batch, 3, height, width]", pixels.Shape()))
	}
	batch, h, w := pixels.Dim(0), pixels.Dim(2), pixels.Dim(3)
	if batch <= chunk || r.Recording() || r.Options().Observer != nil {
		return m.forward(r, pixels)
	}
	h16, h32 := sides(h)
	w16, w32 := sides(w)
	s := m.Shape()
	all := Maps{
		Stride16: r.New(batch, h16, w16, s.FineWidth), Stride32: r.New(batch, h32, w32, s.Width),
		Pooled: r.New(batch, s.Pooled), Logits: r.New(batch, s.Classes),
	}
	for from := 0; from < batch; from += chunk {
		n := min(chunk, batch-from)
		mark := r.Mark()
		part := m.forward(r, tensor.FromFloats(pixels.Data()[from*3*h*w:(from+n)*3*h*w], n, 3, h, w))
		for _, c := range [...]struct{ to, of *tensor.Tensor }{
			{all.Stride16, part.Stride16}, {all.Stride32, part.Stride32}, {all.Pooled, part.Pooled}, {all.Logits, part.Logits},
		} {
			copy(c.to.Data()[from*c.to.Len()/batch:], c.of.Data())
		}
		r.Release(mark, nil)
	}
	return all
}

func (m *Model) forward(r *tensor.Run, pixels *tensor.Tensor) Maps {
	var out Maps
	mark := r.Mark()
	x := m.stem.forward(r, pixels)
	for i := range m.blocks {
		x = r.Release(mark, m.blocks[i].forward(r, x))
		if i == m.split-1 {
			out.Stride16 = x
			mark = r.Mark()
		}
	}
	out.Stride32 = x
	h := m.head.forward(r, x)
	out.Pooled = r.MeanAxis(r.Reshape(h, h.Dim(0), h.Dim(1)*h.Dim(2), headWidth), 1)
	out.Logits = r.Linear(out.Pooled, m.fc, m.fcBias, kernel.NoAct)
	r.Observe(m.path, x)
	return out
}

func (m *mbconv) forward(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	y := x
	if m.expand != nil {
		y = m.expand.forward(r, y)
	}
	y = m.project.forward(r, m.depth.forward(r, y))
	if m.skip {
		y = r.Add(y, x)
	}
	r.Observe(m.path, y)
	return y
}

// Encode implements vision.Encoder: tokens are the cells of the map at stride 32, row by row.
func (m *Model) Encode(r *tensor.Run, pixels *tensor.Tensor) vision.Features {
	maps := m.Forward(r, pixels)
	cells := func(t *tensor.Tensor) *tensor.Tensor {
		return r.Reshape(t, t.Dim(0), t.Dim(1)*t.Dim(2), t.Dim(3))
	}
	return vision.Features{Tokens: cells(maps.Stride32), Fine: cells(maps.Stride16), Pooled: maps.Pooled, Logits: maps.Logits}
}

// Shape implements vision.Encoder.
func (m *Model) Shape() vision.Shape {
	s16, s32 := sides(m.cfg.Size)
	bs := m.cfg.blocks()
	return vision.Shape{
		Tokens: s32 * s32, Width: bs[len(bs)-1].out,
		FineTokens: s16 * s16, FineWidth: bs[m.split-1].out,
		Pooled: headWidth, Classes: m.cfg.Classes, Rectified: true, // by ReLU6
		Grid: [2]int{s32, s32},
	}
}

// Processor implements vision.Encoder.
func (m *Model) Processor() picture.Processor { return picture.EfficientNetLiteProcessor(m.cfg.Size) }
