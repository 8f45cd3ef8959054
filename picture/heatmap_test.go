package picture

import (
	"bytes"
	"image/png"
	"math"
	"strings"
	"testing"
)

func TestHeatIsWhereTheValuesAre(t *testing.T) {
	nan := float32(math.NaN())
	h := Heat{H: 2, W: 3, Values: []float32{0, 0, 9, nan, 0, float32(math.Inf(1))}}
	m := New(90, 60)
	for i := range m.Pix {
		m.Pix[i] = 128
	}
	out := h.Overlay(m)
	light := func(x, y int) uint8 { return luma(out.At(x, y)) }
	if hot, cold, broken := light(75, 15), light(15, 15), light(15, 45); hot < 120 || cold > 90 || broken > 90 {
		t.Errorf("light is %d where it is hot, %d where it is cold, %d where the value is NaN", hot, cold, broken)
	}
	// The same value on a common scale has the same colour in two maps.
	a := Heat{H: 1, W: 2, Values: []float32{1, 2}, Low: 0, High: 4}
	b := Heat{H: 1, W: 2, Values: []float32{4, 2}, Low: 0, High: 4}
	if a.shares(2, 1)[1] != b.shares(2, 1)[1] {
		t.Error("a common scale gives two colours for one value")
	}
	flat := Heat{H: 1, W: 1, Values: []float32{5}}
	if flat.shares(1, 1)[0] != 0 {
		t.Error("a map without differences is not cold")
	}
}

func TestHeatColoursGrowLighter(t *testing.T) {
	last := float32(-1)
	for i := range 101 {
		c := heatColour(float32(i) / 100)
		if l := 0.3*c[0] + 0.59*c[1] + 0.11*c[2]; l <= last {
			t.Fatalf("colour %d is not lighter than the one before", i)
		} else {
			last = l
		}
	}
}

func TestSheet(t *testing.T) {
	tiles := []Tile{{New(20, 10), "a"}, {New(10, 30), strings.Repeat("long ", 50)}, {New(5, 5), ""}}
	s := Sheet(tiles, 2)
	if s.W != 6+2*26 || s.H != 6+2*(30+16+6) {
		t.Fatalf("sheet is %d×%d", s.W, s.H)
	}
	if r, _, _ := s.At(6, 6); r != 0 {
		t.Error("the first tile is not at its place")
	}
	if r, _, _ := s.At(6+26+5, 6+29); r != 0 {
		t.Error("the second tile is not at its place")
	}
	dark := 0
	for x := range 20 {
		for y := range 16 {
			if r, _, _ := s.At(6+x, 36+y); r < 128 {
				dark++
			}
		}
	}
	if dark == 0 {
		t.Error("the label is not written")
	}
	for y := range s.H {
		if r, _, _ := s.At(s.W-1, y); r != 255 {
			t.Fatal("a label runs over the edge")
		}
	}
	var b bytes.Buffer
	if err := s.WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b)
	if err != nil || !bytes.Equal(FromImage(img, AlphaWhite).Pix, s.Pix) {
		t.Errorf("the PNG is not the sheet: %v", err)
	}
	if s := Sheet(nil, 3); s.W != 1 {
		t.Error("an empty sheet is not one pixel")
	}
}
