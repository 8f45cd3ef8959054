package picture

import (
	"bytes"
	"math"
	"testing"
)

// badge is a disc with a red left and a blue right half on a transparent ground.
func badge(size int) *RGBA {
	m := NewRGBA(size, size)
	for y := range size {
		for x := range size {
			if dx, dy := x-size/2, y-size/2; dx*dx+dy*dy < size*size/9 {
				p := m.Pix[4*(y*size+x):]
				p[0], p[2], p[3] = 220, 20, 255
				if x >= size/2 {
					p[0], p[2] = 20, 220
				}
			}
		}
	}
	return m
}

func TestViewsAreDetermined(t *testing.T) {
	a, m := DefaultAugment(96), badge(64)
	before := bytes.Clone(m.Pix)
	seen := map[string]bool{}
	for epoch := range uint64(40) {
		v := a.View(m, true, 1, epoch, 5)
		if !bytes.Equal(v.Pix, a.View(m, true, 1, epoch, 5).Pix) {
			t.Fatal("the same seed, epoch and row give two views")
		}
		if v.W != 96 || v.H != 96 || len(v.Pix) != 3*96*96 {
			t.Fatalf("view is %d×%d", v.W, v.H)
		}
		seen[hash(v.Pix)] = true
	}
	seen[hash(a.View(m, true, 2, 0, 5).Pix)] = true
	seen[hash(a.View(m, true, 1, 0, 6).Pix)] = true
	if len(seen) != 42 {
		t.Errorf("%d different views of 42", len(seen))
	}
	if !bytes.Equal(before, m.Pix) {
		t.Error("drawing views changed the picture")
	}
}

// TestGrounds counts the corners of views whose picture does not reach them.
func TestGrounds(t *testing.T) {
	a := DefaultAugment(64)
	a.Scale, a.CutOut = [2]float64{0.5, 0.6}, 0
	white, pale, other := 0, 0, 0
	pales := map[uint8]bool{}
	m := badge(40)
	for row := range uint64(1000) {
		v := a.View(m, true, 3, 0, row)
		r, g, b := v.At(0, 0)
		switch low := min(r, g, b); {
		case low == 255:
			white++
		case low >= 200:
			pale++
			pales[g] = true
		default:
			other++
		}
	}
	if math.Abs(float64(white)-450) > 60 || math.Abs(float64(pale)-305) > 60 || math.Abs(float64(other)-245) > 60 {
		t.Errorf("%d white, %d pale, %d other grounds of 1000", white, pale, other)
	}
	if len(pales) < 40 {
		t.Errorf("the pale grounds have %d levels of green", len(pales))
	}
}

// TestFlipIsForbidden finds out on which side red lies.
func TestFlipIsForbidden(t *testing.T) {
	a := Augment{Size: 64, Scale: [2]float64{1, 1}, Flip: 0.5, White: 1, Resample: Bicubic}
	redLeft := func(v *Image) bool {
		r, _, b := v.At(16, 32)
		return r > b
	}
	m := badge(50)
	flipped := 0
	for row := range uint64(200) {
		if !redLeft(a.View(m, false, 1, 1, row)) {
			t.Fatal("flipped although that was forbidden")
		}
		if !redLeft(a.View(m, true, 1, 1, row)) {
			flipped++
		}
	}
	if flipped < 70 || flipped > 130 {
		t.Errorf("%d of 200 flipped", flipped)
	}
}

// TestViewsOfOddPictures draws views, with every change on, of shapes that leave nothing to measure.
func TestViewsOfOddPictures(t *testing.T) {
	a := DefaultAugment(32)
	a.Rotate, a.Jitter, a.Blur, a.CutOut = 1, 1, 1, 1
	for _, size := range [][2]int{{1, 1}, {1, 3000}, {3000, 1}, {2, 2}, {33, 7}} {
		for _, m := range []*RGBA{NewRGBA(size[0], size[1]), New(size[0], size[1]).RGBA()} {
			for style := range 3 {
				a.Outline, a.Flat, a.Grey = 0, 0, 0
				*[]*float64{&a.Outline, &a.Flat, &a.Grey}[style] = 1
				for row := range uint64(10) {
					if v := a.View(m, true, 1, 1, row); v.W != 32 || v.H != 32 {
						t.Fatalf("view of %v is %d×%d", size, v.W, v.H)
					}
				}
			}
		}
	}
}

func TestStyles(t *testing.T) {
	m := badge(60)
	m.outline()
	edge, inside := m.Pix[4*(30*60+10)], m.Pix[4*(20*60+22)]
	if edge > 60 || inside < 200 {
		t.Errorf("outline: the edge is %d and the inside %d", edge, inside)
	}
	m = &RGBA{W: 64, H: 64, Pix: noise(4*64*64, 1)}
	m.flatColours(3)
	for i, v := range m.Pix {
		if i%4 < 3 && v != 0 && v != 128 && v != 255 {
			t.Fatalf("flat colour %d", v)
		}
	}
	m.grey()
	if m.Pix[0] != m.Pix[1] || m.Pix[1] != m.Pix[2] {
		t.Error("grey has a colour")
	}
}

func TestBlurKeepsTheMean(t *testing.T) {
	m := noiseImage(31, 17, 4)
	flat := New(5, 4)
	for i := range flat.Pix {
		flat.Pix[i] = 77
	}
	flat.boxBlur(3)
	for _, v := range flat.Pix {
		if v != 77 {
			t.Fatalf("a flat picture blurs to %d", v)
		}
	}
	before := bytes.Clone(m.Pix)
	m.boxBlur(1)
	sum := 0
	for y := 9; y < 12; y++ {
		for x := 14; x < 17; x++ {
			sum += int(before[3*(y*31+x)])
		}
	}
	if got := int(m.Pix[3*(10*31+15)]); got < sum/9-2 || got > sum/9+2 {
		t.Errorf("blurred sample is %d, the mean of nine is %d", got, sum/9)
	}
}

func TestRotate(t *testing.T) {
	m := badge(41)
	if got := m.rotate(0); got.W != 41 || got.H != 41 || !bytes.Equal(got.Pix, m.Pix) {
		t.Error("a turn of 0° changes the picture")
	}
	quarter := m.rotate(90)
	if quarter.W < 41 || quarter.W > 42 {
		t.Errorf("a quarter turn is %d wide", quarter.W)
	}
	visible := func(m *RGBA) (n int) {
		for i := 3; i < len(m.Pix); i += 4 {
			n += int(m.Pix[i])
		}
		return n
	}
	for _, degrees := range []float64{-12, 7, 45} {
		a, b := visible(m), visible(m.rotate(degrees))
		if math.Abs(float64(a-b)) > 0.01*float64(a) {
			t.Errorf("turned by %v°, %d of %d is visible", degrees, b, a)
		}
	}
}

func BenchmarkView(b *testing.B) {
	a, m := DefaultAugment(224), badge(128)
	for i := uint64(0); b.Loop(); i++ {
		a.View(m, true, 1, 1, i)
	}
}
