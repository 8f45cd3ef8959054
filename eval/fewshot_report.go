package eval

import (
	"fmt"
	"strings"
)

// FewShotReport is how a model does behind examples that are other pictures of the set which is asked about.
type FewShotReport struct {
	Name     string         `json:"name"`
	N        int            `json:"n"`                  // pictures of the set
	Skipped  int            `json:"skipped,omitempty"`  // pictures that could not be read
	Left     []Left         `json:"-"`                  // which, and why
	Others   int            `json:"others"`             // pictures to show before one that is asked about, the fewest; where more examples are wanted, some stand twice
	Question string         `json:"question,omitempty"` // asked about pictures that have none of their own
	Measures []string       `json:"measures"`           // what there is a figure of, in the order of a table
	Shots    []FewShotCount `json:"shots"`
}

// TooFew says so where there are fewer pictures to show than some number of examples; "": there are enough.
func (r *FewShotReport) TooFew() string {
	most := 0
	for _, c := range r.Shots {
		most = max(most, c.Shots)
	}
	if most <= r.Others {
		return ""
	}
	return fmt.Sprintf("there are %d other pictures to show for %d examples: some are shown more than once", r.Others, most)
}

// FewShotCount is how it does behind a number of examples: of each measure, in percent, its mean over trials and their standard deviation
// (n−1 below; 0 for one). Without examples there are only the measures of what is said behind right texts.
type FewShotCount struct {
	Shots  int                `json:"shots"`
	Mean   map[string]float64 `json:"mean"`
	Spread map[string]float64 `json:"spread"`
	Trials []Shots            `json:"trials"`
}

// measures are those of a set: of captions or of answers, behind right and behind exchanged texts, of new words, and of texts in a new form.
func (e *fewShot) measures() ([]string, error) {
	asked, err := e.asks()
	if err != nil {
		return nil, err
	}
	said := []string{"exact", "content word", "CIDEr-D"}
	if asked {
		said = []string{"VQA accuracy", "exact"}
	}
	measures := said
	for _, m := range said {
		measures = append(measures, "exchanged: "+m)
	}
	if e.teaches() {
		measures = append(measures, "new word: ranks", "new word: of its own", "new word: of the other", "new word: of neither", "new word: neither named")
	}
	if e.describes() {
		measures = append(measures, "new form: kept", "new form: content word")
	}
	return measures, nil
}

// shares are a word's figures, in the order of measures.
func (w *Word) shares() []*float64 {
	return []*float64{&w.Ranks, &w.Used, &w.Other, &w.False, &w.Named}
}

// values are a trial's figures, in the order of measures.
func (s *Shots) values() (v []float64) {
	said := []*Said{&s.Right}
	if s.Wrong != nil {
		said = append(said, s.Wrong)
	}
	for _, x := range said {
		if c := x.Captions; c != nil {
			v = append(v, c.Exact, c.ContentWord, c.CIDErD)
		}
		if a := x.Answers; a != nil {
			v = append(v, a.VQA, a.Exact)
		}
	}
	if s.Word != nil {
		for _, x := range s.Word.shares() {
			v = append(v, *x)
		}
	}
	if s.Form != nil {
		v = append(v, s.Form.Kept, s.Form.Named)
	}
	return v
}

// sum makes means and spreads of trials.
func (c *FewShotCount) sum(measures []string) {
	c.Mean, c.Spread = map[string]float64{}, map[string]float64{}
	for i := range c.Trials[0].values() {
		var values []float64
		for t := range c.Trials {
			values = append(values, c.Trials[t].values()[i])
		}
		c.Mean[measures[i]], c.Spread[measures[i]] = meanAndSpread(values)
	}
}

// Markdown prints the report as a table, a row for each number of examples.
func (r FewShotReport) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s, by examples before | pictures |", cell(r.Name))
	for _, m := range r.Measures {
		fmt.Fprintf(&b, " %s |", m)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(r.Measures)) + "\n")
	for _, c := range r.Shots {
		asked := 0
		for _, t := range c.Trials {
			asked += t.asked()
		}
		fmt.Fprintf(&b, "| %d | %d |", c.Shots, asked)
		for _, m := range r.Measures {
			mean, ok := c.Mean[m]
			switch {
			case !ok:
				b.WriteString(" – |")
			case len(c.Trials) > 1:
				fmt.Fprintf(&b, " %.1f ± %.1f |", mean, c.Spread[m])
			default:
				fmt.Fprintf(&b, " %.1f |", mean)
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// asked is how many pictures a trial asks about.
func (s *Shots) asked() int {
	if s.Right.Answers != nil {
		return s.Right.Answers.N
	}
	return s.Right.Captions.N
}
