package kernel

import (
	"fmt"
	"math"
)

// Tap is one weight of a depthwise convolution's window: where the pixel under it begins, seen from the first place's, and
// where its row of weights begins. Both count elements.
type Tap struct{ Pixel, Weight int }

// Depthwise is a run of places of a depthwise convolution that have the same window, side by side in a row of the result.
// Maps lie channels last, weights [taps, Channels]:
//
//	Out[p·Channels+c] = act(Bias[c] + Σ_t In[p·Step + Taps[t].Pixel + c]·Weight[Taps[t].Weight + c])
//
// Act is NoAct, ReLU or ReLU6. Sums go over the taps in order, from the bias on.
type Depthwise struct {
	Channels, Places int
	Step             int // elements of In from one place to the next
	Taps             []Tap
	In, Weight, Bias []float32
	Out              []float32
	Act              Act
}

// Depthwise computes a run of places, as Depthwise's comment says.
func (e *Engine) Depthwise(d *Depthwise) {
	d.check()
	lo, hi := d.bounds()
	if d.Places > 0 && d.Channels > 0 && len(d.Taps) > 0 && e.depthwise(d, lo, hi) {
		return
	}
	d.generic(lo, hi)
}

// check panics where a run reaches beyond its slices: the programmer's mistake.
func (d *Depthwise) check() {
	last := (max(d.Places, 1) - 1) * d.Step
	ok := len(d.Bias) >= d.Channels && len(d.Out) >= d.Places*d.Channels && d.Step >= 0
	for _, t := range d.Taps {
		ok = ok && t.Pixel >= 0 && t.Pixel+last+d.Channels <= len(d.In) && t.Weight >= 0 && t.Weight+d.Channels <= len(d.Weight)
	}
	if !ok {
		// The taps are not printed, so that they can live on a caller's stack.
		panic(fmt.Sprintf("kernel: depthwise run of %d places, %d channels, step %d, %d taps over %d inputs, %d weights, %d biases, %d results",
			d.Places, d.Channels, d.Step, len(d.Taps), len(d.In), len(d.Weight), len(d.Bias), len(d.Out)))
	}
}

// bounds are what the activation limits values to.
func (d *Depthwise) bounds() (lo, hi float32) {
	inf := float32(math.Inf(1))
	switch d.Act {
	case NoAct:
		return -inf, inf
	case ReLU:
		return 0, inf
	case ReLU6:
		return 0, 6
	}
	panic(fmt.Sprintf("kernel: depthwise convolution with activation %d", d.Act))
}

// generic is the reference. A NaN stays one.
func (d *Depthwise) generic(lo, hi float32) {
	for p := range d.Places {
		out := d.Out[p*d.Channels:][:d.Channels]
		copy(out, d.Bias)
		for _, t := range d.Taps {
			in, w := d.In[p*d.Step+t.Pixel:][:len(out)], d.Weight[t.Weight:][:len(out)]
			for c := range out {
				out[c] += in[c] * w[c]
			}
		}
		for c, v := range out {
			if v < lo {
				out[c] = lo
			} else if v > hi {
				out[c] = hi
			}
		}
	}
}
