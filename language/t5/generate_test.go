package t5

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"
	"testing"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
	"dragoman/weights/weightstest"
)

// arguments are transformers'.
type arguments struct {
	MaxTokens     int      `json:"max_new_tokens"`
	MinTokens     int      `json:"min_new_tokens"`
	Repetition    float64  `json:"repetition_penalty"`
	Beams         int      `json:"num_beams"`
	LengthPenalty *float64 `json:"length_penalty"`
	Early         any      `json:"early_stopping"`
	EOS           []int32  `json:"eos"`
}

func (a arguments) options() generate.Options {
	o := generate.Options{
		MaxTokens: a.MaxTokens, MinTokens: a.MinTokens, RepetitionPenalty: a.Repetition, Beams: a.Beams, LengthPenalty: 1,
		StopIDs: []int32{1},
	}
	if a.LengthPenalty != nil {
		o.LengthPenalty = *a.LengthPenalty
	}
	if a.EOS != nil {
		o.StopIDs = a.EOS
	}
	switch a.Early {
	case true:
		o.EarlyStopping = generate.Early
	case "never":
		o.EarlyStopping = generate.Never
	}
	return o
}

// decode reads prompts with a decoder that has been used before, and continues them.
func decode(t *testing.T, d *language.Decoder, o generate.Options, prompts ...[]int32) []generate.Result {
	t.Helper()
	d.Reset()
	if err := d.Read(prompts...); err != nil {
		t.Fatal(err)
	}
	got, err := generate.Run(context.Background(), d, d.Before(prompts), o)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// readPrompts are the oracle's prompts without their padding.
func readPrompts(want weightstest.Golden) [][]int32 {
	ids, rows, length := want.IDs("prompts")
	mask := want.Mask("prompts_mask")
	prompts := make([][]int32, rows)
	for i, id := range ids {
		if mask[i] != 0 {
			prompts[i/length] = append(prompts[i/length], id)
		}
	}
	return prompts
}

// TestGenerateAgainstTransformers compares ids and beam scores of every way to choose tokens, prompts of different lengths together
// and one at a time.
func TestGenerateAgainstTransformers(t *testing.T) {
	raw, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []arguments
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds {
		m, _ := openTiny(t, kind)
		want := openExpected(t, kind)
		prompts := readPrompts(want)
		d := language.NewDecoder(m, tensor.Options{Compute: kernel.F32})
		for i, c := range cases {
			number := string(rune('0' + i))
			ids, _, length := want.IDs("case." + number)
			var scores []float32
			if c.Beams > 1 {
				scores, _ = want.Floats("scores." + number)
			}
			together := decode(t, d, c.options(), prompts...)
			for b, p := range prompts {
				made := ids[b*length : (b+1)*length]
				if end := slices.Index(made, -1); end >= 0 {
					made = made[:end]
				}
				alone := decode(t, d, c.options(), p)[0]
				for how, got := range map[string]generate.Result{"together": together[b], "alone": alone} {
					if !slices.Equal(got.Tokens, made) {
						t.Errorf("%s, %+v, prompt %d %s: %v, want %v", kind, c, b, how, got.Tokens, made)
					} else if scores != nil && math.Abs(got.Score-float64(scores[b])) > 1e-4 {
						t.Errorf("%s, %+v, prompt %d %s: score %v, want %v", kind, c, b, how, got.Score, scores[b])
					}
				}
			}
		}
	}
}

// TestStepsEqualOnePass compares the logits of texts written token by token with those of one pass over all of them.
func TestStepsEqualOnePass(t *testing.T) {
	m, _ := openTiny(t, "flan")
	for compute, tolerance := range map[kernel.DType]float64{kernel.F32: 1e-4, kernel.BF16: 5e-2} {
		d := language.NewDecoder(m, tensor.Options{Compute: compute})
		prompt, text := []int32{5, 6, 7, 30, 31, 1}, []int32{13, 16, 8, 38, 14, 21, 13}
		if err := d.Read(prompt); err != nil {
			t.Fatal(err)
		}
		r := tensor.NewRun(tensor.Options{Compute: kernel.F32})
		logits := language.Predict(r, m, nil, [][]int32{prompt}, [][]int32{text}).Data()
		for i, id := range text {
			weightstest.Near(t, compute.String(), d.Logits(0), logits[i*40:(i+1)*40], tolerance, 0)
			if err := d.Advance([]int{0}, []int32{id}); err != nil {
				t.Fatal(err)
			}
		}
		if want := len(prompt) + len(text); d.Tokens() != want {
			t.Errorf("%d tokens, want %d", d.Tokens(), want)
		}
	}
}

// TestDecoderReadsOnce checks what an encoder-decoder model cannot do.
func TestDecoderReadsOnce(t *testing.T) {
	m, _ := openTiny(t, "v1.1")
	d := language.NewDecoder(m, tensor.Options{Compute: kernel.F32})
	if err := d.Read([]int32{5, 40}); err == nil {
		t.Error("a token beyond the vocabulary was read")
	}
	if err := d.Read([]int32{5, 6}); err != nil {
		t.Fatal(err)
	}
	if err := d.Read([]int32{7}); err == nil {
		t.Error("a second text was read behind the first")
	}
	if d.Room() != math.MaxInt32 {
		t.Errorf("room for %d tokens only", d.Room())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := generate.Run(ctx, d, d.Before([][]int32{{5, 6}}), generate.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("under an ended context: %v", err)
	}
}

// TestWritingMakesNoGarbage counts what a token allocates once the caches have room.
func TestWritingMakesNoGarbage(t *testing.T) {
	m, _ := openTiny(t, "flan")
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
