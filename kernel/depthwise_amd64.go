package kernel

// depthwiseAVX512 computes places of channels channels from n taps; all but lo and hi count elements.
//
//go:noescape
func depthwiseAVX512(dst, src, weight, bias *float32, taps *Tap, n, channels, places, step int, lo, hi float32)

// depthwiseAVX2 is depthwiseAVX512 for AVX2.
//
//go:noescape
func depthwiseAVX2(dst, src, weight, bias *float32, taps *Tap, n, channels, places, step int, lo, hi float32)

// depthwise computes a run that has places, channels and taps; false where the family has no loop for it.
func (e *Engine) depthwise(d *Depthwise, lo, hi float32) bool {
	switch e.family {
	case Generic:
		return false
	case AVX2:
		depthwiseAVX2(&d.Out[0], &d.In[0], &d.Weight[0], &d.Bias[0], &d.Taps[0], len(d.Taps), d.Channels, d.Places, d.Step, lo, hi)
	default:
		depthwiseAVX512(&d.Out[0], &d.In[0], &d.Weight[0], &d.Bias[0], &d.Taps[0], len(d.Taps), d.Channels, d.Places, d.Step, lo, hi)
	}
	return true
}
