package dragoman

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"dragoman/generate"
	"dragoman/language"
	"dragoman/tokenizer"
)

// Chat continues a conversation with the language model, without a picture. A model that knows ChatML's turns reads them; any other
// reads what was said, a line a turn, and continues it.
func (m *Model) Chat(ctx context.Context, said []Message, g *Generate) (*Text, error) {
	if m.system.Language == nil {
		return nil, fmt.Errorf("chatting: %w: a language model", ErrNoPart)
	}
	turns := make([]tokenizer.Message, len(said))
	for i, s := range said {
		switch s.Role {
		case "system", "user", "assistant":
		default:
			return nil, fmt.Errorf("chatting: turn %d: role %q is none of system, user, assistant", i+1, s.Role)
		}
		turns[i] = tokenizer.Message{Role: s.Role, Text: s.Content}
	}
	ids := m.conversation(turns)
	d, done := m.decoder()
	defer done()
	began := time.Now()
	if err := d.Read(ids); err != nil {
		return nil, fmt.Errorf("chatting: %w", err)
	}
	prefill := time.Since(began).Seconds()
	return m.write(ctx, d, d.Before([][]int32{ids}), g, Seconds{Load: m.load, Prefill: prefill})
}

// conversation is the tokens of a conversation whose next turn is the model's.
func (m *Model) conversation(turns []tokenizer.Message) []int32 {
	tok := m.system.Tokenizer
	if _, ok := tok.ID(tokenizer.TurnStart); ok {
		return tok.Encode(tokenizer.ChatML(turns, tokenizer.DefaultSystem, true), false)
	}
	lines := make([]string, len(turns))
	for i, t := range turns {
		lines[i] = t.Text
	}
	return m.system.PromptIDs(strings.Join(lines, "\n"))
}

// write continues what a decoder has read, one row; before is what a repetition penalty counts of it.
func (m *Model) write(ctx context.Context, d *language.Decoder, before [][]int32, g *Generate, spent Seconds) (*Text, error) {
	began := time.Now()
	read := d.Tokens()
	o := m.options(g)
	o.MaxTokens = min(cmp.Or(o.MaxTokens, 20), max(1, d.Room())) // a text ends where the context does
	o.MinTokens = min(o.MinTokens, o.MaxTokens)
	results, err := generate.Run(ctx, d, before, o)
	if err != nil {
		return nil, fmt.Errorf("generating: %w", err)
	}
	spent.Decode = time.Since(began).Seconds()
	r := results[0]
	return &Text{
		Text: strings.TrimSpace(r.Text), Tokens: r.Tokens, Logprobs: r.LogProbs, Finish: string(r.Finish),
		PromptTokens: read, Seconds: spent,
	}, nil
}

// options translates for package generate.
func (m *Model) options(g *Generate) generate.Options {
	if g == nil {
		g = &Generate{}
	}
	tok := m.system.Tokenizer
	o := generate.Options{
		MaxTokens: g.MaxTokens, MinTokens: g.MinTokens, Temperature: g.Temperature, TopK: g.TopK, TopP: g.TopP, Seed: g.Seed,
		Beams: g.Beams, LengthPenalty: g.LengthPenalty, RepetitionPenalty: g.RepetitionPenalty, Stop: g.Stop,
		StopIDs: m.system.StopIDs(),
		Text:    func(ids []int32) string { return tok.Decode(ids, true) },
	}
	if m.pages != nil {
		o.StopIDs, o.NeverIDs = m.pages.StopIDs(), m.pages.NeverIDs()
	}
	if o.Seed == 0 {
		o.Seed = m.opt.seed
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
