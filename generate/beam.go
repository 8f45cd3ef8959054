package generate

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// beam is a sentence that is being made or has ended.
type beam struct {
	tokens   []int32
	logProbs []float32 // of the raw distribution
	sum      float64   // Σ of the processed log-probabilities
	score    float64   // sum / length^penalty, once it has ended
	finish   Finish
	history  *history
}

// continuation is a beam with one more token, before it is known whether it is kept.
type continuation struct {
	from    int // which running beam
	token   int32
	sum     float64
	logProb float32
}

// search is the beam search of one prompt, after transformers' vectorised one: in each step the best (1 + number of stop
// ids, at least 2) × beams continuations are looked at, of which the first so many as there are beams may end; the best
// that do not end run on.
type search struct {
	opt     *Options
	prompt  []int32
	running []beam
	ended   []beam // at most opt.Beams, best first
	first   int    // the place of its first row in the sequences
	done    bool
	stuck   bool // the rules leave nothing to go on with, and nothing has ended: what is running is all there is
	top     []continuation
}

func beamSearch(ctx context.Context, s Sequences, prompts [][]int32, o *Options) ([]Result, error) {
	searches := make([]*search, len(prompts))
	for b, p := range prompts {
		searches[b] = &search{opt: o, prompt: p, first: b, running: []beam{{history: newHistory(p)}}}
	}
	err := runBeams(ctx, s, searches)
	results := make([]Result, len(searches))
	for b, q := range searches {
		results[b] = q.result()
		if o.OnText != nil && err == nil && results[b].Text != "" {
			err = o.OnText(b, results[b].Text)
		}
	}
	return results, err
}

func runBeams(ctx context.Context, s Sequences, searches []*search) error {
	var scratch []float32
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		var parents []int
		var tokens []int32
		for _, q := range searches {
			if q.done {
				continue
			}
			q.top = q.top[:0]
			for i := range q.running {
				logits := s.Logits(q.first + i)
				if len(scratch) != len(logits) {
					scratch = make([]float32, len(logits))
				}
				if err := q.consider(i, logits, scratch); err != nil {
					return err
				}
			}
			from := q.step()
			if q.done {
				continue
			}
			place := len(parents)
			for i, f := range from {
				parents = append(parents, q.first+f)
				tokens = append(tokens, q.running[i].tokens[len(q.running[i].tokens)-1])
			}
			q.first = place
		}
		if len(parents) == 0 {
			return nil
		}
		if err := s.Advance(parents, tokens); err != nil {
			return fmt.Errorf("generate: %w", err)
		}
	}
}

// width is how many continuations are looked at in a step.
func (q *search) width() int { return max(2, 1+len(q.opt.StopIDs)) * q.opt.Beams }

// consider enters the continuations of running beam i, of which the best stay in q.top.
func (q *search) consider(i int, logits, scratch []float32) error {
	b := &q.running[i]
	lse, err := logSumExp(logits, scratch)
	if err != nil {
		return err
	}
	for v, l := range logits {
		scratch[v] = l - lse
	}
	q.opt.penalise(scratch, b.history, q.prompt, b.tokens)
	limit := q.width()
	worst := math.Inf(-1)
	if len(q.top) == limit {
		worst = q.top[limit-1].sum
	}
	for v, lp := range scratch {
		sum := float64(lp) + b.sum
		if !(sum > worst) || math.IsInf(sum, -1) {
			continue
		}
		c := continuation{from: i, token: int32(v), sum: sum, logProb: logits[v] - lse}
		at, _ := slices.BinarySearchFunc(q.top, c, func(have, want continuation) int {
			return cmp.Or(cmp.Compare(want.sum, have.sum), -1) // after its equals
		})
		if len(q.top) == limit {
			q.top = q.top[:limit-1]
		}
		q.top = slices.Insert(q.top, at, c)
		if len(q.top) == limit {
			worst = q.top[limit-1].sum
		}
	}
	return nil
}

// step takes the continuations that were considered: some end, the best others run on. It returns which running beam each
// came from.
func (q *search) step() (from []int) {
	n := q.opt.Beams
	full := q.full() && q.opt.EarlyStopping == Early
	var next, justEnded []beam
	for rank, c := range q.top {
		grown, finish := q.grow(c)
		switch {
		case finish == "":
			if len(next) < n {
				next = append(next, grown)
				from = append(from, c.from)
			}
		case rank < n && !full:
			grown.finish = finish
			grown.score = grown.sum / math.Pow(float64(len(grown.tokens)), q.opt.LengthPenalty)
			justEnded = append(justEnded, grown)
		}
	}
	q.ended = append(q.ended, justEnded...)
	slices.SortStableFunc(q.ended, func(a, b beam) int { return cmp.Compare(b.score, a.score) })
	q.ended = q.ended[:min(n, len(q.ended))]
	if q.stuck = len(next) == 0 && len(q.ended) == 0; !q.stuck {
		q.running = next
	}
	q.done = len(next) == 0 || !q.improvable() || q.full() && q.opt.EarlyStopping == Early
	return from
}

// grow makes the beam that c stands for and says whether it ends.
func (q *search) grow(c continuation) (beam, Finish) {
	p := &q.running[c.from]
	g := beam{
		tokens:   append(slices.Clone(p.tokens), c.token),
		logProbs: append(slices.Clone(p.logProbs), c.logProb),
		sum:      c.sum,
		history:  p.history,
	}
	if q.opt.RepetitionPenalty != 0 && q.opt.RepetitionPenalty != 1 {
		g.history = p.history.clone()
		g.history.add(c.token)
	}
	if q.opt.stopID(c.token) {
		return g, Stopped
	}
	if len(q.opt.Stop) > 0 {
		if _, stopped := cutStop(q.opt.Text(g.tokens), q.opt.Stop); stopped {
			return g, Stopped
		}
	}
	if len(g.tokens) >= q.opt.maxTokens() {
		return g, Length
	}
	return g, ""
}

func (q *search) full() bool { return len(q.ended) == q.opt.Beams }

// improvable says whether the best running beam may still end among the best.
func (q *search) improvable() bool {
	if !q.full() || len(q.running) == 0 {
		return true
	}
	length := len(q.running[0].tokens)
	if q.opt.EarlyStopping == Never && q.opt.LengthPenalty > 0 {
		length = q.opt.maxTokens()
	}
	best := q.running[0].sum / math.Pow(float64(length), q.opt.LengthPenalty)
	return best > q.ended[len(q.ended)-1].score
}

// result is the best sentence that ended, or the best there is where none has.
func (q *search) result() Result {
	var b beam
	switch {
	case len(q.ended) > 0:
		b = q.ended[0]
	case len(q.running) > 0:
		b = q.running[0]
		b.score, b.finish = b.sum, Cancelled
		if q.stuck {
			b.finish = Length
		}
	}
	r := Result{Tokens: b.tokens, LogProbs: b.logProbs, Score: b.score, Finish: b.finish}
	if q.opt.Text != nil {
		r.Text, _ = cutStop(q.opt.Text(b.tokens), q.opt.Stop)
	}
	return r
}
