package generate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

func run(t *testing.T, vocab int, o Options, prompts ...[]int32) []Result {
	t.Helper()
	got, err := Run(context.Background(), newToy(vocab, prompts...), prompts, o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// plainGreedy is greedy decoding written down without the package.
func plainGreedy(prompt []int32, vocab, n int, pick func(made []int32, l []float32)) []int32 {
	row := slices.Clone(prompt)
	var made []int32
	for range n {
		l := make([]float32, vocab)
		toyLogits(l, row)
		if pick != nil {
			pick(made, l)
		}
		best := 0
		for v := range l {
			if l[v] > l[best] {
				best = v
			}
		}
		row = append(row, int32(best))
		made = append(made, int32(best))
	}
	return made
}

func TestGreedy(t *testing.T) {
	const vocab = 50
	prompt := []int32{3, 7}
	want := plainGreedy(prompt, vocab, 12, nil)
	got := run(t, vocab, Options{MaxTokens: 12}, prompt)[0]
	if !slices.Equal(got.Tokens, want) || got.Finish != Length {
		t.Fatalf("got %v (%s), want %v", got.Tokens, got.Finish, want)
	}
	row, sum := slices.Clone(prompt), 0.0
	for i, id := range got.Tokens {
		lp := toyLogProb(row, vocab, id)
		if math.Abs(lp-float64(got.LogProbs[i])) > 1e-4 {
			t.Errorf("token %d: log-probability %v, want %v", i, got.LogProbs[i], lp)
		}
		sum += lp
		row = append(row, id)
	}
	if math.Abs(sum-got.Score) > 1e-3 {
		t.Errorf("score %v, want %v", got.Score, sum)
	}
	if n := len(run(t, vocab, Options{}, prompt)[0].Tokens); n != 20 {
		t.Errorf("%d tokens by default, want 20", n)
	}

	stop := want[4]
	got = run(t, vocab, Options{MaxTokens: 12, StopIDs: []int32{stop}}, prompt)[0]
	at := slices.Index(want, stop)
	if !slices.Equal(got.Tokens, want[:at+1]) || got.Finish != Stopped {
		t.Errorf("with stop id %d: %v (%s), want %v", stop, got.Tokens, got.Finish, want[:at+1])
	}
}

func TestPenalties(t *testing.T) {
	const vocab = 30
	prompt := []int32{3, 7, 11}
	want := plainGreedy(prompt, vocab, 15, func(made []int32, l []float32) {
		seen := map[int32]bool{}
		for _, id := range append(slices.Clone(prompt), made...) {
			if seen[id] {
				continue
			}
			seen[id] = true
			if l[id] > 0 {
				l[id] /= 1.7
			} else {
				l[id] *= 1.7
			}
		}
	})
	got := run(t, vocab, Options{MaxTokens: 15, RepetitionPenalty: 1.7}, prompt)[0]
	if !slices.Equal(got.Tokens, want) {
		t.Errorf("repetition penalty: %v, want %v", got.Tokens, want)
	}
	if plain := plainGreedy(prompt, vocab, 15, nil); slices.Equal(plain, want) {
		t.Error("the penalty changes nothing here: the test shows nothing")
	}

	free := plainGreedy(prompt, vocab, 15, nil)
	stop := free[2]
	want = plainGreedy(prompt, vocab, 15, func(made []int32, l []float32) {
		if len(made) < 6 {
			l[stop] = float32(math.Inf(-1))
		}
	})
	got = run(t, vocab, Options{MaxTokens: 15, MinTokens: 6, StopIDs: []int32{stop}}, prompt)[0]
	if at := slices.Index(want, stop); at >= 0 {
		want = want[:at+1]
	}
	if !slices.Equal(got.Tokens, want) || len(got.Tokens) < 6 {
		t.Errorf("at least 6 tokens: %v, want %v", got.Tokens, want)
	}
}

// TestDraw checks the frequencies of what is drawn against the distribution after temperature, top-k and top-p.
func TestDraw(t *testing.T) {
	scores := []float32{1, 3, -2, 2.5, 0, 2.5, float32(math.Inf(-1))}
	for _, c := range []struct {
		o    Options
		kept []int
	}{
		{Options{Temperature: 1}, []int{0, 1, 2, 3, 4, 5}},
		{Options{Temperature: 2.5}, []int{0, 1, 2, 3, 4, 5}},
		{Options{Temperature: 0.5, TopK: 4}, []int{1, 3, 5, 0}},
		{Options{Temperature: 1, TopK: 2}, []int{1, 3, 5}}, // two are equal at the edge
		{Options{Temperature: 1, TopP: 0.5}, []int{1, 5}},  // of two that are equal at the edge the last
		{Options{Temperature: 1, TopP: 1e-9}, []int{1}},
		{Options{Temperature: 1, TopK: 1, TopP: 0.5}, []int{1}},
	} {
		want := make([]float64, len(scores))
		sum := 0.0
		for _, i := range c.kept {
			want[i] = math.Exp(float64(scores[i]) / c.o.Temperature)
			sum += want[i]
		}
		const n = 40000
		s := newSampler(1)
		got := make([]float64, len(scores))
		for range n {
			got[s.draw(scores, &c.o)]++
		}
		for i := range scores {
			p := want[i] / sum
			if sd := math.Sqrt(p*(1-p)/n) + 1e-9; math.Abs(got[i]/n-p) > 5*sd {
				t.Errorf("%+v: token %d drawn %.4f of the time, want %.4f", c.o, i, got[i]/n, p)
			}
		}
	}
}

func TestSamplingIsSeeded(t *testing.T) {
	o := Options{MaxTokens: 30, Temperature: 1.2, TopK: 12, TopP: 0.95, Seed: 5}
	a, b := run(t, 40, o, []int32{1})[0], run(t, 40, o, []int32{1})[0]
	if !slices.Equal(a.Tokens, b.Tokens) {
		t.Error("the same seed drew different tokens")
	}
	o.Seed = 6
	if slices.Equal(a.Tokens, run(t, 40, o, []int32{1})[0].Tokens) {
		t.Error("another seed drew the same 30 tokens")
	}
}

// TestBatchEqualsSingle runs prompts that end at different times together and alone.
func TestBatchEqualsSingle(t *testing.T) {
	prompts := [][]int32{{3, 7}, {1}, {9, 9, 9}, {4, 2}, {8}}
	for _, o := range []Options{
		{MaxTokens: 25, StopIDs: []int32{5, 6, 7, 8}},
		{MaxTokens: 25, StopIDs: []int32{5, 6}, Temperature: 1, Seed: 3},
		{MaxTokens: 25, StopIDs: []int32{5, 6, 7}, Beams: 3, LengthPenalty: 1},
		{MaxTokens: 25, StopIDs: []int32{5}, Beams: 4, LengthPenalty: -1, RepetitionPenalty: 1.4, MinTokens: 3},
	} {
		together := run(t, 40, o, prompts...)
		lengths := map[int]bool{}
		for b, p := range prompts {
			alone := run(t, 40, o, p)[0]
			if !slices.Equal(alone.Tokens, together[b].Tokens) || alone.Score != together[b].Score || alone.Finish != together[b].Finish {
				t.Errorf("%+v prompt %d: %v together, %v alone", o, b, together[b].Tokens, alone.Tokens)
			}
			lengths[len(alone.Tokens)] = true
		}
		if len(lengths) < 2 {
			t.Errorf("%+v: all rows end together: the test shows little", o)
		}
	}
}

// TestBeamsFindTheBest compares a beam search that is wide enough to keep everything with all sentences of three tokens.
func TestBeamsFindTheBest(t *testing.T) {
	const vocab, stop = 6, 2
	prompt := []int32{1, 4}
	for _, penalty := range []float64{0, 1, 2, -1} {
		best, bestScore := []int32(nil), math.Inf(-1)
		var walk func(made []int32, sum float64)
		walk = func(made []int32, sum float64) {
			if n := len(made); n > 0 && (made[n-1] == stop || n == 3) {
				if s := sum / math.Pow(float64(n), penalty); s > bestScore {
					best, bestScore = slices.Clone(made), s
				}
				return
			}
			for v := range int32(vocab) {
				row := append(slices.Clone(prompt), made...)
				walk(append(slices.Clone(made), v), sum+toyLogProb(row, vocab, v))
			}
		}
		walk(nil, 0)
		got := run(t, vocab, Options{MaxTokens: 3, Beams: 40, LengthPenalty: penalty, StopIDs: []int32{stop}, EarlyStopping: Never}, prompt)[0]
		if !slices.Equal(got.Tokens, best) || math.Abs(got.Score-bestScore) > 1e-4 {
			t.Errorf("length penalty %v: %v (%.4f), want %v (%.4f)", penalty, got.Tokens, got.Score, best, bestScore)
		}
	}
}

// letters decodes ids to letters; 26 is the first byte of é, 27 its second.
func letters(ids []int32) string {
	var b []byte
	for _, id := range ids {
		switch id {
		case 26:
			b = append(b, 0xC3)
		case 27:
			b = append(b, 0xA9)
		default:
			b = append(b, byte('a'+id))
		}
	}
	return strings.ToValidUTF8(string(b), "\uFFFD")
}

func TestStopStrings(t *testing.T) {
	prompt := []int32{3, 7}
	free := plainGreedy(prompt, 26, 20, nil)
	text := letters(free)
	stop := text[6:9]
	var pieces []string
	o := Options{
		MaxTokens: 20, Stop: []string{"zzzz", stop}, Text: letters,
		OnText: func(_ int, p string) error { pieces = append(pieces, p); return nil },
	}
	got := run(t, 26, o, prompt)[0]
	want := text[:strings.Index(text, stop)]
	if got.Text != want || got.Finish != Stopped {
		t.Errorf("text %q (%s), want %q", got.Text, got.Finish, want)
	}
	if s := strings.Join(pieces, ""); s != want {
		t.Errorf("pieces %q make %q, want %q", pieces, s, want)
	}
	if len(pieces) < 2 {
		t.Errorf("the text came in %d pieces, not as it was made", len(pieces))
	}
}

func TestPieces(t *testing.T) {
	o := &Options{Text: letters, Stop: []string{"cd", "bcx"}}
	tx := textual{opt: o}
	var got []string
	for i, ids := range [][]int32{{0}, {0, 26}, {0, 26, 27}, {0, 26, 27, 1}, {0, 26, 27, 1, 2}, {0, 26, 27, 1, 2, 4}} {
		tx.add(ids)
		got = append(got, tx.piece(i == 5))
	}
	if want := []string{"a", "", "é", "", "", "bce"}; !slices.Equal(got, want) {
		t.Errorf("pieces %q, want %q", got, want)
	}
}

func TestEnds(t *testing.T) {
	prompt := []int32{3, 7}
	ctx, cancel := context.WithCancel(context.Background())
	made := 0
	got, err := Run(ctx, newToy(30, prompt), [][]int32{prompt}, Options{MaxTokens: 50, OnToken: func(int, Token) error {
		if made++; made == 4 {
			cancel()
		}
		return nil
	}})
	if !errors.Is(err, context.Canceled) || len(got[0].Tokens) != 4 || got[0].Finish != Cancelled {
		t.Errorf("cancelled after 4 tokens: %d tokens, %s, %v", len(got[0].Tokens), got[0].Finish, err)
	}
	stop := errors.New("enough")
	if _, err := Run(context.Background(), newToy(30, prompt), [][]int32{prompt}, Options{OnToken: func(int, Token) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("a callback's error became %v", err)
	}
	broken := newToy(30, prompt)
	broken.fail = errToy
	for _, beams := range []int{1, 3} {
		if _, err := Run(context.Background(), broken, [][]int32{prompt}, Options{Beams: beams}); !errors.Is(err, errToy) {
			t.Errorf("%d beams: the model's error became %v", beams, err)
		}
	}
	done, stopNow := context.WithCancel(context.Background())
	stopNow()
	if got, err := Run(done, newToy(30, prompt), [][]int32{prompt}, Options{Beams: 3}); !errors.Is(err, context.Canceled) || got[0].Finish != Cancelled {
		t.Errorf("beams under an ended context: %v, %v", got, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	nan := math.NaN()
	for _, o := range []Options{
		{MaxTokens: -1},
		{Temperature: -1},
		{Temperature: nan},
		{TopP: 1.5},
		{TopP: nan},
		{RepetitionPenalty: -2},
		{LengthPenalty: math.Inf(1)},
		{Beams: 3, Temperature: 1},
		{Stop: []string{"x"}},
		{Stop: []string{""}, Text: letters},
	} {
		if _, err := Run(context.Background(), newToy(5, []int32{1}), [][]int32{{1}}, o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", fmt.Sprintf("%+v", o), err)
		}
	}
}

// still is a model that always says the same, and makes no garbage of its own.
type still []float32

func (s still) Logits(int) []float32         { return s }
func (s still) Advance([]int, []int32) error { return nil }

func TestGreedyMakesNoGarbage(t *testing.T) {
	s := make(still, 1000)
	s[17] = 3
	prompts := [][]int32{{1}}
	allocs := func(n int) float64 {
		return testing.AllocsPerRun(5, func() {
			if _, err := Run(context.Background(), s, prompts, Options{MaxTokens: n}); err != nil {
				t.Fatal(err)
			}
		})
	}
	if few, many := allocs(10), allocs(1000); many > few {
		t.Errorf("%v allocations for 10 tokens, %v for 1000", few, many)
	}
}

// TestDeadEnd: where the rules leave no token, and no sentence has ended, what there is so far is the answer.
func TestDeadEnd(t *testing.T) {
	const vocab = 4
	o := Options{Beams: 2, MaxTokens: 9, MinTokens: 9, StopIDs: []int32{0}, Rules: Rules{NoRepeat: 1}}
	got := run(t, vocab, o, []int32{1})[0]
	if len(got.Tokens) != 2 || got.Finish != Length || len(got.LogProbs) != 2 {
		t.Errorf("of ids 2 and 3, which may come once each, came %+v", got)
	}
}
