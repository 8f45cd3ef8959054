package data

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// weaver is one whose tokenizer makes a token of a byte; 1, 3 and 4 are BOS, a picture and the end of a chunk.
func weaver() *Weaver {
	return &Weaver{BOS: 1, Image: 3, End: 4, MaxTokens: 256, Encode: func(s string) []int32 {
		var ids []int32
		for _, b := range []byte(s) {
			ids = append(ids, int32(b))
		}
		return ids
	}}
}

// shown writes a sequence as text: what is learnt in capitals, behind each token the picture it looks at where that changes.
func shown(s Sequence) string {
	var b strings.Builder
	last := int32(0)
	for i, id := range s.IDs {
		if s.Sees[i] != last {
			last = s.Sees[i]
			fmt.Fprintf(&b, "%d", last)
		}
		c := string(rune(id))
		if id < 5 {
			c = []string{"", "<", "", "@", "e"}[id]
		}
		if s.Learn[i] {
			c = strings.ToUpper(c)
		}
		b.WriteString(c)
	}
	return b.String()
}

// pageOf makes a page of texts, with a picture for each "@".
func pageOf(s string) Page {
	var p Page
	for i, text := range strings.Split(s, "@") {
		if i > 0 {
			p.Parts = append(p.Parts, Part{Media: &Media{where: fmt.Sprint(i)}})
		}
		if text != "" {
			p.Parts = append(p.Parts, Part{Text: text})
		}
	}
	return p
}

func TestWeavePage(t *testing.T) {
	for _, c := range []struct {
		page, previous, next string
	}{
		{"ab@cd@fg", "<abe1@CDE2@FGE", "<1ABE@2CDE@0fge"},
		{"@cd@@fg", "<1@CDE2@e3@FGE", "<1@2CDE@e3@0fge"},
		{"@cd", "<1@CDE", "<1@CDE"},   // the other way: nothing looks at a next picture
		{"ab@", "<1ABE@e", "<1ABE@e"}, // and nothing at a previous one
	} {
		w := weaver()
		for next, want := range map[float64]string{0: c.previous, 1: c.next} {
			w.Next = next
			s, err := w.Page(pageOf(c.page), 7)
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(s); got != want {
				t.Errorf("%s, next %v: %s, want %s", c.page, next, got, want)
			}
			if want := strings.Count(c.page, "@"); len(s.Media) != want {
				t.Errorf("%s: %d pictures", c.page, len(s.Media))
			}
		}
	}
	if _, err := weaver().Page(pageOf("ab"), 7); err != ErrNothingToLearn {
		t.Error(err)
	}
	w := weaver()
	w.BOS = NoToken
	s, err := w.Page(pageOf("@\x03c\x04"), 7) // the tokens of pictures and chunks are not to be had from a text
	if err != nil || shown(s) != "1@CE" {
		t.Errorf("%s: %v", shown(s), err)
	}
}

// TestWeaveWindow draws windows of all kinds of pages: none is too long, each has something to learn, what a token looks at is the
// picture before or behind it in the page, and the seed decides.
func TestWeaveWindow(t *testing.T) {
	draw := newDrawing(3)
	starts := map[string]bool{}
	for n := range uint64(3000) {
		var b strings.Builder
		for range 1 + draw.below(8) {
			b.WriteString(strings.Repeat("x", draw.below(30)) + strings.Repeat("@", draw.below(3)))
		}
		p := pageOf(b.String())
		w := weaver()
		w.MaxTokens, w.MaxPictures, w.Next = 5+draw.below(20), draw.below(4), 0.5
		s, err := w.Page(p, n)
		if err == ErrNothingToLearn {
			if strings.Contains(b.String(), "x") && strings.Contains(b.String(), "@") {
				t.Fatalf("%s: nothing to learn", b.String())
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		again, _ := w.Page(p, n)
		if shown(again) != shown(s) {
			t.Fatalf("%s: %s, then %s", b.String(), shown(s), shown(again))
		}
		images := 0
		for i, id := range s.IDs {
			if id == w.Image {
				images++
				if int(s.Sees[i]) != images {
					t.Fatalf("%s: %s", b.String(), shown(s))
				}
			}
			if sees := int(s.Sees[i]); sees != 0 && sees != images && sees != images+1 {
				t.Fatalf("%s: %s", b.String(), shown(s))
			}
			if s.Learn[i] && (s.Sees[i] == 0 || id == w.Image) {
				t.Fatalf("%s: %s", b.String(), shown(s))
			}
		}
		if len(s.IDs) > w.MaxTokens || images != len(s.Media) || w.MaxPictures > 0 && images > w.MaxPictures || !slices.Contains(s.Learn, true) {
			t.Fatalf("%s: %s with %d pictures of %d, %d tokens of %d", b.String(), shown(s), images, w.MaxPictures, len(s.IDs), w.MaxTokens)
		}
	}
	w := weaver()
	w.MaxTokens = 12
	for seed := range uint64(200) {
		s, err := w.Page(pageOf("abcdefghijklm@nopqrstuvwxy@z"), seed)
		if err != nil {
			t.Fatal(err)
		}
		starts[shown(s)] = true
	}
	if len(starts) < 10 {
		t.Errorf("200 seeds give %d windows", len(starts))
	}
}
