package kernel

// FastBF16 says whether products of bf16 operands are faster here than those of float32 ones. Like every choice of a kernel it
// depends on the processor's identity alone.
func (e *Engine) FastBF16() bool {
	return e.family == AMX || e.family == AVX512BF16 && e.cpu.dotBF16
}
