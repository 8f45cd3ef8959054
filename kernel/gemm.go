package kernel

// Workers runs the tasks 0..n−1 of a piece of work, possibly at the same time, and returns when all are done. The worker
// pool of package tensor is one. How tasks are spread never changes a result: every output is computed by one task, in
// one order.
type Workers interface {
	// Do calls f(task, worker) for each task in 0..n−1; worker is in 0..Size()−1 and no two calls at the same time share it.
	Do(n int, f func(task, worker int))
	// Size is the number of workers.
	Size() int
}

// Act is an activation fused behind a matrix product.
type Act uint8

// Activations. GELU is the erf form, GELUTanh the tanh approximation (gelu_new), GELUQuick x·σ(1.702x), ReLU6 min(max(x,0),6).
const (
	NoAct Act = iota
	ReLU
	ReLU6
	GELU
	GELUTanh
	GELUQuick
	SiLU
	Tanh
	Sigmoid
)

// Operand is one side of a product: rows to be contracted with the rows of the other side. With Trans the matrix is stored
// with the contracted axis down its columns ([K, rows]); only F32, F16 and BF16 may be stored so, besides a quantised
// weight that is contracted over its rows (a backward pass through a frozen layer), which is dequantised while packing.
type Operand struct {
	Mat
	Trans bool
}

// Gemm is one matrix product with what is fused behind it:
//
//	C[m,n] = act(Scale·Σ_k A[m,k]·B[n,k] + Bias[n])        (Accumulate: added to what C holds; then no Act)
//
// A are usually activations (f32), B a weight [out,in] as stored. Sums are float32. Under Compute F32 nothing is rounded on
// the way (a stored f16, bf16 or quantised weight is exact in f32); under BF16 both operands may be rounded to bf16, or activations
// to int16 (half of them to 12 bits) a block of 32 where B is Q8_0 (Q4_0 or Q4_1); under Q8_0 they may be rounded to int8 there, and everything else is as
// under BF16.
type Gemm struct {
	M, N, K    int
	A, B       Operand
	C          []float32
	LDC        int       // elements from one row of C to the next
	Scale      float32   // 0 stands for 1
	Bias       []float32 // nil or N values
	Act        Act
	Accumulate bool
	Compute    DType // F32, BF16 or Q8_0
}
