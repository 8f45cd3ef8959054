package data

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"

	"dragoman/picture"
)

// pageShard is a tar file of pages: key.json with its pictures beside it.
type pageShard struct {
	path    string
	options PageOptions
	file    *os.File
	docs    []document
	verdict verdicts
	report  PageReport
}

// document is where a page's files lie.
type document struct {
	key   string
	json  span
	files []tarFile // its pictures
}

func openPageTar(path string, o PageOptions) (Pages, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	d := &pageShard{path: path, options: o, file: f}
	if err := walkTar(f, d.add, o.skip(&d.report)); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// add takes the files of one key for a page.
func (d *pageShard) add(key string, files []tarFile) {
	doc := document{key: key}
	for _, f := range files {
		if f.ext == "json" {
			doc.json = f.span
		} else if picture.HasExtension("." + f.ext) {
			doc.files = append(doc.files, f)
		}
	}
	p, err := d.page(doc)
	if err != nil {
		d.options.skip(&d.report)(d.where(doc), err)
		return
	}
	d.report.has(p)
	d.docs = append(d.docs, doc)
}

func (d *pageShard) where(doc document) string { return d.path + ":" + doc.key }

func (d *pageShard) page(doc document) (Page, error) {
	if doc.json.size == 0 {
		return Page{}, errors.New("there is no .json with this key")
	}
	b, err := readSpan(d.file, doc.json, maxRecord)
	if err != nil {
		return Page{}, fmt.Errorf("json: %w", err)
	}
	r := &record{text: b, where: d.where(doc), offset: doc.json.offset, json: true, read: func(s span) ([]byte, error) { return readAt(d.file, s) }}
	p, err := pageFrom(r, inShard{d, doc, r}, d.options, &d.verdict)
	if err == nil && p.ID == r.where {
		p.ID = doc.key
	}
	return p, err
}

func (d *pageShard) Len() int { return len(d.docs) }

func (d *pageShard) Page(i int) (Page, error) {
	p, err := d.page(d.docs[i])
	if err != nil {
		return Page{}, &RowError{d.where(d.docs[i]), err}
	}
	return p, nil
}

func (d *pageShard) Report() PageReport { return d.report }

func (d *pageShard) Close() error { return d.file.Close() }

// inShard finds a page's pictures among the files that have its key.
type inShard struct {
	shard *pageShard
	doc   document
	json  *record
}

func (s inShard) find(name any, n int) (image, error) {
	name = plainName(name)
	text, named := name.(string)
	if named && !strings.HasPrefix(text, "data:") {
		if f, ok := s.doc.file(text, n); ok {
			return inFile{s.shard.file, f.span}, nil
		}
		if !isAddress(text) { // what a shard holds does not lead out of it
			return nil, because(NotFound, "%.100q is not among the files of %s", text, s.doc.key)
		}
	}
	return inFolder{"", s.shard.options.Fetch, s.json}.find(name, n)
}

// file is the picture of a name: one whose file is called so, with the key or behind it, or the n-th.
func (d document) file(name string, n int) (tarFile, bool) {
	base := strings.ToLower(path.Base(name))
	behind := strings.TrimPrefix(base, strings.ToLower(path.Base(d.key))+".")
	for _, f := range d.files {
		if f.ext == base || f.ext == behind {
			return f, true
		}
	}
	for _, f := range d.files {
		if number, _, _ := strings.Cut(f.ext, "."); number == strconv.Itoa(n) {
			return f, true
		}
	}
	return tarFile{}, false
}
