package data

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"

	"dragoman/internal/readfile"
)

// What the paper asks of a picture on a page from the web.
const (
	webMinSide   = 64
	webMaxAspect = 3
)

// maxHTML is the largest file that is taken for a page.
const maxHTML = 16 << 20

// htmlPages are pages from the web, with their pictures in files, as a browser saves them or documentation has them.
type htmlPages struct {
	root    string // what paths that begin with a slash are below
	files   []string
	options PageOptions
	verdict verdicts
	report  PageReport
}

// openHTML opens one page.
func openHTML(path string, o PageOptions) (Pages, error) {
	d := newHTML(filepath.Dir(path), o)
	d.add(path)
	return d, nil
}

// openHTMLFolder opens the pages below a folder, in the order of their names. Names that begin with a dot are passed over.
func openHTMLFolder(root string, o PageOptions) (Pages, error) {
	d := newHTML(root, o)
	err := readfile.Walk(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && path == root:
			return err
		case err != nil:
			d.options.skip(&d.report)(path, err)
		case path != root && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.Type().IsRegular() && isHTML(path):
			d.add(path)
		}
		return nil
	})
	return d, err
}

func isHTML(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".html", ".htm", ".xhtml":
		return true
	}
	return false
}

func newHTML(root string, o PageOptions) *htmlPages {
	o.MinSide = cmp.Or(o.MinSide, webMinSide)
	o.MaxAspect = cmp.Or(o.MaxAspect, webMaxAspect)
	return &htmlPages{root: cmp.Or(o.Pictures, root), options: o}
}

func (d *htmlPages) add(path string) {
	p, err := d.read(path)
	if err != nil {
		d.options.skip(&d.report)(path, err)
		return
	}
	d.report.has(p)
	d.files = append(d.files, path)
}

func (d *htmlPages) Len() int { return len(d.files) }

func (d *htmlPages) Page(i int) (Page, error) {
	p, err := d.read(d.files[i])
	if err != nil {
		return Page{}, &RowError{d.files[i], err}
	}
	return p, nil
}

func (d *htmlPages) Report() PageReport { return d.report }

func (d *htmlPages) Close() error { return nil }

// read makes a page of a file.
func (d *htmlPages) read(path string) (Page, error) {
	raw, err := readRegular(path, maxHTML)
	if err != nil {
		return Page{}, err
	}
	return d.page(path, raw)
}

// page makes a page of what a file holds.
func (d *htmlPages) page(path string, raw []byte) (Page, error) {
	r := &record{text: raw, where: path, read: func(s span) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return readAt(f, s)
	}}
	in := &htmlFinder{inFolder: inFolder{filepath.Dir(path), d.options.Fetch, r}, root: d.root}
	p := &maker{page: Page{ID: path, Where: path, Extra: map[string]any{}}, in: in, o: d.options, verdict: &d.verdict}
	if err := p.html(raw, in); err != nil {
		return Page{}, err
	}
	return p.done()
}

// unmarked is a text behind the mark of its byte order, which is no part of it.
func unmarked(text io.Reader) io.Reader {
	b := bufio.NewReader(text)
	if first, _, err := b.ReadRune(); err == nil && first != '\ufeff' {
		_ = b.UnreadRune() // it was just read
	}
	return b
}

// html reads a document's text and pictures in their order.
func (p *maker) html(raw []byte, in *htmlFinder) error {
	if len(raw) == 0 {
		return because(NoText, "the file is empty")
	}
	text, err := charset.NewReader(bytes.NewReader(raw), "text/html")
	if err != nil {
		return fmt.Errorf("not a page: %w", err)
	}
	doc, err := html.Parse(unmarked(text))
	if err != nil {
		return fmt.Errorf("not a page: %w", err)
	}
	w := &htmlWalk{base: func(href string) { in.base, _ = url.Parse(href) }}
	w.walk(doc)
	w.flush()
	if w.title != "" {
		p.page.Extra["title"] = w.title
	}
	n := 0
	for _, item := range w.items {
		if len(item.sources) == 0 {
			p.text(item.text, item.lead)
			continue
		}
		name, err := p.firstOf(item.sources, n)
		n++
		if err == nil {
			continue
		}
		switch WhyOf(err) {
		case NotFound, Broken, TooLarge:
			// What is said about such a picture would be said about another.
			if !p.o.Lenient {
				if named := nameOf(name); !strings.Contains(err.Error(), named) {
					err = &whyError{WhyOf(err), fmt.Errorf("%s: %w", named, err)}
				}
				return err
			}
		}
		p.leaveOut(name, err)
	}
	return nil
}

// firstOf adds the first of several pictures that stand for one another and can be had; the error is that of the first.
func (p *maker) firstOf(names []string, n int) (name string, err error) {
	for i, s := range names {
		e := p.picture(s, n)
		if e == nil {
			return s, nil
		}
		if i == 0 {
			name, err = s, e
		}
	}
	return name, err
}

// maxAddress is longer than any address of a picture, but for those that hold it.
const maxAddress = 1 << 12

var lineless = strings.NewReplacer("\n", "", "\r", "", "\t", "")

// htmlFinder finds pictures by the addresses that a page has for them.
type htmlFinder struct {
	inFolder
	root string
	base *url.URL // the page's own <base>, or nil
}

func (f *htmlFinder) find(name any, n int) (image, error) {
	address := lineless.Replace(strings.TrimSpace(name.(string))) // as browsers read addresses
	if strings.HasPrefix(strings.ToLower(address), "data:") {
		img, err := inlineURL(address, f.in)
		if err != nil {
			err = &whyError{Broken, err}
		}
		return img, err
	}
	u, err := url.Parse(address)
	if err != nil || len(address) > maxAddress {
		return nil, because(NotFound, "not an address: %.100q", address)
	}
	if u.Scheme == "" && u.Host == "" && u.Path != "" {
		img, err := f.local(u)
		if err == nil || f.base == nil || f.base.Host == "" {
			return img, err
		}
	}
	if f.base != nil {
		u = f.base.ResolveReference(u)
	}
	if u.Scheme == "" && u.Host != "" {
		u.Scheme = "https"
	}
	switch {
	case u.Scheme == "file":
		return f.local(&url.URL{Path: u.Path})
	case isAddress(u.String()):
		return f.inFolder.find(u.String(), n)
	}
	return nil, because(NotFound, "not the address of a picture: %.100q", address)
}

// local finds the file that an address without a host means, below the page's folder, or below the root if it begins with a slash.
// A page may be saved with the query or the escapes in a file's name.
func (f *htmlFinder) local(u *url.URL) (image, error) {
	dir := f.dir
	if f.base != nil && f.base.Host == "" {
		dir = filepath.Join(dir, path.Dir(f.base.Path+"x"))
	}
	var first error
	for _, name := range []string{u.Path, u.EscapedPath(), u.EscapedPath() + "?" + u.RawQuery} {
		if strings.HasPrefix(name, "/") {
			name = filepath.Join(f.root, name)
		}
		img, err := fileOnDisk(name, dir)
		if err == nil {
			return img, nil
		}
		if first == nil {
			first = &whyError{NotFound, err}
		}
	}
	return nil, first
}

// readRegular reads a whole file of at most so many bytes.
func readRegular(path string, limit int64) ([]byte, error) {
	b, err := readfile.Regular(path, limit)
	if readfile.IsTooLarge(err) {
		err = &whyError{TooLarge, fmt.Errorf("the file is %w", err)}
	}
	return b, err
}
