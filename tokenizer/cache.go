package tokenizer

import "sync"

// Words are remembered up to this many, and up to this length.
const (
	cacheWords = 1 << 15
	cacheBytes = 64
)

// wordCache remembers the ids of words, most of which occur again and again.
type wordCache struct {
	mu    sync.RWMutex
	words map[string][]int32
}

// appendIDs appends the ids of a word, splitting it where it is not remembered.
func (c *wordCache) appendIDs(ids []int32, word string, split func(ids []int32, word string) []int32) []int32 {
	if len(word) > cacheBytes {
		return split(ids, word)
	}
	c.mu.RLock()
	known, ok := c.words[word]
	c.mu.RUnlock()
	if !ok {
		known = split(nil, word)
		c.mu.Lock()
		if c.words == nil || len(c.words) >= cacheWords {
			c.words = map[string][]int32{}
		}
		c.words[word] = known
		c.mu.Unlock()
	}
	return append(ids, known...)
}
