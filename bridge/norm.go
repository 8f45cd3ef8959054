package bridge

import (
	"dragoman/nn"
	"dragoman/tensor"
)

// NormKind is which norm a part uses.
type NormKind uint8

// NoNorm leaves everything as it is.
const (
	NoNorm    NormKind = iota
	LayerNorm          // with weight and bias
	RMSNorm            // with a weight
)

// Norm is a norm's parameters.
type Norm struct {
	kind         NormKind
	path         string         // "": it is not shown
	weight, bias *tensor.Tensor // [width]
	eps          float32
}

// NewNorm binds or makes a norm below b.
func NewNorm(b *nn.Builder, kind NormKind, width int, eps float32) Norm {
	n := Norm{kind: kind, path: b.Path(), eps: eps}
	if kind != NoNorm {
		n.weight = b.Tensor("weight", nn.Init{Kind: nn.One}, width)
	}
	if kind == LayerNorm {
		n.bias = b.Tensor("bias", nn.Init{Kind: nn.Zero}, width)
	}
	return n
}

// Forward norms rows of the norm's width: a row of x is one of them, or several side by side (heads).
func (n Norm) Forward(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	if n.kind == NoNorm {
		return x
	}
	shape := x.Shape()
	if width := n.weight.Len(); width != x.Dim(-1) {
		x = run.Reshape(x, -1, width)
	}
	if n.kind == RMSNorm {
		x = run.RMSNorm(x, n.weight, n.eps)
	} else {
		x = run.LayerNorm(x, n.weight, n.bias, n.eps)
	}
	x = run.Reshape(x, shape...)
	run.Observe(n.path, x)
	return x
}
