package main

import (
	"slices"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/eval"
)

// shotFlags are the options of measuring a model behind examples.
type shotFlags struct {
	counts   []int
	seeds    []uint
	examples string
	fixed    bool
	classes  bool
	support  *supportFlags
	choices  *choiceFlags
	generate dragoman.Generate
}

// shotFlagNames are those that only a model has a use for that reads pages.
var shotFlagNames = []string{"shots-n", "seeds", "examples", "same-examples", "support", "support-where", "features", "choices", "choice", "choices-file", "classes", "per-token", "permutations"}

func shotFlagsOf(cmd *cobra.Command) *shotFlags {
	s := &shotFlags{}
	f := cmd.Flags()
	f.IntSliceVar(&s.counts, "shots-n", []int{0}, "how many examples of --support are shown before each picture: a list, as 0,4,8,16,32")
	f.UintSliceVar(&s.seeds, "seeds", nil, "what examples are drawn by: a list, one trial each (default: --seed)")
	f.StringVar(&s.examples, "examples", "random", "which examples are shown: random, or similar to the picture (the most similar last)")
	f.BoolVar(&s.fixed, "same-examples", false, "show the same random examples before every picture of a trial: they are read once")
	s.support = supportFlagsOf(cmd)
	s.choices = choiceFlagsOf(cmd, &s.generate)
	f.BoolVar(&s.classes, "classes", false, "the answer is one of the texts of PAIRS and of --support")
	oneOf(cmd, "examples", "random", "similar")
	return s
}

// asked says whether any of the options was given.
func (s *shotFlags) asked(cmd *cobra.Command) bool {
	return slices.ContainsFunc(shotFlagNames, func(name string) bool { return cmd.Flags().Changed(name) })
}

// check refuses what does not go together; with examples out of the set itself (own), they need no support.
func (s *shotFlags) check(c *cli, own bool) error {
	if err := s.choices.read(c, &s.generate, s.classes); err != nil {
		return err
	}
	switch {
	case s.examples != "random" && s.examples != "similar":
		return usagef("--examples must be random or similar: %s", s.examples)
	case s.fixed && s.examples == "similar":
		return usagef("--same-examples excludes --examples similar")
	case s.support.features != "" && s.examples != "similar":
		return usagef("--features is about --examples similar")
	case s.classes && len(s.generate.Choices) > 0:
		return usagef("--classes excludes --choices, --choice and --choices-file")
	case len(s.counts) == 0:
		return usagef("--shots-n must not be empty")
	case s.support.path == "" && (s.support.features != "" || len(s.support.where) > 0 || s.fixed || s.examples == "similar"):
		return usagef("--support-where, --features, --same-examples and --examples are about --support, which is not given")
	}
	for i, n := range s.counts {
		switch {
		case n < 0 || n > maxShots:
			return usagef("--shots-n must be from 0 to %d: %d", maxShots, n)
		case n > 0 && s.support.path == "" && !own:
			return usagef("--shots-n %d needs examples: --support PAIRS", n)
		case slices.Contains(s.counts[:i], n):
			return usagef("--shots-n has %d twice", n)
		}
	}
	for i, seed := range s.seeds {
		if slices.Contains(s.seeds[:i], seed) {
			return usagef("--seeds has %d twice", seed)
		}
	}
	return nil
}

// run measures the model on each of the pairs.
func (s *shotFlags) run(c *cli, cmd *cobra.Command, m *dragoman.Model, sets evalSets, o eval.Options, said string) error {
	var support []eval.Item
	if s.support.path != "" {
		only, err := parseWhere("--support-where", s.support.where)
		if err != nil {
			return err
		}
		set, err := c.openWanted(s.support.path, only, "")
		if err != nil {
			return err
		}
		defer set.Close()
		c.noteBroken(s.support.path, set.report)
		support = set.items
	}
	g := s.generate
	g.MaxTokens, g.MinTokens = o.MaxTokens, o.Generate.MinTokens
	g.Beams, g.LengthPenalty = o.Generate.Beams, o.Generate.LengthPenalty
	so := eval.ShotOptions{Shots: s.counts, Similar: s.examples == "similar", Fixed: s.fixed, Features: s.support.features}
	so.Seeds = s.trials(c)
	so.Looking = func(done, all int) { c.progress("%s: %d of %d pictures", s.support.path, done, all) }
	examples := m.Examples(support) // looked at once for all sets
	var reports []eval.ShotReport
	var lines []saidLine
	whole, err := c.eachSet(cmd.Context(), sets, "answers", func(_, title string, items []eval.Item, progress func(done, all int)) (any, []eval.Left, error) {
		if s.classes {
			g.Choices = classesOf(items, support)
		}
		so.Name, so.Progress = title, progress
		so.Said = func(shots int, seed uint64, it eval.Item, text string) {
			lines = append(lines, saidLine{Image: it.Name, Question: it.Question, Text: text, References: it.References, Shots: &shots, Seed: &seed})
		}
		r, err := examples.Evaluate(cmd.Context(), items, &g, so)
		if err != nil {
			return nil, nil, err
		}
		reports = append(reports, r)
		return r, r.Left, nil
	})
	if err != nil {
		return err
	}
	if err := c.showTable(len(reports), eval.ShotMarkdown(reports)); err != nil {
		return err
	}
	if said != "" && len(reports) > 0 {
		if err := c.writeSaid(said, lines); err != nil {
			return err
		}
	}
	return reported(whole)
}

// trials are the seeds, one a trial.
func (s *shotFlags) trials(c *cli) (seeds []uint64) {
	for _, seed := range s.seeds {
		seeds = append(seeds, uint64(seed))
	}
	if len(seeds) == 0 {
		seeds = []uint64{c.seed}
	}
	return seeds
}

// classesOf are the texts of sets, each once, in order.
func classesOf(sets ...[]eval.Item) (classes []string) {
	seen := map[string]bool{}
	for _, items := range sets {
		for _, it := range items {
			for _, t := range it.References {
				if !seen[t] {
					seen[t] = true
					classes = append(classes, t)
				}
			}
		}
	}
	return classes
}
