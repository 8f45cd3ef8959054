package blip2

import (
	"math"

	"dragoman/tensor"
)

const (
	nearMargin  = 0.06 // of its longer side, around what stands on the ground
	enoughShare = 0.95 // of the frame: what takes as much, margin and all, is near enough
)

// lookNearer writes the summaries of those of pictures [B, 3, H, W] that leave much of their ground free anew, in what Encode wrote to dst:
// of what stands there, as if it filled the frame. Pictures that are trained on fill theirs; a small thing on a large ground would
// be taken for something else.
func (m *Model) lookNearer(run *tensor.Run, pixels *tensor.Tensor, dst []float32) {
	h, w := pixels.Dim(2), pixels.Dim(3)
	size, step := 3*h*w, m.colourStep()
	near, of := run.New(pixels.Shape()...), []int(nil)
	for b := range pixels.Dim(0) {
		if nearer(near.Data()[len(of)*size:][:size], pixels.Data()[b*size:(b+1)*size], h, w, step) {
			of = append(of, b)
		}
	}
	if len(of) == 0 {
		return
	}
	observer := run.Options().Observer
	run.SetObserver(nil) // the first look is what the model's modules are observed at
	f := m.Vision.Encode(run, tensor.FromFloats(near.Data()[:len(of)*size], len(of), 3, h, w))
	run.SetObserver(observer)
	stride, width := m.FeatureLen(), summaryWidth(m.groups)
	for i, b := range of {
		m.summarise(dst[(b+1)*stride-width:(b+1)*stride], run, f, i)
	}
}

// nearer writes to dst what stands on the ground of a picture x [3, h, w], enlarged, with a margin, and its middle in the middle; false
// where the picture has no ground, nothing stands on it, or it is near enough. step is how far a colour is from another.
func nearer(dst, x []float32, h, w int, step [3]float32) bool {
	colour, scene := ground(x, h, w, step)
	if scene || min(h, w) <= 2*frameWidth {
		return false
	}
	top, bottom, left, right := h, 0, w, 0
	for i := range h * w {
		if differs(x, i, h*w, colour, step) {
			r, c := i/w, i%w
			top, bottom, left, right = min(top, r), max(bottom, r+1), min(left, c), max(right, c+1)
		}
	}
	scale := (1 + 2*nearMargin) * max(float64(bottom-top)/float64(h), float64(right-left)/float64(w))
	if bottom == 0 || scale >= enoughShare {
		return false
	}
	rows := enlarged(h, float64(top+bottom)/2, scale)
	columns := enlarged(w, float64(left+right)/2, scale)
	at := func(c, r, col int) float32 {
		if r < 0 || r >= h || col < 0 || col >= w {
			return colour[c]
		}
		return x[(c*h+r)*w+col]
	}
	for c := range 3 {
		for i, r := range rows {
			for j, col := range columns {
				up := at(c, r.from, col.from)*(1-col.rest) + at(c, r.from, col.from+1)*col.rest
				down := at(c, r.from+1, col.from)*(1-col.rest) + at(c, r.from+1, col.from+1)*col.rest
				dst[(c*h+i)*w+j] = up*(1-r.rest) + down*r.rest
			}
		}
	}
	return true
}

// between is a place between a pixel and the next: how far it is from the first.
type between struct {
	from int
	rest float32
}

// enlarged is where each of n pixels of a line comes from, of which the share scale around a middle is looked at.
func enlarged(n int, middle, scale float64) []between {
	out := make([]between, n)
	for i := range out {
		x := middle + (float64(i)+0.5-float64(n)/2)*scale - 0.5
		floor := math.Floor(x)
		out[i] = between{int(floor), float32(x - floor)}
	}
	return out
}
