package train

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestFitChoices: from lists whose winners were drawn by known weights, these weights are found again.
func TestFitChoices(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	truth := []float64{1.5, -2}
	var choices []choice
	for range 5000 {
		var c choice
		for range 5 {
			c.cosines = append(c.cosines, random.NormFloat64())
			c.terms = append(c.terms, []float64{random.NormFloat64(), random.Float64()})
		}
		u := random.Float64()
		for k, p := range softmax(c.logit(truth)) {
			if u -= p; u < 0 {
				c.own = k
				break
			}
		}
		choices = append(choices, c)
	}
	got, err := fitChoices(choices)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range truth {
		if math.Abs(got[i]-want) > 0.2 {
			t.Errorf("weights %v, drawn by %v", got, truth)
			break
		}
	}
	if _, err := fitChoices(nil); err == nil {
		t.Error("weights of nothing")
	}
	if before, after := shareRight(choices, []float64{0, 0}), shareRight(choices, got); after <= before {
		t.Errorf("right in %v of the lists, %v by cosine alone", after, before)
	}
}
