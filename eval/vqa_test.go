package eval

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// TestVQAAccuracy compares with tools/oracle/vqa.py.
func TestVQAAccuracy(t *testing.T) {
	raw, err := os.ReadFile("testdata/vqa.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Normalised map[string]string
		Cases      []struct {
			Prediction string
			Answers    []string
			Accuracy   float64
		}
		Accuracy float64
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for in, out := range want.Normalised {
		if got := NormalizeAnswer(in); got != out {
			t.Errorf("%q is normalised to %q, not %q", in, got, out)
		}
	}
	var said []string
	var people [][]string
	for _, c := range want.Cases {
		said, people = append(said, c.Prediction), append(people, c.Answers)
		if got := VQAAccuracy(c.Prediction, c.Answers); math.Abs(got-c.Accuracy) > 1e-9 {
			t.Errorf("%q among %q: %v, not %v", c.Prediction, c.Answers, got, c.Accuracy)
		}
	}
	got := ScoreAnswers(said, people, nil)
	if got.N != len(want.Cases) || math.Abs(got.VQA-want.Accuracy) > 0.005001 {
		t.Errorf("%+v, not %v", got, want.Accuracy)
	}
}

func TestFewAnswersAndWeights(t *testing.T) {
	if got := VQAAccuracy("Yes.", []string{"yes"}); got != 1 {
		t.Errorf("one person's answer: %v", got)
	}
	if got := VQAAccuracy("no", []string{"yes", "maybe"}); got != 0 {
		t.Errorf("nobody's answer: %v", got)
	}
	// Two of ten: each of the two sees one other, each of the eight sees two.
	got := ScoreAnswers([]string{"no"}, [][]string{{"yes", "no"}}, [][]float64{{4, 1}})
	if want := 100 * (2*1.0/3 + 8*2.0/3) / 10; math.Abs(got.VQA-want) > 1e-9 || got.Exact != 100 {
		t.Errorf("%+v", got)
	}
}
