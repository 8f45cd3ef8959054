// Package data reads image-text pairs, from whatever people keep them in: JSONL and JSON, CSV and TSV, a folder with
// captions beside the pictures, tar shards in the manner of webdataset, and parquet with the pictures inside. And it reads pages,
// on which texts and pictures are interleaved (OpenPages), and makes of both the sequences that a model learns from (Weaver).
//
// A dataset is opened once, which builds an index (some bytes a row), and then gives any row in any order, so that a
// seeded shuffle or a resumed run reads exactly the rows it means to. Pictures stay where they are until Row.Bytes or
// Row.Decode. A row that cannot be used is named, counted and left out; it never stops the others.
package data

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dragoman/internal/plural"
	"dragoman/picture"
)

// Dataset is a list of rows. All methods may be called from several goroutines at once.
type Dataset interface {
	// Len is the number of rows that looked usable when the index was built.
	Len() int
	// Row returns row i, 0 ≤ i < Len. An error is a *RowError, and concerns this row alone.
	Row(i int) (Row, error)
	// Report tells what was found when the index was built.
	Report() Report
	// Close gives back the open files. Rows that were returned can no longer be decoded.
	Close() error
}

// Row is one picture with what is said about it.
type Row struct {
	ID    string         // the row's own name where it has one; Where otherwise
	Where string         // file:line, or shard:key, for messages
	Texts []string       // one or more captions, or answers, trimmed, none empty; none at all only under Options.NoText
	Tags  []string       // further words that belong to the picture
	Extra map[string]any // the other fields: string, bool, int64, float64, []any, map[string]any or nil

	Question string    // what is asked of the picture; Texts are then its answers
	Weights  []float64 // how much each answer counts; nil: all alike

	media Media
}

// Bytes reads the file that holds the row's picture.
func (r *Row) Bytes() ([]byte, error) { return r.media.Bytes() }

// Picture tells pictures apart: rows that name the same file, or hold the same bytes, have the same one.
func (r *Row) Picture() string { return r.media.Name() }

// Decode reads the row's picture, with its transparency.
func (r *Row) Decode() (*picture.RGBA, error) { return r.media.Decode() }

// RowError says which row cannot be used, and why.
type RowError struct {
	Where string
	Err   error
}

func (e *RowError) Error() string { return e.Where + ": " + e.Err.Error() }

func (e *RowError) Unwrap() error { return e.Err }

// Options says how files are read. The zero value is ready.
type Options struct {
	Format    string // jsonl, json, csv, tsv, folder, tar, parquet; by the name where empty
	ImageKey  string // the field or column of the picture; one of the usual names where empty
	TextKey   string // the field or column of the text; one of the usual names where empty
	NoText    bool   // rows without a text are rows too
	MaxPixels int    // the most pixels a picture may have; 0 means picture.DefaultMaxPixels

	Stdin io.Reader // what "-" means: rows as jsonl, or as Format says; nil: a file of that name
}

// Report counts what an index found.
type Report struct {
	Rows     int         // usable
	Broken   int         // left out
	Examples []*RowError // the first few that were left out
}

// maxExamples is how many broken rows a report names.
const maxExamples = 10

// Add counts a row that is left out.
func (r *Report) Add(where string, err error) {
	r.Broken++
	if len(r.Examples) < maxExamples {
		r.Examples = append(r.Examples, &RowError{where, err})
	}
}

// Each calls f with every row in order, and reports on all: of some formats a broken row shows only when it is read.
func Each(d Dataset, f func(i int, row Row)) Report {
	var all Report
	all.add(d.Report())
	all.Rows = 0
	for i := range d.Len() {
		row, err := d.Row(i)
		if err != nil {
			all.addError(err)
			continue
		}
		all.Rows++
		f(i, row)
	}
	return all
}

// addError counts a row by the error that it gave.
func (r *Report) addError(err error) {
	if re := (*RowError)(nil); errors.As(err, &re) {
		r.Add(re.Where, re.Err)
		return
	}
	r.Add("a row", err)
}

func (r *Report) add(o Report) {
	r.Rows += o.Rows
	r.Broken += o.Broken
	r.Examples = append(r.Examples, o.Examples...)
	r.Examples = r.Examples[:min(len(r.Examples), maxExamples)]
}

// String is one line: how many rows, and how many were left out with the first of them.
func (r Report) String() string {
	if r.Broken == 0 {
		return plural.Of(r.Rows, "row")
	}
	return fmt.Sprintf("%s, %d left out, the first: %v", plural.Of(r.Rows, "row"), r.Broken, r.Examples[0])
}

// ErrNoRows is wrapped where a dataset opens and has nothing usable in it.
var ErrNoRows = errors.New("no usable row")

// Open opens a file, a folder, or several files of one format by a pattern: braces as in shards/{000..012}.tar or
// {train,val}.jsonl, and *, ? and [ as in filepath.Match. Paths of pictures are relative to the file that names them.
func Open(spec string, o Options) (Dataset, error) {
	d, err := open(spec, o)
	if err != nil {
		return nil, fmt.Errorf("open data: %w", err)
	}
	if r := d.Report(); r.Rows == 0 {
		d.Close()
		if r.Broken > 0 {
			return nil, fmt.Errorf("open data: %s: %w: %d left out, the first: %w", spec, ErrNoRows, r.Broken, r.Examples[0])
		}
		return nil, fmt.Errorf("open data: %s: %w", spec, ErrNoRows)
	}
	return d, nil
}

func open(spec string, o Options) (Dataset, error) {
	parts, err := openParts(spec, func(path string) (Dataset, error) { return openOne(path, o) })
	if err != nil {
		return nil, err
	}
	return Concat(parts...), nil
}

// openParts opens each of the files that a pattern means.
func openParts[L list](spec string, open func(path string) (L, error)) ([]L, error) {
	paths, err := expand(spec)
	if err != nil {
		return nil, err
	}
	var parts []L
	for _, p := range paths {
		d, err := open(p)
		if err != nil {
			return nil, errors.Join(err, closeAll(parts))
		}
		parts = append(parts, d)
	}
	return parts, nil
}

// formats are those of pairs.
var formats = []string{"jsonl", "json", "csv", "tsv", "folder", "tar", "parquet"}

func openOne(path string, o Options) (Dataset, error) {
	format, err := formatAt(path, o.Format, o.Stdin, formats)
	if err != nil {
		return nil, err
	}
	switch format {
	case "jsonl":
		return openJSONL(path, o)
	case "json":
		return openJSON(path, o)
	case "csv":
		return openCSV(path, o)
	case "tsv":
		return openTSV(path, o)
	case "tar":
		return openTar(path, o)
	case "parquet":
		return openParquet(path, o)
	}
	return openFolder(path, o)
}

// formatAt is the format of a file or folder, or of standard input: the one that was asked for, or what the name says, of those that are known.
func formatAt(path, asked string, stdin io.Reader, known []string) (string, error) {
	if isStream(path, stdin) {
		return formatOfStream(asked, known)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	format := asked
	if format == "" {
		format = formatOf(path, info)
	}
	if ext := filepath.Ext(path); format == "" && slices.Contains([]string{".gz", ".zst", ".bz2", ".xz", ".zip"}, ext) {
		return "", fmt.Errorf("%s: compressed files cannot be read from the middle; unpack it first", path)
	}
	if !slices.Contains(known, format) {
		last := len(known) - 1
		if asked != "" {
			return "", fmt.Errorf("%s: the format %.40q is none of %s and %s", path, asked, strings.Join(known[:last], ", "), known[last])
		}
		return "", fmt.Errorf("%s: the name does not say which format it is, of %s and %s", path, strings.Join(known[:last], ", "), known[last])
	}
	if info.IsDir() != (format == "folder") {
		return "", fmt.Errorf("%s: it cannot be read as %s", path, format)
	}
	if format != "folder" && !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: a pipe or a device, which cannot be read from the middle; make a file of it first", path)
	}
	return format, nil
}

func formatOf(path string, info fs.FileInfo) string {
	if info.IsDir() {
		return "folder"
	}
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".jsonl", ".ndjson":
		return "jsonl"
	case ".json", ".csv", ".tsv", ".tar", ".parquet":
		return ext[1:]
	case ".html", ".htm", ".xhtml":
		return "html"
	}
	return ""
}

// Concat is several datasets one after the other. It takes them over: closing it closes them.
func Concat(parts ...Dataset) Dataset {
	if len(parts) == 1 {
		return parts[0]
	}
	return rowConcat{newConcat(parts)}
}

type rowConcat struct{ *concat[Dataset] }

func (c rowConcat) Row(i int) (Row, error) {
	d, i := c.find(i)
	return d.Row(i)
}

func (c rowConcat) Report() Report {
	var r Report
	for _, p := range c.parts {
		r.add(p.Report())
	}
	return r
}

// list is what datasets of pairs and of pages have in common.
type list interface {
	Len() int
	Close() error
}

// concat is several lists one after the other.
type concat[L list] struct {
	parts []L
	ends  []int // of each part, in rows of the whole
}

func newConcat[L list](parts []L) *concat[L] {
	c := &concat[L]{parts: parts}
	n := 0
	for _, p := range parts {
		n += p.Len()
		c.ends = append(c.ends, n)
	}
	return c
}

func (c *concat[L]) Len() int {
	if len(c.ends) == 0 {
		return 0
	}
	return c.ends[len(c.ends)-1]
}

// find is the part that has row i, and which of its rows that is.
func (c *concat[L]) find(i int) (part L, row int) {
	at, _ := slices.BinarySearch(c.ends, i+1)
	if at > 0 {
		i -= c.ends[at-1]
	}
	return c.parts[at], i
}

func (c *concat[L]) Close() error { return closeAll(c.parts) }

// closeAll closes every one of some lists.
func closeAll[L list](parts []L) error {
	var errs []error
	for _, p := range parts {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
