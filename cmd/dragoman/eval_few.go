package main

import (
	"strings"

	"github.com/spf13/cobra"

	"dragoman/eval"
)

// fewFlags are the options of measuring a model behind examples out of the set itself.
type fewFlags struct {
	asked    bool
	concept  string
	question string
	most     int
	forms    []string
}

// fewFlagNames are those that are about nothing else.
var fewFlagNames = []string{"concept", "question", "most", "form"}

func fewFlagsOf(cmd *cobra.Command) *fewFlags {
	s := &fewFlags{}
	f := cmd.Flags()
	f.BoolVar(&s.asked, "few-shot", false, "show --shots-n other pictures of PAIRS as examples, with their texts, with exchanged texts, and with new words")
	f.StringVar(&s.concept, "concept", "", "with --few-shot: the field that says what a picture shows (empty: its text does)")
	f.StringVar(&s.question, "question", "", "with --few-shot: what is asked about pictures whose rows ask nothing (empty: they are to be described)")
	f.IntVar(&s.most, "most", 0, "with --few-shot: how many pictures a seed draws that are asked about (0: all)")
	f.StringArrayVar(&s.forms, "form", nil, "with --few-shot: a form that examples' texts are written in, such as \"this is {}\", to see whether the model keeps to it; may be repeated (none: some that the built-in model was not taught)")
	return s
}

// check refuses what goes with another way of measuring.
func (s *fewFlags) check(cmd *cobra.Command) error {
	if !s.asked {
		return unused(cmd, "is about --few-shot, which is not given", fewFlagNames...)
	}
	for _, name := range append(shotFlagNames, "rerank", "labels", "no-captions", "min-tokens", "beams", "length-penalty", "said", "fps", "frames") {
		if name != "shots-n" && name != "seeds" {
			if err := unused(cmd, "is not for --few-shot, whose examples are other pictures of PAIRS, and whose answers are greedy", name); err != nil {
				return err
			}
		}
	}
	if s.most < 0 {
		return usagef("--most must not be negative: %d", s.most)
	}
	for _, form := range s.forms {
		if err := eval.CheckForm(form); err != nil {
			return usagef("--form: %v", err)
		}
	}
	return nil
}

// fewShot measures the model on each of the pairs, behind examples out of them.
func (s *shotFlags) fewShot(c *cli, cmd *cobra.Command, sets evalSets, few *fewFlags, maxTokens int) error {
	m, err := c.open(nil)
	if err != nil {
		return err
	}
	defer m.Close()
	o := eval.FewShotOptions{Shots: s.counts, Seeds: s.trials(c), Most: few.most, Question: few.question, Forms: few.forms, MaxTokens: maxTokens}
	var tables []string
	whole, err := c.eachSet(cmd.Context(), sets, "questions", func(path, title string, items []eval.Item, progress func(done, all int)) (any, []eval.Left, error) {
		o.Name, o.Progress = title, progress
		r, err := m.EvaluateFewShot(cmd.Context(), items, o)
		if err != nil {
			return nil, nil, err
		}
		if few := r.TooFew(); few != "" {
			c.progressDone()
			c.note("%s: %s", path, few)
		}
		tables = append(tables, r.Markdown())
		return r, r.Left, nil
	})
	if err != nil {
		return err
	}
	if err := c.showTable(len(tables), strings.Join(tables, "\n")); err != nil {
		return err
	}
	return reported(whole)
}
