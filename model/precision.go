package model

import (
	"strings"

	"dragoman/kernel"
	"dragoman/weights"
)

// Where the frozen parts stand in a whole model's checkpoint.
const (
	VisionModule   = "vision_model"
	LanguageModule = "language_model"
)

// Precision is how coarse a model's matrices may be, while it runs or in a file that is written of it. The zero value leaves all as
// the checkpoint has it.
//
// The encoder's and the language model's matrices, nearly all of a model, are rounded to it. The bridge's are as fine as bf16: it is a few
// hundredths of the model, everything that the language model learns of a picture passes through its few queries, and an error
// there is not averaged over many tokens. Flamingo's gated blocks, a third of a model and more, are as fine as q8_0. So are tables of words,
// because the output head, which often is the same table, decides between words whose scores are close. What is not a matrix of products
// (norms, biases, positions, the queries) stays as it is and is computed with as float32.
//
// No matrix becomes larger than it was: one that is stored as coarsely already stays, and stays mapped.
type Precision struct {
	Matrices kernel.DType
	Some     bool // false: nothing is rounded
	Anew     bool // also what would become larger: to measure what rounding costs a model that is stored rounded
	Wide     bool // only what is wider than 16 bits, or what kernels do not read as it lies: what is stored for speed stays
}

// Store says what a tensor is to be stored as, by its name in a whole model.
func (p Precision) Store(t weights.Tensor) (d kernel.DType, convert bool) {
	if !p.Some || len(t.Shape) != 2 || !isMatrix(t.Name) {
		return 0, false
	}
	d = p.Matrices
	if _, direct := t.Kernel(); p.Wide && !direct && t.Type.Quantized() {
		return kernel.Q8_0, true // instead of float32, which is all that operations have for it otherwise
	}
	switch {
	case d.BlockLen() == 1: // f16 and bf16 are fine enough for everything
	case isGated(t.Name), isWords(t.Name):
		d = kernel.Q8_0
	case isBridge(t.Name):
		d = kernel.BF16
	}
	if t.Shape[1]%d.BlockLen() != 0 {
		d = kernel.BF16
	}
	if p.Anew {
		return d, true
	}
	width := bits(t.Type.BlockBytes(), t.Type.BlockLen())
	if width <= bits(d.BlockBytes(), d.BlockLen()) || p.Wide && width <= 16 {
		return 0, false
	}
	return d, true
}

// StoreAs is Store for tensors that are called otherwise where they lie: part gives their names in a whole model.
func (p Precision) StoreAs(part func(name string) string) func(weights.Tensor) (kernel.DType, bool) {
	return func(t weights.Tensor) (kernel.DType, bool) {
		t.Name = part(t.Name)
		return p.Store(t)
	}
}

// StoreLanguage is Store for a language model by itself, whose tensors' names do not say what they belong to.
func (p Precision) StoreLanguage(t weights.Tensor) (kernel.DType, bool) {
	t.Name = LanguageModule + "." + t.Name
	return p.Store(t)
}

// bits is how many bits an element takes.
func bits(bytes, elems int) float64 { return 8 * float64(bytes) / float64(elems) }

// isMatrix says whether a tensor of two axes is multiplied with, or is a table of words.
func isMatrix(name string) bool {
	for _, fine := range []string{"position_embedding", "embed_positions", "relative_attention_bias", "itm_head."} {
		if strings.Contains(name, fine) {
			return false
		}
	}
	return strings.HasSuffix(name, ".weight") || strings.HasPrefix(name, "memory.")
}

// isBridge says whether a tensor belongs to neither frozen part.
func isBridge(name string) bool {
	return !strings.HasPrefix(name, VisionModule+".") && !strings.HasPrefix(name, LanguageModule+".")
}

// isGated says whether a tensor belongs to one of Flamingo's blocks between those of the language model.
func isGated(name string) bool {
	return strings.Contains(name, "gated_cross_attn_layer.") || strings.Contains(name, "gated_cross_attn_layers.")
}

// isWords says whether a tensor of the language model has a row for each word.
func isWords(name string) bool {
	for _, table := range []string{
		"embed_tokens.weight", "shared.weight", "lm_head.weight", // LLaMA, OPT, T5
		".additional_embedding.weight", ".additional_fc.weight", // IDEFICS
		"wte.weight", "embed_in.weight", "embed_out.weight", // MPT, GPT-NeoX
	} {
		if strings.HasSuffix(name, table) {
			return true
		}
	}
	return name == LanguageModule+".token_embd.weight" || name == LanguageModule+".output.weight" // as GGUF calls them
}
