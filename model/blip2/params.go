package blip2

import (
	"strings"

	"dragoman/tensor"
)

// StageParams are the parameters that a stage's losses reach: of stage 1 if first, of stage 2 if second. The others are told that
// they want no gradient.
func (m *Model) StageParams(first, second bool) []*tensor.Tensor {
	var params []*tensor.Tensor
	for _, p := range m.params {
		wanted := first && !isPrompt(p.Name()) || second && !isFirst(p.Name())
		p.SetTrainable(wanted)
		if wanted {
			params = append(params, p)
		}
	}
	return params
}

// isPrompt says whether a parameter is on the way into the language model, where the first stage does not go.
func isPrompt(name string) bool { return strings.HasPrefix(name, "language_") }

// isFirst says whether only the first stage needs a parameter: heads, and the text stream.
func isFirst(name string) bool {
	for _, prefix := range []string{"embeddings.", "vision_projection.", "text_projection.", "itm_head.", "cls.", "temp", "vision_scale"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	layer, ok := strings.CutPrefix(name, "qformer.encoder.layer.")
	if !ok {
		return false
	}
	_, module, _ := strings.Cut(layer, ".")
	return strings.HasPrefix(module, "intermediate.") || strings.HasPrefix(module, "output.")
}
