package dragoman_test

import (
	"context"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dragoman"
)

// shaded is a picture whose left half has one colour and its right another.
func shaded(left, right uint8) dragoman.Image { return dragoman.ImageOf(halves(left, right)) }

func halves(left, right uint8) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for y := range 16 {
		for x := range 16 {
			v := left
			if x >= 8 {
				v = right
			}
			img.Set(x, y, color.RGBA{v, 255 - v, 30, 255})
		}
	}
	return img
}

// TestSupport chooses the examples whose pictures are most like a question's, most similar last; those of which the pictures are broken
// or missing are left out; and what was seen is kept in a file.
func TestSupport(t *testing.T) {
	ctx := context.Background()
	for _, dir := range flamingos {
		m := open32(t, dir)
		broken := dragoman.ImageBytes([]byte("no picture"))
		shots := []dragoman.Shot{
			{Images: []dragoman.Image{shaded(250, 5)}, Question: "w?", Text: "a"},
			{Images: []dragoman.Image{shaded(10, 200)}, Question: "w?", Text: "b"},
			{Text: "no picture"},
			{Images: []dragoman.Image{broken}, Text: "broken"},
			{Images: []dragoman.Image{shaded(250, 40)}, Question: "w?", Text: "c"},
			{Images: []dragoman.Image{shaded(250, 5)}, Question: "w?", Text: "d"},
		}
		file := filepath.Join(t.TempDir(), "features.safetensors")
		var first []int
		for i := range 3 {
			s, err := m.Support(ctx, shots, dragoman.SupportOptions{Features: []string{"", file, file}[i]})
			if err != nil {
				t.Fatal(err)
			}
			if s.Len() != 6 || s.Skipped() != 2 {
				t.Errorf("%s: %d examples, %d skipped", dir, s.Len(), s.Skipped())
			}
			ask := dragoman.Shot{Images: []dragoman.Image{shaded(250, 5)}, Question: "w?"}
			order, err := s.Nearest(ctx, ask, 9)
			if err != nil {
				t.Fatal(err)
			}
			if n := len(order); n != 4 || order[n-1] != 0 || order[n-2] != 5 || slices.Contains(order, 2) || slices.Contains(order, 3) {
				t.Errorf("%s: the nearest are %v", dir, order)
			}
			if first == nil {
				first = order
			}
			if !slices.Equal(order, first) {
				t.Errorf("%s: with a file of features the nearest are %v, without %v", dir, order, first)
			}
			g := &dragoman.Generate{MaxTokens: 4}
			got, err := s.Answer(ctx, ask, 2, g)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Shown, []int{5, 0}) {
				t.Errorf("%s: %v are said to be shown", dir, got.Shown)
			}
			if want, err := m.AnswerLike(ctx, []dragoman.Shot{shots[5], shots[0]}, ask, g); err != nil || !slices.Equal(got.Logprobs, want.Logprobs) {
				t.Errorf("%s: answers %v, behind the same examples %v (%v)", dir, got, want, err)
			}
		}
		if err := os.WriteFile(file, []byte("no features"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Support(ctx, shots, dragoman.SupportOptions{Features: file}); err == nil {
			t.Errorf("%s: a broken file of features is read", dir)
		}
		if _, err := m.Support(ctx, shots[2:4], dragoman.SupportOptions{}); err == nil {
			t.Errorf("%s: a support without a picture", dir)
		}
	}
	// Another encoder's features are not taken for its own.
	file := filepath.Join(t.TempDir(), "features.safetensors")
	var shots []dragoman.Shot
	for i := range uint8(7) {
		shots = append(shots, dragoman.Shot{Images: []dragoman.Image{shaded(30*i, 7*i*i)}})
	}
	var orders [][]int
	for _, with := range []string{file, ""} {
		for _, dir := range flamingos {
			s, err := open32(t, dir).Support(ctx, shots, dragoman.SupportOptions{Features: with})
			if err != nil {
				t.Fatal(err)
			}
			order, err := s.Nearest(ctx, dragoman.Shot{Images: []dragoman.Image{shaded(190, 2)}}, 7)
			if err != nil {
				t.Fatal(err)
			}
			orders = append(orders, order)
		}
	}
	if n := len(flamingos); !slices.EqualFunc(orders[:n], orders[n:], slices.Equal[[]int]) {
		t.Errorf("with a file %v, without %v", orders[:n], orders[n:])
	}
}
