package dragoman

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"dragoman/language"
)

// Choice is one of the texts that an answer is chosen among.
type Choice struct {
	Text          string  `json:"text"`
	LogLikelihood float64 `json:"log_likelihood"` // Σ log p of its tokens behind the prompt, or the mean a token; the end of the text is not among them
	Probability   float64 `json:"probability"`    // among the choices: the softmax of their log-likelihoods
	Tokens        int     `json:"tokens"`

	ids      []int32
	logprobs []float64
}

// choose scores the choices behind what one row of a decoder has read; tokens says how one is written there.
func (m *Model) choose(ctx context.Context, d *language.Decoder, tokens func(text string) []int32, g *Generate, spent Seconds) (*Text, error) {
	began := time.Now()
	t := &Text{PromptTokens: d.Tokens(), Seconds: spent}
	for _, c := range g.Choices {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		ids := tokens(c)
		if len(ids) == 0 {
			return nil, fmt.Errorf("choosing: %.60q: it has no tokens", c)
		}
		scores, err := d.Score([][]int32{ids})
		if err != nil {
			return nil, fmt.Errorf("choosing: %.60q: %w", c, err)
		}
		choice := Choice{Text: c, Tokens: len(ids), ids: ids}
		for _, s := range scores[0] {
			choice.logprobs = append(choice.logprobs, float64(s))
		}
		t.Choices = append(t.Choices, choice)
	}
	t.Seconds.Decode = time.Since(began).Seconds()
	t.decide(g)
	if g.Stream != nil {
		if err := g.Stream(t.Text); err != nil {
			return nil, fmt.Errorf("choosing: %w", err)
		}
	}
	return t, nil
}

// decide says what follows from the log-probabilities of the choices' tokens: of equals, the first is the answer.
func (t *Text) decide(g *Generate) {
	best := 0
	for i := range t.Choices {
		c := &t.Choices[i]
		c.LogLikelihood = 0
		for _, p := range c.logprobs {
			c.LogLikelihood += p
		}
		if g.PerToken {
			c.LogLikelihood /= float64(c.Tokens)
		}
		if c.LogLikelihood > t.Choices[best].LogLikelihood {
			best = i
		}
	}
	var sum float64
	for _, c := range t.Choices {
		sum += math.Exp(c.LogLikelihood - t.Choices[best].LogLikelihood)
	}
	for i := range t.Choices {
		t.Choices[i].Probability = math.Exp(t.Choices[i].LogLikelihood-t.Choices[best].LogLikelihood) / sum
	}
	c := t.Choices[best]
	t.Text, t.Tokens, t.Finish = strings.TrimSpace(c.Text), c.ids, "choice"
	t.Logprobs = make([]float32, len(c.logprobs))
	for i, p := range c.logprobs {
		t.Logprobs[i] = float32(p)
	}
}

// together is what answers behind the same examples in different orders are together: the mean of each token's log-probability.
func together(texts []*Text, g *Generate) *Text {
	all := *texts[0]
	all.Choices = append([]Choice(nil), all.Choices...)
	for i := range all.Choices {
		c := &all.Choices[i]
		mean := make([]float64, len(c.logprobs))
		for k := range mean {
			for _, t := range texts {
				mean[k] += t.Choices[i].logprobs[k]
			}
			mean[k] /= float64(len(texts))
		}
		c.logprobs = mean
	}
	for _, t := range texts[1:] {
		all.Seconds.Vision += t.Seconds.Vision
		all.Seconds.Prefill += t.Seconds.Prefill
		all.Seconds.Decode += t.Seconds.Decode
	}
	all.decide(g)
	return &all
}

// seedOf is the seed of a call.
func seedOf(g *Generate, m *Model) uint64 { return cmp.Or(g.Seed, m.opt.seed) }
