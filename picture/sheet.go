package picture

import (
	"image"
	"image/color"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Tile is one picture of a contact sheet, with a few words below it.
type Tile struct {
	Image *Image
	Label string
}

const (
	sheetGap    = 6
	labelHeight = 16
)

// Sheet lays tiles out in rows of so many columns, on white. Tiles stand at the top left of cells as large as the largest;
// labels are cut to their cell. Without tiles it is one white pixel.
func Sheet(tiles []Tile, columns int) *Image {
	if len(tiles) == 0 {
		return &Image{W: 1, H: 1, Pix: []uint8{255, 255, 255}}
	}
	columns = min(max(columns, 1), len(tiles))
	cellW, cellH, label := 1, 1, 0
	for _, t := range tiles {
		cellW, cellH = max(cellW, t.Image.W), max(cellH, t.Image.H)
		if t.Label != "" {
			label = labelHeight
		}
	}
	rows := (len(tiles) + columns - 1) / columns
	out := New(sheetGap+columns*(cellW+sheetGap), sheetGap+rows*(cellH+label+sheetGap))
	for i := range out.Pix {
		out.Pix[i] = 255
	}
	for i, t := range tiles {
		x := sheetGap + i%columns*(cellW+sheetGap)
		y := sheetGap + i/columns*(cellH+label+sheetGap)
		paste(out, t.Image, x, y)
		if t.Label != "" {
			out.label(t.Label, x, y+cellH, cellW)
		}
	}
	return out
}

// label writes black text into a box of labelHeight by width pixels, cut where the box ends.
func (m *Image) label(text string, x, y, width int) {
	face := basicfont.Face7x13
	box := image.NewGray(image.Rect(0, 0, width, labelHeight))
	for i := range box.Pix {
		box.Pix[i] = 255
	}
	d := font.Drawer{Dst: box, Src: image.NewUniform(color.Black), Face: face, Dot: fixed.P(0, face.Ascent+1)}
	d.DrawString(text)
	for row := range labelHeight {
		for col := range width {
			v := box.Pix[row*box.Stride+col]
			p := m.Pix[3*((y+row)*m.W+x+col):]
			p[0], p[1], p[2] = v, v, v
		}
	}
}
