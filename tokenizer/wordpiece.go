package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// wordPiece splits a word into the longest tokens there are, from the left;
// those inside a word are spelled with a prefix. A word that cannot be split,
// or is too long, is one unknown token.
type wordPiece struct {
	vocabulary
	unknown  int32
	prefix   string
	maxRunes int
	cache    wordCache
}

func (w *wordPiece) tokenize(ids []int32, word string) []int32 {
	return w.cache.appendIDs(ids, word, w.split)
}

func (w *wordPiece) split(ids []int32, word string) []int32 {
	if utf8.RuneCountInString(word) > w.maxRunes {
		return w.appendUnknown(ids)
	}
	begin := len(ids)
	candidate := make([]byte, 0, len(w.prefix)+len(word))
	for at := 0; at < len(word); {
		candidate = candidate[:0]
		if at > 0 {
			candidate = append(candidate, w.prefix...)
		}
		head := len(candidate)
		candidate = append(candidate, word[at:]...)
		id, found := w.ids[string(candidate)]
		for !found && len(candidate) > head {
			_, size := utf8.DecodeLastRune(candidate[head:])
			candidate = candidate[:len(candidate)-size]
			if len(candidate) > head {
				id, found = w.ids[string(candidate)]
			}
		}
		if !found {
			return w.appendUnknown(ids[:begin])
		}
		ids = append(ids, id)
		at += len(candidate) - head
	}
	return ids
}

func (w *wordPiece) appendUnknown(ids []int32) []int32 {
	if w.unknown == None {
		return ids
	}
	return append(ids, w.unknown)
}

// wordPieceDecoder joins words with spaces and their inner pieces without; with
// cleanup the spaces before punctuation and contractions go too.
type wordPieceDecoder struct {
	prefix  string
	cleanup bool
}

func (d wordPieceDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		if i > 0 {
			inner, ok := strings.CutPrefix(token, d.prefix)
			if ok {
				token = inner
			} else {
				token = " " + token
			}
		}
		if d.cleanup {
			token = cleanUpPiece(token)
		}
		out[i] = token
	}
	return out
}

// cleanUpPiece is cleanUp, and a contraction besides.
func cleanUpPiece(text string) string { return strings.ReplaceAll(cleanUp(text), " do not", " don't") }

var cleanUps = []string{
	" .", ".", " ?", "?", " !", "!", " ,", ",", " ' ", "'", " n't", "n't", " 'm", "'m",
	" 's", "'s", " 've", "'ve", " 're", "'re",
}

// cleanUp takes out the spaces that splitting English put in.
func cleanUp(text string) string {
	for i := 0; i < len(cleanUps); i += 2 {
		text = strings.ReplaceAll(text, cleanUps[i], cleanUps[i+1])
	}
	return text
}
