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
