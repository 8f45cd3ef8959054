package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dragoman/data"
	"dragoman/internal/plural"
	"dragoman/picture"
	"dragoman/tensor"
)

func (c *cli) pagesCommand() *cobra.Command {
	var o data.PageOptions
	var where []string
	cmd := &cobra.Command{
		Use:   "pages [--where FIELD=VALUE]… PAGES…",
		Short: "what is read of pages of pictures and text",
		Long: `Reads pages as train does: HTML files with their pictures, or a folder of them; JSONL, JSON and tar shards of {"parts": …}, MMC4's
and OBELICS's documents; for - JSONL on standard input. Every picture is decoded. Writes a line a page: what it holds, or why it is skipped (of the first hundred); and the counts.

With --json the pages alone go to standard output, an object a line that ask --page and train take:
{"page": F, "parts": [{"text": T}, {"image": F}, …], "left_out": [{"image": F, "why": W, "message": M}, …]}. The rest goes to standard
error. Pictures that are no files of their own are inside, as data: URLs.`,
		Example: `  dragoman pages /usr/share/gimp/2.0/help/en
  dragoman pages --json saved/*.html > pages.jsonl`,
		Args: needs("pages"),
	}
	f := cmd.Flags()
	f.StringArrayVar(&where, "where", nil, "only pages with FIELD=VALUE, VALUE|VALUE, or FIELD=!VALUE for all others (may be given again)")
	f.StringVar(&o.Format, "format", "", "what the files are: jsonl, json, tar, parquet, html, folder (by their names)")
	oneOf(cmd, "format", "jsonl", "json", "tar", "parquet", "html", "folder")
	f.StringVar(&o.Pictures, "pictures", "", "the folder of the pictures (where the pages are)")
	f.IntVar(&o.MinSide, "min-side", 0, "least height and width of a picture (0: any, of HTML 64; -1: any)")
	f.Float64Var(&o.MaxAspect, "max-aspect", 0, "the most that its longer side may be of the shorter (0: any, of HTML 3; -1: any)")
	f.Float64Var(&o.MinSimilarity, "min-similarity", 0, "MMC4: least similarity of a picture and its sentence")
	f.StringVar(&o.Language, "language", "", "only pages in this language, by ISO 639's two letters (en, de, …) or three; those too short to tell are kept (empty: any)")
	f.BoolVar(&o.Lenient, "lenient", false, "keep pages without those of their pictures that are not there, broken or too large")
	f.IntVar(&o.MaxPixels, "max-pixels", picture.DefaultMaxPixels, "refuse pictures of more pixels")
	f.BoolVar(&c.allowNet, "allow-net", false, "read pictures from http and https addresses too")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		wanted, err := parseWhere("--where", where)
		if err != nil {
			return err
		}
		if o.MaxPixels < 1 {
			return usagef("--max-pixels must be at least 1: %d", o.MaxPixels)
		}
		if err := checkNumbers(number{"max-aspect", o.MaxAspect}, number{"min-similarity", o.MinSimilarity}); err != nil {
			return err
		}
		if o.Language != "" {
			if err := data.CheckLanguage(o.Language); err != nil {
				return usagef("--language: %w", err)
			}
		}
		o.Fetch = c.fetch
		return c.eachInPlace(cmd.Context(), "page", args, func(path string) error {
			o.Stdin = c.input()
			return c.showPages(cmd, path, wanted, o)
		})
	})
	return cmd
}

// maxShownSkips is how many of the pages of an argument that are skipped have lines of their own: a file may be none of pages from end to end.
const maxShownSkips = 100

// showPages writes what is read of one argument.
func (c *cli) showPages(cmd *cobra.Command, path string, wanted data.Where, o data.PageOptions) error {
	var output error
	say := func(format string, args ...any) {
		if c.json {
			c.note(format, args...)
		} else if err := c.emit(nil, shown(fmt.Sprintf(format, args...))); output == nil {
			output = err
		}
	}
	skipped := 0
	o.Skip = func(where string, err error) {
		if skipped++; skipped > maxShownSkips {
			return
		}
		if re := (*data.RowError)(nil); errors.As(err, &re) {
			err = re.Err // the line begins with where
		}
		say("%s: skipped: %v", where, err)
	}
	d, err := data.OpenPages(path, o)
	if err != nil {
		return err
	}
	defer d.Close()
	each := func(n int, f func(i int)) { tensor.DefaultPool().Do(n, func(i, _ int) { f(i) }) }
	_, report, err := data.CheckPages(cmd.Context(), d, each, func(_ int, p data.Page, err error) {
		var re *data.RowError
		switch {
		case output != nil:
		case errors.As(err, &re):
			o.Skip(re.Where, re.Err)
		case !wanted.Wants(p.Extra):
		case c.json:
			output = c.emitPage(p)
		default:
			say("%s", summary(p))
		}
	})
	if err == nil {
		err = output
	}
	if err != nil {
		return err
	}
	if more := skipped - maxShownSkips; more > 0 {
		say("%s: %s skipped besides", path, plural.Of(more, "page"))
	}
	say("%s: %v", path, report)
	return output
}

// summary is a page on a line.
func summary(p data.Page) string {
	words, pictures := 0, 0
	for _, part := range p.Parts {
		words += len(strings.Fields(part.Text))
		if part.Media != nil {
			pictures++
		}
	}
	s := fmt.Sprintf("%s: %s, %s", p.Where, plural.Of(pictures, "picture"), plural.Of(words, "word"))
	if len(p.LeftOut) > 0 {
		counts := data.Counts{}
		for _, l := range p.LeftOut {
			counts[l.Why]++
		}
		s += fmt.Sprintf("; left out: %v", counts)
	}
	return s
}

// shownPage and shownPart are a page as a line of JSON.
type shownPage struct {
	Page    string         `json:"page"`
	Parts   []shownPart    `json:"parts"`
	LeftOut []shownLeftOut `json:"left_out,omitempty"`
}

type shownPart struct {
	Image string  `json:"image,omitempty"`
	Video string  `json:"video,omitempty"`
	FPS   float64 `json:"fps,omitempty"`
	Text  string  `json:"text,omitempty"`
}

type shownLeftOut struct {
	Image   string   `json:"image"`
	Why     data.Why `json:"why"`
	Message string   `json:"message"`
}

func (c *cli) emitPage(p data.Page) error {
	shown := shownPage{Page: p.ID}
	for _, part := range p.Parts {
		if part.Media == nil {
			shown.Parts = append(shown.Parts, shownPart{Text: part.Text})
			continue
		}
		name, err := nameForPage(part.Media)
		if err != nil {
			return err
		}
		if part.Media.IsVideo() {
			shown.Parts = append(shown.Parts, shownPart{Video: name, FPS: part.Media.FrameRate()})
		} else {
			shown.Parts = append(shown.Parts, shownPart{Image: name})
		}
	}
	for _, l := range p.LeftOut {
		shown.LeftOut = append(shown.LeftOut, shownLeftOut{l.Name, l.Why, oneLine(l.Err.Error())})
	}
	return c.emit(shown, "")
}

// nameForPage is the whole path of a picture, or the picture itself.
func nameForPage(m *data.Media) (string, error) {
	if path := m.Path(); path != "" {
		return filepath.Abs(path)
	}
	b, err := m.Bytes()
	if err != nil {
		return "", err
	}
	return "data:" + http.DetectContentType(b) + ";base64," + base64.StdEncoding.EncodeToString(b), nil
}
