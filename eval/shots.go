package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Learner answers about the items of a set behind examples of a support, both by their numbers.
type Learner interface {
	// Usable says whether an example can be shown before an item: its picture can be read, and is another.
	Usable(ctx context.Context, item, example int) bool
	// Nearest are the n usable examples whose pictures are most like an item's, the most similar last.
	Nearest(ctx context.Context, item, n int) ([]int, error)
	// Text is what an example says of its picture.
	Text(example int) string
	// TextOnly is how many examples without pictures stand before a question at 0 shots, as the model's family is asked.
	TextOnly() int
	// Answer describes an item, answers its question, or chooses; left says how many of the first examples were left out, for which the
	// language model has no room.
	Answer(ctx context.Context, item int, shown Examples) (text string, left int, err error)
}

// Examples are what stands before a question.
type Examples struct {
	Order    []int
	TextOnly bool   // their pictures are left out
	Seed     uint64 // of what is drawn besides
}

// ShotOptions say how a model is measured behind examples. Shots and Seeds must not be empty.
type ShotOptions struct {
	Name    string
	Shots   []int    // how many examples are shown, one figure each
	Seeds   []uint64 // what examples are drawn by, one trial each
	Similar bool     // the most similar are shown, not any
	Fixed   bool     // the same are drawn before every item of a trial
	Chosen  bool     // answers are chosen: what counts is whether they are right
	Drawn   bool     // what is not the examples depends on the seed, too
	Support int      // how many examples there are

	Features string              // as dragoman.SupportOptions has it
	Looking  func(done, all int) // is told of the support's pictures as they are looked at
	Progress func(done, all int)
	Said     func(shots int, seed uint64, it Item, text string) // is told every answer
}

// The measures of a trial.
const (
	MeasureCIDEr    = "cider_d"  // of captions
	MeasureVQA      = "vqa"      // VQA accuracy of answers
	MeasureAccuracy = "accuracy" // of answers that were chosen: the share that equals a reference
)

// ShotReport is how a model did behind examples.
type ShotReport struct {
	Name     string      `json:"name"`
	N        int         `json:"n"`
	Skipped  int         `json:"skipped,omitempty"` // pictures that could not be read
	Left     []Left      `json:"-"`                 // why
	Measure  string      `json:"measure"`
	Examples string      `json:"examples"` // "random", "similar", or "none"
	Shots    []ShotCount `json:"shots"`
	// Copied is what repeating the text of the most similar example would come to; nil where examples are not chosen by similarity. A model that does
	// no better has looked at nothing.
	Copied *Trial `json:"copied,omitempty"`
}

// ShotCount is how it did behind a number of them, in percent (CIDEr-D times 100).
type ShotCount struct {
	Shots  int     `json:"shots"`
	Mean   float64 `json:"mean"`
	Spread float64 `json:"spread"` // the standard deviation over trials, n−1 below; 0 for one
	Trials []Trial `json:"trials"`
}

// Trial is one draw of examples. What cannot depend on the seed has one trial.
type Trial struct {
	Seed     uint64    `json:"seed"`
	Value    float64   `json:"value"`
	Cut      int       `json:"cut,omitempty"` // items before which there was no room for all examples
	Captions *Captions `json:"captions,omitempty"`
	Answers  *Answers  `json:"answers,omitempty"`
}

// EvaluateShots measures a model behind examples. Items whose pictures cannot be read must have been left out.
func EvaluateShots(ctx context.Context, l Learner, items []Item, o ShotOptions) (ShotReport, error) {
	r := ShotReport{Name: o.Name, N: len(items), Measure: MeasureCIDEr, Examples: "random"}
	switch {
	case o.Support == 0:
		r.Examples = "none"
	case o.Similar:
		r.Examples = "similar"
	}
	questions := 0
	for _, it := range items {
		if it.Question != "" {
			questions++
		}
	}
	switch {
	case o.Chosen:
		r.Measure = MeasureAccuracy
	case questions == len(items):
		r.Measure = MeasureVQA
	case questions > 0:
		return r, fmt.Errorf("evaluate: %s: %d of %d rows have a question: captions and answers have no measure together", o.Name, questions, len(items))
	}
	e := &shotEvaluation{l: l, o: o, items: items, measure: r.Measure}
	for _, n := range o.Shots {
		if n > 0 && n > o.Support { // said before any is answered
			return r, fmt.Errorf("evaluate: %d shots: the support has %d examples", n, o.Support)
		}
		e.all += len(e.seeds(n)) * len(items)
	}
	for _, n := range o.Shots {
		c := ShotCount{Shots: n}
		for _, seed := range e.seeds(n) {
			t, err := e.trial(ctx, n, seed)
			if err != nil {
				return r, err
			}
			c.Trials = append(c.Trials, t)
		}
		values := make([]float64, len(c.Trials))
		for i, t := range c.Trials {
			values[i] = t.Value
		}
		c.Mean, c.Spread = meanAndSpread(values)
		r.Shots = append(r.Shots, c)
	}
	var err error
	if o.Similar && o.Support > 0 {
		r.Copied, err = e.copied(ctx)
	}
	return r, err
}

type shotEvaluation struct {
	l         Learner
	o         ShotOptions
	items     []Item
	measure   string
	done, all int
}

// seeds are those of the trials of n shots: one, where nothing depends on it.
func (e *shotEvaluation) seeds(n int) []uint64 {
	shown := n
	if n == 0 {
		shown = min(e.l.TextOnly(), e.o.Support)
	}
	if drawn := shown > 0 && !e.o.Similar; drawn || e.o.Drawn && n > 1 {
		return e.o.Seeds
	}
	return e.o.Seeds[:1]
}

// trial asks about every item behind n examples.
func (e *shotEvaluation) trial(ctx context.Context, n int, seed uint64) (Trial, error) {
	said, cut := make([]string, len(e.items)), 0
	for i := range e.items {
		if err := ctx.Err(); err != nil {
			return Trial{}, context.Cause(ctx)
		}
		shown, err := e.examples(ctx, i, n, seed)
		left := 0
		if err == nil {
			said[i], left, err = e.l.Answer(ctx, i, shown)
		}
		if err != nil {
			return Trial{}, fmt.Errorf("evaluate: %s: %w", e.items[i].Name, err)
		}
		if left > 0 {
			cut++
		}
		if e.o.Said != nil {
			e.o.Said(n, seed, e.items[i], said[i])
		}
		e.done++
		if e.o.Progress != nil {
			e.o.Progress(e.done, e.all)
		}
	}
	t := e.score(said, seed)
	t.Cut = cut
	return t, nil
}

// copied scores the texts of the examples that are most like the items.
func (e *shotEvaluation) copied(ctx context.Context) (*Trial, error) {
	said := make([]string, len(e.items))
	for i := range e.items {
		shown, err := e.examples(ctx, i, 1, 0)
		if err != nil {
			return nil, fmt.Errorf("evaluate: %s: %w", e.items[i].Name, err)
		}
		said[i] = e.l.Text(shown.Order[0])
	}
	t := e.score(said, e.o.Seeds[0])
	return &t, nil
}

// examples chooses those that stand before an item.
func (e *shotEvaluation) examples(ctx context.Context, item, n int, seed uint64) (Examples, error) {
	shown := Examples{Seed: seed}
	if n == 0 {
		n, shown.TextOnly = min(e.l.TextOnly(), e.o.Support), true
	}
	if n == 0 {
		return shown, nil
	}
	var err error
	if e.o.Similar {
		shown.Order, err = e.l.Nearest(ctx, item, n)
	} else {
		stream := uint64(item)
		if e.o.Fixed {
			stream = 0
		}
		for _, k := range rand.New(rand.NewPCG(seed, stream)).Perm(e.o.Support) {
			if len(shown.Order) == n {
				break
			}
			if e.l.Usable(ctx, item, k) {
				shown.Order = append(shown.Order, k)
			}
		}
	}
	if err == nil && len(shown.Order) < n {
		err = errors.New("the support has too few examples whose pictures can be read, and are others")
	}
	return shown, err
}

// score measures what was said.
func (e *shotEvaluation) score(said []string, seed uint64) Trial {
	t := Trial{Seed: seed}
	references, weights := make([][]string, len(said)), make([][]float64, len(said))
	for i, it := range e.items {
		references[i], weights[i] = it.References, it.Weights
	}
	switch e.measure {
	case MeasureAccuracy:
		for i, s := range said {
			t.Value += 100 * toOne(equalsAny(s, references[i])) / float64(len(said))
		}
	case MeasureVQA:
		t.Answers = new(ScoreAnswers(said, references, weights))
		t.Value = t.Answers.VQA
	default:
		t.Captions = new(ScoreCaptions(said, references, nil))
		t.Value = t.Captions.CIDErD
	}
	return t
}

// meanAndSpread are the mean of trials' values, and their standard deviation, n−1 below; 0 for one.
func meanAndSpread(values []float64) (mean, spread float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	if len(values) > 1 {
		for _, v := range values {
			spread += (v - mean) * (v - mean) / float64(len(values)-1)
		}
	}
	return mean, math.Sqrt(spread)
}

// measureNames are what tables call the measures.
var measureNames = map[string]string{MeasureCIDEr: "CIDEr-D", MeasureVQA: "VQA accuracy", MeasureAccuracy: "accuracy"}

// ShotMarkdown prints reports of the same numbers of shots as a table, a row each.
func ShotMarkdown(reports []ShotReport) string {
	var b strings.Builder
	copied := slices.ContainsFunc(reports, func(r ShotReport) bool { return r.Copied != nil })
	for i, r := range reports {
		if i == 0 {
			b.WriteString("| set | measure | items | examples |")
			columns := len(r.Shots)
			for _, c := range r.Shots {
				fmt.Fprintf(&b, " %d shots |", c.Shots)
			}
			if copied {
				b.WriteString(" the nearest one's text |")
				columns++
			}
			b.WriteString("\n|---|---|---|---|" + strings.Repeat("---|", columns) + "\n")
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s |", cell(r.Name), measureNames[r.Measure], r.N, r.Examples)
		for _, c := range r.Shots {
			fmt.Fprintf(&b, " %.2f", c.Mean)
			if len(c.Trials) > 1 {
				fmt.Fprintf(&b, " ± %.2f", c.Spread)
			}
			b.WriteString(" |")
		}
		if r.Copied != nil {
			fmt.Fprintf(&b, " %.2f |", r.Copied.Value)
		}
		b.WriteString("\n")
	}
	return b.String()
}
