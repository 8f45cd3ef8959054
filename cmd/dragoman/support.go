package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/data"
	"dragoman/internal/hint"
)

// supportFlags are the options of commands that choose examples for each picture.
type supportFlags struct {
	path     string
	features string
	where    []string
}

func supportFlagsOf(cmd *cobra.Command) *supportFlags {
	s := &supportFlags{}
	cmd.Flags().StringVar(&s.path, "support", "", "examples to choose from, pairs as eval reads them (a folder, JSONL, CSV, tar shards, parquet)")
	cmd.Flags().StringVar(&s.features, "features", "", "keep what the encoder sees in the support's pictures in this .safetensors file, for the next time")
	cmd.Flags().StringArrayVar(&s.where, "support-where", nil, "only rows of the support with FIELD=VALUE, VALUE|VALUE, or FIELD=!VALUE (may be given again)")
	return s
}

// maxShots is more examples than any context holds.
const maxShots = 1 << 12

// supportRows reads the examples: of several texts the first, and where a row has no question of its own, the given one;
// names tells their pictures apart. The data must stay open while they are used.
func (c *cli) supportRows(f *supportFlags, question string) (shots []dragoman.Shot, names []string, set data.Dataset, err error) {
	wanted, err := parseWhere("--support-where", f.where)
	if err != nil {
		return nil, nil, nil, err
	}
	if set, err = data.Open(f.path, data.Options{Stdin: c.input()}); err != nil {
		return nil, nil, nil, err
	}
	report := data.Each(set, func(_ int, row data.Row) {
		if !wanted.Wants(row.Extra) {
			return
		}
		s := dragoman.Shot{Images: []dragoman.Image{dragoman.ImageFunc(row.Picture(), row.Bytes).Moving()}, Question: question, Text: row.Texts[0]}
		if row.Question != "" {
			s.Question = row.Question
		}
		shots, names = append(shots, s), append(names, row.Picture())
	})
	c.noteBroken(f.path, report)
	if len(shots) == 0 {
		_ = set.Close()
		return nil, nil, nil, hint.Wrap(fmt.Errorf("reading a support: %s: it has no pairs, or none that fits --support-where", f.path), "a pair is a picture with its text, as `dragoman eval` reads them")
	}
	return shots, names, set, nil
}

// openSupport looks at the examples' pictures.
func (c *cli) openSupport(ctx context.Context, m *dragoman.Model, f *supportFlags, shots []dragoman.Shot) (*dragoman.Support, error) {
	s, err := m.Support(ctx, shots, dragoman.SupportOptions{
		Features: f.features,
		Progress: func(done, all int) { c.progress("%s: %d of %d pictures", f.path, done, all) },
	})
	c.progressDone()
	if err != nil {
		return nil, err
	}
	if n := s.Skipped(); n > 0 {
		c.note("%s: %d of %d examples have no picture that can be read", f.path, n, s.Len())
	}
	return s, nil
}
