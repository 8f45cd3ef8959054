package tokenizer

import (
	"fmt"
	"strings"

	"dragoman/internal/plainjson"
)

// FromVocabTxt builds BERT's tokenizer from its list of word pieces, one a
// line. With lower the text is lower-cased and its accents are dropped, as for
// the uncased models.
func FromVocabTxt(data []byte, lower bool) (*Pipeline, error) {
	p, words, err := newBERT(data, bertNormalizer{clean: true, chinese: true, accents: lower, lower: lower})
	if err != nil {
		return nil, err
	}
	p.special = guessSpecial(p)
	words.unknown = p.special.Unknown
	return p, p.endBERT(words)
}

// newBERT reads the list of word pieces; the special ones have no roles yet.
func newBERT(data []byte, clean bertNormalizer) (*Pipeline, *wordPiece, error) {
	lines := strings.Split(strings.TrimRight(string(data), "\r\n"), "\n")
	if len(lines) > maxVocabulary {
		return nil, nil, fmt.Errorf("vocab.txt: %d lines", len(lines))
	}
	v := vocabulary{make([]string, len(lines)), make(map[string]int32, len(lines))}
	for i, line := range lines {
		line = strings.TrimRight(line, "\r")
		v.tokens[i], v.ids[line] = line, int32(i) // of two the last counts
	}
	w := &wordPiece{vocabulary: v, unknown: None, prefix: "##", maxRunes: 100}
	p := &Pipeline{normalizer: clean, preTokenizer: bertPreTokenize, model: w, decoder: wordPieceDecoder{"##", true}, special: noSpecial}
	var added []addedToken
	for _, name := range []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"} {
		if id, ok := v.ids[name]; ok {
			added = append(added, addedToken{text: name, id: id, special: true})
		}
	}
	p.added = newAddedTokens(added, p.normalizer)
	return p, w, nil
}

// endBERT puts the special tokens around texts, now that they are known.
func (p *Pipeline) endBERT(w *wordPiece) error {
	if w.unknown == None {
		return fmt.Errorf("vocab.txt: no unknown token ([UNK]) among %d lines", len(w.tokens))
	}
	if p.special.CLS != None && p.special.Sep != None {
		p.post = template{[]int32{p.special.CLS}, []int32{p.special.Sep}}
	}
	return nil
}

// FromMerges builds GPT-2's tokenizer (byte-level BPE) from its vocab.json and
// merges.txt. Which tokens are special, those files do not tell: the usual
// names are taken.
func FromMerges(vocab, merges []byte) (*Pipeline, error) {
	p, err := newGPT2(vocab, merges)
	if err != nil {
		return nil, err
	}
	var added []addedToken
	for _, usual := range usualNames {
		for _, name := range usual.names {
			if id, ok := p.model.id(name); ok {
				added = append(added, addedToken{text: name, id: id, special: true})
			}
		}
	}
	p.added = newAddedTokens(added, nil)
	p.special = guessSpecial(p)
	return p, nil
}

// newGPT2 reads the vocabulary and the merges, without special tokens.
func newGPT2(vocab, merges []byte) (*Pipeline, error) {
	var ids map[string]int32
	if err := plainjson.Unmarshal(vocab, &ids); err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	v, err := newVocabulary(ids)
	if err != nil {
		return nil, fmt.Errorf("vocab.json: %w", err)
	}
	var lines []string
	for i, line := range strings.Split(string(merges), "\n") {
		line = strings.TrimRight(line, "\r")
		if line == "" || i == 0 && strings.HasPrefix(line, "#version") {
			continue
		}
		lines = append(lines, line)
	}
	pairs, err := splitMerges(lines)
	if err != nil {
		return nil, fmt.Errorf("merges.txt: %w", err)
	}
	b, err := newBPE(v, pairs, "")
	if err != nil {
		return nil, fmt.Errorf("merges.txt: %w", err)
	}
	return &Pipeline{model: b, preTokenizer: byteLevel{words: true}, decoder: byteLevelDecoder{}, special: noSpecial}, nil
}
