package nn

import (
	"fmt"

	"dragoman/kernel"
)

var acts = map[string]kernel.Act{
	"gelu": kernel.GELU, "gelu_python": kernel.GELU, "quick_gelu": kernel.GELUQuick,
	"gelu_new": kernel.GELUTanh, "gelu_fast": kernel.GELUTanh, "gelu_accurate": kernel.GELUTanh,
	"gelu_pytorch_tanh": kernel.GELUTanh, "gelu_python_tanh": kernel.GELUTanh,
	"relu": kernel.ReLU, "relu6": kernel.ReLU6, "silu": kernel.SiLU, "swish": kernel.SiLU, "tanh": kernel.Tanh,
}

// ParseAct reads an activation's name as Hugging Face configurations spell it.
func ParseAct(name string) (kernel.Act, error) {
	a, ok := acts[name]
	if !ok {
		return 0, fmt.Errorf("unknown activation %.60q", name)
	}
	return a, nil
}
