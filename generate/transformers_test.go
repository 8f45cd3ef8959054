package generate

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"

	"dragoman/weights"
)

// TestDistributionAgainstTransformers compares what is drawn from with what transformers draws from, step by step: every penalty and
// every cut, in their order (tools/oracle/generate.py).
func TestDistributionAgainstTransformers(t *testing.T) {
	raw, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Temperature float64   `json:"temperature"`
		TopK        int       `json:"top_k"`
		TopP        float64   `json:"top_p"`
		Repetition  float64   `json:"repetition_penalty"`
		MinTokens   int       `json:"min_new_tokens"`
		EOS         []int32   `json:"eos"`
		Never       []int32   `json:"suppress_tokens"`
		NeverFirst  []int32   `json:"begin_suppress_tokens"`
		Phrases     [][]int32 `json:"bad_words_ids"`
		NoRepeat    int       `json:"no_repeat_ngram_size"`
		First       *int32    `json:"forced_bos_token_id"`
		Last        any       `json:"forced_eos_token_id"`
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open("testdata/scores.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	steps := 0
	for n, c := range cases {
		o := &Options{
			Temperature: c.Temperature, TopK: c.TopK, TopP: c.TopP, RepetitionPenalty: c.Repetition, MinTokens: c.MinTokens, StopIDs: c.EOS, MaxTokens: 4,
			Rules: Rules{Never: c.Never, NeverFirst: c.NeverFirst, Phrases: c.Phrases, NoRepeat: c.NoRepeat},
		}
		if c.First != nil {
			o.Rules.First = []int32{*c.First}
		}
		switch last := c.Last.(type) {
		case float64:
			o.Rules.Last = []int32{int32(last)}
		case []any:
			for _, id := range last {
				o.Rules.Last = append(o.Rules.Last, int32(id.(float64)))
			}
		}
		for i := 0; ; i++ {
			read := func(name string) []float32 {
				w, ok := f.Lookup(fmt.Sprintf("%d.%d.%s", n, i, name))
				if !ok {
					return nil
				}
				x, err := w.Float32()
				if err != nil {
					t.Fatal(err)
				}
				return x
			}
			scores, want := slices.Clone(read("logits")), read("probabilities")
			if want == nil {
				break
			}
			steps++
			var ids []int32
			for _, id := range read("ids") {
				ids = append(ids, int32(id))
			}
			before := len(ids) - int(read("made")[0])
			o.penalise(scores, newHistory(ids), ids[:before], ids[before:])
			s := newSampler(1)
			sum := s.distribution(scores, o)
			got := make([]float64, len(want))
			for k, p := range s.probs {
				got[s.cand[k].id] = p / sum
			}
			for id, p := range want {
				if (p == 0) != (got[id] == 0) || math.Abs(got[id]-float64(p)) > 1e-5 {
					t.Errorf("case %d %+v, step %d: token %d has probability %v, want %v", n, c, i, id, got[id], p)
				}
			}
		}
	}
	if steps < 4*len(cases) {
		t.Errorf("%d steps were compared", steps)
	}
}

// TestTiesAgainstTransformers compares which of equal tokens are left where a cut runs between them: top-k leaves all of them, top-p those
// of the highest ids.
func TestTiesAgainstTransformers(t *testing.T) {
	raw, err := os.ReadFile("testdata/ties.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Logits []float32
		TopK   int     `json:"top_k"`
		TopP   float64 `json:"top_p"`
		Kept   []int32
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Error("nothing was compared")
	}
	for _, c := range cases {
		s := newSampler(1)
		s.distribution(c.Logits, &Options{Temperature: 1, TopK: c.TopK, TopP: c.TopP})
		var kept []int32
		for i := range s.probs {
			kept = append(kept, s.cand[i].id)
		}
		slices.Sort(kept)
		if !slices.Equal(kept, c.Kept) {
			t.Errorf("of %v, top-k %d, top-p %v: %v are left, want %v", c.Logits, c.TopK, c.TopP, kept, c.Kept)
		}
	}
}

// TestLogProbsAreRaw checks that a token's log-probability is that of the distribution before temperature, penalties and cuts, however it
// was chosen.
func TestLogProbsAreRaw(t *testing.T) {
	const vocab = 30
	prompt := []int32{3, 7, 3}
	for _, o := range []Options{
		{RepetitionPenalty: 1.8},
		{Temperature: 0.4, TopK: 5, TopP: 0.8, Seed: 4},
		{Temperature: 2, RepetitionPenalty: 1.3, Seed: 9},
		{Beams: 4, LengthPenalty: 1, RepetitionPenalty: 1.5},
		{MinTokens: 5, StopIDs: []int32{1, 2, 3, 4, 5, 6, 7, 8}},
	} {
		got := run(t, vocab, o, prompt)[0]
		row := slices.Clone(prompt)
		if len(got.LogProbs) != len(got.Tokens) {
			t.Fatalf("%+v: %d log-probabilities for %d tokens", o, len(got.LogProbs), len(got.Tokens))
		}
		for i, id := range got.Tokens {
			if want := toyLogProb(row, vocab, id); math.Abs(want-float64(got.LogProbs[i])) > 1e-4 {
				t.Errorf("%+v, token %d: log-probability %v, want %v", o, i, got.LogProbs[i], want)
			}
			row = append(row, id)
		}
	}
}
