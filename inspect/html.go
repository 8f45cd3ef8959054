package inspect

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"dragoman"
	"dragoman/picture"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Parse(pageSource))

// WriteHTML writes a page that needs no other file: the picture, and for the query under the pointer where it looks.
func WriteHTML(w io.Writer, in *dragoman.Inspection, img *picture.Image) error {
	var png bytes.Buffer
	if err := fit(img, 512).WritePNG(&png); err != nil {
		return err
	}
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing the page: %s: %w", in.Image, err)
	}
	return page.Execute(w, map[string]any{
		"Title":   in.Image,
		"Caption": in.Caption,
		"Hints":   strings.Join(in.Hints, "; "),
		"Alone":   in.Alone,
		"Gates":   in.Gates,
		"Picture": template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png.Bytes())),
		"Data":    template.JS(data), // JSON escapes <, > and & itself
	})
}

//go:embed text.html
var textSource string

var textPage = template.Must(template.New("text").Parse(textSource))

// WritePageHTML writes a page's tokens, each in the colour of the picture that it looks at; it needs no other file. pictures are those of
// the page, as the encoder sees them.
func WritePageHTML(w io.Writer, in *dragoman.PageInspection, pictures []*picture.Image) error {
	const side = 160
	type shown struct {
		Source template.URL
		Hue    int
	}
	var list []shown
	for i, img := range pictures {
		var png bytes.Buffer
		if err := fit(img, side).WritePNG(&png); err != nil {
			return err
		}
		list = append(list, shown{template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png.Bytes())), hue(i)})
	}
	type token struct {
		Text         string
		Hue, Picture int
	}
	var tokens []token
	for _, t := range in.Tokens {
		tokens = append(tokens, token{t.Text, hue(t.Picture), t.Picture})
	}
	return textPage.Execute(w, map[string]any{"Title": in.Page, "Pictures": list, "Tokens": tokens, "Gates": in.Gates})
}

// hue tells pictures apart: steps of the golden angle.
func hue(picture int) int { return (picture*137 + 200) % 360 }

// fit is the picture with its longer side at most side pixels.
func fit(img *picture.Image, side int) *picture.Image {
	long := max(img.W, img.H)
	if long <= side {
		return img
	}
	return img.Resize(max(1, img.W*side/long), max(1, img.H*side/long), picture.Bicubic, nil)
}
