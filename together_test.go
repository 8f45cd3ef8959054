package dragoman_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"dragoman"
	"dragoman/picture"
)

// TestTogether says of several pictures what is said of each by itself, with the error of one that is broken in its place, and ends where the caller
// does.
func TestTogether(t *testing.T) {
	ctx := context.Background()
	question := strings.Repeat("w7 w8 ", 9) // long enough to be read side by side
	for _, name := range []string{captioner, writer, idefics} {
		m := open(t, name)
		var pictures []dragoman.Image
		for n := range 9 {
			pictures = append(pictures, dragoman.ImageBytes(drawing(t, n)))
		}
		pictures[4] = dragoman.ImageBytes([]byte("no picture"))
		for _, g := range []*dragoman.Generate{nil, {Prompt: question}, {Beams: 2, MaxTokens: 7}, {Temperature: 0.7, Seed: 3}, {MaxTokens: 100}, {Choices: []string{"w3 w4", "w5"}}} {
			for what, each := range map[string]struct {
				together func(yield func(*dragoman.Text, error) bool)
				alone    func(dragoman.Image) (*dragoman.Text, error)
			}{
				"caption": {m.Captions(ctx, pictures, g), func(img dragoman.Image) (*dragoman.Text, error) { return m.Caption(ctx, img, g) }},
				"answer":  {m.Answers(ctx, pictures, question, g), func(img dragoman.Image) (*dragoman.Text, error) { return m.Answer(ctx, img, question, g) }},
			} {
				at := 0
				for got, err := range each.together {
					want, wantErr := each.alone(pictures[at])
					if at == 4 && !errors.Is(err, picture.ErrNotPicture) {
						t.Errorf("%s: %s of no picture: %v", name, what, err)
					}
					if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
						t.Errorf("%s: %s of picture %d: error %v, alone %v", name, what, at, err, wantErr)
					} else if err == nil {
						got.Seconds, want.Seconds = dragoman.Seconds{}, dragoman.Seconds{}
						if !reflect.DeepEqual(got, want) {
							t.Errorf("%s: %s of picture %d under %+v: %+v, alone %+v", name, what, at, g, got, want)
						}
					}
					at++
				}
				if at != len(pictures) {
					t.Errorf("%s: a %s of %d pictures, of %d", name, what, at, len(pictures))
				}
			}
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
