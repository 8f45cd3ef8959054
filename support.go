package dragoman

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"dragoman/internal/plural"
	"dragoman/internal/rank"
)

// Support is examples of which, for each question, those are shown whose pictures are most like its own (RICES: Yang et al. 2021; Flamingo,
// appendix A.2): by the cosine of what the frozen image encoder sees in them as a whole, the most similar last, right before the question.
// It is safe for concurrent use.
type Support struct {
	m        *Model
	shots    []seenShot
	features [][]float32 // of each, length 1; nil: never shown
	skipped  int
}

// SupportOptions say how a support is made. The zero value is fine.
type SupportOptions struct {
	// Features names a safetensors file that keeps what the encoder saw, for the next time: pictures that are in it, of an encoder
	// that computes what its encoder did, are not looked at again. It is made where there is none.
	Features string
	Progress func(done, all int)
}

// Support looks at the examples' pictures, and keeps what they became up to an eighth of the memory that the process may have; others are looked
// at again when they are shown. An example without a picture, or whose pictures cannot be read, is never shown.
func (m *Model) Support(ctx context.Context, shots []Shot, o SupportOptions) (*Support, error) {
	if m.pages == nil {
		return nil, m.noPages("making a support")
	}
	room, seen := newBudget(), make([]seenShot, len(shots))
	for i, shot := range shots {
		seen[i] = see(shot, room)
	}
	return m.support(ctx, seen, o)
}

// support is Support of shots whose pictures may have been looked at.
func (m *Model) support(ctx context.Context, shots []seenShot, o SupportOptions) (*Support, error) {
	const what = "making a support"
	known, err := m.openFeatures(ctx, o.Features)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	s := &Support{m: m, shots: shots, features: make([][]float32, len(shots))}
	first := errors.New("it has no picture") // why the first is never shown
	for i, shot := range shots {
		s.features[i], err = shot.feature(ctx, m, known)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, ErrClosed):
			return nil, fmt.Errorf("%s: %w", what, err)
		case err != nil || s.features[i] == nil:
			s.skipped++
			if s.skipped == 1 && err != nil {
				first = err
			}
		}
		if o.Progress != nil {
			o.Progress(i+1, len(shots))
		}
	}
	if err := known.write(); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	switch {
	case len(shots) == 0:
		return nil, fmt.Errorf("%s: there are no examples", what)
	case s.skipped == len(shots):
		return nil, fmt.Errorf("%s: none of %s has a picture that can be read, the first: %w", what, plural.Of(len(shots), "example"), first)
	}
	return s, nil
}

// Len is how many examples there are, Skipped how many of them are never shown.
func (s *Support) Len() int     { return len(s.shots) }
func (s *Support) Skipped() int { return s.skipped }

// feature is a vector of length 1 for all of an example's pictures; nil for one without any.
func (s seenShot) feature(ctx context.Context, m *Model, known *features) ([]float32, error) {
	if len(s.pictures) == 0 {
		return nil, nil
	}
	var sum []float32
	for _, g := range s.pictures {
		whole, err := g.whole(ctx, m, known)
		if err != nil {
			return nil, err
		}
		if sum == nil {
			sum = make([]float32, len(whole))
		}
		for i, v := range whole {
			sum[i] += v
		}
	}
	return unit(sum), nil
}

// Nearest are the numbers of the n examples whose pictures are most like a question's, the most similar last; of equals, the first is
// more similar.
func (s *Support) Nearest(ctx context.Context, ask Shot, n int) ([]int, error) {
	return s.nearest(ctx, see(ask, nil), n, nil)
}

// nearest leaves those out that are not wanted.
func (s *Support) nearest(ctx context.Context, ask seenShot, n int, wanted func(i int) bool) ([]int, error) {
	if n < 0 {
		return nil, fmt.Errorf("choosing examples: %d of them", n)
	}
	feature, err := ask.feature(ctx, s.m, nil)
	if err != nil {
		return nil, err
	}
	if feature == nil {
		return nil, errors.New("choosing examples: a question without a picture is like none of them")
	}
	var shown []int
	var cosines []float64
	for i, f := range s.features {
		if f != nil && (wanted == nil || wanted(i)) {
			shown, cosines = append(shown, i), append(cosines, dot(f, feature))
		}
	}
	var order []int
	for _, k := range rank.Best(cosines, n) {
		order = append(order, shown[k])
	}
	slices.Reverse(order)
	return order, nil
}

// Answer answers behind the n examples whose pictures are most like the question's.
func (s *Support) Answer(ctx context.Context, ask Shot, n int, g *Generate) (*Text, error) {
	seen := see(ask, nil)
	order, err := s.nearest(ctx, seen, n, nil)
	if err != nil {
		return nil, err
	}
	t, err := s.prompt(order).once().answer(ctx, seen, g)
	if err != nil {
		return nil, err
	}
	t.Shown = order
	return t, nil
}

// prompt is some of the examples, in order.
func (s *Support) prompt(order []int) *Prompt {
	p := &Prompt{m: s.m}
	for _, i := range order {
		p.shots = append(p.shots, s.shots[i])
	}
	return p
}

// unit is a vector of the same direction and length 1; 0 stays 0.
func unit(x []float32) []float32 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	y := make([]float32, len(x))
	if sum > 0 {
		scale := 1 / math.Sqrt(sum)
		for i, v := range x {
			y[i] = float32(float64(v) * scale)
		}
	}
	return y
}
