package tokenizer

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// unknownPenalty is how much worse an unknown character scores than the worst
// token, as in SentencePiece.
const unknownPenalty = 10

// unigram splits a word into the tokens whose scores have the highest sum.
type unigram struct {
	vocabulary
	scores       []float64
	unknown      int32
	unknownScore float64
	byteFallback bool
	bytes        [256]int32
	trie         trie
	cache        wordCache
}

// newUnigram builds the search tree of the tokens.
func newUnigram(tokens []string, scores []float64, unknown int32, fallback bool) (*unigram, error) {
	if len(tokens) == 0 {
		return nil, errors.New("an empty vocabulary")
	}
	if unknown != None && (unknown < 0 || int(unknown) >= len(tokens)) {
		return nil, fmt.Errorf("the unknown token's id is %d of %d", unknown, len(tokens))
	}
	u := &unigram{scores: scores, unknown: unknown, byteFallback: fallback}
	u.tokens, u.ids = tokens, make(map[string]int32, len(tokens))
	lowest := scores[0]
	for i, token := range tokens {
		if len(token) > maxReplacement {
			return nil, fmt.Errorf("token %d has %d bytes", i, len(token))
		}
		if _, twice := u.ids[token]; twice && token == "" { // the first could not be told from no token
			return nil, fmt.Errorf("token %d is empty, and not the first that is", i)
		}
		u.ids[token] = int32(i)
		lowest = min(lowest, scores[i])
	}
	for token, id := range u.ids {
		u.trie.add(token, id)
	}
	for i := range u.bytes {
		u.bytes[i] = None
		if id, ok := u.ids[fmt.Sprintf("<0x%02X>", i)]; ok {
			u.bytes[i] = id
		}
	}
	u.unknownScore = lowest - unknownPenalty
	return u, nil
}

// best is the best way found to a place in the word: the token that ends there
// and where it begins.
type best struct {
	score float64
	from  int
	id    int32
	known bool
}

func (u *unigram) tokenize(ids []int32, word string) []int32 {
	return u.cache.appendIDs(ids, word, u.split)
}

// split finds the best way to each place, then walks back from the end.
func (u *unigram) split(ids []int32, word string) []int32 {
	ways := make([]best, len(word)+1)
	ways[0].known = true
	for at := 0; at < len(word); {
		_, size := utf8.DecodeRuneInString(word[at:])
		single := false
		score := ways[at].score
		u.trie.walk(word[at:], func(length int, id int32) {
			offer(&ways[at+length], best{score + u.scores[id], at, id, true})
			single = single || length == size
		})
		if !single {
			offer(&ways[at+size], best{score + u.unknownScore, at, None, true})
		}
		at += size
	}
	begin := len(ids)
	for end := len(word); end > 0; {
		w := ways[end]
		from := w.from
		if w.id == None || w.id == u.unknown {
			// A run of unknown characters is one token, or its bytes.
			for from > 0 && (ways[from].id == None || ways[from].id == u.unknown) {
				from = ways[from].from
			}
			ids = u.appendUnknown(ids, word[from:end])
		} else {
			ids = append(ids, w.id)
		}
		end = from
	}
	reverse(ids[begin:])
	return ids
}

// offer keeps the better of two ways; the first of equals.
func offer(way *best, other best) {
	if !way.known || other.score > way.score {
		*way = other
	}
}

// appendUnknown appends, last first, what stands for text without tokens.
func (u *unigram) appendUnknown(ids []int32, text string) []int32 {
	if id, ok := u.ids[text]; ok {
		return append(ids, id)
	}
	if u.byteFallback {
		if spelt, ok := appendBytes(ids, &u.bytes, text); ok {
			reverse(spelt[len(ids):])
			return spelt
		}
	}
	if u.unknown == None {
		return ids
	}
	return append(ids, u.unknown)
}

func reverse(ids []int32) {
	for i, j := 0, len(ids)-1; i < j; i, j = i+1, j-1 {
		ids[i], ids[j] = ids[j], ids[i]
	}
}

// trie finds the tokens that a text begins with. A node's children are found in
// one map for all nodes, by the node's number and the byte.
type trie struct {
	children map[trieEdge]int32
	tokens   []int32 // the token that ends at a node, or None
}

type trieEdge struct {
	node int32
	char byte
}

func (t *trie) add(token string, id int32) {
	if t.children == nil {
		t.children, t.tokens = map[trieEdge]int32{}, []int32{None}
	}
	if token == "" {
		return
	}
	node := int32(0)
	for i := 0; i < len(token); i++ {
		edge := trieEdge{node, token[i]}
		next, ok := t.children[edge]
		if !ok {
			next = int32(len(t.tokens))
			t.children[edge] = next
			t.tokens = append(t.tokens, None)
		}
		node = next
	}
	t.tokens[node] = id
}

// walk reports every token that text begins with, the shortest first.
func (t *trie) walk(text string, found func(length int, id int32)) {
	node := int32(0)
	for i := 0; i < len(text); i++ {
		next, ok := t.children[trieEdge{node, text[i]}]
		if !ok {
			return
		}
		node = next
		if id := t.tokens[node]; id != None {
			found(i+1, id)
		}
	}
}
