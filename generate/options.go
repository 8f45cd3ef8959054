package generate

import (
	"errors"
	"fmt"
	"math"
)

// EarlyStopping says when beam search is over, once as many sentences as there are beams have ended.
type EarlyStopping uint8

const (
	// Attainable stops when the best running beam, were it to end now, would not be among the best: transformers' false.
	Attainable EarlyStopping = iota
	// Early stops at once: transformers' true.
	Early
	// Never stops only when no running beam can become better at any length: transformers' "never".
	Never
)

// Options say how to choose tokens. The zero value of each field is its default, except where noted.
type Options struct {
	MaxTokens int // how many new tokens at most; 0 stands for 20
	MinTokens int // no stop id is chosen before there are as many

	Temperature float64 // 0: greedy, the first of equals; otherwise logits are divided by it and a token is drawn
	TopK        int     // draw from the k likeliest only; 0: all
	TopP        float64 // draw from the fewest tokens whose probability is at least this; 0 or 1: all
	Seed        uint64  // of the draws; each row draws as if it were alone

	Beams         int           // 0 or 1: no beam search; at most MostBeams; it excludes a temperature
	LengthPenalty float64       // a sentence of n new tokens scores Σ log p / n^LengthPenalty; 0 is no penalty (transformers' default is 1)
	EarlyStopping EarlyStopping // of beams

	RepetitionPenalty float64 // logits of ids that occurred, prompt included, are divided (above 0) or multiplied by it; 0 or 1: off

	NeverIDs []int32 // ids that are not chosen
	Rules    Rules   // the model's own

	StopIDs []int32  // a row ends with one of these, which is part of the result
	Stop    []string // a row ends when its text contains one of these; needs Text

	// Text decodes the new tokens of a row; needed for Stop and OnText only.
	Text func(ids []int32) string
	// OnToken is told each token as it is chosen (not under beam search); an error ends the run.
	OnToken func(row int, t Token) error
	// OnText is told each piece of text as soon as it is certain: whole characters, and nothing of a stop string.
	OnText func(row int, piece string) error
}

// Token is a chosen token.
type Token struct {
	ID      int32
	LogProb float32 // natural logarithm of its probability, before temperature, penalties and cuts
}

// Finish says why a row ended.
type Finish string

const (
	Stopped   Finish = "stop"      // by a stop id or a stop string
	Length    Finish = "length"    // MaxTokens were made
	Cancelled Finish = "cancelled" // the context ended first
)

// Result is what was made for one prompt.
type Result struct {
	Tokens   []int32   // the new tokens, the stop id included
	LogProbs []float32 // one a token, as Token says
	Text     string    // Options.Text of the tokens, without a stop string and what follows it; empty without Options.Text
	Score    float64   // Σ LogProbs; under beam search the sentence's score
	Finish   Finish
}

// MostBeams is how many beams a search may have: each keeps all that the model has read.
const MostBeams = 64

// ErrOptions is wrapped by what Run returns for options that contradict one another or are out of range.
var ErrOptions = errors.New("generation options")

func (o *Options) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrOptions, fmt.Sprintf(format, args...))
	}
	number := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
	switch {
	case o.MaxTokens < 0 || o.MinTokens < 0 || o.TopK < 0 || o.Beams < 0:
		return bad("a count is negative")
	case !number(o.Temperature) || o.Temperature < 0:
		return bad("temperature %v: want 0 or more", o.Temperature)
	case !number(o.TopP) || o.TopP < 0 || o.TopP > 1:
		return bad("top-p %v: want 0 to 1", o.TopP)
	case !number(o.RepetitionPenalty) || o.RepetitionPenalty < 0:
		return bad("repetition penalty %v: want more than 0", o.RepetitionPenalty)
	case !number(o.LengthPenalty):
		return bad("length penalty %v: want a number", o.LengthPenalty)
	case o.Beams > MostBeams:
		return bad("%d beams: want %d at most", o.Beams, MostBeams)
	case o.Beams > 1 && o.Temperature > 0:
		return bad("beams and a temperature exclude each other")
	case len(o.Stop) > 0 && o.Text == nil:
		return bad("stop strings need the text of the tokens")
	}
	for _, s := range o.Stop {
		if s == "" {
			return bad("an empty stop string")
		}
	}
	return nil
}

func (o *Options) maxTokens() int {
	if o.MaxTokens == 0 {
		return 20
	}
	return o.MaxTokens
}

func (o *Options) stopID(id int32) bool {
	for _, s := range o.StopIDs {
		if s == id {
			return true
		}
	}
	return false
}
