package main

import (
	"context"
	"iter"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"dragoman"
)

// TestBuiltIn asks the model that is in this program, as a new user would.
func TestBuiltIn(t *testing.T) {
	m, err := dragoman.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx := context.Background()
	cat := dragoman.ImageFile("testdata/pictures/cat.png")
	text, err := m.Caption(ctx, cat, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text.Text != "cat" || text.Finish != "stop" || len(text.Tokens) != len(text.Logprobs) {
		t.Errorf("said %+v of a cat", text)
	}
	told, err := m.Answer(ctx, cat, "What animal is this?", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(told.Text, "cat") {
		t.Errorf("said %q when asked what animal a cat is", told.Text)
	}
	scores, err := m.Match(ctx, cat, "a cat", "a fire engine")
	if err != nil {
		t.Fatal(err)
	}
	if scores[0].ITC <= scores[1].ITC || scores[0].ITM <= scores[1].ITM {
		t.Errorf("a fire engine fits a cat as well: %+v", scores)
	}
	answer, err := m.Chat(ctx, []dragoman.Message{{Role: "user", Content: "Say hello."}}, &dragoman.Generate{MaxTokens: 8})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Text == "" {
		t.Error("the language model said nothing")
	}
}

// TestBuiltInTogether describes pictures whose prompts, with hints, are of different lengths side by side: each is, to the last bit, what it is alone.
func TestBuiltInTogether(t *testing.T) {
	for _, dtype := range []string{"auto", "f32"} {
		m, err := dragoman.Open("mini", dragoman.WithDType(dtype))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		ctx := context.Background()
		var pictures []dragoman.Image
		for _, name := range []string{"cat.png", "cat.webp", "grey16.png", "cmyk.jpg", "animated.gif", "one.png"} {
			pictures = append(pictures, dragoman.ImageFile("testdata/pictures/"+name))
		}
		if n := m.Together(nil); n < 2 {
			t.Errorf("%s: %d texts are written side by side", dtype, n)
		}
		lengths := map[int]bool{}
		for _, g := range []*dragoman.Generate{nil, {Beams: 2}, {Verbatim: true, MaxTokens: 4}} { // the last is short: prompts are multiplied otherwise
			at := 0
			for got, err := range m.Captions(ctx, pictures, g) {
				if err != nil {
					t.Fatal(err)
				}
				want, err := m.Caption(ctx, pictures[at], g)
				if err != nil {
					t.Fatal(err)
				}
				lengths[got.PromptTokens] = true
				got.Seconds, want.Seconds = dragoman.Seconds{}, dragoman.Seconds{}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: picture %d: %+v, alone %+v", dtype, at, got, want)
				}
				at++
			}
		}
		if len(lengths) < 3 {
			t.Errorf("all prompts have as many tokens: %v", lengths)
		}
	}
}

// TestBuiltInFlamingo describes a picture with the second built-in model, and teaches it words by examples, in either order.
func TestBuiltInFlamingo(t *testing.T) {
	m, err := dragoman.Open("mini-flamingo")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx := context.Background()
	cat := dragoman.ImageFile("testdata/pictures/cat.png")
	text, err := m.Caption(ctx, cat, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text.Text != "cat" || text.Finish != "stop" {
		t.Errorf("said %+v of a cat", text)
	}
	shots := []dragoman.Shot{
		{Images: []dragoman.Image{cat}, Text: "wug"},
		{Images: []dragoman.Image{dragoman.ImageFile("../../recipes/tiny/pictures/red-circle.png")}, Text: "dax"},
	}
	for range 2 {
		said, err := m.AnswerLike(ctx, shots, dragoman.Shot{Images: []dragoman.Image{dragoman.ImageFile("testdata/pictures/cat.webp")}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if said.Text != "wug" {
			t.Errorf("said %q of a cat, which is called wug", said.Text)
		}
		shots[0], shots[1] = shots[1], shots[0]
	}
}

// TestBuiltInFlamingoTogether describes pictures, and answers about them behind examples, side by side with the second built-in model: each text is, to
// the last bit, what it is alone.
func TestBuiltInFlamingoTogether(t *testing.T) {
	ctx := context.Background()
	var pictures []dragoman.Image
	for _, name := range []string{"cat.png", "grey16.png", "cmyk.jpg"} {
		pictures = append(pictures, dragoman.ImageFile("testdata/pictures/"+name))
	}
	shots := []dragoman.Shot{{Images: pictures[:1], Text: "wug"}, {Images: pictures[2:], Text: "dax"}}
	for _, dtype := range []string{"auto", "f32"} {
		m, err := dragoman.Open("mini-flamingo", dragoman.WithDType(dtype))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		if n := m.Together(nil); n < 3 {
			t.Errorf("%s: %d texts are written side by side", dtype, n)
		}
		prompt, err := m.Prompt(shots)
		if err != nil {
			t.Fatal(err)
		}
		longer, beams, drawn := &dragoman.Generate{MinTokens: 4}, &dragoman.Generate{Beams: 2, RepetitionPenalty: 1.2}, &dragoman.Generate{Temperature: 1.5, Seed: 2}
		for what, each := range map[string]struct {
			together iter.Seq2[*dragoman.Text, error]
			alone    func(dragoman.Image) (*dragoman.Text, error)
		}{
			"caption": {m.Captions(ctx, pictures, longer), func(img dragoman.Image) (*dragoman.Text, error) { return m.Caption(ctx, img, longer) }},
			"answer": {m.Answers(ctx, pictures, "What colour is it?", beams), func(img dragoman.Image) (*dragoman.Text, error) {
				return m.Answer(ctx, img, "What colour is it?", beams)
			}},
			"answer behind examples": {prompt.Answers(ctx, pictures, "", drawn), func(img dragoman.Image) (*dragoman.Text, error) {
				return m.AnswerLike(ctx, shots, dragoman.Shot{Images: []dragoman.Image{img}}, drawn)
			}},
		} {
			at := 0
			for got, err := range each.together {
				if err != nil {
					t.Fatal(err)
				}
				want, err := each.alone(pictures[at])
				if err != nil {
					t.Fatal(err)
				}
				got.Seconds, want.Seconds = dragoman.Seconds{}, dragoman.Seconds{}
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s: %s of picture %d: %+v, alone %+v", dtype, what, at, got, want)
				}
				at++
			}
			if at != len(pictures) {
				t.Errorf("%s: %s of %d pictures", dtype, what, at)
			}
		}
	}
}

// TestMapsAreFaithful checks that the maps tell what is read: hiding the cells that a query reads most moves its output more than
// hiding as many that it reads least.
func TestMapsAreFaithful(t *testing.T) {
	m, err := dragoman.Open("")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, name := range []string{"cat.png", "rotated.jpg"} {
		read, other, err := m.Faithful(context.Background(), dragoman.ImageFile("testdata/pictures/"+name), 8)
		if err != nil {
			t.Fatal(err)
		}
		if read < 1.5*other {
			t.Errorf("%s: hiding what is read moves outputs by %.3f, hiding as much elsewhere by %.3f", name, read, other)
		}
		t.Logf("%s: %.3f against %.3f", name, read, other)
	}
}

// TestPackMini: the built-in model as one file has all of it, the vocabulary of its queries too, and says what it said.
func TestPackMini(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mini.gguf")
	if status, _, errs := call(t, "convert", "--model", "mini", "--out", path); status != exitDone {
		t.Fatalf("converting: %d: %s", status, errs)
	}
	for _, args := range [][]string{{"caption"}, {"match", "--text", "a cat"}} {
		args = append(args, "testdata/pictures/cat.png")
		_, want, _ := call(t, args...)
		if status, got, errs := call(t, append(args, "--model", path)...); status != exitDone || got != want {
			t.Errorf("%v: %d: %s, not %s: %s", args, status, got, want, errs)
		}
	}
}
