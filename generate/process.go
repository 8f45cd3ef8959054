package generate

import (
	"errors"
	"math"
	"slices"

	"dragoman/internal/hint"
	"dragoman/kernel"
)

var minusInf = float32(math.Inf(-1))

// history is which ids a row has seen, for the repetition penalty.
type history struct {
	order []int32
	seen  map[int32]struct{}
}

func newHistory(prompt []int32) *history {
	h := &history{seen: make(map[int32]struct{}, len(prompt)+32)}
	for _, id := range prompt {
		h.add(id)
	}
	return h
}

func (h *history) add(id int32) {
	if _, ok := h.seen[id]; !ok {
		h.seen[id] = struct{}{}
		h.order = append(h.order, id)
	}
}

func (h *history) clone() *history {
	c := &history{order: slices.Clone(h.order), seen: make(map[int32]struct{}, len(h.order)+8)}
	for _, id := range h.order {
		c.seen[id] = struct{}{}
	}
	return c
}

// penalise applies the repetition penalty and the bans on ids to scores, which may be logits or log-probabilities, of what follows a prompt
// and what was made.
func (o *Options) penalise(scores []float32, h *history, prompt, made []int32) {
	if theta := float32(o.RepetitionPenalty); theta != 0 && theta != 1 {
		for _, id := range h.order {
			if int(id) >= len(scores) || id < 0 {
				continue // the id of a picture's placeholder
			}
			if scores[id] > 0 {
				scores[id] /= theta
			} else {
				scores[id] *= theta
			}
		}
	}
	o.forbid(scores, prompt, made)
	ban(scores, o.NeverIDs)
	if len(made) < o.MinTokens {
		ban(scores, o.StopIDs)
	}
	o.force(scores, prompt, made)
}

func ban(scores []float32, ids []int32) {
	for _, id := range ids {
		if id >= 0 && int(id) < len(scores) {
			scores[id] = minusInf
		}
	}
}

// changes says whether penalise can change anything.
func (o *Options) changes(made int) bool {
	return o.RepetitionPenalty != 0 && o.RepetitionPenalty != 1 || len(o.NeverIDs) > 0 || !o.Rules.empty() || made < o.MinTokens && len(o.StopIDs) > 0
}

// ErrNotFinite is what Run returns for a model whose logits are NaN or infinite, of which no token is the likeliest.
var ErrNotFinite = errors.New("the model's numbers are NaN or infinite")

// Finite is that error where one of a model's numbers is so: nothing can be compared by it.
func Finite[T float32 | float64](values ...T) error {
	for _, v := range values {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return hint.Wrap(ErrNotFinite, "--check says which of its weights are, if any")
		}
	}
	return nil
}

// logSumExp is log Σ exp(logits); scratch has their length.
func logSumExp(logits, scratch []float32) (float32, error) {
	copy(scratch, logits)
	lse := kernel.Default().Softmax(scratch)
	return lse, Finite(lse)
}

// argmax is the first of the largest; NaN is never larger.
func argmax(x []float32) int {
	best, at := minusInf, 0
	for i, v := range x {
		if v > best {
			best, at = v, i
		}
	}
	return at
}
