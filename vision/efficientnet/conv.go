package efficientnet

import (
	"math"

	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/vision"
)

// conv is a convolution with its batch norm folded in, and ReLU6 or nothing behind it.
type conv struct {
	weight *tensor.Tensor // [out, in/groups, k, k]; [out, in] where k is 1
	bias   *tensor.Tensor // [out]
	kernel int
	stride int
	groups int
	act    kernel.Act
}

func newConv(b *nn.Builder, name, norm string, in, out, k, stride, groups int) conv {
	zero := nn.Init{}
	weight := b.Tensor(name+".weight", zero, out, in/groups, k, k).Floats()
	gamma, beta := b.Tensor(norm+".weight", nn.Init{Kind: nn.One}, out).Floats(), b.Tensor(norm+".bias", zero, out).Floats()
	mean, variance := b.Tensor(norm+".running_mean", zero, out).Floats(), b.Tensor(norm+".running_var", nn.Init{Kind: nn.One}, out).Floats()
	c := conv{kernel: k, stride: stride, groups: groups, act: kernel.ReLU6}
	folded, bias := fold(weight, gamma, beta, mean, variance)
	if k == 1 {
		c.weight = tensor.FromFloats(folded, out, in)
	} else {
		c.weight = tensor.FromFloats(folded, out, in/groups, k, k)
	}
	c.bias = tensor.FromFloats(bias, out)
	return c
}

// fold makes one affine map out of a convolution and the batch norm behind it.
func fold(weight, gamma, beta, mean, variance []float32) (folded, bias []float32) {
	folded, bias = make([]float32, len(weight)), make([]float32, len(gamma))
	each := len(weight) / len(gamma)
	for o := range gamma {
		scale := float64(gamma[o]) / math.Sqrt(float64(variance[o])+batchEps)
		for i := o * each; i < (o+1)*each; i++ {
			folded[i] = float32(float64(weight[i]) * scale)
		}
		bias[o] = float32(float64(beta[o]) - float64(mean[o])*scale)
	}
	return folded, bias
}

// forward convolves x [B, H, W, in] with TensorFlow's "same" padding: as much as makes the output side ⌈n/stride⌉, and
// where that is odd, the larger half behind.
func (c *conv) forward(r *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	if c.kernel == 1 {
		return r.Linear(x, c.weight, c.bias, c.act)
	}
	top, bottom := vision.SamePadding(x.Dim(1), c.kernel, c.stride)
	left, right := vision.SamePadding(x.Dim(2), c.kernel, c.stride)
	return r.Conv2D(x, c.weight, c.bias, tensor.ConvArgs{
		Stride: [2]int{c.stride, c.stride},
		Pad:    [4]int{top, left, bottom, right},
		Groups: c.groups,
		Act:    c.act,
	})
}
