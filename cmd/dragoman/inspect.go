package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/inspect"
	"dragoman/internal/atomicfile"
	"dragoman/picture"
)

func (c *cli) inspectCommand() *cobra.Command {
	var out, npy string
	var without bool
	var words int
	cmd := &cobra.Command{
		Use:   "inspect IMAGE…",
		Short: "what each learned query looks at",
		Long: `For one picture: NAME.inspect.html, a page that needs no other file (the picture, each query's map on it, layer by layer,
the words its output is nearest to, the caption without it), and NAME.inspect.png, the same maps side by side; on standard
output a line a query. For several pictures or a folder: the averages, a line a query: how often the caption changes without it,
over how many cells it reads, how alike its output is to the others', and how many directions all outputs use.`,
		Example: "  dragoman inspect photo.jpg\n  dragoman inspect --json pictures/",
		Args:    cobra.MinimumNArgs(1),
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	cmd.Flags().StringVar(&out, "out", ".", "the folder for the page and the maps; empty: none are written")
	cmd.Flags().StringVar(&npy, "npy", "", "write the weights [layers, heads, queries, keys] to FILE.npy")
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
		m, err := c.open(images)
		if err != nil {
			return err
		}
		defer m.Close()
		many := len(args) > 1
		if !many {
			info, err := os.Stat(args[0])
			many = err == nil && info.IsDir() || strings.ContainsAny(args[0], "*?[")
		}
		if !many {
			return c.eachImage(cmd.Context(), args, func(name string, img dragoman.Image) error {
				in, err := m.Inspect(cmd.Context(), img, dragoman.InspectOptions{Words: words, Without: without})
				if err != nil {
					return err
				}
				if npy != "" {
					if err := writeNPY(npy, inspect.Numbers(in), inspect.Shape(in)); err != nil {
						return err
					}
				}
				if out != "" {
					decoded, err := img.Decode(o)
					if err != nil {
						return err
					}
					if err := c.writeLook(out, name, in, m.Fit(decoded)); err != nil {
						return err
					}
				}
				return c.emit(in, describe(in))
			})
		}
		var average inspect.Average
		err = c.eachImage(cmd.Context(), args, func(name string, img dragoman.Image) error {
			in, err := m.Inspect(cmd.Context(), img, dragoman.InspectOptions{Without: without})
			if err == nil {
				average.Add(in)
				c.progress("%d pictures, the last: %s", average.Pictures, name)
			}
			return err
		})
		c.progressDone()
		if average.Pictures == 0 {
			return err
		}
		average.Finish()
		return errors.Join(c.emit(average, describeAverage(&average)), err)
	})
	return cmd
}

// writeLook writes the page and the sheet of one picture.
func (c *cli) writeLook(dir, name string, in *dragoman.Inspection, img *picture.Image) error {
	base := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	if name == "-" || strings.HasPrefix(name, "data:") || base == "" || base == "." {
		base = "picture"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	page, sheet := filepath.Join(dir, base+".inspect.html"), filepath.Join(dir, base+".inspect.png")
	if err := atomicfile.WriteFile(page, func(w io.Writer) error { return inspect.WriteHTML(w, in, img) }); err != nil {
		return err
	}
	if err := atomicfile.WriteFile(sheet, inspect.Sheet(in, img).WritePNG); err != nil {
		return err
	}
	c.note("%s\n%s", page, sheet)
	return nil
}

// describe is an inspection as text: the caption, then a line a query.
func describe(in *dragoman.Inspection) string {
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
	fmt.Fprintf(&b, "%d pictures, %d queries; outputs use %.1f directions, two of them have a cosine of %.2f on average", a.Pictures, a.Queries, a.EffectiveRank, a.Alike)
	for q, x := range a.Query {
		fmt.Fprintf(&b, "\nquery %d\treads %.1f cells\tcosine with others %.2f", q, x.Spread, x.Alike)
		if x.Changed >= 0 {
			fmt.Fprintf(&b, "\tcaption changes without it: %.0f %%", 100*x.Changed)
		}
	}
	return b.String()
}
