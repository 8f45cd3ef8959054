package data

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"dragoman/internal/plainjson"
	"dragoman/internal/readfile"
	"dragoman/picture"
)

// The usual names of fields, in the order in which they are tried.
var (
	imageKeys = []string{"image", "image_path", "img", "picture", "file_name", "filename", "file", "path", "filepath", "jpg", "png"}
	textKeys  = []string{"text", "caption", "texts", "captions", "sentence", "sentences", "title", "description", "label", "txt"}
	tagKeys   = []string{"tags", "keywords"}
	idKeys    = []string{"id", "key", "uid", "__key__", "image_id"}
)

// rowFrom sorts the fields of a record into a row; what it takes is removed from fields, and the rest is the row's Extra.
// Pictures named by a path are looked for from the folder dir.
func rowFrom(fields map[string]any, where, dir string, o Options) (Row, error) {
	key, value, err := take(fields, o.ImageKey, imageKeys)
	if err != nil {
		return Row{}, fmt.Errorf("no picture: %w", err)
	}
	img, err := imageFrom(value, dir, nil)
	if err != nil {
		return Row{}, fmt.Errorf("%s: %w", key, err)
	}
	row, err := rowWithoutImage(fields, where, o)
	row.media.image = img
	return row, err
}

// rowWithoutImage is rowFrom for a record whose picture lies elsewhere.
func rowWithoutImage(fields map[string]any, where string, o Options) (Row, error) {
	row := Row{ID: where, Where: where, media: Media{where: where, maxPixels: o.MaxPixels}}
	asked, err := takeQuestion(fields, &row, o)
	if err == nil && !asked {
		err = takeTexts(fields, &row, o)
	}
	if err != nil {
		return Row{}, err
	}
	if _, value, err := take(fields, "", tagKeys); err == nil {
		// Tags are an extra: of another shape than words, they stay among the other fields.
		if row.Tags, err = tagsFrom(value); err != nil {
			fields["tags"] = value
		}
	}
	if _, value, err := take(fields, "", idKeys); err == nil {
		row.ID = fmt.Sprint(value)
	}
	row.Extra = fields
	return row, nil
}

// takeTexts takes a row's captions out of fields.
func takeTexts(fields map[string]any, row *Row, o Options) error {
	key, value, err := take(fields, o.TextKey, textKeys)
	if err != nil && !o.NoText {
		return fmt.Errorf("no text: %w", err)
	}
	if row.Texts, err = stringsFrom(listed(value)); err != nil {
		if row.Texts, err = stringsFrom(value); err != nil { // a caption may be in brackets
			return fmt.Errorf("%s: %w", key, err)
		}
	}
	if len(row.Texts) == 0 && !o.NoText {
		return fmt.Errorf("%s: the text is empty", key)
	}
	return nil
}

// take removes a field: the one that was asked for, or the first of the usual ones that is there.
func take(fields map[string]any, asked string, usual []string) (key string, value any, err error) {
	if asked != "" {
		usual = []string{asked, strings.ToLower(asked)} // a table's header is read in lower case
	}
	for _, k := range usual {
		if v, ok := fields[k]; ok && v != nil {
			delete(fields, k)
			return k, v, nil
		}
	}
	if asked != "" {
		return asked, nil, fmt.Errorf("there is no %q", asked)
	}
	return "", nil, fmt.Errorf("there is none of %s", strings.Join(usual, ", "))
}

// stringsFrom reads a text or a list of texts; empty ones do not count.
func stringsFrom(v any) ([]string, error) {
	var out []string
	switch v := v.(type) {
	case nil:
	case string:
		out = []string{v}
	case []byte: // a column of text that its file does not call text
		out = []string{string(v)}
	case []string:
		out = v
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if b, isBytes := e.([]byte); isBytes {
				s, ok = string(b), true
			}
			if !ok {
				return nil, fmt.Errorf("a list of texts has %s in it", plainjson.Of(e))
			}
			out = append(out, s)
		}
	default:
		return nil, fmt.Errorf("is %s, not a text", plainjson.Of(v))
	}
	kept := out[:0:0]
	for _, s := range out {
		if s = strings.TrimSpace(strings.ToValidUTF8(s, "\uFFFD")); s != "" {
			kept = append(kept, s)
		}
	}
	return kept, nil
}

// tagsFrom reads a list of words, or one text with commas.
func tagsFrom(v any) ([]string, error) {
	if s, ok := v.(string); ok {
		return stringsFrom(strings.Split(s, ","))
	}
	return stringsFrom(v)
}

// imageFrom reads how a record names its picture: a path, a data: URL, or an object with bytes (base64) or a path. A picture inside stays in
// the record, if it is given.
func imageFrom(v any, dir string, in *record) (image, error) {
	switch v := plainName(v).(type) {
	case string:
		switch {
		case v == "":
			return nil, errors.New("the path is empty")
		case strings.HasPrefix(v, "data:"):
			return inlineURL(v, in)
		case isAddress(v):
			return nil, fmt.Errorf("addresses on the network are not read: %.100q", v)
		}
		return fileOnDisk(v, dir)
	case []byte:
		return inMemory(v), nil
	case map[string]any:
		switch b := v["bytes"].(type) {
		case []byte:
			return inMemory(b), nil
		case string:
			img, err := in.keep(b, base64.StdEncoding.DecodeString)
			if err != nil {
				return nil, fmt.Errorf("bytes: %w", err)
			}
			return img, nil
		}
		return nil, fmt.Errorf("bytes is %s, not base64", plainjson.Of(v["bytes"]))
	case nil:
		return nil, errors.New("has neither bytes nor path")
	}
	return nil, fmt.Errorf("is %s, not a path", plainjson.Of(v))
}

func inlineURL(s string, in *record) (image, error) {
	if !strings.Contains(s, ",") {
		return nil, errors.New("data URL without a comma")
	}
	return in.keep(s, picture.DataURL)
}

// image is where a picture is.
type image interface {
	bytes() ([]byte, error)
	name() string // tells it from others
}

// inMemory is a picture that came with its record.
type inMemory []byte

func (b inMemory) bytes() ([]byte, error) { return b, nil }

func (b inMemory) name() string {
	sum := sha256.Sum256(b)
	return string(sum[:])
}

// onDisk is the path of a picture.
type onDisk string

// fileOnDisk checks that the file is there, so that a row without its picture is left out from the start.
func fileOnDisk(path, dir string) (image, error) {
	path = filepath.FromSlash(path)
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	info, err := os.Stat(path)
	if err != nil {
		path := lineless.Replace(path) // an error is a line
		if pe := (*os.PathError)(nil); errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: is not a file", path)
	}
	return onDisk(path), nil
}

// maxPicture is the largest file that is taken for a picture.
const maxPicture = 1 << 30

func (p onDisk) name() string { return string(p) }

func (p onDisk) bytes() ([]byte, error) {
	b, err := readfile.Regular(string(p), maxPicture)
	if err != nil && !errors.As(err, new(*fs.PathError)) {
		err = fmt.Errorf("%s: %w", p, err)
	}
	return b, err
}

// plain turns JSON's numbers into int64 where they are whole and fit, and into float64 elsewhere.
func plain(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return n
		}
		f, err := v.Float64()
		if err != nil {
			return string(v) // beyond what a float64 holds
		}
		return f
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	}
	return v
}
