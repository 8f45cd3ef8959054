package flamingo

import (
	"strings"

	"dragoman/tokenizer"
)

// ownDialect writes pages as OpenFlamingo does, and examples as short as can be: a picture, what is said of it, the end. Nothing need stand
// before a picture without examples, since pairs are part of what such a system learns from.
//
//	<|endoftext|><image> a tabby cat<|endofchunk|><image> a brown dog<|endofchunk|><image>
type ownDialect struct {
	*openFlamingo
	begin, prompt string
	eos           []int32
}

// beginning is the token that stands before pages where a configuration names none.
func beginning(t *tokenizer.Pipeline) string {
	if len(t.Encode("", true)) > 0 {
		return ""
	}
	const documents = "<|endoftext|>"
	if _, ok := t.ID(documents); ok {
		return documents
	}
	for _, id := range []int32{t.Special().BOS, t.Special().EOS} {
		if id != tokenizer.None {
			return t.Token(id)
		}
	}
	return ""
}

func newOwnDialect(t *tokenizer.Pipeline, layers, begin, prompt string, eos []int32) (*ownDialect, error) {
	if err := t.AddSpecial(endOfChunk, imageToken); err != nil {
		return nil, err
	}
	return &ownDialect{openFlamingo: marked(t, layers), begin: begin, prompt: prompt, eos: eos}, nil
}

func (d *ownDialect) stop() []int32                { return append(d.openFlamingo.stop(), d.eos...) }
func (d *ownDialect) inputs() (pixels, ids string) { return "pixel_values", "input_ids" }

func (d *ownDialect) page(parts []Part) string { return d.begin + d.openFlamingo.page(parts) }

func (d *ownDialect) shots(shots []Shot, ask Shot) []Part {
	return d.wording().page(shots, ask, d.said)
}

func (d *ownDialect) wording() wording { return wording{"Question: ", " Answer:", d.prompt} }

func (d *ownDialect) textOnly() int { return 0 }

// behind is a text as one that goes on.
func (d *ownDialect) behind(t tokenizer.Tokenizer, _, text string) []int32 {
	return t.Encode(" "+strings.TrimSpace(text), false)
}

// said is what stands behind a picture, or a prompt: a text, as one that goes on, and its end.
func (d *ownDialect) said(text string) string { return " " + strings.TrimSpace(text) + endOfChunk }
