package dragoman

import (
	"context"
	"errors"
	"image"
	"image/color"
	"math"
	"reflect"
	"strings"
	"testing"

	"dragoman/generate"
)

// TestNoneFailsForAnother writes of several pictures side by side, of which one came to NaN: the others are what they are without it.
func TestNoneFailsForAnother(t *testing.T) {
	for _, name := range []string{"testdata/blip2-llama", "model/flamingo/testdata/idefics"} {
		m, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		noneFailsForAnother(t, m)
	}
}

func noneFailsForAnother(t *testing.T, m *Model) {
	ctx, g := context.Background(), &Generate{Prompt: strings.Repeat("w3 w7 ", 10), MaxTokens: 5} // long enough to be read side by side
	look := func() []looked {
		var seen []looked
		for n := range 3 {
			img := image.NewRGBA(image.Rect(0, 0, 30, 30))
			for i := range 30 * 30 {
				img.SetRGBA(i%30, i/30, color.RGBA{uint8(i * (n + 2)), uint8(70 * n), uint8(i), 255})
			}
			var l looked
			if m.pages != nil {
				l = m.lookAtPicture(ctx, &glance{image: ImageOf(img)}, g)
			} else {
				l = m.lookAt(ctx, m.caption(g), ImageOf(img), g)
			}
			if l.err != nil {
				t.Fatal(l.err)
			}
			seen = append(seen, l)
		}
		return seen
	}
	whole, broken := look(), look()
	if !m.alike(whole, g) {
		t.Fatal("the prompts are not read side by side")
	}
	seen := broken[1].soft
	if m.pages != nil {
		seen = broken[1].page.media.Data()
	}
	seen[0] = float32(math.NaN())
	want, got := m.writeAll(ctx, whole, g), m.writeAll(ctx, broken, g)
	if err := broken[1].err; !errors.Is(err, generate.ErrNotFinite) || got[1] != nil {
		t.Errorf("of NaN: %+v, %v", got[1], err)
	}
	for _, i := range []int{0, 2} {
		if broken[i].err != nil || got[i] == nil {
			t.Fatalf("picture %d fails for another: %v", i, broken[i].err)
		}
		got[i].Seconds, want[i].Seconds = Seconds{}, Seconds{}
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("picture %d: %+v, without another %+v", i, got[i], want[i])
		}
	}
}
