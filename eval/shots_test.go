package eval

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

// parrot says the number of the last example it was shown, and remembers what it was asked.
type parrot struct {
	broken int // an example that cannot be shown
	asked  []string
}

func (p *parrot) Usable(_ context.Context, item, example int) bool {
	return example != p.broken && example != item // an item's own picture is in the support
}

func (p *parrot) Nearest(_ context.Context, item, n int) (order []int, err error) {
	for i := range n {
		order = append(order, (item+n-i)%6)
	}
	return order, nil
}

func (p *parrot) Text(example int) string { return fmt.Sprint("just ", example) }

func (p *parrot) TextOnly() int { return 2 }

func (p *parrot) Answer(_ context.Context, item int, shown Examples) (string, int, error) {
	p.asked = append(p.asked, fmt.Sprint(item, shown))
	if len(shown.Order) == 0 {
		return "none", 0, nil
	}
	return fmt.Sprint(shown.Order[len(shown.Order)-1]), max(0, len(shown.Order)-3), nil
}

// TestShots draws examples by the seed, anew for each item, and never the item's own picture or one that cannot be read.
func TestShots(t *testing.T) {
	ctx := context.Background()
	items := make([]Item, 4)
	for i := range items {
		items[i] = Item{Name: fmt.Sprint(i), Question: "which?", References: []string{fmt.Sprint(i + 1)}}
	}
	run := func(o ShotOptions) (ShotReport, []string) {
		p := &parrot{broken: 5}
		r, err := EvaluateShots(ctx, p, items, o)
		if err != nil {
			t.Fatal(err)
		}
		return r, p.asked
	}
	o := ShotOptions{Shots: []int{0, 2, 4}, Seeds: []uint64{1, 2, 3}, Support: 6}
	r, asked := run(o)
	if _, again := run(o); !slices.Equal(asked, again) {
		t.Error("the same seeds draw other examples")
	}
	if len(asked) != 9*4 || r.Measure != MeasureVQA || r.Examples != "random" {
		t.Errorf("%d questions, %+v", len(asked), r)
	}
	for _, c := range r.Shots {
		if len(c.Trials) != 3 {
			t.Errorf("%d shots: %d trials", c.Shots, len(c.Trials))
		}
		mean := (c.Trials[0].Value + c.Trials[1].Value + c.Trials[2].Value) / 3
		var square float64
		for _, x := range c.Trials {
			square += (x.Value - mean) * (x.Value - mean)
		}
		if math.Abs(c.Mean-mean) > 1e-9 || math.Abs(c.Spread-math.Sqrt(square/2)) > 1e-9 {
			t.Errorf("%+v: want a mean of %v", c, mean)
		}
	}
	if r.Shots[1].Trials[0].Cut != 0 || r.Shots[2].Trials[0].Cut != len(items) {
		t.Errorf("examples were cut: %+v", r.Shots)
	}
	if slices.Equal(asked[12:16], asked[16:20]) {
		t.Error("another seed draws the same examples")
	}
	same := map[string]bool{}
	for _, a := range asked[24:28] {
		_, order, _ := strings.Cut(a, "[")
		same[order] = true
		if strings.Contains(order, "5") {
			t.Errorf("an example that cannot be read is shown: %s", a)
		}
	}
	if len(same) < 2 {
		t.Error("every item has the same examples")
	}
	for i, a := range asked[:12] {
		if !strings.Contains(a, "true") || strings.Count(a, " ") != 4 {
			t.Errorf("question %d at 0 shots is %s", i, a)
		}
	}
	// Chosen by similarity, nothing depends on the seed.
	o.Similar = true
	r, asked = run(o)
	if len(asked) != 3*4 || r.Examples != "similar" || asked[4] != "0 {[2 1] false 1}" || r.Shots[1].Mean != 100 || r.Shots[1].Spread != 0 {
		t.Errorf("the most similar: %v, %+v", asked, r.Shots[1])
	}
	if text := ShotMarkdown([]ShotReport{r}); r.Copied == nil || r.Copied.Value != 0 || !strings.Contains(text, "| the nearest one's text |") || !strings.HasSuffix(text, "| 0.00 |\n") {
		t.Errorf("copied: %+v\n%s", r.Copied, text)
	}
	for i := range items[1:] { // item 0's nearest example is 1
		items[i+1].References = append(items[i+1].References, fmt.Sprint("just ", i+2))
	}
	if r, _ = run(o); math.Abs(r.Copied.Value-75) > 1e-9 {
		t.Errorf("copied: %+v", r.Copied)
	}
	// Without a support there is nothing to show.
	r, asked = run(ShotOptions{Shots: []int{0}, Seeds: []uint64{7, 8}, Chosen: true})
	if len(asked) != 4 || r.Examples != "none" || r.Measure != MeasureAccuracy {
		t.Errorf("without examples: %v, %+v", asked, r)
	}
	for _, bad := range []ShotOptions{{Shots: []int{7}, Seeds: []uint64{1}, Support: 6}, {Shots: []int{5}, Seeds: []uint64{1}, Support: 6}} {
		if _, err := EvaluateShots(ctx, &parrot{broken: 5}, items, bad); err == nil {
			t.Errorf("%v of 6 examples are shown", bad.Shots)
		}
	}
	p := &parrot{}
	if _, err := EvaluateShots(ctx, p, items, ShotOptions{Shots: []int{0, 7}, Seeds: []uint64{1}, Support: 6}); err == nil || len(p.asked) > 0 {
		t.Errorf("%v, but only after %d questions", err, len(p.asked))
	}
	items[2].Question = ""
	if _, err := EvaluateShots(ctx, &parrot{}, items, o); err == nil {
		t.Error("captions and answers are measured together")
	}
	if text := ShotMarkdown([]ShotReport{r}); !strings.Contains(text, "| 0 shots |") || !strings.Contains(text, "accuracy") {
		t.Error(text)
	}
}
