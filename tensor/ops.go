package tensor

import "dragoman/kernel"

// Reset ends the pass: its activations are gone, its memory is kept.
func (r *Run) Reset() { panic("todo") }

// New makes an activation whose values are not set.
func (r *Run) New(shape ...int) *Tensor { panic("todo") }

// Zeros makes an activation of zeros.
func (r *Run) Zeros(shape ...int) *Tensor { panic("todo") }

// Backward runs the tape from a loss of one element, and adds to the gradients of every parameter that wants one.
// scale is the loss's own gradient (1, or 1/steps under accumulation).
func (r *Run) Backward(loss *Tensor, scale float32) { panic("todo") }

// Linear is x·wᵀ + b, then act: x [..., in], w [out, in], b [out] or nil.
func (r *Run) Linear(x, w, b *Tensor, act kernel.Act) *Tensor { panic("todo") }

// MatMul is a·b for two matrices, or a·bᵀ with transB: a [m, k], b [k, n] (or [n, k]).
func (r *Run) MatMul(a, b *Tensor, transB bool) *Tensor { panic("todo") }

// Add is a + b; b's shape is a's, or the end of a's (a bias, positions).
func (r *Run) Add(a, b *Tensor) *Tensor { panic("todo") }

// Mul is a·b elementwise, shapes as Add's.
func (r *Run) Mul(a, b *Tensor) *Tensor { panic("todo") }

// Scale is c·x.
func (r *Run) Scale(x *Tensor, c float32) *Tensor { panic("todo") }

// ScaleBy is x·s for a tensor s of one element (a learned temperature, a gate).
func (r *Run) ScaleBy(x, s *Tensor) *Tensor { panic("todo") }

// DivBy is x/s for a tensor s of one element.
func (r *Run) DivBy(x, s *Tensor) *Tensor { panic("todo") }

// Act is the activation alone.
func (r *Run) Act(x *Tensor, act kernel.Act) *Tensor { panic("todo") }

// GLU is act(gate)·up (SwiGLU with SiLU, T5's with GELU).
func (r *Run) GLU(gate, up *Tensor, act kernel.Act) *Tensor { panic("todo") }

// LayerNorm normalises the last axis: w, b [d]; b may be nil.
func (r *Run) LayerNorm(x, w, b *Tensor, eps float32) *Tensor { panic("todo") }

// AddLayerNorm is LayerNorm(x + residual), fused (BERT's post-norm).
func (r *Run) AddLayerNorm(x, residual, w, b *Tensor, eps float32) *Tensor { panic("todo") }

// RMSNorm is x/√(mean(x²)+eps)·w over the last axis.
func (r *Run) RMSNorm(x, w *Tensor, eps float32) *Tensor { panic("todo") }

// Softmax normalises the last axis to probabilities; LogSoftmax to their logarithms.
func (r *Run) Softmax(x *Tensor) *Tensor    { panic("todo") }
func (r *Run) LogSoftmax(x *Tensor) *Tensor { panic("todo") }

// Embedding looks up rows of w [rows, d] (any stored type): the result has shape [shape..., d], Count(shape) = len(ids).
func (r *Run) Embedding(w *Tensor, ids []int32, shape ...int) *Tensor { panic("todo") }

// Rope says how rotary positions turn the first Dim columns of every head: pair i turns by position·Base^(−2i/Dim); pairs are
// (i, i+Dim/2), or (2i, 2i+1) if Interleaved.
type Rope struct {
	Dim         int
	Base        float32
	Interleaved bool
}

// Rotary turns x [B, T, heads·d]; positions has B·T entries.
func (r *Run) Rotary(x *Tensor, positions []int32, heads int, rope Rope) *Tensor { panic("todo") }

// KV is a stretch of keys and values that attention reads: [rows, len, kvHeads·d] each, float32 or stored (a bf16 cache).
// Queries b read row Index[b] (nil: b), and gradients of rows read twice are summed.
type KV struct {
	K, V  *Tensor
	Index []int32
}

// AttentionArgs are the arguments of Attention; see kernel.Attention for what each means.
type AttentionArgs struct {
	Q              *Tensor // [B, Tq, heads·d]
	KV             []KV
	Heads, KVHeads int     // KVHeads 0: Heads
	Scale          float32 // 0: 1/√d
	KeyMask        []uint8 // [B, Tk]
	Mask           []uint8 // [B or 1, Tq, Tk]
	Causal         bool
	CausalFrom     int
	CausalOffset   int
	Bias           *Tensor // [heads, Tq, Tk]
	Dropout        float32 // of the weights, in training
	Path           string  // under which an observer may ask for the map: Path + ".attention_probs"
}

// Attention is multi-head scaled dot-product attention: [B, Tq, heads·d].
func (r *Run) Attention(a AttentionArgs) *Tensor { panic("todo") }

// ConvArgs are a convolution's: strides and padding are (vertical, horizontal) and (top, left, bottom, right).
type ConvArgs struct {
	Stride [2]int
	Pad    [4]int
	Groups int // 0 stands for 1; equal to the channels: depthwise
	Act    kernel.Act
}

// Conv2D convolves x [B, H, W, C] (channels last) with w [out, C/groups, kh, kw] (as PyTorch stores it) to [B, H', W', out].
func (r *Run) Conv2D(x, w, b *Tensor, a ConvArgs) *Tensor { panic("todo") }

// CrossEntropy is the mean over rows of −log softmax(logits)[target], targets < 0 ignored (0 if all are), with label
// smoothing as PyTorch has it: logits [..., V], one target a row.
func (r *Run) CrossEntropy(logits *Tensor, targets []int32, smoothing float32) *Tensor { panic("todo") }

// SoftCrossEntropy is the mean over rows of −Σ target·log softmax(logits); targets has the shape of logits and is constant.
func (r *Run) SoftCrossEntropy(logits *Tensor, targets []float32) *Tensor { panic("todo") }

// Normalize scales the last axis to length 1: x/max(‖x‖, 1e-12).
func (r *Run) Normalize(x *Tensor) *Tensor { panic("todo") }

// Concat joins tensors along an axis; Slice takes from…to−1 of it.
func (r *Run) Concat(axis int, xs ...*Tensor) *Tensor      { panic("todo") }
func (r *Run) Slice(x *Tensor, axis, from, to int) *Tensor { panic("todo") }

// Reshape gives the same values another shape; one axis may be −1.
func (r *Run) Reshape(x *Tensor, shape ...int) *Tensor { panic("todo") }

// Transpose exchanges two axes.
func (r *Run) Transpose(x *Tensor, a, b int) *Tensor { panic("todo") }

// Gather takes entries of axis 0: result[i] = x[index[i]]; gradients of entries taken twice are summed.
func (r *Run) Gather(x *Tensor, index []int32) *Tensor { panic("todo") }

// Expand repeats x [1, ...] or [...] to [n, ...]; its gradient is the sum.
func (r *Run) Expand(x *Tensor, n int) *Tensor { panic("todo") }

// MaxAxis is the maximum over an axis (the first of equals gets the gradient); MeanAxis the mean; the axis disappears.
func (r *Run) MaxAxis(x *Tensor, axis int) *Tensor  { panic("todo") }
func (r *Run) MeanAxis(x *Tensor, axis int) *Tensor { panic("todo") }

// MaskedMean is the mean over axis 1 of x [B, T, d] of the rows whose mask [B, T] is not 0.
func (r *Run) MaskedMean(x *Tensor, mask []uint8) *Tensor { panic("todo") }

// SumAll is the sum of all elements; AddN the sum of tensors of one shape.
func (r *Run) SumAll(x *Tensor) *Tensor   { panic("todo") }
func (r *Run) AddN(xs ...*Tensor) *Tensor { panic("todo") }

// Dropout zeroes elements with probability p in training and scales the others by 1/(1−p).
func (r *Run) Dropout(x *Tensor, p float32) *Tensor { panic("todo") }

// Detach is x without its past.
func (r *Run) Detach(x *Tensor) *Tensor { panic("todo") }
