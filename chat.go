package dragoman

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"dragoman/generate"
	"dragoman/language"
	"dragoman/tokenizer"
)

// chatAlone continues a conversation without pictures.
func (m *Model) chatAlone(ctx context.Context, what string, said []Message, g *Generate) (*Text, error) {
	text, ids := m.conversation(said)
	d, done, err := m.decoder()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer done()
	began := time.Now()
	if err := d.Read(ids); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	prefill := time.Since(began).Seconds()
	choice := func(c string) []int32 { return m.system.ChoiceIDs(text, c) }
	return m.write(ctx, d, d.Before([][]int32{ids}), choice, g, Seconds{Load: m.load, Prefill: prefill})
}

// parts is what was said in a turn.
func (s Message) parts() []Part {
	if len(s.Parts) > 0 {
		return s.Parts
	}
	return []Part{{Text: s.Content}}
}

// conversation is the text and the tokens of a conversation whose next turn is the model's.
func (m *Model) conversation(said []Message) (string, []int32) {
	tok := m.system.Tokenizer
	turns := make([]tokenizer.Message, len(said))
	lines := make([]string, len(said))
	for i, s := range said {
		for _, p := range s.parts() {
			lines[i] += p.Text
		}
		turns[i] = tokenizer.Message{Role: s.Role, Text: lines[i]}
	}
	if _, ok := tok.ID(tokenizer.TurnStart); ok {
		text := tokenizer.ChatML(turns, tokenizer.DefaultSystem, true)
		return text, tok.Encode(text, false)
	}
	text := strings.Join(lines, "\n")
	return text, m.system.PromptIDs(text)
}

// write continues what a decoder has read, one row; before is what a repetition penalty counts of it, and choice how a text is written there
// that is to be scored.
func (m *Model) write(ctx context.Context, d *language.Decoder, before [][]int32, choice func(text string) []int32, g *Generate, spent Seconds) (*Text, error) {
	if g != nil && len(g.Choices) > 0 {
		return m.choose(ctx, d, choice, g, spent)
	}
	texts, err := m.writeRows(ctx, d, before, g, []Seconds{spent})
	if err != nil {
		return nil, err
	}
	return texts[0], nil
}

// writeRows continues the rows that a decoder has read. Each has an even share of the time that passes.
func (m *Model) writeRows(ctx context.Context, d *language.Decoder, before [][]int32, g *Generate, spent []Seconds) ([]*Text, error) {
	began := time.Now()
	texts := make([]*Text, len(before))
	for r := range texts {
		texts[r] = &Text{PromptTokens: d.TokensOf(r)}
	}
	o := m.options(g)
	o.MaxTokens = min(mostTokens(g), max(1, d.Room())) // a text ends where the context does
	o.MinTokens = min(o.MinTokens, o.MaxTokens)
	results, err := generate.Run(ctx, d, before, o)
	if err != nil {
		return nil, fmt.Errorf("generating: %w", err)
	}
	decode := time.Since(began).Seconds() / float64(len(texts))
	for i, r := range results {
		if r.Tokens == nil { // of beams that may write nothing at all
			r.Tokens, r.LogProbs = []int32{}, []float32{}
		}
		t := texts[i]
		t.Text, t.Tokens, t.Logprobs, t.Finish = strings.TrimSpace(r.Text), r.Tokens, r.LogProbs, string(r.Finish)
		t.Seconds = spent[i]
		t.Seconds.Decode = decode
	}
	return texts, nil
}

// options translates for package generate.
func (m *Model) options(g *Generate) generate.Options {
	if g == nil {
		g = &Generate{}
	}
	tok := m.system.Tokenizer
	o := generate.Options{
		MaxTokens: g.MaxTokens, MinTokens: g.MinTokens, Temperature: g.Temperature, TopK: g.TopK, TopP: g.TopP, Seed: seedOf(g, m),
		Beams: g.Beams, LengthPenalty: g.LengthPenalty, RepetitionPenalty: g.RepetitionPenalty, Stop: g.Stop,
		StopIDs: m.system.StopIDs(), Rules: m.system.Rules,
		Text: func(ids []int32) string { return tok.Decode(ids, true) },
	}
	if m.pages != nil {
		o.StopIDs, o.NeverIDs, o.Rules = m.pages.StopIDs(), m.pages.NeverIDs(), m.pages.Rules
	}
	if g.Stream != nil {
		var t trimmer
		o.OnText = func(_ int, piece string) error {
			if piece = t.next(piece); piece == "" {
				return nil
			}
			return g.Stream(piece)
		}
	}
	return o
}

// trimmer takes the space before and behind a text that comes in pieces, as strings.TrimSpace does of a whole one.
type trimmer struct {
	begun bool
	space string // what came last, which more text may follow
}

func (t *trimmer) next(piece string) string {
	piece = t.space + piece
	if !t.begun {
		piece = strings.TrimLeftFunc(piece, unicode.IsSpace)
	}
	text := strings.TrimRightFunc(piece, unicode.IsSpace)
	t.space = piece[len(text):]
	t.begun = t.begun || text != ""
	return text
}
