package picture

import (
	"fmt"
	"math"
)

// Fit says how a picture of any shape comes to a fixed size.
type Fit int

const (
	// Squash scales both axes to the size, whatever that does to the aspect ratio: BLIP-2.
	Squash Fit = iota
	// Crop scales the shortest edge to Edge, and cuts (or pads with black) the middle to the size: CLIP.
	Crop
	// Pad scales the picture into the size and centres it on white. Its aspect ratio may change by a factor of up to Stretch.
	Pad
	// Keep leaves the picture as large as it is, and cuts (or pads with black) the middle to the size.
	Keep
)

// Rounding is how a centre crop treats an odd margin: transformers floors the half, torchvision rounds it to even.
type Rounding int

// The two roundings.
const (
	RoundFloor Rounding = iota
	RoundEven
)

// Processor turns a picture into the numbers an image encoder was trained on: fitted to Size, times Rescale,
// less Mean, over Std, with transformers' order of roundings.
type Processor struct {
	Size     [2]int // height, width of the result; zeros where Uncut says that each picture has its own
	Resample Filter
	Fit      Fit
	Edge     int     // for Crop: the shortest edge before the cut
	Squashed [2]int  // for Squash: height, width before a cut of the middle to Size; zeros where nothing is cut
	Uncut    bool    // for Crop and Keep: nothing is cut or padded, and a picture's shape decides on the result's
	Stretch  float64 // for Pad: 0 or 1 keeps the aspect ratio
	Rounding Rounding
	Rescale  float64
	Mean     [3]float32 // of red, green, blue, in rescaled units
	Std      [3]float32
	Alpha    Alpha
}

// BLIP2Processor is the processor of the released BLIP-2 models at a square size of 224 or 364.
func BLIP2Processor(size int) Processor {
	return Processor{
		Size: [2]int{size, size}, Resample: Bicubic, Rescale: 1.0 / 255,
		Mean: [3]float32{0.48145466, 0.4578275, 0.40821073},
		Std:  [3]float32{0.26862954, 0.26130258, 0.27577711},
	}
}

// EfficientNetLiteProcessor is the processor of EfficientNet-Lite: (x − 127) / 128 at 224 (lite0), 260 (lite2) and so on.
// The encoder was trained on crops whose aspect ratio varied, so a photograph of 3:2 is squeezed whole into the square;
// what is longer than that keeps its shape between white bars, as the longish drawings of emoji and clip art need.
func EfficientNetLiteProcessor(size int) Processor {
	return Processor{
		Size: [2]int{size, size}, Resample: Bicubic, Fit: Pad, Stretch: 1.5, Rescale: 1,
		Mean: [3]float32{127, 127, 127}, Std: [3]float32{128, 128, 128},
	}
}

// Len is the number of values that a picture becomes: 3 × height × width.
func (p *Processor) Len() int { return 3 * p.Size[0] * p.Size[1] }

// SetSize makes the result a square of another side.
func (p *Processor) SetSize(side int) {
	p.Size, p.Squashed = [2]int{side, side}, [2]int{}
	if p.Fit == Crop {
		p.Edge = side
	}
}

// SizeOf is the height and width of what a w by h picture becomes.
func (p *Processor) SizeOf(w, h int) [2]int {
	if !p.Uncut {
		return p.Size
	}
	rw, rh := p.resized(w, h)
	return [2]int{rh, rw}
}

// Check says whether a w by h picture becomes as large as Size; it always does unless Uncut is set.
func (p *Processor) Check(w, h int) error {
	if size := p.SizeOf(w, h); size != p.Size {
		return fmt.Errorf("a picture of %d×%d becomes one of %d×%d, the encoder reads %d×%d", w, h, size[1], size[0], p.Size[1], p.Size[0])
	}
	return nil
}

// Apply returns the picture as [3,height,width], SizeOf its own.
func (p *Processor) Apply(m *Image, par Parallel) []float32 {
	size := p.SizeOf(m.W, m.H)
	out := make([]float32, 3*size[0]*size[1])
	p.ApplyTo(out, m, par)
	return out
}

// ApplyTo writes the picture as [3,height,width] to dst. It panics if dst has another length than that.
func (p *Processor) ApplyTo(dst []float32, m *Image, par Parallel) {
	fitted := p.FitTo(m, par)
	plane := fitted.W * fitted.H
	if len(dst) != 3*plane {
		panic("picture: destination's length is not 3·height·width")
	}
	// A sample has 256 values, so the arithmetic is done once for each: float64 product, rounded, then float32.
	var table [3][256]float32
	for c := range table {
		for v := range table[c] {
			x := float32(float64(v) * p.Rescale)
			table[c][v] = float32(x-p.Mean[c]) / p.Std[c]
		}
	}
	par.do(plane, func(lo, hi int) {
		r, g, b := dst[lo:hi], dst[plane+lo:plane+hi], dst[2*plane+lo:2*plane+hi]
		pix := fitted.Pix[3*lo : 3*hi]
		for i := range r {
			p := pix[3*i : 3*i+3 : 3*i+3]
			r[i], g[i], b[i] = table[0][p[0]], table[1][p[1]], table[2][p[2]]
		}
	})
}

// Prepare is Check, then ApplyTo.
func (p *Processor) Prepare(dst []float32, m *Image, par Parallel) error {
	if err := p.Check(m.W, m.H); err != nil {
		return err
	}
	p.ApplyTo(dst, m, par)
	return nil
}

// FitTo returns the picture as the encoder sees it, still in 8 bits.
func (p *Processor) FitTo(m *Image, par Parallel) *Image {
	h, w := p.Size[0], p.Size[1]
	switch p.Fit {
	case Crop, Keep:
		rw, rh := p.resized(m.W, m.H)
		if p.Uncut {
			return m.Resize(rw, rh, p.Resample, par)
		}
		return p.centreCrop(m, rw, rh, par)
	case Pad:
		rw, rh := p.padded(m.W, m.H)
		out := New(w, h)
		for i := range out.Pix {
			out.Pix[i] = 255
		}
		paste(out, m.Resize(rw, rh, p.Resample, par), (w-rw)/2, (h-rh)/2)
		return out
	}
	if cut := p.Squashed; cut != [2]int{} {
		return p.centreCrop(m, cut[1], cut[0], par)
	}
	return m.Resize(w, h, p.Resample, par)
}

// resized is the size of a w by h picture before its middle is cut out.
func (p *Processor) resized(w, h int) (int, int) {
	if p.Fit == Keep {
		return w, h
	}
	return shortestEdge(w, h, p.Edge)
}

// padded is the size of a w by h picture inside the result: the axis with less room is filled, the other one as far as
// Stretch allows.
func (p *Processor) padded(w, h int) (int, int) {
	sx, sy := float64(p.Size[1])/float64(w), float64(p.Size[0])/float64(h)
	stretch := max(p.Stretch, 1)
	sx, sy = min(sx, sy*stretch), min(sy, sx*stretch)
	return min(max(int(math.Round(float64(w)*sx)), 1), p.Size[1]), min(max(int(math.Round(float64(h)*sy)), 1), p.Size[0])
}

// shortestEdge scales so that the shorter side is edge; the longer is truncated, as both libraries do.
func shortestEdge(w, h, edge int) (int, int) {
	if w <= h {
		return edge, longEdge(h, w, edge)
	}
	return longEdge(w, h, edge), edge
}

func longEdge(long, short, edge int) int {
	return int(float64(edge) * float64(long) / float64(short))
}

// centreCrop resizes to rw by rh and keeps the middle. Only what is kept is computed: a strip of 1×100,000 would otherwise
// become 224×22,400,000.
func (p *Processor) centreCrop(m *Image, rw, rh int, par Parallel) *Image {
	h, w := p.Size[0], p.Size[1]
	x, y := p.margin(rw, w), p.margin(rh, h)
	want := window{x: max(x, 0), y: max(y, 0), w: min(w, rw), h: min(h, rh)}
	part := &Image{W: want.w, H: want.h, Pix: resampleWindow(m.Pix, m.W, m.H, 3, rw, rh, want, p.Resample, par)}
	out := New(w, h)
	paste(out, part, max(-x, 0), max(-y, 0))
	return out
}

// margin is what is cut off before the middle; negative where the picture is smaller and is padded.
func (p *Processor) margin(have, want int) int {
	if have < want {
		// transformers puts the odd pixel of padding in front.
		return -((want - have + 1) / 2)
	}
	if p.Rounding == RoundEven {
		return int(math.RoundToEven(float64(have-want) / 2))
	}
	return (have - want) / 2
}

// paste copies src to (x, y) of dst, cut at dst's edges.
func paste(dst, src *Image, x, y int) {
	x0, x1 := max(x, 0), min(x+src.W, dst.W)
	if x0 >= x1 {
		return
	}
	for row := max(y, 0); row < min(y+src.H, dst.H); row++ {
		copy(dst.Pix[3*(row*dst.W+x0):3*(row*dst.W+x1)], src.Pix[3*((row-y)*src.W+x0-x):])
	}
}
