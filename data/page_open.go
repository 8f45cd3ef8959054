package data

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
)

// PageOptions says how pages are read. The zero value is ready.
type PageOptions struct {
	Format        string  // jsonl, json, tar, parquet, html, folder; by the name where empty
	Pictures      string  // the folder that pictures are looked for in; where the file is that names them if empty
	MinSide       int     // the least height and width of a picture; 0: any, of HTML 64; negative: any
	MaxAspect     float64 // the most that a picture's longer side may be of the shorter; 0: any, of HTML 3; negative: any
	MinSimilarity float64 // MMC4: the least cosine of a picture and its sentence; 0: any
	Language      string  // the only language of pages, by ISO 639's two letters or three; pages too short to tell are kept; any where empty
	Lenient       bool    // a page whose pictures are not all there is kept, without them
	Stills        bool    // videos are not wanted: a page with one is as one whose picture is not there
	MaxPixels     int     // the most pixels a picture may have; 0 means picture.DefaultMaxPixels

	Stdin io.Reader // what "-" means: pages as jsonl, or as json where Format says so; nil: a file of that name

	// Skip is told of every page that is left out, where it is not nil; a report names but the first.
	Skip func(where string, err error)

	// Fetch reads a picture's address on the network when the picture is used; what was used last is kept, up to 256 MiB. Without it such
	// pictures are not there.
	Fetch func(url string) ([]byte, error)
}

// ErrNoPages is wrapped where a list of pages opens and has nothing usable in it.
var ErrNoPages = errors.New("no usable page")

var pageFormats = []string{"jsonl", "json", "tar", "parquet", "html", "folder"}

// OpenPages opens pages: a file, or several by a pattern as for Open. A JSON object is one of three kinds, by its fields:
//
//   - parts: [{"image": F}, {"text": T}, …], where F is what a pair's picture may be;
//   - MMC4's text_list and image_info: each picture stands before the sentence that it was matched with;
//   - OBELICS's texts and images: lists side by side, of which one has null where the other has something.
//
// A shard (tar) has such an object as key.json and its pictures beside it: under the names that it says, as key.NAME, or as key.0.png,
// key.1.jpg, …, numbered as the document names them.
//
// A file of columns (parquet) has OBELICS's, texts and images, as it is published; pictures may be inside.
//
// HTML pages, and those below a folder, are read as the paper collected them: text and pictures in the order of the document, without
// what is around its content.
//
// A page with a picture that is not there, broken or too large is left out: what it says of that picture would be learnt of another.
// Pictures of HTML that are on the network, in a format that is not read here, too small or too narrow are left out by themselves, as
// decoration is; and of MMC4 and OBELICS, which were collected from the network and lose pictures as it does, all that are not there.
func OpenPages(spec string, o PageOptions) (Pages, error) {
	if o.Language != "" {
		if err := CheckLanguage(o.Language); err != nil {
			return nil, fmt.Errorf("open pages: language: %w", err)
		}
	}
	if o.Fetch != nil {
		o.Fetch = (&fetched{fetch: o.Fetch}).get
	}
	parts, err := openParts(spec, func(path string) (Pages, error) { return openPagesAt(path, o) })
	if err != nil {
		return nil, fmt.Errorf("open pages: %w", err)
	}
	d := ConcatPages(parts...)
	if r := d.Report(); r.Rows == 0 {
		d.Close()
		if r.Broken > 0 {
			return nil, fmt.Errorf("open pages: %s: %w: %d skipped, the first: %w", spec, ErrNoPages, r.Broken, r.Examples[0])
		}
		return nil, fmt.Errorf("open pages: %s: %w", spec, ErrNoPages)
	}
	return d, nil
}

func openPagesAt(path string, o PageOptions) (Pages, error) {
	format, err := formatAt(path, o.Format, o.Stdin, pageFormats)
	if err != nil {
		return nil, err
	}
	switch format {
	case "jsonl":
		return openPageRecords(path, o, splitLines)
	case "json":
		return openPageRecords(path, o, splitValues)
	case "html":
		return openHTML(path, o)
	case "parquet":
		return openPageParquet(path, o)
	case "folder":
		return openHTMLFolder(path, o)
	}
	return openPageTar(path, o)
}

// ConcatPages is several lists of pages one after the other. It takes them over: closing it closes them.
func ConcatPages(parts ...Pages) Pages {
	if len(parts) == 1 {
		return parts[0]
	}
	return pageConcat{newConcat(parts)}
}

type pageConcat struct{ *concat[Pages] }

func (c pageConcat) Page(i int) (Page, error) {
	d, i := c.find(i)
	return d.Page(i)
}

func (c pageConcat) Report() PageReport {
	var r PageReport
	for _, p := range c.parts {
		r.add(p.Report())
	}
	return r
}

// skip counts a page that is left out, and tells of it.
func (o PageOptions) skip(r *PageReport) func(where string, err error) {
	return func(where string, err error) {
		r.Skip(where, err)
		if o.Skip != nil {
			o.Skip(where, err)
		}
	}
}

// pageFile is a list of pages in a text file.
type pageFile struct {
	*recordFile[Page]
	verdict verdicts
	report  PageReport
}

func openPageRecords(path string, o PageOptions, split splitter) (Pages, error) {
	d := &pageFile{}
	folder := o.Pictures
	if folder == "" {
		folder = filepath.Dir(path)
	}
	f, err := openRecords(path, o.Stdin, split, func(r *record) (Page, error) {
		return pageFrom(r, inFolder{folder, o.Fetch, r}, o, &d.verdict)
	}, d.report.has, o.skip(&d.report))
	if err != nil {
		return nil, err
	}
	d.recordFile = f
	return d, nil
}

func (d *pageFile) Page(i int) (Page, error) { return d.one(i) }

func (d *pageFile) Report() PageReport { return d.report }
