package picture

import (
	"bytes"
	"cmp"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"image"
	"image/png"
	"io"
)

// PNG is decoded by the standard library, but for two things that Pillow has its own ways with: 16-bit grey, and the
// colour that a tRNS chunk names as transparent.

const pngSignature = "\x89PNG\r\n\x1a\n"

// pngChunks reports the chunks up to the first that is cut short or the caller has enough: the kind, the data, and where
// the whole chunk lies in the file.
func pngChunks(data []byte, found func(kind string, body []byte, from, to int) bool) {
	for i := len(pngSignature); i+8 <= len(data); {
		n := int64(binary.BigEndian.Uint32(data[i:]))
		if n > int64(len(data)-i-12) {
			return
		}
		end := i + 12 + int(n)
		if !found(string(data[i+4:i+8]), data[i+8:i+8+int(n)], i, end) {
			return
		}
		i = end
	}
}

// pngTransparent is the colour that a grey or RGB picture names as transparent, as far as 8 bits go.
type pngTransparent struct {
	named bool
	c     [3]uint8
}

func pngDecode(data []byte) (*RGBA, error) {
	data, transparent := withoutTransparent(data)
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var m *RGBA
	if grey, ok := img.(*image.Gray16); ok {
		m = saturated(grey)
	} else {
		m = fromImage(img)
	}
	if transparent.named {
		for i := 0; i < len(m.Pix); i += 4 {
			if [3]uint8(m.Pix[i:]) == transparent.c {
				m.Pix[i+3] = 0
			}
		}
	}
	return m, nil
}

// withoutTransparent takes the tRNS chunk out of a grey or RGB picture. What it names is compared with the samples as
// Pillow does, after they were scaled to 8 bits and without scaling the name.
func withoutTransparent(data []byte) ([]byte, pngTransparent) {
	var t pngTransparent
	var depth, kind byte
	pngChunks(data, func(name string, body []byte, from, to int) bool {
		const grey, rgb = 0, 2
		switch {
		case name == "IHDR" && len(body) == 13:
			depth, kind = body[8], body[9]
			return kind == grey || kind == rgb
		case name == "tRNS" && kind == grey && len(body) == 2:
			v := body[1]
			if depth == 1 && v|body[0] != 0 {
				v = 255
			}
			t = pngTransparent{true, [3]uint8{v, v, v}}
		case name == "tRNS" && kind == rgb && len(body) == 6:
			t = pngTransparent{true, [3]uint8{body[1], body[3], body[5]}}
		default:
			return name != "IDAT"
		}
		data = append(bytes.Clone(data[:from]), data[to:]...)
		return false
	})
	return data, t
}

// saturated cuts 16-bit grey off at 255, as Pillow's conversion of its mode I;16 does.
func saturated(src *image.Gray16) *RGBA {
	out := NewRGBA(src.Rect.Dx(), src.Rect.Dy())
	for y := range out.H {
		row := src.Pix[y*src.Stride:]
		dst := out.Pix[4*y*out.W : 4*(y+1)*out.W]
		for x := range out.W {
			v := row[2*x+1]
			if row[2*x] != 0 {
				v = 255
			}
			dst[4*x], dst[4*x+1], dst[4*x+2], dst[4*x+3] = v, v, v, 255
		}
	}
	return out
}

// pngOrientation looks for the eXIf chunk, then for what older files have in its place.
func pngOrientation(data []byte) int {
	var inEXIF, inText, inXMP int
	pngChunks(data, func(name string, body []byte, _, _ int) bool {
		key, rest, _ := bytes.Cut(body, []byte{0})
		switch {
		case name == "eXIf":
			inEXIF = exifOrientation(body)
		case name == "tEXt" && string(key) == rawEXIF:
			inText = rawOrientation(rest)
		case name == "zTXt" && string(key) == rawEXIF && len(rest) > 0:
			inText = rawOrientation(inflated(rest[1:]))
		case name == "iTXt" && string(key) == "XML:com.adobe.xmp" && len(rest) > 2:
			deflated := rest[0] != 0
			if parts := bytes.SplitN(rest[2:], []byte{0}, 3); len(parts) == 3 { // a language, the key in it, the text
				packet := parts[2]
				if deflated {
					packet = inflated(packet)
				}
				inXMP = xmpOrientation(packet)
			}
		}
		return true
	})
	return cmp.Or(inEXIF, inText, inXMP)
}

// rawEXIF is the key under which ImageMagick wrote EXIF data, in digits, before PNG had a chunk for it.
const rawEXIF = "Raw profile type exif"

// rawOrientation reads such a text: an empty line, the kind, the length, and then digits in lines.
func rawOrientation(text []byte) int {
	lines := bytes.SplitN(text, []byte("\n"), 4)
	if len(lines) < 4 {
		return 0
	}
	data, _ := hex.DecodeString(string(bytes.ReplaceAll(lines[3], []byte("\n"), nil)))
	return exifOrientation(data)
}

// inflated is a note's text, as far as it is whole and not unreasonably long.
func inflated(data []byte) []byte {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(r, 1<<20))
	return text
}
