package main

import (
	"fmt"
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
		return c.emit(f, f.Markdown(shown))
	})
}
