package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"dragoman/model/blip2"
)

// drawnChoices are lists whose right pairs were drawn by known weights.
func drawnChoices(random *rand.Rand, n int, truth []float64) []choice {
	var out []choice
	for range n {
		var c choice
		var odds []float64
		for range 6 {
			var e blip2.Evidence
			for i := range e {
				e[i] = random.NormFloat64()
			}
			c.add(e, false)
			odds = append(odds, weigh(e, truth))
		}
		u := random.Float64()
		for k, p := range softmax(odds) {
			if u -= p; u < 0 {
				c.right[k] = true
				break
			}
		}
		out = append(out, c)
	}
	return out
}

// TestFitMatching: from lists whose right pairs were drawn by known weights, these weights are found again, and they count in full.
func TestFitMatching(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	truth := []float64{1.5, -2, 0.5, 1, 0, -0.7}
	var sets []choices
	for k := range 6 {
		sets = append(sets, choices{texts: drawnChoices(random, 700, truth), pictures: drawnChoices(random, 700, truth), unmet: k%2 == 1})
	}
	m, figures, err := fitMatching(sets)
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range []float64{m.Cosine, m.Others, m.Crowd, m.Met, m.Far, m.Count} {
		if math.Abs(got-truth[i]) > 0.2 {
			t.Errorf("weights %+v, drawn by %v", *m, truth)
			break
		}
	}
	if figures["share"] != 1 || figures["met_text_r1_matching"] <= figures["met_text_r1_cosine"] {
		t.Errorf("figures %v", figures)
	}
}

// TestMatchingThatHarms: where what helps in all folds but one would harm, nothing counts beside the cosine.
func TestMatchingThatHarms(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	good, bad := []float64{0.2, 2, 0, 0, 0, 0}, []float64{1, 0, 0, 0, 0, 0}
	var sets []choices
	for range 4 {
		sets = append(sets, choices{texts: drawnChoices(random, 500, good), pictures: drawnChoices(random, 500, good)})
	}
	sets = append(sets, choices{texts: drawnChoices(random, 500, bad), pictures: drawnChoices(random, 500, bad), unmet: true})
	m, figures, err := fitMatching(sets)
	if err != nil {
		t.Fatal(err)
	}
	if figures["share"] != 0 || m.Cosine != 1 || m.Others != 0 {
		t.Errorf("share %v, weights %+v", figures["share"], *m)
	}
}

// TestBiasIsEven: the odds of pairs that are right as often as not are even.
func TestBiasIsEven(t *testing.T) {
	set := choices{texts: []choice{
		{pairs: []blip2.Evidence{{3}, {1}}, right: []bool{true, false}},
		{pairs: []blip2.Evidence{{3}, {5}}, right: []bool{true, false}},
	}}
	if got := fitBias([]choices{set}, plainly); math.Abs(got+3) > 1e-3 {
		t.Errorf("bias %v, by symmetry −3", got)
	}
}

// TestNothingToChoose: lists without a right pair are an error.
func TestNothingToChoose(t *testing.T) {
	set := choices{texts: []choice{{pairs: []blip2.Evidence{{1}, {2}}, right: []bool{false, false}}}}
	if _, _, err := fitMatching([]choices{set, set}); err == nil {
		t.Error("fitted to nothing")
	}
}
