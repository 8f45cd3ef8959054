package data

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"dragoman/internal/plural"
)

// Page is an interleaved document: texts and pictures in the order in which they are read.
type Page struct {
	ID    string         // the page's own name where it has one; Where otherwise
	Where string         // file:line, shard:key or the file, for messages
	Parts []Part         // at least one text and one picture
	Extra map[string]any // the other fields: string, bool, int64, float64, []any, map[string]any or nil

	// LeftOut are the pictures that the document names and the page does not have.
	LeftOut []LeftOut
}

// Part is a stretch of a page: a text, or a picture or video where Media is not nil.
type Part struct {
	Text  string
	Media *Media
}

// LeftOut is a picture that a page does not have, or a page that a list does not have, and why.
type LeftOut struct {
	Name string // of the picture, as the document has it
	Why  Why
	Err  error // more of the reason
}

// Why is a kind of reason, in words; those of one kind are counted together.
type Why string

// The kinds of reasons.
const (
	NotFound   Why = "not found"
	OnNetwork  Why = "on the network"
	NotRead    Why = "not a picture that is read here"
	Broken     Why = "broken"
	TooLarge   Why = "too large"
	TooSmall   Why = "too small"
	TooNarrow  Why = "too narrow"
	Unlike     Why = "unlike its text"
	NoPictures Why = "no pictures"
	NoText     Why = "no text"
	Moving     Why = "a video"
	Unreadable Why = "cannot be read"
)

// whyError is an error with its kind.
type whyError struct {
	why Why
	err error
}

func (e *whyError) Error() string { return e.err.Error() }
func (e *whyError) Unwrap() error { return e.err }

func because(why Why, format string, args ...any) error {
	return &whyError{why, fmt.Errorf(format, args...)}
}

// WhyOf is the kind of an error that concerns a page.
func WhyOf(err error) Why {
	if e := (*whyError)(nil); errors.As(err, &e) {
		return e.why
	}
	return Unreadable
}

// Pages is a list of pages. All methods may be called from several goroutines at once.
type Pages interface {
	// Len is the number of pages that looked usable when the index was built.
	Len() int
	// Page returns page i, 0 ≤ i < Len. An error is a *RowError, and concerns this page alone.
	Page(i int) (Page, error)
	// Report tells what was found when the index was built.
	Report() PageReport
	// Close gives back the open files. Pictures of pages that were returned can no longer be read.
	Close() error
}

// PageReport counts what an index found.
type PageReport struct {
	Report          // of pages
	Pictures int    // of the pages that are there
	LeftOut  Counts // pictures that these pages do not have
	Skipped  Counts // pages that are not there
}

// Counts says how many there are of each kind.
type Counts map[Why]int

// String is the counts in words, the largest first.
func (c Counts) String() string {
	kinds := slices.SortedFunc(maps.Keys(c), func(a, b Why) int {
		if c[a] != c[b] {
			return c[b] - c[a]
		}
		return strings.Compare(string(a), string(b))
	})
	for i, k := range kinds {
		kinds[i] = Why(fmt.Sprintf("%d %s", c[k], k))
	}
	var words []string
	for _, k := range kinds {
		words = append(words, string(k))
	}
	return strings.Join(words, ", ")
}

func (c *Counts) add(o Counts) {
	if *c == nil {
		*c = Counts{}
	}
	for why, n := range o {
		(*c)[why] += n
	}
}

// has counts a page that is there.
func (r *PageReport) has(p Page) {
	r.Rows++
	for _, part := range p.Parts {
		if part.Media != nil {
			r.Pictures++
		}
	}
	for _, l := range p.LeftOut {
		r.LeftOut.add(Counts{l.Why: 1})
	}
}

// Skip counts a page that is not there.
func (r *PageReport) Skip(where string, err error) {
	r.Add(where, err)
	r.Skipped.add(Counts{WhyOf(err): 1})
}

func (r *PageReport) add(o PageReport) {
	r.Report.add(o.Report)
	r.Pictures += o.Pictures
	r.LeftOut.add(o.LeftOut)
	r.Skipped.add(o.Skipped)
}

// String is one line: how many pages and pictures, and how many were left out, by reason, with the first of the pages.
func (r PageReport) String() string {
	s := fmt.Sprintf("%s with %s", plural.Of(r.Rows, "page"), plural.Of(r.Pictures, "picture"))
	if len(r.LeftOut) > 0 {
		s += fmt.Sprintf(" (%v: left out)", r.LeftOut)
	}
	if r.Broken > 0 {
		s += fmt.Sprintf("; %s skipped (%v), the first: %v", plural.Of(r.Broken, "page"), r.Skipped, r.Examples[0])
	}
	return s
}
