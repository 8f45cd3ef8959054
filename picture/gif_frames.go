package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"math"
)

// Sampling says which frames of a video are looked at.
type Sampling struct {
	Rate float64 // frames a second of the video; 0: every frame that it has
	Most int     // at most so many, spread evenly from the first to the last; 0: any number
}

// Pick chooses among frames that are shown for so many seconds each: which frames, in order; one may be chosen more than once.
func (s Sampling) Pick(shown []float64) []int {
	var at []int
	if s.Rate <= 0 {
		for i := range shown {
			at = append(at, i)
		}
	} else {
		frame, end := 0, 0.0
		for i, t := range shown {
			end += t
			// What lies a rounding beyond a frame's end belongs to the next.
			for ; float64(frame)/s.Rate < end-1e-9; frame++ {
				if len(at) == maxFrames {
					break
				}
				at = append(at, i)
			}
		}
	}
	if s.Most <= 0 || len(at) <= s.Most {
		return at
	}
	most := make([]int, s.Most)
	for i := range most {
		most[i] = at[int(math.Round(float64(i)*float64(len(at)-1)/float64(max(1, s.Most-1))))]
	}
	return most
}

// maxFrames bounds the frames that are chosen of a video, whatever its file says of time.
const maxFrames = 1 << 16

// DecodeFrames reads frames of a GIF, each as it is shown: what lies on what was there before. Of a file that does not move it is the picture.
// Together the frames may have as many pixels as one picture.
func DecodeFrames(data []byte, o Options, s Sampling) (out []*RGBA, err error) {
	f, w, h, err := look(data, o)
	if err != nil {
		return nil, err
	}
	frames, stored := gifFrames(data)
	if f.name != "GIF" || len(frames) < 2 {
		m, err := DecodeRGBA(data, o)
		if err != nil {
			return nil, err
		}
		return []*RGBA{m}, nil
	}
	var shown []float64
	for _, f := range frames {
		shown = append(shown, f.seconds)
	}
	at := s.Pick(shown)
	limit := o.maxPixels()
	if len(at) > limit/(w*h) {
		return nil, tooLargeError(fmt.Sprintf("%d frames of a GIF", len(at)), w, h, limit)
	}
	if stored > limit {
		return nil, tooLargeError("GIF", stored, 1, limit)
	}
	defer rescue(f, &err)
	if out, err = drawGIF(data, frames, at); err != nil {
		return nil, brokenError("GIF", err)
	}
	return out, nil
}

// gifFrame is what a file says of one frame.
type gifFrame struct {
	controls    []int   // where in the file flags say that it has a transparent index
	disposal    int     // what becomes of it before the next: 2 cleared, 3 what was there before; else it stays
	transparent int     // the index that lets through what is beneath; −1: none
	seconds     float64 // how long it is shown
}

// What browsers make of a frame that is shown for less than 20 ms.
const (
	leastDelay   = 2
	defaultDelay = 10
)

// gifFrames walks through a file's blocks: its frames, and how many pixels they hold together.
func gifFrames(data []byte) (frames []gifFrame, pixels int) {
	const header, extension, descriptor, graphicControl, hasTransparent = 13, 0x21, 0x2c, 0xf9, 1
	if len(data) < header {
		return nil, 0
	}
	at := header
	table := func(flags byte) {
		if flags&0x80 != 0 {
			at += 3 << (flags&7 + 1)
		}
	}
	blocks := func() {
		for at < len(data) && data[at] != 0 {
			at += 1 + int(data[at])
		}
		at++
	}
	table(data[10])
	next := gifFrame{transparent: -1, seconds: defaultDelay / 100.0}
	disposal := 0
	for at+2 < len(data) {
		switch data[at] {
		case extension:
			block := at + 2
			if data[at+1] == graphicControl && block+5 < len(data) && data[block] == 4 {
				flags := data[block+1]
				if flags&hasTransparent != 0 {
					next.controls = append(next.controls, block+1)
					next.transparent = int(data[block+4])
				}
				if d := int(flags >> 2 & 7); d != 0 { // one that says nothing is as the one before, as it is for Pillow
					disposal = d
				}
				if delay := int(data[block+2]) | int(data[block+3])<<8; delay >= leastDelay {
					next.seconds = float64(delay) / 100
				}
			}
			at = block
			blocks()
		case descriptor:
			if at+10 >= len(data) {
				return frames, pixels
			}
			d := data[at+1 : at+10]
			w, h := int(d[4])|int(d[5])<<8, int(d[6])|int(d[7])<<8
			pixels += w * h
			at += 10
			table(d[8])
			at++ // the size of codes
			blocks()
			next.disposal = disposal
			frames = append(frames, next)
			next = gifFrame{transparent: -1, seconds: defaultDelay / 100.0}
		default:
			return frames, pixels
		}
	}
	return frames, pixels
}

// drawGIF draws frame on frame, and keeps those that are asked for, at in rising order.
func drawGIF(data []byte, frames []gifFrame, at []int) ([]*RGBA, error) {
	first, err := gifDecode(data)
	if err != nil {
		return nil, err
	}
	all, err := gif.DecodeAll(bytes.NewReader(opaqueGIF(data, frames)))
	if err != nil {
		return nil, err
	}
	if len(all.Image) != len(frames) {
		return nil, fmt.Errorf("%d frames of %d", len(all.Image), len(frames))
	}
	canvas := &gifCanvas{RGBA: first, background: int(all.BackgroundIndex), opaque: frames[0].transparent < 0}
	var out []*RGBA
	for i, img := range all.Image {
		var before *RGBA
		if i > 0 {
			if frames[i].disposal > 2 {
				before = canvas.copyOf(img.Rect)
			}
			canvas.draw(img, frames[i].transparent)
		}
		for len(at) > 0 && at[0] == i {
			out = append(out, &RGBA{W: canvas.W, H: canvas.H, Pix: bytes.Clone(canvas.Pix)})
			at = at[1:]
		}
		if len(at) == 0 {
			break
		}
		canvas.dispose(img, frames[i], before)
	}
	return out, nil
}

// gifCanvas is what frames are drawn on.
type gifCanvas struct {
	*RGBA
	background int
	opaque     bool // the first frame had no transparency, so that none shows later
}

// draw lays a frame on the canvas.
func (c *gifCanvas) draw(img *image.Paletted, transparent int) {
	frame := fromImage(img)
	for y := range frame.H {
		row := img.Pix[y*img.Stride:]
		for x := range frame.W {
			if int(row[x]) != transparent {
				copy(c.at(img.Rect.Min.X+x, img.Rect.Min.Y+y), frame.Pix[4*(y*frame.W+x):][:4])
			}
		}
	}
}

// dispose makes the canvas what the next frame finds.
func (c *gifCanvas) dispose(img *image.Paletted, f gifFrame, before *RGBA) {
	r := img.Rect
	switch {
	case f.disposal < 2:
	case f.disposal == 2 || before == nil && f.transparent >= 0:
		index, alpha := f.transparent, uint8(0)
		if index < 0 {
			index, alpha = c.background, 255
		}
		if c.opaque {
			alpha = 255
		}
		colour := color.NRGBA{A: 255}
		if index >= len(img.Palette) {
			index = 0
		}
		if index < len(img.Palette) {
			colour = toNRGBA(img.Palette[index])
		}
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				copy(c.at(x, y), []byte{colour.R, colour.G, colour.B, alpha})
			}
		}
	case before != nil:
		for y := range before.H {
			copy(c.Pix[4*((r.Min.Y+y)*c.W+r.Min.X):], before.Pix[4*y*before.W:4*(y+1)*before.W])
		}
	}
}

// copyOf is a part of the canvas.
func (c *gifCanvas) copyOf(r image.Rectangle) *RGBA {
	out := NewRGBA(r.Dx(), r.Dy())
	for y := range out.H {
		copy(out.Pix[4*y*out.W:4*(y+1)*out.W], c.Pix[4*((r.Min.Y+y)*c.W+r.Min.X):])
	}
	return out
}

// at is the bytes of a pixel.
func (c *gifCanvas) at(x, y int) []byte { return c.Pix[4*(y*c.W+x):][:4] }
