package data

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// record is a document that was read: a record of a file, or a file of its own.
type record struct {
	text   []byte
	where  string                       // for messages
	offset int64                        // of text in what read reads
	read   func(s span) ([]byte, error) // reads a piece of it again
	json   bool                         // text is JSON

	cursor   int // behind what was found last
	searched int // bytes
}

// Pictures inside a document are looked for in its text, in time that grows with the text alone; those that are small are not.
const (
	smallInside = 1 << 10
	maxSearches = 16 // of the whole text
)

// keep decodes a picture that a document holds as text. It stays in the document, to be read again when it is used, so that a list of pages
// is not as large as its pictures.
func (r *record) keep(text string, decode func(string) ([]byte, error)) (image, error) {
	data, err := decode(text)
	if err != nil {
		return nil, err
	}
	if r == nil || len(text) < smallInside {
		return inMemory(data), nil
	}
	at, ok := r.find(text)
	if !ok {
		return inMemory(data), nil // written in some unusual way
	}
	return inRecord{r.read, at, r.json, decode, sha256.Sum256(data)}, nil
}

// escapes are the ways in which encoders of JSON write what base64 has.
var escapes = []*strings.Replacer{
	strings.NewReplacer(),
	strings.NewReplacer("\n", `\n`, "\r", `\r`),
	strings.NewReplacer("\n", `\n`, "\r", `\r`, "/", `\/`),
}

// find is where a text stands.
func (r *record) find(text string) (span, bool) {
	if !r.json {
		return r.search(text)
	}
	if strings.ContainsAny(text, `"\`) {
		return span{}, false
	}
	tried := ""
	for _, e := range escapes {
		if written := e.Replace(text); written != tried {
			if at, ok := r.search(written); ok {
				return at, true
			}
			tried = written
		}
	}
	return span{}, false
}

// search looks from the last place on, because documents are mostly read in order, and then from the beginning.
func (r *record) search(text string) (span, bool) {
	for _, from := range []int{r.cursor, 0} {
		if r.searched > maxSearches*len(r.text) {
			break
		}
		at := bytes.Index(r.text[from:], []byte(text))
		if at < 0 {
			r.searched += len(r.text) - from
			continue
		}
		r.searched += at
		r.cursor = from + at + len(text)
		return span{r.offset + int64(from+at), int64(len(text))}, true
	}
	return span{}, false
}

// inRecord is a picture inside a document.
type inRecord struct {
	read func(s span) ([]byte, error)
	span
	json   bool
	decode func(string) ([]byte, error)
	sum    [sha256.Size]byte // of the picture
}

func (p inRecord) bytes() ([]byte, error) {
	raw, err := p.read(p.span)
	if err != nil {
		return nil, err
	}
	text := string(raw)
	if p.json {
		err = json.Unmarshal(fmt.Appendf(nil, `"%s"`, raw), &text)
	}
	var data []byte
	if err == nil {
		data, err = p.decode(text)
	}
	if err != nil || sha256.Sum256(data) != p.sum {
		return nil, errors.New("the file has changed since it was opened")
	}
	return data, nil
}

func (p inRecord) name() string { return string(p.sum[:]) }
