package flamingo

import (
	"fmt"
	"slices"
	"strings"

	"dragoman/internal/hint"
	"dragoman/internal/plural"
	"dragoman/tokenizer"
)

// Part is a stretch of a page: text, or a picture in its place.
type Part struct {
	Text    string
	Picture bool
	Given   bool // of a page to learn from: the text is what is asked, and not to be predicted
}

// Shot is an example: pictures (none in the text-only examples that a question without any is put behind), what was asked about them
// ("" where they are to be described), and the text. Of what is asked itself, the text is missing.
type Shot struct {
	Pictures       int
	Question, Text string
}

// Encode writes a page of parts as ids.
func (m *Model) Encode(parts []Part) ([]int32, error) {
	pictures := 0
	for _, p := range parts {
		if p.Picture {
			pictures++
		}
	}
	ids := m.Tokenizer.Encode(m.dialect.page(parts), m.dialect.special())
	if err := m.check(ids, pictures); err != nil {
		return nil, err
	}
	return ids, nil
}

// Prompt is a page of examples with what is asked behind them, as the model's family writes it.
func (m *Model) Prompt(shots []Shot, ask Shot) []Part { return m.dialect.shots(shots, ask) }

// Turn is what was said in a conversation, by "system", "user" or "assistant".
type Turn struct {
	Role  string
	Parts []Part
}

// Chat is a page of a conversation whose next turn is the model's, as the model's family writes it, or else as the language model was
// taught to talk, in ChatML; one that was taught no turns reads what was said, a line a turn.
func (m *Model) Chat(turns []Turn) []Part {
	if parts := m.dialect.chat(turns); parts != nil {
		return parts
	}
	var w writer
	if _, ok := m.Tokenizer.ID(tokenizer.TurnStart); ok {
		if len(turns) > 0 && turns[0].Role != "system" {
			turns = slices.Insert(slices.Clone(turns), 0, Turn{"system", []Part{{Text: tokenizer.DefaultSystem}}})
		}
		for _, t := range append(turns, Turn{Role: "assistant"}) {
			w.text(tokenizer.TurnStart + t.Role + "\n")
			for _, p := range t.Parts {
				w.part(p)
			}
			if len(t.Parts) > 0 {
				w.text(tokenizer.TurnEnd + "\n")
			}
		}
		return w.parts
	}
	for i, t := range turns {
		if i > 0 {
			w.text("\n")
		}
		for _, p := range t.Parts {
			w.part(p)
		}
	}
	return w.parts
}

// ChoiceIDs are the tokens of a text that could stand behind a page.
func (m *Model) ChoiceIDs(page []Part, text string) []int32 {
	return m.dialect.behind(m.Tokenizer, m.dialect.page(page), text)
}

// Split is where the tokens of a page begin that see none of its first pictures: at the picture behind them. 0: there is none.
func (m *Model) Split(ids []int32, pictures int) int {
	for i, id := range ids {
		if id != m.dialect.image() {
			continue
		}
		if pictures == 0 {
			return i
		}
		pictures--
	}
	return 0
}

// TextOnly is how many examples without pictures Prompt puts before a question that has none, of its own.
func (m *Model) TextOnly() int { return m.dialect.textOnly() }

// PictureIDs are the tokens of a picture, and the token that a page begins with (−1: none).
func (m *Model) PictureIDs() (ids []int32, begin int32) {
	ids, _ = m.Encode([]Part{{Picture: true}})
	if _, _, begin = m.PageTokens(); begin >= 0 && len(ids) > 0 && ids[0] == begin {
		return ids[1:], begin
	}
	return ids, -1
}

// Seen says which of a page's pictures each of its tokens sees: [len(ids), pictures], 0 hides.
func (m *Model) Seen(ids []int32, pictures int) []uint8 { return m.dialect.seen(ids, pictures) }

// writer makes a page of which no two texts stand side by side.
type writer struct{ parts []Part }

func (w *writer) part(p Part) {
	if n := len(w.parts); !p.Picture && n > 0 && !w.parts[n-1].Picture {
		w.parts[n-1].Text += p.Text
	} else if p.Picture || p.Text != "" {
		w.parts = append(w.parts, p)
	}
}

func (w *writer) text(s string) { w.part(Part{Text: s}) }

func (w *writer) pictures(n int) {
	for range n {
		w.part(Part{Picture: true})
	}
}

// wording is what stands before an answer: around a question, or in its place.
type wording struct{ question, answer, description string }

// before is what stands before the answer to a question, or, without one, before a description.
func (v wording) before(question string) string {
	if question == "" {
		return v.description
	}
	return v.question + question + v.answer
}

// page writes examples, each with its pictures and said as said has it, and then what is asked.
func (v wording) page(shots []Shot, ask Shot, said func(text string) string) []Part {
	var w writer
	write := func(s Shot) {
		w.pictures(s.Pictures)
		w.text(v.before(s.Question))
	}
	for _, s := range shots {
		write(s)
		w.text(said(s.Text))
	}
	write(ask)
	return w.parts
}

// Unmarked is a text of a page without what spells a picture's token: as a page is learnt from, a text holds none.
func (m *Model) Unmarked(text string) string {
	return strings.ReplaceAll(text, m.Tokenizer.Token(m.dialect.image()), "")
}

// check refuses a text whose picture tokens are not as many as its pictures.
func (m *Model) check(ids []int32, pictures int) error {
	tokens := m.Pictures(ids)
	if tokens == pictures {
		return nil
	}
	return hint.Wrap(fmt.Errorf("%s for %s in the text", plural.Of(pictures, "picture"), plural.Of(tokens, "picture token")),
		"leave %s out of the text: each picture of a page brings its own", m.Tokenizer.Token(m.dialect.image()))
}
