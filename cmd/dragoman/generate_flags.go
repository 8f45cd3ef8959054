package main

import (
	"math"
	"slices"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/generate"
)

// writingFlagNames are the options of how text is chosen, which do nothing where none is written.
var writingFlagNames = []string{"max-tokens", "min-tokens", "beams", "length-penalty", "repetition-penalty", "temperature", "top-k", "top-p", "stop"}

// generateFlags adds the options of how text is chosen, and returns where they are read to.
func (c *cli) generateFlags(cmd *cobra.Command) *dragoman.Generate {
	g := &dragoman.Generate{}
	f := cmd.Flags()
	f.IntVar(&g.MaxTokens, "max-tokens", 20, "most new tokens")
	f.IntVar(&g.MinTokens, "min-tokens", 0, "fewest new tokens before the end")
	f.IntVar(&g.Beams, "beams", 1, "beams of the search (1: none)")
	f.Float64Var(&g.LengthPenalty, "length-penalty", 1, "with beams: scores are divided by length to this power")
	f.Float64Var(&g.RepetitionPenalty, "repetition-penalty", 1, "above 1 makes what was said already less likely")
	f.Float64Var(&g.Temperature, "temperature", 0, "0 takes the likeliest token, above draws")
	f.IntVar(&g.TopK, "top-k", 0, "draw from the k likeliest tokens (0: all)")
	f.Float64Var(&g.TopP, "top-p", 1, "draw from the likeliest tokens that have this probability together")
	f.StringArrayVar(&g.Stop, "stop", nil, "end before this text (may be given again)")
	return g
}

// checkGenerate refuses values that mean nothing.
func (c *cli) checkGenerate(g *dragoman.Generate) error {
	g.Seed = c.seed
	if err := checkNumbers(
		number{"temperature", g.Temperature}, number{"top-p", g.TopP}, number{"repetition-penalty", g.RepetitionPenalty},
		number{"length-penalty", g.LengthPenalty},
	); err != nil {
		return err
	}
	switch {
	case g.MaxTokens < 1:
		return usagef("--max-tokens must be at least 1: %d", g.MaxTokens)
	case g.MinTokens < 0 || g.MinTokens > g.MaxTokens:
		return usagef("--min-tokens must be from 0 to --max-tokens, %d: %d", g.MaxTokens, g.MinTokens)
	case g.Beams < 1 || g.Beams > generate.MostBeams:
		return usagef("--beams must be from 1 to %d: %d", generate.MostBeams, g.Beams)
	case g.Temperature < 0:
		return usagef("--temperature must not be negative: %v", g.Temperature)
	case g.TopK < 0:
		return usagef("--top-k must not be negative: %d", g.TopK)
	case g.TopP <= 0 || g.TopP > 1:
		return usagef("--top-p must be above 0 and at most 1: %v", g.TopP)
	case g.RepetitionPenalty <= 0:
		return usagef("--repetition-penalty must be above 0: %v", g.RepetitionPenalty)
	case g.Beams > 1 && g.Temperature > 0:
		return usagef("--beams and --temperature exclude each other")
	case slices.Contains(g.Stop, ""):
		return usagef("--stop must not be empty")
	}
	// As in transformers these do nothing by themselves, and it is said.
	if g.Temperature == 0 && (g.TopK > 0 || g.TopP < 1) {
		c.note("--top-k and --top-p are about a draw, and --temperature is 0: nothing is drawn")
	}
	if g.Beams == 1 && g.LengthPenalty != 1 {
		c.note("--length-penalty is about beams, and --beams is 1")
	}
	return nil
}

// number is the value of a flag.
type number struct {
	flag  string
	value float64
}

// checkNumbers refuses NaN and infinities, which the flags' parser takes.
func checkNumbers(numbers ...number) error {
	for _, n := range numbers {
		if math.IsNaN(n.value) || math.IsInf(n.value, 0) {
			return usagef("--%s must be a number: %v", n.flag, n.value)
		}
	}
	return nil
}
