package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/inspect"
	"dragoman/internal/atomicfile"
	"dragoman/internal/plural"
	"dragoman/picture"
)

func (c *cli) inspectCommand() *cobra.Command {
	var out, npy, page string
	var without bool
	var words int
	cmd := &cobra.Command{
		Use:   "inspect IMAGE…",
		Short: "what each learned query looks at",
		Long: `For one picture: NAME.inspect.html, a page that needs no other file (the picture, each query's map on it, layer by layer,
the words its output is nearest to, the caption without it), and NAME.inspect.png, the same maps side by side; on standard
output a line a query. For several pictures or a folder: the averages, a line a query: how often the caption changes without it,
over how many cells it reads, how alike its output is to the others', and how many directions all outputs use; and, where --out is
given, the page of each picture, too.

Of a model that reads pages (mini-flamingo, IDEFICS, OpenFlamingo) the queries are the resampler's latents, and besides there is how far each gate into
the language model is open. --page shows which picture each token of a page looks at.`,
		Example: "  dragoman inspect photo.jpg\n  dragoman inspect --json pictures/\n  dragoman inspect --model M --page page.json",
		Args: func(cmd *cobra.Command, args []string) error {
			if page == "" {
				return needs("a picture")(cmd, args)
			}
			if len(args) > 0 {
				return usagef("--page is all there is to read: it excludes pictures")
			}
			return nil
		},
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	images.frameFlags(cmd)
	cmd.Flags().StringVar(&out, "out", ".", "the folder for the page and the maps; empty: none are written")
	cmd.Flags().StringVar(&npy, "npy", "", "write the weights [layers, heads, queries, keys] to FILE.npy; - is standard output, which then holds nothing else")
	cmd.Flags().StringVar(&page, "page", "", "a page of pictures and text in any order, a JSON file as ask --page reads it")
	cmd.Flags().BoolVar(&without, "without", true, "caption without each query")
	cmd.Flags().IntVar(&words, "words", 5, "nearest words a query")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		o, err := images.options()
		if err != nil {
			return err
		}
		if words < 0 || words > 100 {
			return usagef("--words must be from 0 to 100: %d", words)
		}
		many := len(args) > 1 || len(args) == 1 && isMany(args[0])
		if page == "" {
			err = unused(cmd, "is about the videos of a --page", "fps", "frames")
		}
		switch {
		case err != nil:
		case page != "":
			err = unused(cmd, "is about the queries that look at one picture, and --page about the tokens of a page", "npy", "words", "without")
		case many && !cmd.Flags().Changed("out"):
			out, words = "", 0
			err = unused(cmd, "is about one picture, or the pages that --out writes", "npy", "words")
		case many:
			err = unused(cmd, "is about one picture", "npy")
		}
		if err != nil {
			return err
		}
		if out == stream {
			return usagef("--out -: pages and maps are files in a folder, and are not written to standard output")
		}
		if err := c.tensorsTo(npy); err != nil {
			return err
		}
		m, err := c.open(images)
		if err != nil {
			return err
		}
		defer m.Close()
		if page != "" {
			return c.inPlace(cmd.Context(), "page", page, c.inspectPage(cmd.Context(), m, page, out, o))
		}
		if m.ReadsPages() {
			if err := unused(cmd, "is about queries that stand for words, and the latents of this model do not", "words", "without"); err != nil {
				return err
			}
		}
		look := looks{c: c, m: m, decoding: o, folder: out, wanted: dragoman.InspectOptions{Words: words, Without: without}}
		if many {
			return look.average(cmd.Context(), args)
		}
		return look.each(cmd.Context(), args, npy)
	})
	return cmd
}

// isMany says whether an argument names pictures, not a picture.
func isMany(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && info.IsDir() || err != nil && strings.ContainsAny(arg, "*?[") && !strings.Contains(arg, "://")
}

// lookPath is what a page about a file is called, without its ending, in a folder that is there then.
func lookPath(dir, name string) (string, error) {
	base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	if name == "-" || strings.HasPrefix(name, "data:") || base == "" || base == "." {
		base = "picture"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("writing the page: %w", err)
	}
	return filepath.Join(dir, base+".inspect"), nil
}

// looks writes what was seen inside while pictures were read.
type looks struct {
	c        *cli
	m        *dragoman.Model
	decoding picture.Options
	wanted   dragoman.InspectOptions
	folder   string         // "": nothing is written
	written  map[string]int // how often a name was used
}

// each writes a line a query of one picture, and its weights to npy.
func (l *looks) each(ctx context.Context, args []string, npy string) error {
	return l.c.eachImage(ctx, args, func(name string, img dragoman.Image) error {
		in, err := l.m.Inspect(ctx, img, l.wanted)
		if err != nil {
			return err
		}
		if npy != "" {
			if err := l.c.writeNPY(npy, inspect.Numbers(in), inspect.Shape(in)); err != nil {
				return err
			}
			l.c.note("%s", npy)
		}
		if err := l.write(name, img, in); err != nil || npy == stream {
			return err
		}
		return l.c.emit(in, describe(in))
	})
}

// average writes a line a query of what it does over many pictures.
func (l *looks) average(ctx context.Context, args []string) error {
	var average inspect.Average
	broken := l.c.eachImage(ctx, args, func(name string, img dragoman.Image) error {
		in, err := l.m.Inspect(ctx, img, l.wanted)
		if err != nil {
			return err
		}
		if len(in.Layers) == 0 {
			return fmt.Errorf("inspecting: %s: %w that averages are of: learned queries that look at pictures", name, dragoman.ErrNoPart)
		}
		average.Add(in)
		l.c.progress("%s, the last: %s", plural.Of(average.Pictures, "picture"), name)
		return l.write(name, img, in)
	})
	l.c.progressDone()
	if average.Pictures == 0 || !finished(broken) {
		return broken
	}
	average.Finish()
	if err := l.c.emit(average, describeAverage(&average)); err != nil {
		return err
	}
	return broken
}

// write writes the page and the sheet of one picture. Pictures of the same name, out of several folders, are numbered.
func (l *looks) write(name string, img dragoman.Image, in *dragoman.Inspection) error {
	if l.folder == "" {
		return nil
	}
	decoded, err := img.Decode(l.decoding)
	if err != nil {
		return err
	}
	path, err := lookPath(l.folder, name)
	if err != nil {
		return err
	}
	if l.written == nil {
		l.written = map[string]int{}
	}
	if l.written[path]++; l.written[path] > 1 {
		path = fmt.Sprintf("%s-%d", path, l.written[path])
	}
	page, sheet, shown := path+".html", path+".png", l.m.Fit(decoded)
	if err := atomicfile.WriteFile(page, func(w io.Writer) error { return inspect.WriteHTML(w, in, shown) }); err != nil {
		return fmt.Errorf("inspecting: %s: %w", picture.Called(name), err)
	}
	if err := atomicfile.WriteFile(sheet, inspect.Sheet(in, shown).WritePNG); err != nil {
		return fmt.Errorf("inspecting: %s: %w", picture.Called(name), err)
	}
	l.c.note("%s", page)
	l.c.note("%s", sheet)
	return nil
}

// inspectPage looks at a page and writes what was seen of it.
func (c *cli) inspectPage(ctx context.Context, m *dragoman.Model, name, out string, o picture.Options) error {
	page, err := c.readPage(name)
	if err != nil {
		return err
	}
	if page.turns != nil {
		return fmt.Errorf("reading a page: %s: it has turns: only parts can be looked into", name)
	}
	parts := page.parts
	in, err := m.InspectPage(ctx, parts)
	if err != nil {
		return err
	}
	in.Page = name
	if out != "" {
		var pictures []*picture.Image
		for _, p := range parts {
			if p.Image == nil {
				continue
			}
			decoded, err := p.Image.Decode(o)
			if err != nil {
				return err
			}
			pictures = append(pictures, m.Fit(decoded))
		}
		path, err := lookPath(out, name)
		if err != nil {
			return err
		}
		if err := atomicfile.WriteFile(path+".html", func(w io.Writer) error { return inspect.WritePageHTML(w, in, pictures) }); err != nil {
			return err
		}
		c.note("%s.html", path)
	}
	return c.emit(in, describePage(in))
}

// describePage is a page as text: a line a token, with the picture that it looks at, then how far the gates are open.
func describePage(in *dragoman.PageInspection) string {
	var b strings.Builder
	for _, t := range in.Tokens {
		if t.Picture < 0 {
			fmt.Fprintf(&b, "-\t%s\n", oneLine(t.Text))
		} else {
			fmt.Fprintf(&b, "%d\t%s\n", t.Picture, oneLine(t.Text))
		}
	}
	describeGates(&b, in.Gates)
	return strings.TrimSuffix(b.String(), "\n")
}

// describeGates is a line a block.
func describeGates(b *strings.Builder, gates []dragoman.Gate) {
	spread := func(s dragoman.Spread) string {
		if s.Min == s.Max {
			return fmt.Sprintf("%.3f", s.Mean)
		}
		return fmt.Sprintf("%.3f (%.3f to %.3f)", s.Mean, s.Min, s.Max)
	}
	for _, g := range gates {
		fmt.Fprintf(b, "gates before layer %d\tattention %s\tfeed-forward %s\n", g.Layer, spread(g.Attention), spread(g.FeedForward))
	}
}

// describeLatents is a caption, the gates, and a line a latent: over how many keys of its last layer it reads, and how much of that is no
// cell of the picture.
func describeLatents(in *dragoman.Inspection) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", oneLine(in.Caption))
	describeGates(&b, in.Gates)
	if n := len(in.Layers); n > 0 {
		cells := in.Grid[0] * in.Grid[1]
		for q, w := range in.Layers[n-1].Weights {
			var extra float32
			for _, v := range w[cells:] {
				extra += v
			}
			fmt.Fprintf(&b, "latent %d\treads %.1f keys\t%.0f %% outside of the picture\n", q, inspect.Reach(w), 100*extra)
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// describe is an inspection as text: the caption, then a line a query.
func describe(in *dragoman.Inspection) string {
	if in.Gates != nil {
		return describeLatents(in)
	}
	var b strings.Builder
	b.WriteString(oneLine(in.Caption))
	if in.Hints != nil {
		fmt.Fprintf(&b, "\nhints: %s\nwithout hints: %s", strings.Join(in.Hints, "; "), oneLine(in.Alone))
	}
	for q := range in.Queries {
		fmt.Fprintf(&b, "\nquery %d", q)
		if q < len(in.Words) {
			var names []string
			for _, w := range in.Words[q] {
				names = append(names, w.Text)
			}
			fmt.Fprintf(&b, "\tnear: %s", strings.Join(names, ", "))
		}
		if q < len(in.Without) {
			if in.Without[q] == in.FromQueries() {
				b.WriteString("\twithout it: the same")
			} else {
				fmt.Fprintf(&b, "\twithout it: %s", oneLine(in.Without[q]))
			}
		}
	}
	return b.String()
}

// describeAverage is an average as text.
func describeAverage(a *inspect.Average) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d queries; outputs use %.1f directions, two of them have a cosine of %.2f on average", plural.Of(a.Pictures, "picture"), a.Queries, a.EffectiveRank, a.Alike)
	for q, x := range a.Query {
		fmt.Fprintf(&b, "\nquery %d\treads %.1f cells\tcosine with others %.2f", q, x.Spread, x.Alike)
		if x.Changed >= 0 {
			fmt.Fprintf(&b, "\tcaption changes without it: %.0f %%", 100*x.Changed)
		}
	}
	return b.String()
}
