package data

import (
	"errors"
	"math/rand/v2"
	"slices"
)

// Weaver makes sequences of tokens out of pages, as Flamingo learns from them (Alayrac et al. 2022, section 2.4 and appendix A):
// a picture's token where the picture stands, and the end of a chunk before every picture and behind the last text.
//
//	BOS text END <image> text END <image> text END
//
// A page longer than MaxTokens is seen through a window that is drawn anew each time.
type Weaver struct {
	Image, End int32 // the tokens of a picture and of the end of a chunk
	BOS        int32 // before a sequence; NoToken: none

	// Encode makes tokens of a text, without any around it. It is called for each text of a page by itself.
	Encode func(text string) []int32

	MaxTokens   int     // of a sequence; the paper: 256
	MaxPictures int     // of a sequence, the first ones count; 0: any number; the paper: 5
	Next        float64 // the share of pages whose texts look at the picture behind them and not at the one before; the paper: 0.5
}

// NoToken is a token that there is none of.
const NoToken int32 = -1

// Sequence is what a model learns from.
type Sequence struct {
	IDs []int32
	// Sees is which picture each token looks at: Media[Sees[i]-1]; 0: none.
	Sees []int32
	// Learn says which tokens are to be predicted: texts that look at a picture, and the ends of their chunks.
	Learn []bool
	// Media are the pictures in the order of their tokens.
	Media []*Media
}

// ErrNothingToLearn is for a page of which no text looks at a picture.
var ErrNothingToLearn = errors.New("no text of it looks at a picture")

// Page is a window of a page, of which some text looks at a picture: ErrNothingToLearn if none does. The seed alone decides what is
// drawn.
func (w *Weaver) Page(p Page, seed uint64) (Sequence, error) {
	draw := newDrawing(seed)
	next := draw.chance(w.Next)
	whole := w.whole(p, next)
	if !slices.Contains(whole.Learn, true) {
		// A page that ends with its picture has texts before pictures only, one that begins with it texts behind them only.
		whole = w.whole(p, !next)
	}
	if !slices.Contains(whole.Learn, true) {
		return Sequence{}, ErrNothingToLearn
	}
	room := w.MaxTokens
	if w.BOS != NoToken {
		room--
	}
	from, to := w.window(&whole, max(room, 2), draw)
	return w.cut(&whole, from, to), nil
}

// encode makes tokens of a text, which cannot hold those of pictures and chunks.
func (w *Weaver) encode(text string) []int32 {
	return slices.DeleteFunc(slices.Clone(w.Encode(text)), func(id int32) bool { return id == w.Image || id == w.End })
}

// whole is a page from beginning to end, without BOS: next says at which pictures its texts look.
func (w *Weaver) whole(p Page, next bool) Sequence {
	pictures := int32(0)
	for _, part := range p.Parts {
		if part.Media != nil {
			pictures++
		}
	}
	var s Sequence
	seen := int32(0)
	written := false // something in this chunk that is learnt
	end := func() {
		if len(s.IDs) > 0 {
			s.add(w.End, s.Sees[len(s.Sees)-1], written)
		}
		written = false
	}
	for _, part := range p.Parts {
		if part.Media != nil {
			end()
			s.Media = append(s.Media, part.Media)
			seen = int32(len(s.Media))
			s.add(w.Image, seen, false)
			continue
		}
		at := seen
		if next {
			if at++; at > pictures {
				at = 0
			}
		}
		for _, id := range w.encode(part.Text) {
			s.add(id, at, at > 0)
			written = at > 0
		}
	}
	end()
	return s
}

func (s *Sequence) add(id, sees int32, learn bool) {
	s.IDs, s.Sees, s.Learn = append(s.IDs, id), append(s.Sees, sees), append(s.Learn, learn)
}

// tries is how often a window is drawn before one is made around a picture.
const tries = 16

// window draws which tokens of a page are seen, of at most room: some text of it looks at a picture of it.
func (w *Weaver) window(s *Sequence, room int, draw *drawing) (from, to int) {
	n := len(s.IDs)
	if n <= room {
		if w.learns(s, 0, n) {
			return 0, n
		}
	} else {
		for range tries {
			from = draw.below(n - room + 1)
			if w.learns(s, from, from+room) {
				return from, from + room
			}
		}
	}
	// Around a picture that a text looks at, and the nearest token of that text.
	var learnt []int
	for i, l := range s.Learn {
		if l && (i == 0 || s.Sees[i] != s.Sees[i-1] || !s.Learn[i-1]) {
			learnt = append(learnt, i)
		}
	}
	first := learnt[draw.below(len(learnt))]
	image := w.imageOf(s, s.Sees[first])
	if image < first {
		return image, min(n, image+room)
	}
	// The text stands before its picture: as much of it as there is room for, back to the picture before it.
	return max(w.imageOf(s, s.Sees[first]-1)+1, image+1-room), image + 1
}

// imageOf is where a picture's token stands; −1 for none.
func (w *Weaver) imageOf(s *Sequence, number int32) int {
	seen := int32(0)
	for i, id := range s.IDs {
		if id == w.Image {
			if seen++; seen == number {
				return i
			}
		}
	}
	return -1
}

// learns says whether a window has a text that looks at one of its pictures.
func (w *Weaver) learns(s *Sequence, from, to int) bool {
	return slices.Contains(w.cut(s, from, to).Learn, true)
}

// cut is a window as a sequence of its own: pictures outside of it are not seen, nor those beyond the first MaxPictures, where it ends.
func (w *Weaver) cut(s *Sequence, from, to int) Sequence {
	before := int32(0) // pictures before the window
	for _, id := range s.IDs[:from] {
		if id == w.Image {
			before++
		}
	}
	inside := int32(0)
	for i, id := range s.IDs[from:to] {
		if id != w.Image {
			continue
		}
		if w.MaxPictures > 0 && int(inside) == w.MaxPictures {
			to = from + i
			break
		}
		inside++
	}
	var out Sequence
	if w.BOS != NoToken {
		out.add(w.BOS, 0, false)
	}
	out.Media = s.Media[before : before+inside : before+inside]
	for i := from; i < to; i++ {
		sees := s.Sees[i] - before
		if sees < 1 || sees > inside {
			sees = 0
		}
		out.add(s.IDs[i], sees, s.Learn[i] && sees > 0)
	}
	return out
}

// drawing draws numbers that do not hang on how a release of the library makes them of a generator's.
type drawing struct{ random *rand.PCG }

func newDrawing(seed uint64) *drawing { return &drawing{rand.NewPCG(seed, 0x9e3779b97f4a7c15)} }

// chance is true in a share p of all draws.
func (d *drawing) chance(p float64) bool { return float64(d.random.Uint64()>>11)/(1<<53) < p }

// below is a number from 0 to n−1.
func (d *drawing) below(n int) int { return int(d.random.Uint64() % uint64(n)) }
