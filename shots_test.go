package dragoman_test

import (
	"bytes"
	"context"
	"fmt"
	"image/png"
	"slices"
	"testing"

	"dragoman"
	"dragoman/eval"
	"dragoman/picture"
)

// TestEvaluateShots measures models behind examples: what they say is what they say when they are asked about one picture by itself.
func TestEvaluateShots(t *testing.T) {
	ctx := context.Background()
	item := func(i int, question string) eval.Item {
		return eval.Item{
			Name: fmt.Sprint(i), Picture: fmt.Sprint(i), Question: question, References: []string{string(rune('a' + i))},
			Decode: func() (*picture.RGBA, error) {
				if i == 3 {
					return nil, fmt.Errorf("broken")
				}
				var file bytes.Buffer
				if err := png.Encode(&file, halves(uint8(40*i), uint8(90*i))); err != nil {
					return nil, err
				}
				return picture.DecodeRGBA(file.Bytes(), picture.Options{})
			},
		}
	}
	for _, dir := range flamingos {
		m := open32(t, dir)
		var items []eval.Item
		for i := range 6 {
			items = append(items, item(i, "w?"))
		}
		for _, similar := range []bool{false, true} {
			said := map[string]string{}
			o := eval.ShotOptions{Shots: []int{1, 2}, Seeds: []uint64{3, 4}, Similar: similar}
			o.Said = func(shots int, seed uint64, it eval.Item, text string) { said[fmt.Sprint(shots, seed, it.Name)] = text }
			g := &dragoman.Generate{MaxTokens: 3}
			r, err := m.EvaluateShots(ctx, items, items, g, o)
			if err != nil {
				t.Fatal(err)
			}
			trials := 2
			if similar {
				trials = 1
			}
			if r.N != 5 || r.Skipped != 1 || r.Measure != eval.MeasureVQA || len(r.Shots[1].Trials) != trials || len(said) != 10*trials {
				t.Errorf("%s: %+v, %d answers", dir, r, len(said))
			}
		}
		// Choosing among the right answers alone.
		g := &dragoman.Generate{Choices: []string{"b"}}
		r, err := m.EvaluateShots(ctx, items[1:2], items, g, eval.ShotOptions{Shots: []int{2}, Seeds: []uint64{1}, Fixed: true})
		if err != nil || r.Measure != eval.MeasureAccuracy || r.Shots[0].Mean != 100 {
			t.Errorf("%s: choosing: %+v (%v)", dir, r, err)
		}
	}
	// The most similar example but the picture itself, by hand.
	m := open32(t, flamingos[1])
	items := []eval.Item{item(0, "w?"), item(1, "w?"), item(2, "w?"), item(4, "w?")}
	var shots []dragoman.Shot
	for _, i := range []int{0, 2, 4} {
		shots = append(shots, dragoman.Shot{Images: []dragoman.Image{shaded(uint8(40*i), uint8(90*i))}, Question: "w?", Text: string(rune('a' + i))})
	}
	s, err := m.Support(ctx, shots, dragoman.SupportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ask := dragoman.Shot{Images: []dragoman.Image{shaded(40, 90)}, Question: "w?"}
	choices := []string{"a", "b", "no"}
	want, err := s.Answer(ctx, ask, 2, &dragoman.Generate{Choices: choices})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	o := eval.ShotOptions{Shots: []int{2}, Seeds: []uint64{0}, Similar: true, Said: func(_ int, _ uint64, _ eval.Item, text string) { got = append(got, text) }}
	if _, err := m.EvaluateShots(ctx, items, items, &dragoman.Generate{Choices: choices}, o); err != nil || !slices.Contains(got[1:2], want.Text) {
		t.Errorf("said %v, by itself %q (%v)", got, want.Text, err)
	}
	// Where there is no room for all examples, the first are left out.
	r, err := m.EvaluateShots(ctx, items, items, &dragoman.Generate{MaxTokens: 60}, eval.ShotOptions{Shots: []int{3}, Seeds: []uint64{0}})
	if err != nil || r.Shots[0].Trials[0].Cut != 4 {
		t.Errorf("answers of 60 tokens behind 3 examples: %+v (%v)", r, err)
	}
	other := open32(t, "testdata/blip2-llama")
	if _, err := other.EvaluateShots(ctx, items, nil, nil, o); err == nil {
		t.Error("a model that reads no pages is measured behind examples")
	}
}
