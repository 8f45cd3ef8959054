package picture

import (
	"math"
	"math/rand/v2"
)

// Augment draws random views of pictures for training: the picture without its empty border, scaled, placed, turned and
// flipped on a coloured ground, and in part of the views redrawn in another style. What comes out depends on the seed, the
// epoch, the row and the fields alone. Chances are from 0 to 1.
type Augment struct {
	Size     int        // side of the square views
	Scale    [2]float64 // range of the longer side, as a share of Size
	Zoom     [2]float64 // for opaque pictures that fill the view: range of the shorter side
	Fill     float64    // chance that an opaque picture fills the view, as a photograph does
	Flip     float64    // chance of a mirror image, where the caller allows it
	White    float64    // chance of a white ground
	Pale     float64    // chance of a pale one; the rest is any colour
	Rotate   float64    // chance of a turn
	Degrees  float64    // the largest turn to either side
	Jitter   float64    // chance of other brightness, contrast, saturation and hue
	Grey     float64    // chance of shades of grey
	Outline  float64    // chance of dark edges on a pale interior
	Flat     float64    // chance of a few flat colours without texture
	Blur     float64    // chance of a box blur of 3 or 5 pixels
	CutOut   float64    // chance that a rectangle is hidden
	Resample Filter
}

// DefaultAugment has the mixture with which the built-in model is trained.
func DefaultAugment(size int) Augment {
	return Augment{
		Size: size, Scale: [2]float64{0.6, 1.2}, Zoom: [2]float64{1, 1.6}, Fill: 0.5, Flip: 0.5, White: 0.45, Pale: 0.3,
		Rotate: 0.3, Degrees: 12, Jitter: 0.5, Grey: 0.06, Outline: 0.06, Flat: 0.1, Blur: 0.15, CutOut: 0.15, Resample: Bicubic,
	}
}

// View returns the view of a picture that belongs to a seed, an epoch and a row. mayFlip is false for pictures whose
// mirror image means something else: flags, letters, arrows, clocks.
func (a *Augment) View(m *RGBA, mayFlip bool, seed, epoch, row uint64) *Image {
	d := newDice(seed, epoch, row)
	ground := a.ground(d)
	part := m.crop(m.alphaBox())
	part = part.Resize(a.target(d, part))
	if d.chance(a.Flip) && mayFlip {
		part.flip()
	}
	a.restyle(d, part)
	if d.chance(a.Rotate) {
		part = part.rotate(d.between(-a.Degrees, a.Degrees))
	}
	x, y := d.place(part.W, a.Size), d.place(part.H, a.Size)
	view := part.placed(x, y, a.Size, a.Size).Over(ground[0], ground[1], ground[2])
	if d.chance(a.Blur) {
		view.boxBlur(1 + d.below(2))
	}
	if d.chance(a.CutOut) {
		view.cutOut(d)
	}
	return view
}

// target draws the size at which the picture is laid on the ground.
func (a *Augment) target(d *dice, m *RGBA) (w, h int, f Filter, par Parallel) {
	side := float64(a.Size) * d.between(a.Scale[0], a.Scale[1]) / float64(max(m.W, m.H))
	if zoom := d.between(a.Zoom[0], a.Zoom[1]); d.chance(a.Fill) && m.opaque() {
		side = float64(a.Size) * zoom / float64(min(m.W, m.H))
	}
	// However long a picture is, no side passes four views: no more than four can be seen of it.
	limit := 4 * a.Size
	w = min(max(int(math.Round(float64(m.W)*side)), 1), limit)
	h = min(max(int(math.Round(float64(m.H)*side)), 1), limit)
	return w, h, a.Resample, nil
}

func (a *Augment) ground(d *dice) [3]uint8 {
	kind := d.float()
	colour := [3]uint8{uint8(d.below(256)), uint8(d.below(256)), uint8(d.below(256))}
	switch {
	case kind < a.White:
		return [3]uint8{255, 255, 255}
	case kind < a.White+a.Pale:
		for c := range colour {
			colour[c] = uint8(200 + int(colour[c])*55/255)
		}
	}
	return colour
}

// restyle redraws the picture in at most one style, and then changes its colours.
func (a *Augment) restyle(d *dice, m *RGBA) {
	style := d.float()
	switch {
	case style < a.Outline:
		m.outline()
	case style < a.Outline+a.Flat:
		m.flatColours(3 + d.below(4))
	case style < a.Outline+a.Flat+a.Grey:
		m.grey()
	}
	if d.chance(a.Jitter) {
		m.jitter(d)
	}
}

// dice is a stream of random numbers that belongs to one view.
type dice struct{ source *rand.PCG }

func newDice(seed, epoch, row uint64) *dice {
	// PCG mixes its 128 bits of state well enough for seeds that differ by one.
	return &dice{rand.NewPCG(seed*0x9e3779b97f4a7c15+epoch, row)}
}

// float is in [0, 1).
func (d *dice) float() float64 { return float64(d.source.Uint64()>>11) / (1 << 53) }

func (d *dice) between(lo, hi float64) float64 { return lo + float64((hi-lo)*d.float()) }

func (d *dice) chance(p float64) bool { return d.float() < p }

func (d *dice) below(n int) int { return int(d.source.Uint64() % uint64(n)) }

// place draws where something of a length begins on a ground of another, so that as much of it as can be is seen.
func (d *dice) place(length, ground int) int {
	free := ground - length
	if free < 0 {
		return free + d.below(-free+1)
	}
	return d.below(free + 1)
}

// alphaBox is the smallest box that holds everything visible; all of an invisible picture.
func (m *RGBA) alphaBox() (x0, y0, x1, y1 int) {
	x0, y0 = m.W, m.H
	for y := range m.H {
		row := m.Pix[4*y*m.W : 4*(y+1)*m.W]
		for x := range m.W {
			// The faintest alpha is the shadow of resampling, not a part of the picture.
			if row[4*x+3] > 8 {
				x0, x1 = min(x0, x), max(x1, x+1)
				y0, y1 = min(y0, y), y+1
			}
		}
	}
	if x0 >= x1 {
		return 0, 0, m.W, m.H
	}
	return x0, y0, x1, y1
}

func (m *RGBA) crop(x0, y0, x1, y1 int) *RGBA { return m.placed(-x0, -y0, x1-x0, y1-y0) }

func (m *RGBA) opaque() bool {
	for i := 3; i < len(m.Pix); i += 4 {
		if m.Pix[i] != 255 {
			return false
		}
	}
	return true
}

// flip mirrors left and right, in place.
func (m *RGBA) flip() {
	for y := range m.H {
		row := m.Pix[4*y*m.W : 4*(y+1)*m.W]
		for i, j := 0, len(row)-4; i < j; i, j = i+4, j-4 {
			a, b := (*[4]uint8)(row[i:]), (*[4]uint8)(row[j:])
			*a, *b = *b, *a
		}
	}
}

// cutOut hides a rectangle of a tenth to four tenths of each side under one colour.
func (m *Image) cutOut(d *dice) {
	w := max(int(float64(m.W)*d.between(0.1, 0.4)), 1)
	h := max(int(float64(m.H)*d.between(0.1, 0.4)), 1)
	x, y := d.below(m.W-w+1), d.below(m.H-h+1)
	colour := [3]uint8{uint8(d.below(256)), uint8(d.below(256)), uint8(d.below(256))}
	for row := y; row < y+h; row++ {
		for col := x; col < x+w; col++ {
			copy(m.Pix[3*(row*m.W+col):], colour[:])
		}
	}
}
