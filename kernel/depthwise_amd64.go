package kernel

// depthwiseAVX512 computes places of channels channels from n taps; all but lo and hi count elements.
//
//go:noescape
func depthwiseAVX512(dst, src, weight, bias *float32, taps *Tap, n, channels, places, step int, lo, hi float32)

// depthwiseAVX2 is depthwiseAVX512 for AVX2.
//
//go:noescape
func depthwiseAVX2(dst, src, weight, bias *float32, taps *Tap, n, channels, places, step int, lo, hi float32)

// depthwise3AVX512 is depthwiseAVX512 for the channels from…to−1 of 4·fours places, channels apart, and rows of 3 taps whose
// pixels and weights lie side by side.
//
//go:noescape
func depthwise3AVX512(dst, src, weight, bias *float32, taps *Tap, rows, channels, from, to, fours int, lo, hi float32)

// depthwise5AVX512 is depthwise3AVX512 for rows of 5 taps.
//
//go:noescape
func depthwise5AVX512(dst, src, weight, bias *float32, taps *Tap, rows, channels, from, to, fours int, lo, hi float32)

// nearWeights is how many weights are to stay in the first cache beside the pixels.
const nearWeights = 4096

// depthwise computes a run that has places, channels and taps; false where the family has no loop for it.
func (e *Engine) depthwise(d *Depthwise, lo, hi float32) bool {
	if e.family == Generic {
		return false
	}
	if wide := d.rowOfTaps(); e.family >= AVX512 && d.Step == d.Channels && d.Places >= 4 && wide != 0 {
		d.rows(wide, 0, d.Places/4, lo, hi)
		if d.Places%4 != 0 {
			d.rows(wide, d.Places-4, 1, lo, hi) // some places get what they have once more
		}
		return true
	}
	if e.family == AVX2 {
		depthwiseAVX2(&d.Out[0], &d.In[0], &d.Weight[0], &d.Bias[0], &d.Taps[0], len(d.Taps), d.Channels, d.Places, d.Step, lo, hi)
	} else {
		depthwiseAVX512(&d.Out[0], &d.In[0], &d.Weight[0], &d.Bias[0], &d.Taps[0], len(d.Taps), d.Channels, d.Places, d.Step, lo, hi)
	}
	return true
}

// rows computes fours of places from a place on, whose windows are rows of wide taps.
func (d *Depthwise) rows(wide, place, fours int, lo, hi float32) {
	out, in := &d.Out[place*d.Channels], &d.In[place*d.Step]
	rows, group := len(d.Taps)/wide, max(32, nearWeights/len(d.Taps)&^31)
	for from := 0; from < d.Channels; from += group {
		to := min(from+group, d.Channels)
		if wide == 3 {
			depthwise3AVX512(out, in, &d.Weight[0], &d.Bias[0], &d.Taps[0], rows, d.Channels, from, to, fours, lo, hi)
		} else {
			depthwise5AVX512(out, in, &d.Weight[0], &d.Bias[0], &d.Taps[0], rows, d.Channels, from, to, fours, lo, hi)
		}
	}
}

// rowOfTaps is 3 or 5 where the taps are rows of so many whose pixels and weights lie side by side; else 0.
func (d *Depthwise) rowOfTaps() int {
	for _, wide := range [...]int{5, 3} {
		if len(d.Taps)%wide != 0 {
			continue
		}
		fits := true
		for i, t := range d.Taps {
			if i%wide != 0 {
				before := d.Taps[i-1]
				fits = fits && t.Pixel == before.Pixel+d.Channels && t.Weight == before.Weight+d.Channels
			}
		}
		if fits {
			return wide
		}
	}
	return 0
}
