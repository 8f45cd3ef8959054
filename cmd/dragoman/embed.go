package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/internal/plural"
)

func (c *cli) embedCommand() *cobra.Command {
	var text bool
	var out string
	cmd := &cobra.Command{
		Use:   "embed [--text] ITEM…",
		Short: "pictures or texts as vectors that can be compared",
		Long: `Writes, for each item, its vectors, each of length 1: one a query for a picture, one for a text. The similarity of a picture
and a text is the largest of their products. --out writes one file for all: .safetensors (embeddings [items,rows,width], and the items'
names in its metadata) or .npy.`,
		Args: needs("a picture, or with --text a text"),
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	cmd.Flags().BoolVar(&text, "text", false, "the items are texts")
	cmd.Flags().StringVar(&out, "out", "", "write to FILE.safetensors or FILE.npy, or for - as safetensors to standard output")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if out != "" && out != stream && !isNPY(out) && !strings.EqualFold(filepath.Ext(out), ".safetensors") {
			return usagef("--out must end in .safetensors or .npy: %s", out)
		}
		if err := c.tensorsTo(out); err != nil {
			return err
		}
		if text {
			if err := unused(cmd, "is about pictures, and --text says that the items are texts", "allow-net", "max-pixels", "alpha", "size"); err != nil {
				return err
			}
		}
		m, err := c.open(images)
		if err != nil {
			return err
		}
		defer m.Close()
		var all embeddings
		show := func(item string, rows [][]float32) error {
			if out != "" {
				all.add(item, rows)
				return nil
			}
			b, err := json.Marshal(rows)
			if err != nil {
				return err
			}
			return c.emit(struct {
				Item      string          `json:"item"`
				Embedding json.RawMessage `json:"embedding"`
			}{item, b}, oneLine(item)+"\t"+string(b))
		}
		if text {
			err = c.eachInPlace(cmd.Context(), "item", args, func(t string) error {
				row, err := m.EmbedText(cmd.Context(), t)
				if err != nil {
					return err
				}
				return show(t, [][]float32{row})
			})
		} else {
			err = c.eachImage(cmd.Context(), args, func(name string, img dragoman.Image) error {
				rows, err := m.EmbedImage(cmd.Context(), img)
				if err != nil {
					return err
				}
				return show(name, rows)
			}, "item") // as that of a picture that was read
		}
		if !finished(err) {
			return err
		}
		if out != "" && len(all.items) > 0 {
			if werr := c.writeEmbeddings(&all, out); werr != nil {
				return werr
			}
			c.note("%s: embeddings %v of %s", out, []int{len(all.items), all.rows, all.width}, plural.Of(len(all.items), "item"))
		}
		return err
	})
	return cmd
}

// embeddings are those of many items, all of one shape.
type embeddings struct {
	items       []string
	rows, width int
	values      []float32
}

func (e *embeddings) add(item string, rows [][]float32) {
	e.items = append(e.items, item)
	e.rows, e.width = len(rows), len(rows[0])
	for _, r := range rows {
		e.values = append(e.values, r...)
	}
}

func (c *cli) writeEmbeddings(e *embeddings, path string) error {
	names, err := json.Marshal(e.items)
	if err != nil {
		return fmt.Errorf("naming the items: %w", err)
	}
	return c.writeArray(path, "embeddings", e.values, []int{len(e.items), e.rows, e.width}, map[string]string{"items": string(names)})
}
