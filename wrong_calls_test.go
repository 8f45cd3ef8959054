package dragoman_test

import (
	"errors"
	"path"
	"strings"
	"testing"

	"dragoman"
	"dragoman/eval"
	"dragoman/generate"
	"dragoman/language"
	"dragoman/picture"
	"dragoman/weights"
)

// TestWrongCalls: what makes no sense is an error of a line, whatever is asked of whichever model, and no panic.
func TestWrongCalls(t *testing.T) {
	ctx, img := t.Context(), dragoman.ImageBytes(drawing(t, 2))
	broken := dragoman.ImageBytes([]byte("no picture"))
	talk, pages, pair := open32(t, captioner), open32(t, flamingos[1]), open32(t, "model/clip/testdata/clip")
	support, err := pages.Support(ctx, []dragoman.Shot{{Images: []dragoman.Image{img}, Text: "a"}}, dragoman.SupportOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ask := dragoman.Shot{Images: []dragoman.Image{img}}
	for name, c := range map[string]struct {
		call func() error
		is   error  // nil: any
		says string // in the error
	}{
		"beams without end": {func() error {
			_, err := talk.Caption(ctx, img, &dragoman.Generate{Beams: 1 << 40})
			return err
		}, generate.ErrOptions, "1099511627776 beams: want 64 at most"},
		"a choice of a megabyte": {func() error {
			_, err := talk.Caption(ctx, img, &dragoman.Generate{Choices: []string{"w1", strings.Repeat("w2 ", 1<<18)}})
			if err != nil && len(err.Error()) > 300 {
				return errors.New("the error has the choice in it")
			}
			return err
		}, language.ErrContext, "choosing: "},
		"a part of two kinds": {func() error {
			_, err := pages.Continue(ctx, []dragoman.Part{{Text: "a"}, {Image: &img, Text: "a"}}, nil)
			return err
		}, nil, "part 2 is a picture and a text"},
		"a turn of two kinds": {func() error {
			_, err := pages.Chat(ctx, []dragoman.Message{{Role: "user", Parts: []dragoman.Part{{Image: &img, Text: "a"}}}}, nil)
			return err
		}, nil, "turn 1: part 1 is a picture and a text"},
		"an inspected part of two kinds": {func() error {
			_, err := pages.InspectPage(ctx, []dragoman.Part{{Image: &img, Text: "a"}})
			return err
		}, nil, "part 1 is a picture and a text"},
		"fewer than no examples": {func() error { _, err := support.Nearest(ctx, ask, -1); return err }, nil, "-1 of them"},
		"a support of nothing": {func() error {
			_, err := pages.Support(ctx, nil, dragoman.SupportOptions{})
			return err
		}, nil, "there are no examples"},
		"a support of broken pictures": {func() error {
			_, err := pages.Support(ctx, []dragoman.Shot{{Images: []dragoman.Image{broken}}}, dragoman.SupportOptions{})
			return err
		}, picture.ErrNotPicture, "none of 1 example has"},
		"a support without pictures": {func() error {
			_, err := pages.Support(ctx, []dragoman.Shot{{}}, dragoman.SupportOptions{})
			return err
		}, nil, "it has no picture"},
		"fewer than no cells": {func() error { _, _, err := talk.Faithful(ctx, img, -1); return err }, nil, "-1 cells of"},
		"too many cells":      {func() error { _, _, err := talk.Faithful(ctx, img, 1000); return err }, nil, "1000 cells of"},
		"a trace of nothing":  {func() error { _, err := talk.Trace(dragoman.TraceRequest{}); return err }, nil, "no inputs"},
		"a trace of no pattern": {func() error {
			_, err := pair.Trace(dragoman.TraceRequest{Inputs: weights.NewMemory(), Select: []string{"a", "["}})
			return err
		}, path.ErrBadPattern, `pattern "["`},
		"a template without a place": {func() error { _, err := pair.Labels(ctx, nil, "a photo"); return err }, nil, "there is no {}"},
		"items without pictures": {func() error {
			_, err := talk.Evaluate(ctx, []eval.Item{{Name: "a"}}, eval.Options{})
			return err
		}, nil, "a: no picture was given"},
		"items behind examples without pictures": {func() error {
			_, err := pages.EvaluateShots(ctx, []eval.Item{{Name: "a"}}, []eval.Item{{Name: "b"}}, nil, eval.ShotOptions{})
			return err
		}, nil, "a: no picture was given"},
		"an embedding of no picture": {func() error {
			rows, err := pair.EmbedImage(ctx, broken)
			if rows != nil {
				return errors.New("there are rows")
			}
			return err
		}, picture.ErrNotPicture, "not a picture"},
		"an inspection that fails": {func() error {
			in, err := talk.Inspect(ctx, img, dragoman.InspectOptions{Generate: &dragoman.Generate{MaxTokens: -1}})
			if in != nil {
				return errors.New("there is an inspection")
			}
			return err
		}, generate.ErrOptions, "a count is negative"},
	} {
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Errorf("%s: panic: %v", name, p)
				}
			}()
			err := c.call()
			switch {
			case err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n"):
				t.Errorf("%s: %v, want %q", name, err, c.says)
			case c.is != nil && !errors.Is(err, c.is):
				t.Errorf("%s: %v is no %v", name, err, c.is)
			}
		}()
	}
}

// TestFitWithoutEncoder: a model that sees nothing leaves a picture as it is.
func TestFitWithoutEncoder(t *testing.T) {
	m, err := dragoman.Open("language/llama/testdata/tiny", dragoman.WithPixels())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if img := m.Fit(picture.New(5, 6)); img.W != 5 || img.H != 6 {
		t.Errorf("%d×%d", img.W, img.H)
	}
}

// TestInspectionHasItsOwnText: what is asked for beside a text is not heeded where a caption is looked into.
func TestInspectionHasItsOwnText(t *testing.T) {
	img := dragoman.ImageBytes(drawing(t, 2))
	for _, dir := range []string{captioner, flamingos[1]} {
		m := open32(t, dir)
		var said [2]string
		for i, g := range []*dragoman.Generate{
			{MaxTokens: 4},
			{MaxTokens: 4, Prompt: "w9 w8", Choices: []string{"w1", "w2"}, Stream: func(string) error { return errors.New("a piece") }},
		} {
			in, err := m.Inspect(t.Context(), img, dragoman.InspectOptions{Without: true, Generate: g})
			if err != nil {
				t.Fatalf("%s: %v", dir, err)
			}
			said[i] = in.Caption
		}
		if said[0] != said[1] {
			t.Errorf("%s: %q", dir, said)
		}
	}
}
