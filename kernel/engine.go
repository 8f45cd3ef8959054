package kernel

// Family is a set of instructions that the hot loops are written for.
type Family uint8

// The families, slowest first.
const (
	Generic Family = iota
	AVX2
	AVX512
	AVX512BF16 // with VNNI
	AMX
)

// Engine computes with one family.
type Engine struct {
	family Family
}

// Default is the engine for this processor, or the one that DRAGOMAN_ISA or Use chose.
func Default() *Engine { return &Engine{} }

// Use makes the named family (auto, amx, avx512bf16, avx512, avx2, generic) the default; an error if this machine lacks it.
func Use(isa string) error { panic("todo") }

// Engines lists an engine for each family that this machine can run, generic first.
func Engines() []*Engine { panic("todo") }

// Family is what the engine computes with.
func (e *Engine) Family() Family { return e.family }

// Gemm computes products, as Gemm's comment says. The products of one call must not write what another reads.
func (e *Engine) Gemm(w Workers, gs ...*Gemm) { panic("todo") }

// Attention computes attention, as Attention's comment says.
func (e *Engine) Attention(w Workers, a *Attention) { panic("todo") }

// AttentionBackward adds the gradients that g asks for.
func (e *Engine) AttentionBackward(w Workers, g *AttentionGrad) { panic("todo") }

// Elementwise functions on rows, called by package tensor, which splits the work:

// Apply computes dst = act(x); dst may be x.
func (e *Engine) Apply(act Act, dst, x []float32) { panic("todo") }

// ApplyBackward computes dx += dy·act'(x).
func (e *Engine) ApplyBackward(act Act, dx, dy, x []float32) { panic("todo") }

// Softmax turns one row into its softmax in place and returns log Σ exp.
func (e *Engine) Softmax(x []float32) float32 { panic("todo") }

// LayerNorm writes (x−mean)/√(var+eps)·w + b and returns mean and 1/√(var+eps); b may be nil.
func (e *Engine) LayerNorm(dst, x, w, b []float32, eps float32) (mean, rstd float32) { panic("todo") }

// RMSNorm writes x/√(mean(x²)+eps)·w and returns 1/√(…).
func (e *Engine) RMSNorm(dst, x, w []float32, eps float32) (rstd float32) { panic("todo") }

// Dot is Σ a·b, Axpy y += alpha·x, Add dst = a+b, Mul dst = a·b, Scale x *= s, SumSquares Σ x².
func (e *Engine) Dot(a, b []float32) float32         { panic("todo") }
func (e *Engine) Axpy(alpha float32, x, y []float32) { panic("todo") }
func (e *Engine) Add(dst, a, b []float32)            { panic("todo") }
func (e *Engine) Mul(dst, a, b []float32)            { panic("todo") }
func (e *Engine) Scale(s float32, x []float32)       { panic("todo") }
func (e *Engine) SumSquares(x []float32) float64     { panic("todo") }

// Decode widens n stored elements of a row to float32; Encode rounds float32 values to a stored type.
func Decode(d DType, dst []float32, src []byte) { panic("todo") }
func Encode(d DType, dst []byte, src []float32) { panic("todo") }

// AdamW is one fused step over a parameter: m, v are the moments, p the master weights; scale multiplies the gradient
// (clipping and loss scale).
type AdamW struct{ LR, Beta1, Beta2, Eps, Decay, Scale, Bias1, Bias2 float32 }

// AdamW updates p, m and v in place from g.
func (e *Engine) AdamW(o AdamW, p, m, v, g []float32) { panic("todo") }
