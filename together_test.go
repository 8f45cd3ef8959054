package dragoman_test

import (
	"context"
	"errors"
	"iter"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"dragoman"
	"dragoman/picture"
)

// drawings are so many different pictures, of which one is broken.
func drawings(t *testing.T, many int) []dragoman.Image {
	var pictures []dragoman.Image
	for n := range many {
		pictures = append(pictures, dragoman.ImageBytes(drawing(t, n)))
	}
	pictures[broken] = dragoman.ImageBytes([]byte("no picture"))
	return pictures
}

const broken = 2

// asAlone fails where what is said of some drawings is not, to the last bit, what is said of each by itself, or one that is broken has another
// error than by itself, and returns what is said.
func asAlone(t *testing.T, what string, pictures []dragoman.Image, texts iter.Seq2[*dragoman.Text, error], alone func(dragoman.Image) (*dragoman.Text, error)) (all []*dragoman.Text) {
	t.Helper()
	for got, err := range texts {
		at := len(all)
		want, wantErr := alone(pictures[at])
		if at == broken && !errors.Is(err, picture.ErrNotPicture) {
			t.Errorf("%s of no picture: %v", what, err)
		}
		if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
			t.Errorf("%s of picture %d: error %v, alone %v", what, at, err, wantErr)
		} else if err == nil {
			got.Seconds, want.Seconds = dragoman.Seconds{}, dragoman.Seconds{}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s of picture %d: %+v, alone %+v", what, at, got, want)
			}
		}
		all = append(all, got)
	}
	if len(all) != len(pictures) {
		t.Errorf("%s of %d pictures, of %d", what, len(all), len(pictures))
	}
	return all
}

// TestTogether says of several pictures what is said of each by itself, with the error of one that is broken in its place, and ends where the caller
// does.
func TestTogether(t *testing.T) {
	ctx := context.Background()
	question := strings.Repeat("w7 w8 ", 9) // long enough to be read side by side
	for _, name := range []string{captioner, writer} {
		m := open(t, name)
		pictures := drawings(t, 9)
		for _, g := range []*dragoman.Generate{nil, {Prompt: question}, {Beams: 2, MaxTokens: 7}, {Temperature: 0.7, Seed: 3}, {MaxTokens: 100}, {Choices: []string{"w3 w4", "w5"}}} {
			asAlone(t, name+": a caption", pictures, m.Captions(ctx, pictures, g), func(img dragoman.Image) (*dragoman.Text, error) { return m.Caption(ctx, img, g) })
			asAlone(t, name+": an answer", pictures, m.Answers(ctx, pictures, question, g), func(img dragoman.Image) (*dragoman.Text, error) { return m.Answer(ctx, img, question, g) })
		}
		seen := 0
		for range m.Captions(ctx, pictures, nil) {
			if seen++; seen == 2 {
				break
			}
		}
	}
	if n := open(t, captioner).Together(&dragoman.Generate{Stream: func(string) error { return nil }}); n != 1 {
		t.Errorf("%d texts come in pieces at a time", n)
	}
	if n := open(t, captioner).Together(nil); n < 2 {
		t.Errorf("%d texts are written side by side", n)
	}
}

// TestPagesTogether is TestTogether of the models that read pages, behind the same examples, too.
func TestPagesTogether(t *testing.T) {
	ctx := context.Background()
	dirs, err := filepath.Glob("model/flamingo/testdata/*/config.json")
	if err != nil || len(dirs) < 9 {
		t.Fatalf("%d checkpoints: %v", len(dirs), err)
	}
	dtypes := []string{"auto", "f32", "q8_0"}
	if testing.Short() { // under the race detector it takes minutes
		dirs, dtypes = dirs[:3], dtypes[:1]
	}
	for _, dir := range dirs {
		dir = filepath.Dir(dir)
		for _, dtype := range dtypes {
			m, err := dragoman.Open(dir, dragoman.WithDType(dtype))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if n := m.Together(nil); n < 2 {
				t.Errorf("%s, %s: %d texts are written side by side", dir, dtype, n)
			}
			prompt, err := m.Prompt(threeShots())
			if err != nil {
				t.Fatal(err)
			}
			pictures := drawings(t, 6)
			gs := []*dragoman.Generate{
				nil,
				{Prompt: "a b", MinTokens: 6, MaxTokens: 6},
				{Beams: 2, RepetitionPenalty: 1.2, LengthPenalty: -1},
				{Temperature: 0.7, Seed: 3, RepetitionPenalty: 1.3, MinTokens: 9, MaxTokens: 9},
				{Choices: []string{"cat", "b"}, Permutations: 2},
			}
			if dtype == "auto" {
				gs = append(gs, &dragoman.Generate{MaxTokens: 500}) // to the context's end
			}
			for _, g := range gs {
				what := dir + ", " + dtype + ": "
				asAlone(t, what+"a caption", pictures, m.Captions(ctx, pictures, g), func(img dragoman.Image) (*dragoman.Text, error) { return m.Caption(ctx, img, g) })
				if strings.Contains(dir, "idefics") { // others have no room for the questions that they are shown before
					asAlone(t, what+"an answer", pictures, m.Answers(ctx, pictures, "w?", g), func(img dragoman.Image) (*dragoman.Text, error) { return m.Answer(ctx, img, "w?", g) })
				}
				said := asAlone(t, what+"an answer behind examples", pictures, prompt.Answers(ctx, pictures, "w?", g), func(img dragoman.Image) (*dragoman.Text, error) {
					return prompt.Answer(ctx, dragoman.Shot{Images: []dragoman.Image{img}, Question: "w?"}, g)
				})
				if len(said) > 1 && slices.Equal(said[0].Logprobs, said[1].Logprobs) {
					t.Errorf("%s: different pictures are the same to it", what)
				}
			}
		}
	}
}
