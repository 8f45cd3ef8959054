package generate

import (
	"context"
	"fmt"
)

// Run continues each row of s until it ends. prompts are the rows' ids (for the repetition penalty; a row whose prompt has
// no ids gets an empty one), and say how many rows there are. When the context ends, Run returns what it has with the
// context's error; errors of s and of the callbacks are returned likewise.
func Run(ctx context.Context, s Sequences, prompts [][]int32, o Options) ([]Result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if len(prompts) == 0 {
		return nil, nil
	}
	if o.Beams > 1 {
		return beamSearch(ctx, s, prompts, &o)
	}
	g := newGreedy(s, prompts, &o)
	err := g.run(ctx)
	return g.results, err
}

// greedy is a run without beams: every active row gets one token a step, chosen or drawn.
type greedy struct {
	s       Sequences
	opt     *Options
	results []Result
	rows    []row
	active  []int // which row stands at each place of s
	parents []int
	tokens  []int32
	scratch []float32
}

// row is what a sequence needs besides its result.
type row struct {
	prompt  []int32
	history *history
	sampler *sampler
	text    textual
}

func newGreedy(s Sequences, prompts [][]int32, o *Options) *greedy {
	g := &greedy{s: s, opt: o, results: make([]Result, len(prompts)), rows: make([]row, len(prompts))}
	for b, p := range prompts {
		limit := min(o.maxTokens(), 4096)
		g.results[b] = Result{Tokens: make([]int32, 0, limit), LogProbs: make([]float32, 0, limit), Finish: Cancelled}
		g.rows[b].prompt = p
		g.rows[b].text.opt = o
		if o.RepetitionPenalty != 0 && o.RepetitionPenalty != 1 {
			g.rows[b].history = newHistory(p)
		}
		if o.Temperature > 0 {
			g.rows[b].sampler = newSampler(o.Seed)
		}
		g.active = append(g.active, b)
	}
	return g
}

func (g *greedy) run(ctx context.Context) error {
	defer g.finish()
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		g.parents, g.tokens = g.parents[:0], g.tokens[:0]
		left := g.active[:0]
		for place, b := range g.active {
			id, ended, err := g.choose(place, b)
			if err != nil {
				return err
			}
			if !ended {
				left = append(left, b)
				g.parents = append(g.parents, place)
				g.tokens = append(g.tokens, id)
			}
		}
		g.active = left
		if len(left) == 0 {
			return nil
		}
		if err := g.s.Advance(g.parents, g.tokens); err != nil {
			return fmt.Errorf("generate: %w", err)
		}
	}
}

// choose gives row b, which stands at place, its next token.
func (g *greedy) choose(place, b int) (id int32, ended bool, err error) {
	r, res := &g.rows[b], &g.results[b]
	logits := g.s.Logits(place)
	if len(g.scratch) != len(logits) {
		g.scratch = make([]float32, len(logits))
	}
	lse, err := logSumExp(logits, g.scratch)
	if err != nil {
		return 0, false, err
	}
	scores := logits
	if g.opt.changes(len(res.Tokens)) {
		scores = g.scratch
		copy(scores, logits)
		g.opt.penalise(scores, r.history, r.prompt, res.Tokens)
	}
	if r.sampler != nil {
		id = r.sampler.draw(scores, g.opt)
	} else {
		id = int32(argmax(scores))
	}
	t := Token{ID: id, LogProb: logits[id] - lse}
	res.Tokens = append(res.Tokens, id)
	res.LogProbs = append(res.LogProbs, t.LogProb)
	res.Score += float64(t.LogProb)
	if r.history != nil {
		r.history.add(id)
	}
	stopped := g.opt.stopID(id)
	if len(g.opt.Stop) > 0 || g.opt.OnText != nil {
		stopped = r.text.add(res.Tokens) || stopped
	}
	switch {
	case stopped:
		res.Finish, ended = Stopped, true
	case len(res.Tokens) >= g.opt.maxTokens():
		res.Finish, ended = Length, true
	}
	if g.opt.OnToken != nil {
		if err := g.opt.OnToken(b, t); err != nil {
			return id, ended, err
		}
	}
	if g.opt.OnText != nil {
		if p := r.text.piece(ended); p != "" {
			if err := g.opt.OnText(b, p); err != nil {
				return id, ended, err
			}
		}
	}
	return id, ended, nil
}

// finish decodes the results.
func (g *greedy) finish() {
	for b := range g.results {
		g.rows[b].text.add(g.results[b].Tokens)
		g.results[b].Text = g.rows[b].text.text
	}
}
