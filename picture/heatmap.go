package picture

import (
	"fmt"
	"math"
)

// Heat is a map of height × width values over a picture, such as where a query looks.
type Heat struct {
	H, W   int
	Values []float32 // row-major
	// Low and High are the values at the cold and the hot end of the colours, so that several maps can be compared.
	// Where both are 0, they are the map's own least and greatest value.
	Low, High float32
}

// bounds returns the ends of the scale; NaN and infinities are not counted.
func (h *Heat) bounds() (low, high float32) {
	if h.Low != 0 || h.High != 0 {
		return h.Low, h.High
	}
	low, high = float32(math.Inf(1)), float32(math.Inf(-1))
	for _, v := range h.Values {
		if v-v == 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

// shares scales the map to w by h pixels by bicubic interpolation, in 0 (cold) to 1 (hot). What is not a number is cold.
func (h *Heat) shares(width, height int) []float32 {
	if h.H < 1 || h.W < 1 || len(h.Values) != h.H*h.W {
		panic(fmt.Sprintf("picture: a heat map of %d×%d has %d values", h.H, h.W, len(h.Values)))
	}
	low, high := h.bounds()
	in := make([]float32, len(h.Values))
	for i, v := range h.Values {
		if s := (v - low) / (high - low); high > low && s > 0 {
			in[i] = min(s, 1)
		}
	}
	across, down := newTaps(h.W, width, 0, width, Bicubic), newTaps(h.H, height, 0, height, Bicubic)
	const unit = 1.0 / (1 << precision)
	mid := make([]float32, h.H*width)
	for y := range h.H {
		for x := range width {
			var sum float32
			for k := range across.count[x] {
				sum += float32(across.weight[x*across.most+k]) * unit * in[y*h.W+across.first[x]+k]
			}
			mid[y*width+x] = sum
		}
	}
	out := make([]float32, height*width)
	for y := range height {
		row := out[y*width : (y+1)*width]
		for k := range down.count[y] {
			weight := float32(down.weight[y*down.most+k]) * unit
			for x, v := range mid[(down.first[y]+k)*width:][:width] {
				row[x] += weight * v
			}
		}
		for x := range row {
			row[x] = min(max(row[x], 0), 1)
		}
	}
	return out
}

// Overlay draws the map over the picture: hot places in bright colours, cold ones in a darker, greyer picture.
func (h *Heat) Overlay(m *Image) *Image {
	out := New(m.W, m.H)
	for i, s := range h.shares(m.W, m.H) {
		src, dst := m.Pix[3*i:3*i+3:3*i+3], out.Pix[3*i:3*i+3:3*i+3]
		grey := float32(luma(src[0], src[1], src[2]))
		heat := heatColour(s)
		for c := range dst {
			// Cold: a third of the colour and half of the light. Hot: seven tenths of the map.
			cold := (grey*2 + float32(src[c])) / 3 * 0.55
			share := 0.15 + 0.6*s
			dst[c] = uint8(cold*(1-share) + heat[c]*share + 0.5)
		}
	}
	return out
}

// heatStops run from black over purple and orange to pale yellow, ever lighter, so that the map reads in grey as well.
var heatStops = [...][3]float32{{4, 4, 20}, {60, 15, 110}, {140, 40, 130}, {215, 70, 90}, {250, 140, 50}, {250, 210, 70}, {252, 255, 200}}

// heatColour is the colour of a share in 0 to 1.
func heatColour(s float32) [3]float32 {
	at := s * float32(len(heatStops)-1)
	i := min(int(at), len(heatStops)-2)
	f := at - float32(i)
	var out [3]float32
	for c := range out {
		out[c] = heatStops[i][c]*(1-f) + heatStops[i+1][c]*f
	}
	return out
}
