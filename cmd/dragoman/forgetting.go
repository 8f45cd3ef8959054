package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/eval"
)

// forget measures, for each text, what the language model has forgotten of it behind its bridge.
func (c *cli) forget(cmd *cobra.Command, paths []string, picture string, w eval.Windows) error {
	if w.Size < 0 || w.Stride < 0 {
		return usagef("--window and --stride must not be negative")
	}
	m, err := c.open(nil)
	if err != nil {
		return err
	}
	defer m.Close()
	var img *dragoman.Image
	shown := "a grey picture"
	if picture != "" {
		file := c.pictureOf(picture)
		img, shown = &file, picture
	}
	return c.eachInPlace(cmd.Context(), "name", paths, func(path string) error {
		data, _, err := c.readFile("reading a text", path)
		if err != nil {
			return err
		}
		if !utf8.Valid(data) {
			return fmt.Errorf("reading a text: %s: not text: it is not UTF-8", path)
		}
		f, err := m.Forgetting(cmd.Context(), string(data), img, w, func(done, all int) { c.progress("%s: %d of %d windows", path, done, all) })
		c.progressDone()
		if err != nil {
			return err
		}
		f.Name = path
		return c.emit(f, forgettingText(f, shown))
	})
}

// forgettingText is a table of perplexities.
func forgettingText(f eval.Forgetting, picture string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s: %d tokens, windows of %d by %d | perplexity |\n|---|---|\n", oneLine(f.Name), f.Tokens, f.Size, f.Stride)
	fmt.Fprintf(&b, "| the language model alone | %.4f |\n", f.Plain)
	if f.Shut != nil {
		bits := "the same bits"
		if !*f.SameBits {
			bits = "NOT the same bits"
		}
		fmt.Fprintf(&b, "| gates shut: %s | %.4f |\n", bits, *f.Shut)
		fmt.Fprintf(&b, "| gates open, no picture | %.4f |\n", *f.Open)
		fmt.Fprintf(&b, "| gates open, %s before it | %.4f |\n", picture, *f.Picture)
	}
	if f.Note != "" {
		fmt.Fprintf(&b, "\n%s\n", f.Note)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
