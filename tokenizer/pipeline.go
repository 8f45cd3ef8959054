package tokenizer

import "unicode/utf8"

// Pipeline is a tokenizer assembled from parts. It does not change once made.
type Pipeline struct {
	normalizer   normalizer   // nil: the text as it is
	preTokenizer preTokenizer // nil: one word
	model        model
	post         postProcessor // nil: nothing is added
	decoder      decoder       // nil: tokens joined by spaces
	added        addedTokens
	special      Special
	cleanUp      bool // Decode takes out spaces before punctuation
}

var _ Tokenizer = (*Pipeline)(nil)

// word is a piece of text on its way to the model; first says that the text
// begins with it.
type word struct {
	text  string
	first bool
}

type (
	normalizer interface{ normalize(text string) string }

	// preTokenizer splits a word and appends the parts to words.
	preTokenizer interface {
		split(words []word, w word) []word
	}

	model interface {
		// tokenize appends the ids of a word.
		tokenize(ids []int32, word string) []int32
		id(token string) (int32, bool)
		token(id int32) (string, bool)
		size() int
	}

	// postProcessor puts special tokens around ids.
	postProcessor interface{ process(ids []int32) []int32 }

	// decoder turns tokens into the pieces of a text.
	decoder interface {
		decode(tokens []string) []string
	}
)

// Encode splits text into ids.
func (p *Pipeline) Encode(text string, special bool) []int32 {
	if !utf8.ValidString(text) {
		text = toValid(text)
	}
	ids := make([]int32, 0, len(text)/3+4)
	var words []word
	for _, piece := range p.added.split(text, false) {
		if piece.id != None {
			ids = append(ids, piece.id)
			continue
		}
		if p.normalizer != nil {
			piece.first = piece.first && marksFirst(p.preTokenizer) && !losesBeginning(p.normalizer, piece.text)
			piece.text = p.normalizer.normalize(piece.text)
		}
		for _, inner := range p.added.split(piece.text, true) {
			if inner.id != None {
				ids = append(ids, inner.id)
				continue
			}
			if inner.text == "" {
				continue
			}
			w := word{inner.text, piece.first && inner.first}
			if p.preTokenizer == nil {
				ids = p.model.tokenize(ids, w.text)
				continue
			}
			words = p.preTokenizer.split(words[:0], w)
			for _, w := range words {
				if w.text != "" {
					ids = p.model.tokenize(ids, w.text)
				}
			}
		}
	}
	if special && p.post != nil {
		ids = p.post.process(ids)
	}
	return ids
}

// Decode joins the text of ids.
func (p *Pipeline) Decode(ids []int32, skipSpecial bool) string {
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		token, ok := p.lookup(id)
		if ok && !(skipSpecial && p.added.special[id]) {
			tokens = append(tokens, token)
		}
	}
	var text string
	if p.decoder == nil {
		text = join(tokens, " ")
	} else {
		text = toValid(join(p.decoder.decode(tokens), ""))
	}
	if p.cleanUp {
		text = cleanUp(text)
	}
	return text
}

// lookup finds a token by its id, added tokens first.
func (p *Pipeline) lookup(id int32) (string, bool) {
	if token, ok := p.added.byID[id]; ok {
		return token, true
	}
	return p.model.token(id)
}

// ID is the id of a token.
func (p *Pipeline) ID(token string) (int32, bool) {
	if id, ok := p.added.byText[token]; ok {
		return id, true
	}
	return p.model.id(token)
}

// Token is a token as the vocabulary spells it.
func (p *Pipeline) Token(id int32) string {
	token, _ := p.lookup(id)
	return token
}

// Size is one more than the highest id.
func (p *Pipeline) Size() int { return max(p.model.size(), p.added.size) }

// Special is the ids of the tokens with a role.
func (p *Pipeline) Special() Special { return p.special }
