package flamingo

import (
	"fmt"

	"dragoman/internal/hint"
)

// Part is a stretch of a page: text, or a picture in its place.
type Part struct {
	Text    string
	Picture bool
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

// check refuses a text whose picture tokens are not as many as its pictures.
func (m *Model) check(ids []int32, pictures int) error {
	tokens := 0
	for _, id := range ids {
		if id == m.dialect.image() {
			tokens++
		}
	}
	if tokens == pictures {
		return nil
	}
	return hint.Wrap(fmt.Errorf("%d pictures for %d picture tokens in the text", pictures, tokens),
		"leave %s out of the text: each picture of a page brings its own", m.Tokenizer.Token(m.dialect.image()))
}

// repeat is n pictures.
func repeat(n int) []Part {
	parts := make([]Part, n)
	for i := range parts {
		parts[i].Picture = true
	}
	return parts
}
