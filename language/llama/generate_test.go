package llama

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
)

// options translates transformers' arguments.
func options(t *testing.T, args map[string]any) generate.Options {
	t.Helper()
	data, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	a := struct {
		MaxTokens     int          `json:"max_new_tokens"`
		MinTokens     int          `json:"min_new_tokens"`
		Repetition    float64      `json:"repetition_penalty"`
		Beams         int          `json:"num_beams"`
		LengthPenalty float64      `json:"length_penalty"`
		Early         any          `json:"early_stopping"`
		EOS           language.IDs `json:"eos"`
	}{LengthPenalty: 1, EOS: language.IDs{2}}
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	o := generate.Options{
		MaxTokens: a.MaxTokens, MinTokens: a.MinTokens, RepetitionPenalty: a.Repetition, Beams: a.Beams,
		LengthPenalty: a.LengthPenalty, StopIDs: a.EOS,
	}
	switch a.Early {
	case true:
		o.EarlyStopping = generate.Early
	case "never":
		o.EarlyStopping = generate.Never
	}
	return o
}

func decode(t testing.TB, m language.Model, compute kernel.DType, o generate.Options, prompts ...[]int32) []generate.Result {
	t.Helper()
	d := language.NewDecoder(m, tensor.Options{Compute: compute})
	if err := d.Read(prompts...); err != nil {
		t.Fatal(err)
	}
	got, err := generate.Run(context.Background(), d, prompts, o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestGenerateAgainstTransformers compares ids and beam scores of every way to choose tokens, prompts of different lengths
// together and one at a time.
func TestGenerateAgainstTransformers(t *testing.T) {
	var want tinyGolden
	readJSON(t, "testdata/tiny/golden.json", &want)
	m := tiny(t)
	for _, c := range want.Generate {
		o := options(t, c.Args)
		together := decode(t, m, kernel.F32, o, want.Prompts...)
		for b, p := range want.Prompts {
			alone := decode(t, m, kernel.F32, o, p)[0]
			for how, got := range map[string]generate.Result{"together": together[b], "alone": alone} {
				if !slices.Equal(got.Tokens, c.New[b]) {
					t.Errorf("%v, prompt %d %s: %v, want %v", c.Args, b, how, got.Tokens, c.New[b])
				}
				if c.Scores != nil && math.Abs(got.Score-c.Scores[b]) > 1e-4 {
					t.Errorf("%v, prompt %d %s: score %v, want %v", c.Args, b, how, got.Score, c.Scores[b])
				}
			}
		}
	}
}

// TestStopStringsAgainstTransformers compares where stop strings end a text, which begin and end within tokens.
func TestStopStringsAgainstTransformers(t *testing.T) {
	var want struct {
		Words []string `json:"words"`
		Cases []struct {
			Prompt []int32  `json:"prompt"`
			Stop   []string `json:"stop"`
			Beams  int      `json:"beams"`
			New    []int32  `json:"new"`
		} `json:"cases"`
	}
	readJSON(t, "testdata/tiny/stops.json", &want)
	text := func(ids []int32) string {
		var b strings.Builder
		for _, id := range ids {
			b.WriteString(want.Words[id])
		}
		return b.String()
	}
	m := tiny(t)
	for _, c := range want.Cases {
		streamed := ""
		got := decode(t, m, kernel.F32, generate.Options{
			MaxTokens: 24, Stop: c.Stop, Text: text, Beams: c.Beams, LengthPenalty: 1,
			OnText: func(_ int, piece string) error { streamed += piece; return nil },
		}, c.Prompt)[0]
		if !slices.Equal(got.Tokens, c.New) {
			t.Errorf("%q, %d beams: %v, want %v", c.Stop, c.Beams, got.Tokens, c.New)
		}
		cut, finish := text(c.New), generate.Length
		for _, s := range c.Stop {
			if before, _, found := strings.Cut(cut, s); found {
				cut, finish = before, generate.Stopped
			}
		}
		if got.Text != cut || streamed != cut || got.Finish != finish {
			t.Errorf("%q, %d beams: text %q, streamed %q (%s), want %q (%s)", c.Stop, c.Beams, got.Text, streamed, got.Finish, cut, finish)
		}
	}
}

// TestSmolLM2Greedy compares the built-in model's greedy words and their log-probabilities; a step whose two best words are
// as good as equal may go either way and ends the comparison.
func TestSmolLM2Greedy(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes four prompts")
	}
	var want []smolGolden
	readJSON(t, "testdata/smollm2.json", &want)
	m := smol(t)
	for _, w := range want {
		got := decode(t, m, kernel.F32, generate.Options{MaxTokens: 16, StopIDs: m.Config().EOS}, w.IDs)[0]
		for i, id := range w.Greedy {
			if w.Margins[i] < 1e-3 {
				t.Logf("%q: step %d is a tie", w.Prompt, i)
				break
			}
			if i >= len(got.Tokens) || got.Tokens[i] != id {
				t.Errorf("%q continues with %v, want %v", w.Prompt, got.Tokens, w.Greedy)
				break
			}
			if d := math.Abs(float64(got.LogProbs[i]) - w.LogProbs[i]); d > 2e-3 {
				t.Errorf("%q: log-probability %d is %v, want %v", w.Prompt, i, got.LogProbs[i], w.LogProbs[i])
			}
		}
	}
}

// TestDecoderErrors asks for what a model cannot do.
func TestDecoderErrors(t *testing.T) {
	m := tiny(t)
	d := language.NewDecoder(m, tensor.Options{Compute: kernel.F32})
	if err := d.Read([]int32{5, 96}); err == nil {
		t.Error("a token beyond the vocabulary was read")
	}
	if err := d.Read([]int32{5}, nil); err == nil {
		t.Error("an empty prompt was read")
	}
	if err := d.Read(make([]int32, 129)); !errors.Is(err, language.ErrContext) {
		t.Errorf("129 tokens in a context of 128: %v", err)
	}
	long := make([]int32, 1<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := d.Read(long)
	runtime.ReadMemStats(&after)
	if bytes := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, language.ErrContext) || bytes > 1<<20 {
		t.Errorf("a million tokens in a context of 128 had %d bytes allocated: %v", bytes, err)
	}
	prompt := make([]int32, 120)
	d.Reset()
	if err := d.Read(prompt); err != nil {
		t.Fatal(err)
	}
	if d.Room() != 8 {
		t.Errorf("room for %d tokens behind 120 in a context of 128", d.Room())
	}
	got, err := generate.Run(context.Background(), d, [][]int32{prompt}, generate.Options{MaxTokens: 50})
	if !errors.Is(err, language.ErrContext) || len(got[0].Tokens) != 9 {
		t.Errorf("%d tokens behind 120 in a context of 128: %v", len(got[0].Tokens), err)
	}
}

// TestDecoderGoesOn reads a second text behind what was read and generated before, as a chat does, and compares with reading
// all of it at once.
func TestDecoderGoesOn(t *testing.T) {
	m := tiny(t)
	d := language.NewDecoder(m, tensor.Options{Compute: kernel.F32})
	whole := []int32{7, 8, 9, 20, 21, 30, 31, 32}
	if err := d.Read(whole[:3]); err != nil {
		t.Fatal(err)
	}
	for _, id := range whole[3:5] {
		if err := d.Advance([]int{0}, []int32{id}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Read(whole[5:]); err != nil {
		t.Fatal(err)
	}
	if d.Tokens() != len(whole) {
		t.Errorf("%d tokens were read, want %d", d.Tokens(), len(whole))
	}
	once := language.NewDecoder(m, tensor.Options{Compute: kernel.F32})
	if err := once.Read(whole); err != nil {
		t.Fatal(err)
	}
	for i, v := range once.Logits(0) {
		if math.Abs(float64(v-d.Logits(0)[i])) > 1e-4 {
			t.Fatalf("logit %d is %v in pieces, %v at once", i, d.Logits(0)[i], v)
		}
	}
}

// TestDecodingMakesNoGarbage counts what a token allocates once the cache has room.
func TestDecodingMakesNoGarbage(t *testing.T) {
	m := tiny(t)
	d := language.NewDecoder(m, tensor.Options{Compute: kernel.BF16})
	if err := d.Read([]int32{5, 6, 7}); err != nil {
		t.Fatal(err)
	}
	parents, tokens := []int{0}, []int32{9}
	step := func() {
		if err := d.Advance(parents, tokens); err != nil {
			t.Fatal(err)
		}
	}
	step()
	if n := testing.AllocsPerRun(30, step); n > 4 {
		t.Errorf("%v allocations a token", n)
	}
}
