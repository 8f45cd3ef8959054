package dragoman

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"dragoman/eval"
	"dragoman/picture"
)

const plainPages = "model/flamingo/testdata/idefics-plain"

func open32(t *testing.T, dir string) *Model {
	t.Helper()
	m, err := Open(dir, WithDType("f32"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// counted are items that count how often their pictures are decoded.
func counted(n int) (items []eval.Item, counts []atomic.Int32) {
	counts = make([]atomic.Int32, n)
	for i := range n {
		items = append(items, eval.Item{
			Name: fmt.Sprint(i), Picture: fmt.Sprint(i), References: []string{string(rune('a' + i))},
			Decode: func() (*picture.RGBA, error) {
				counts[i].Add(1)
				img := picture.NewRGBA(16, 16)
				for p := range img.Pix {
					img.Pix[p] = uint8(i*40+p%7) | uint8(0xff*(p%4/3))
				}
				return img, nil
			},
		})
	}
	return items, counts
}

// TestExamplesAreLookedAtOnce: whatever the number of sets, trials and questions, a support's picture is looked at once, and an item's once
// a set (besides the look whether it can be read); where nothing may be kept, once more for each time that it is shown; and all is said alike.
func TestExamplesAreLookedAtOnce(t *testing.T) {
	m, ctx := open32(t, plainPages), context.Background()
	said := map[bool][]string{}
	for _, similar := range []bool{false, true} {
		for _, room := range []int64{1 << 30, 0} {
			items, asked := counted(3)
			for i := range items {
				items[i].Picture = "asked " + items[i].Picture
			}
			items = append(items, items[0]) // another question about the same picture
			support, shown := counted(4)
			e := m.Examples(support)
			e.room.left = room
			o := eval.ShotOptions{Shots: []int{2}, Seeds: []uint64{1, 2}, Similar: similar}
			if similar {
				o.Features = filepath.Join(t.TempDir(), "features.safetensors")
			}
			var got []string
			o.Said = func(_ int, _ uint64, _ eval.Item, text string) { got = append(got, text) }
			for range 2 {
				if _, err := e.Evaluate(ctx, items, &Generate{MaxTokens: 3}, o); err != nil {
					t.Fatal(err)
				}
			}
			trials := len(got) / len(items)
			for i := range shown {
				if n := shown[i].Load(); room > 0 && n != 1 {
					t.Errorf("similar %v: example %d was looked at %d times", similar, i, n)
				}
			}
			times := 0
			for i := range shown {
				times += int(shown[i].Load())
			}
			if most := 2*len(got) + len(shown); times > most {
				t.Errorf("similar %v: without room, examples were looked at %d times, and shown %d", similar, times, most-len(shown))
			}
			for i := range asked {
				questions := 1
				if i == 0 {
					questions = 2
				}
				n, most := int(asked[i].Load()), 2*2
				if room == 0 {
					most += questions * trials // looked at for its answers
				}
				if n > most {
					t.Errorf("similar %v, room %d: item %d was decoded %d times, %d at most", similar, room, i, n, most)
				}
			}
			if before := said[similar]; before != nil && !slices.Equal(got, before) {
				t.Errorf("similar %v: with room %q, without %q", similar, before, got)
			}
			said[similar] = got
			if len(e.glances) != len(support) {
				t.Errorf("%d pictures are held on to, the support has %d", len(e.glances), len(support))
			}
			if room > 0 && e.room.left > room {
				t.Errorf("more was given back than taken: %d of %d", e.room.left, room)
			}
		}
	}
}

// TestFeaturesAreDecodedOnce: a picture whose features a file does not have is decoded once to look for them and to be looked at.
func TestFeaturesAreDecodedOnce(t *testing.T) {
	m := open32(t, plainPages)
	items, counts := counted(2)
	file := filepath.Join(t.TempDir(), "features.safetensors")
	for range 2 { // without and with them in the file
		var shots []Shot
		for _, it := range items {
			shots = append(shots, Shot{Images: []Image{imageOfItem(it)}, Text: "a"})
		}
		before := counts[0].Load()
		if _, err := m.Support(t.Context(), shots, SupportOptions{Features: file}); err != nil {
			t.Fatal(err)
		}
		if n := counts[0].Load() - before; n != 1 {
			t.Errorf("decoded %d times", n)
		}
	}
}

// TestPromptKeepsWhatThereIsRoomFor: what is asked once is not kept, nor are orders of the examples for which there is no room; what is said
// is the same.
func TestPromptKeepsWhatThereIsRoomFor(t *testing.T) {
	m, ctx := open32(t, plainPages), context.Background()
	items, _ := counted(4)
	var shots []Shot
	for _, it := range items {
		shots = append(shots, Shot{Images: []Image{imageOfItem(it)}, Question: "w?", Text: it.References[0]})
	}
	ask, g := Shot{Images: shots[3].Images, Question: "w?"}, &Generate{Choices: []string{"a", "b"}, Permutations: 4}
	var want *Text
	for _, c := range []struct {
		name string
		room int64 // for orders; −1: as it comes
		once bool
		kept int
	}{{"all", -1, false, 4}, {"the first alone", 0, false, 1}, {"none", -1, true, 0}} {
		p, err := m.Prompt(shots[:3])
		if err != nil {
			t.Fatal(err)
		}
		if c.once {
			p.once()
		}
		p.permuted(4, 0)
		if c.room >= 0 {
			p.others.left = c.room
		}
		for range 2 {
			got, err := p.Answer(ctx, ask, g)
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = got
			}
			for i := range want.Choices {
				if got.Choices[i].LogLikelihood != want.Choices[i].LogLikelihood {
					t.Errorf("%s: %+v, want %+v", c.name, got.Choices[i], want.Choices[i])
				}
			}
		}
		kept := 0
		for _, q := range p.orders {
			if q.begun != nil {
				kept++
			}
		}
		if kept != c.kept {
			t.Errorf("%s: %d orders are kept, %d should be", c.name, kept, c.kept)
		}
	}
}

// TestCutPromptsStay: examples that are the same before every item, of which the first had to be left out, are read once.
func TestCutPromptsStay(t *testing.T) {
	m := open32(t, plainPages)
	items, _ := counted(5)
	e := m.Examples(items[:4])
	l := &learner{Examples: e, g: Generate{MaxTokens: 1}, items: items, asked: make([]seenShot, len(items))}
	for i, it := range items {
		l.asked[i] = e.see(it)
	}
	l.g.MaxTokens = m.pages.Language.Config().Context - 30
	var first *Prompt
	for range 3 {
		_, left, err := l.Answer(t.Context(), 4, eval.Examples{Order: []int{0, 1, 2, 3}})
		if err != nil || left == 0 {
			t.Fatalf("%d examples were left out (%v)", left, err)
		}
		if first == nil {
			first = l.prompt
		}
		if l.prompt != first {
			t.Error("a prompt that was cut is made anew")
		}
	}
}

// TestInspectLooksOnce: what was seen while it was looked into is what the caption is written behind.
func TestInspectLooksOnce(t *testing.T) {
	m := open32(t, "model/flamingo/testdata/idefics")
	items, counts := counted(1)
	in, err := m.Inspect(t.Context(), imageOfItem(items[0]), InspectOptions{Words: 3, Without: true, Generate: &Generate{MaxTokens: 3}})
	if err != nil {
		t.Fatal(err)
	}
	if n := counts[0].Load(); n != 1 {
		t.Errorf("the picture was decoded %d times", n)
	}
	said, err := m.Caption(t.Context(), imageOfItem(items[0]), &Generate{MaxTokens: 3})
	if err != nil || said.Text != in.Caption {
		t.Errorf("said %q while it was looked into, %q else (%v)", in.Caption, said.Text, err)
	}
}

// TestTokenizersFilesAreClosed: a tokenizer that was read from a model's file works without it.
func TestTokenizersFilesAreClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.gguf")
	if err := Convert("testdata/blip2-llama", path, "auto"); err != nil {
		t.Fatal(err)
	}
	tok, err := OpenTokenizer(path)
	if err != nil {
		t.Fatal(err)
	}
	if maps, err := os.ReadFile("/proc/self/maps"); err == nil && strings.Contains(string(maps), path) {
		t.Error("the file is still mapped")
	}
	if ids := tok.Encode("a cat", true); len(ids) == 0 || tok.Decode(ids, true) == "" {
		t.Errorf("a cat is %v", ids)
	}
}

// TestBeamsPassEnds says that a search with beams goes on where the next example would begin, and that its text is cut there.
func TestBeamsPassEnds(t *testing.T) {
	ctx := context.Background()
	m := open32(t, plainPages)
	items, _ := counted(5)
	g := &Generate{MaxTokens: 12, Beams: 3, LengthPenalty: 0}
	ends := nextCaption
	defer func() { nextCaption = ends }()
	said := func() (texts []string) {
		o := eval.ShotOptions{Shots: []int{1}, Seeds: []uint64{1}, Said: func(_ int, _ uint64, _ eval.Item, text string) { texts = append(texts, text) }}
		if _, err := m.EvaluateShots(ctx, items, items, g, o); err != nil {
			t.Fatal(err)
		}
		return texts
	}
	whole, differ := said(), false
	for _, letter := range "abcdefghijklmnopqrstuvwxyz" {
		nextCaption = []string{string(letter)}
		for i, text := range said() {
			want, _, cut := strings.Cut(whole[i], nextCaption[0])
			if text != strings.TrimSpace(want) {
				t.Errorf("%d: %q before %q, want %q of %q", i, text, letter, want, whole[i])
			}
			differ = differ || cut
		}
	}
	if !differ {
		t.Error("no text was cut")
	}
}
