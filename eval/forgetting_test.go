package eval

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model"
	"dragoman/model/flamingo"
	"dragoman/tensor"
	"dragoman/weights"
)

// TestWindows predicts every token but the first once, each with enough before it.
func TestWindows(t *testing.T) {
	for _, c := range []struct{ size, stride, tokens int }{{4, 1, 9}, {4, 3, 9}, {4, 2, 4}, {4, 2, 5}, {8, 4, 3}, {2, 1, 2}} {
		next := 1
		for _, w := range (Windows{c.size, c.stride}).of(c.tokens) {
			if w.first != next || w.to <= w.first || w.first <= w.from || w.to-w.from > c.size || w.from > 0 && w.first-w.from < c.size-c.stride {
				t.Errorf("%+v: a window of %+v after token %d", c, w, next)
			}
			next = w.to
		}
		if next != c.tokens {
			t.Errorf("%+v: %d tokens are predicted", c, next)
		}
	}
	if _, err := (Windows{Size: 9}).fit(8, 0); !errors.Is(err, language.ErrContext) {
		t.Errorf("a window larger than the context: %v", err)
	}
	if _, err := (Windows{Size: 4, Stride: 4}).fit(8, 0); err == nil {
		t.Error("windows that predict nothing of their first token are taken")
	}
}

// TestForget compares perplexities with the losses of traces, which are transformers' and open_flamingo's, and those of cut texts with
// a sum over prefixes.
func TestForget(t *testing.T) {
	const text = "yes it is a cat and 3 dogs"
	ctx := context.Background()
	for _, kind := range []string{"idefics", "idefics-plain", "openflamingo-opt", "openflamingo-mpt"} {
		m, err := flamingo.Open("../model/flamingo/testdata/"+kind, flamingo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		p := m.Processor()
		pixels := tensor.FromFloats(slices.Repeat([]float32{0.5}, p.Len()), 1, 3, p.Size[0], p.Size[1])
		look := func(run *tensor.Run) *tensor.Tensor { return m.Look(run, pixels, 1) }
		got, err := Forget(ctx, m, kernel.F32, text, look, Windows{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !*got.SameBits || *got.Shut != got.Plain {
			t.Errorf("%s: with gates shut it is another model: %+v", kind, got)
		}
		ids, err := m.Encode([]flamingo.Part{{Text: text}})
		if err != nil {
			t.Fatal(err)
		}
		if want := traced(t, m, ids, nil, -1, 0); math.Abs(*got.Open/want-1) > 1e-5 {
			t.Errorf("%s: gates open: %v, want %v", kind, *got.Open, want)
		}
		picture, begin := m.PictureIDs()
		at := 0
		if ids[0] == begin {
			at = 1
		}
		if want := traced(t, m, slices.Concat(ids[:at], picture, ids[at:]), pixels, at, len(picture)+1-at); math.Abs(*got.Picture/want-1) > 1e-5 {
			t.Errorf("%s: behind a picture: %v, want %v", kind, *got.Picture, want)
		}
		if got.Plain == *got.Open || *got.Open == *got.Picture || got.Tokens != len(ids)-1 {
			t.Errorf("%s: %+v", kind, got)
		}
		// In windows that begin at every token, each but the first of a window's tokens has all of it before.
		cut, err := PlainPerplexity(ctx, m.Language, kernel.F32, ids, Windows{Size: 5, Stride: 1}, nil)
		if err != nil {
			t.Fatal(err)
		}
		run := tensor.NewRun(tensor.Options{Compute: kernel.F32})
		sum := 0.0
		for i := 1; i < len(ids); i++ {
			d := language.NewDecoder(m.Language, run.Options())
			if err := d.Read(ids[max(0, i-4):i]); err != nil {
				t.Fatal(err)
			}
			scores, err := d.Score([][]int32{ids[i : i+1]})
			if err != nil {
				t.Fatal(err)
			}
			sum -= float64(scores[0][0])
		}
		if want := math.Exp(sum / float64(len(ids)-1)); math.Abs(cut.Plain/want-1) > 1e-5 {
			t.Errorf("%s: in windows %v, want %v", kind, cut.Plain, want)
		}
		if _, err := Forget(ctx, m, kernel.F32, "a<image>", look, Windows{}, nil); err == nil || !strings.Contains(err.Error(), "picture token") {
			t.Errorf("%s: a text with a picture token: %v", kind, err)
		}
		if _, err := PlainPerplexity(ctx, m.Language, kernel.F32, ids[:1], Windows{}, nil); err == nil {
			t.Errorf("%s: a text of one token has a perplexity", kind)
		}
	}
}

// traced is e to the loss of a trace, whose labels leave n tokens out from a place on.
func traced(t *testing.T, m *flamingo.Model, ids []int32, pixels *tensor.Tensor, from, n int) float64 {
	t.Helper()
	labels := make([]float32, len(ids))
	for i, id := range ids {
		labels[i] = float32(id)
		if from >= 0 && i >= from && i < from+n {
			labels[i] = -100
		}
	}
	in := m.TraceInputs(ids, pixels).(weights.Memory)
	in["labels"] = weights.FromFloat32("labels", []int{1, len(ids)}, labels)
	out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in, Select: func(name string) bool { return name == "loss" }})
	if err != nil {
		t.Fatal(err)
	}
	loss, err := out[0].Float32()
	if err != nil {
		t.Fatal(err)
	}
	return math.Exp(float64(loss[0]))
}
