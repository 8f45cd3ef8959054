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
		"Picture": template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png.Bytes())),
		"Data":    template.JS(data), // JSON escapes <, > and & itself
	})
}

// fit is the picture with its longer side at most side pixels.
func fit(img *picture.Image, side int) *picture.Image {
	long := max(img.W, img.H)
	if long <= side {
		return img
	}
	return img.Resize(max(1, img.W*side/long), max(1, img.H*side/long), picture.Bicubic, nil)
}
