package main

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
)

// choiceFlags are the options of commands whose answers may be chosen among texts.
type choiceFlags struct {
	list []string // separated by commas
	each []string
	file string
	cmd  *cobra.Command
}

func choiceFlagsOf(cmd *cobra.Command, g *dragoman.Generate) *choiceFlags {
	c := &choiceFlags{cmd: cmd}
	f := cmd.Flags()
	f.StringSliceVar(&c.list, "choices", nil, "the answer is one of these texts, A,B,C: the likeliest (may be given again)")
	f.StringArrayVar(&c.each, "choice", nil, "one more such text, which may hold commas (may be given again)")
	f.StringVar(&c.file, "choices-file", "", "such texts, a line each, from a file")
	f.BoolVar(&g.PerToken, "per-token", false, "choices are compared by their mean log-probability a token, not by the sum")
	f.IntVar(&g.Permutations, "permutations", 1, "choices' log-likelihoods are means over so many orders of the examples, drawn by --seed")
	return c
}

// read collects the texts into g; others says that more will come from elsewhere.
func (f *choiceFlags) read(c *cli, g *dragoman.Generate, others bool) error {
	g.Choices = nil
	for _, t := range f.list {
		g.Choices = append(g.Choices, strings.TrimSpace(t))
	}
	g.Choices = append(g.Choices, f.each...)
	if f.file != "" {
		data, _, err := c.readFile("reading choices", f.file)
		if err != nil {
			return err
		}
		lines := bufio.NewScanner(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
		lines.Buffer(nil, maxPage)
		for lines.Scan() {
			if t := strings.TrimSpace(lines.Text()); t != "" {
				g.Choices = append(g.Choices, t)
			}
		}
		if err := lines.Err(); err != nil {
			return fmt.Errorf("reading choices: %s: %w", f.file, err)
		}
		if len(g.Choices) == 0 {
			return fmt.Errorf("reading choices: %s: it has none", f.file)
		}
	}
	if len(g.Choices) == 0 && f.cmd.Flags().Changed("choices") {
		return usagef("--choices has none: --choices A,B,C")
	}
	for i, t := range g.Choices {
		if strings.TrimSpace(t) == "" {
			return usagef("a choice must not be empty")
		}
		if slices.Contains(g.Choices[:i], t) {
			return usagef("a choice is given twice: %s", t)
		}
	}
	if len(g.Choices) > 0 || others {
		if err := unused(f.cmd, "is about text that is written: choices are scored, and nothing is written", writingFlagNames...); err != nil {
			return err
		}
	}
	switch {
	case g.Permutations < 1 || g.Permutations > maxPermutations:
		return usagef("--permutations must be from 1 to %d: %d", maxPermutations, g.Permutations)
	case len(g.Choices) == 0 && !others && (g.Permutations > 1 || g.PerToken):
		return usagef("--permutations and --per-token are about --choices, of which there are none")
	}
	return nil
}

// maxPermutations is more orders than anybody waits for.
const maxPermutations = 1000
