package tokenizer

import (
	"fmt"
	"unicode/utf8"
)

// vocabulary is tokens by id and ids by token. Ids may have holes.
type vocabulary struct {
	tokens []string
	ids    map[string]int32
}

// maxVocabulary bounds the ids that a file may claim.
const maxVocabulary = 1 << 24

// newVocabulary orders a file's map of tokens.
func newVocabulary(ids map[string]int32) (vocabulary, error) {
	size := 0
	for token, id := range ids {
		if id < 0 || id >= maxVocabulary {
			return vocabulary{}, fmt.Errorf("token %.40q has id %d", token, id)
		}
		size = max(size, int(id)+1)
	}
	if size > 64*len(ids)+1024 {
		return vocabulary{}, fmt.Errorf("%d tokens with ids up to %d", len(ids), size-1)
	}
	v := vocabulary{make([]string, size), ids}
	for token, id := range ids {
		if v.tokens[id] != "" {
			return vocabulary{}, fmt.Errorf("tokens %.40q and %.40q both have id %d", v.tokens[id], token, id)
		}
		v.tokens[id] = token
	}
	return v, nil
}

func (v *vocabulary) id(token string) (int32, bool) {
	id, ok := v.ids[token]
	return id, ok
}

func (v *vocabulary) token(id int32) (string, bool) {
	if id < 0 || int(id) >= len(v.tokens) {
		return "", false
	}
	token := v.tokens[id]
	if token == "" { // a hole, or the empty token
		back, ok := v.ids[""]
		return "", ok && back == id
	}
	return token, true
}

func (v *vocabulary) size() int { return len(v.tokens) }

// bpe is byte pair encoding: a word begins as its characters, and of all
// neighbours the pair that comes first in the list of merges is joined, the
// leftmost where it occurs twice, until no pair is in the list.
type bpe struct {
	vocabulary
	merges       map[pair]merge
	unknown      int32 // None: characters that no token has are dropped
	fuseUnknown  bool  // a run of unknown characters is one unknown token
	byteFallback bool  // they are spelled as <0x0A> where those tokens exist
	ignoreMerges bool  // a word that is a token is that token
	prefix       string
	suffix       string

	bytes [256]int32 // the ids of <0x00> … <0xFF>

	cache wordCache
}

type pair struct{ left, right int32 }

// merge is a pair's place in the list, and the token that it makes.
type merge struct{ rank, id int32 }

// newBPE builds the table of merges.
func newBPE(v vocabulary, merges [][2]string, prefix string) (*bpe, error) {
	b := &bpe{vocabulary: v, unknown: None, prefix: prefix, merges: make(map[pair]merge, len(merges))}
	for i, m := range merges {
		left, okLeft := v.id(m[0])
		right, okRight := v.id(m[1])
		tail := m[1]
		if len(prefix) > 0 && len(tail) >= len(prefix) && tail[:len(prefix)] == prefix {
			tail = tail[len(prefix):]
		}
		joined, okJoined := v.id(m[0] + tail)
		if !okLeft || !okRight || !okJoined {
			return nil, fmt.Errorf("merge %d: %.40q and %.40q, or the two joined, are not in the vocabulary", i, m[0], m[1])
		}
		// Of a pair that is listed twice the later place counts, as in the
		// reference.
		b.merges[pair{left, right}] = merge{int32(i), joined}
	}
	for i := range b.bytes {
		b.bytes[i] = None
		if id, ok := v.id(fmt.Sprintf("<0x%02X>", i)); ok {
			b.bytes[i] = id
		}
	}
	return b, nil
}

func (b *bpe) tokenize(ids []int32, word string) []int32 {
	if b.ignoreMerges {
		if id, ok := b.ids[word]; ok {
			return append(ids, id)
		}
	}
	return b.cache.appendIDs(ids, word, func(ids []int32, word string) []int32 {
		return append(ids, b.join(b.characters(word))...)
	})
}

// characters is the tokens of a word's characters.
func (b *bpe) characters(word string) []int32 {
	ids := make([]int32, 0, len(word))
	unknown := false // as in the reference, it waits for the next character that is a token, not for one that is spelled by bytes
	for at := 0; at < len(word); {
		_, size := utf8.DecodeRuneInString(word[at:])
		char := word[at : at+size]
		spelled := char
		if at > 0 && b.prefix != "" {
			spelled = b.prefix + spelled
		}
		at += size
		if at == len(word) && b.suffix != "" {
			spelled += b.suffix
		}
		if id, ok := b.ids[spelled]; ok {
			if unknown {
				ids = append(ids, b.unknown)
			}
			ids, unknown = append(ids, id), false
			continue
		}
		if b.byteFallback { // the mark of a word's part or end is spelled too, as in the reference
			if spelt, ok := appendBytes(ids, &b.bytes, spelled); ok {
				ids = spelt
				continue
			}
		}
		if unknown && !b.fuseUnknown {
			ids = append(ids, b.unknown)
		}
		unknown = b.unknown != None
	}
	if unknown {
		ids = append(ids, b.unknown)
	}
	return ids
}

// appendBytes spells text with the tokens of its bytes, if there are all.
func appendBytes(ids []int32, bytes *[256]int32, text string) ([]int32, bool) {
	begin := len(ids)
	for i := 0; i < len(text); i++ {
		if bytes[text[i]] == None {
			return ids[:begin], false
		}
		ids = append(ids, bytes[text[i]])
	}
	return ids, true
}

// join merges ids in place.
func (b *bpe) join(ids []int32) []int32 {
	if len(ids) > 48 {
		return b.joinLong(ids)
	}
	for len(ids) > 1 {
		best, at := merge{rank: -1}, 0
		for i := 1; i < len(ids); i++ {
			m, ok := b.merges[pair{ids[i-1], ids[i]}]
			if ok && (best.rank < 0 || m.rank < best.rank) {
				best, at = m, i
			}
		}
		if best.rank < 0 {
			break
		}
		ids[at-1] = best.id
		ids = append(ids[:at], ids[at+1:]...)
	}
	return ids
}

// joinLong does the same with a queue of the pairs that can be merged, over a
// linked list: a text without spaces may be one word of millions of characters.
func (b *bpe) joinLong(ids []int32) []int32 {
	symbols := make([]symbol, len(ids))
	queue := make(mergeQueue, 0, len(ids))
	for i, id := range ids {
		symbols[i] = symbol{id, int32(i - 1), int32(i + 1)}
		if i > 0 {
			if m, ok := b.merges[pair{ids[i-1], id}]; ok {
				queue = append(queue, newCandidate(m, int32(i-1), pair{ids[i-1], id}))
			}
		}
	}
	queue.order()
	end := int32(len(ids))
	for len(queue) > 0 {
		c := queue.pop()
		at := c.at()
		left := &symbols[at]
		// The pair may have been broken up by an earlier merge.
		if left.id != c.pair.left || left.next == end || symbols[left.next].id != c.pair.right {
			continue
		}
		right := left.next
		left.id, left.next = c.id, symbols[right].next
		symbols[right].id = None
		if left.next != end {
			symbols[left.next].previous = at
			b.push(&queue, symbols, at, left.next)
		}
		if left.previous >= 0 {
			b.push(&queue, symbols, left.previous, at)
		}
	}
	out := ids[:0]
	for _, s := range symbols {
		if s.id != None {
			out = append(out, s.id)
		}
	}
	return out
}

// push queues two neighbours if they can be merged.
func (b *bpe) push(queue *mergeQueue, symbols []symbol, left, right int32) {
	p := pair{symbols[left].id, symbols[right].id}
	if m, ok := b.merges[p]; ok {
		queue.push(newCandidate(m, left, p))
	}
}

// symbol is a token in a linked list; a token that was merged into the one
// before it has the id None.
type symbol struct{ id, previous, next int32 }

// candidate is a merge that was possible when it was queued, of the pair whose left half was at a place.
type candidate struct {
	key  uint64 // its rank, and below that the place
	pair pair
	id   int32
}

func newCandidate(m merge, at int32, p pair) candidate {
	return candidate{uint64(m.rank)<<32 | uint64(at), p, m.id}
}

func (c candidate) at() int32 { return int32(uint32(c.key)) }

// mergeQueue is a heap, the first rank and the leftmost place on top. Package container/heap calls a function for each comparison and
// allocates for each entry, of which a long word has millions.
type mergeQueue []candidate

// order makes a heap of a list.
func (q mergeQueue) order() {
	for i := len(q)/2 - 1; i >= 0; i-- {
		q.sink(i, q[i])
	}
}

func (q *mergeQueue) push(c candidate) {
	*q = append(*q, c)
	list := *q
	i := len(list) - 1
	for i > 0 && c.key < list[(i-1)/2].key {
		list[i] = list[(i-1)/2]
		i = (i - 1) / 2
	}
	list[i] = c
}

func (q *mergeQueue) pop() candidate {
	list := *q
	top, last := list[0], list[len(list)-1]
	*q = list[:len(list)-1]
	if len(*q) > 0 {
		q.sink(0, last)
	}
	return top
}

// sink puts c at place i, or below, so that nothing stands below what comes later.
func (q mergeQueue) sink(i int, c candidate) {
	for {
		next := 2*i + 1
		if next >= len(q) {
			break
		}
		if next+1 < len(q) && q[next+1].key < q[next].key {
			next++
		}
		if c.key <= q[next].key {
			break
		}
		q[i] = q[next]
		i = next
	}
	q[i] = c
}
