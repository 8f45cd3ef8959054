package picture

import (
	"bytes"
	"encoding/binary"
	"regexp"
)

const (
	orientationTag = 0x0112
	xmpTag         = 700
)

// tiffOrientation finds the orientation of a TIFF file: in its first directory, or in the XMP there.
func tiffOrientation(data []byte) int {
	o := directoryOrientation(data)
	if o == 0 && isTIFF(data) {
		t, _ := tiffDirectory(data)
		xmp, _, _ := t.raw(xmpTag)
		o = xmpOrientation(xmp)
	}
	return o
}

// directoryOrientation is what a TIFF file's first directory says, which is also what EXIF data is.
// It returns 0 where there is none or the bytes make no sense: a broken note does not spoil a good picture.
func directoryOrientation(data []byte) int {
	if !isTIFF(data) {
		return 0
	}
	t, _ := tiffDirectory(data)
	o, err := t.one(orientationTag, 0)
	if err != nil {
		return 0
	}
	return o
}

// exifOrientation is directoryOrientation for data that may have EXIF's own mark in front.
func exifOrientation(data []byte) int {
	return directoryOrientation(bytes.TrimPrefix(data, []byte("Exif\x00\x00")))
}

var orientationInXMP = regexp.MustCompile(`tiff:Orientation(?:="|>)([0-9])`)

// xmpOrientation finds the orientation in an XMP packet, which counts where EXIF says nothing; 0 where there is none.
func xmpOrientation(packet []byte) int {
	m := orientationInXMP.FindSubmatch(packet)
	if m == nil {
		return 0
	}
	return int(m[1][0] - '0')
}

// jpegOrientation walks the segments before the first scan.
func jpegOrientation(data []byte) int {
	const app1, startOfScan = 0xe1, 0xda
	var inXMP int
	for i := 2; i+4 <= len(data); {
		if data[i] != 0xff {
			return inXMP
		}
		marker := data[i+1]
		if marker == 0xff { // fill byte
			i++
			continue
		}
		if marker == startOfScan {
			return inXMP
		}
		n := int(binary.BigEndian.Uint16(data[i+2:]))
		if n < 2 || i+2+n > len(data) {
			return inXMP
		}
		if segment := data[i+4 : i+2+n]; marker == app1 {
			if bytes.HasPrefix(segment, []byte("Exif\x00\x00")) {
				if o := exifOrientation(segment); o != 0 {
					return o
				}
			}
			if packet, ok := bytes.CutPrefix(segment, []byte("http://ns.adobe.com/xap/1.0/\x00")); ok {
				inXMP = xmpOrientation(packet)
			}
		}
		i += 2 + n
	}
	return inXMP
}

// orient turns the picture as an EXIF orientation of 1 to 8 asks; other values leave it alone.
func (m *RGBA) orient(o int) *RGBA {
	if o < 2 || o > 8 {
		return m
	}
	w, h := m.W, m.H
	if o >= 5 {
		w, h = h, w
	}
	out := NewRGBA(w, h)
	for y := range h {
		for x := range w {
			var sx, sy int
			switch o {
			case 2:
				sx, sy = w-1-x, y
			case 3:
				sx, sy = w-1-x, h-1-y
			case 4:
				sx, sy = x, h-1-y
			case 5:
				sx, sy = y, x
			case 6:
				sx, sy = y, w-1-x
			case 7:
				sx, sy = h-1-y, w-1-x
			case 8:
				sx, sy = h-1-y, x
			}
			copy(out.Pix[4*(y*w+x):4*(y*w+x)+4], m.Pix[4*(sy*m.W+sx):])
		}
	}
	return out
}
