package tokenizer

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/rivo/uniseg"
)

// precompiled is SentencePiece's table of replacements: a double-array trie of
// what is replaced, and the replacements, each ended by a zero byte.
type precompiled struct {
	units []uint32
	texts string
}

// newPrecompiled reads the table: the trie's size in bytes, the trie, the
// texts. An empty table replaces nothing.
func newPrecompiled(table []byte) (normalizer, error) {
	if len(table) == 0 {
		return normalizers(nil), nil
	}
	if len(table) < 4 {
		return nil, errors.New("precompiled_charsmap: truncated")
	}
	size := binary.LittleEndian.Uint32(table)
	if size%4 != 0 || uint64(size) > uint64(len(table)-4) {
		return nil, errors.New("precompiled_charsmap: truncated")
	}
	p := &precompiled{units: make([]uint32, size/4), texts: string(table[4+size:])}
	for i := range p.units {
		p.units[i] = binary.LittleEndian.Uint32(table[4+4*i:])
	}
	return p, nil
}

// normalize replaces short grapheme clusters as a whole where the table has
// them, otherwise their characters one by one.
func (p *precompiled) normalize(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	for state := -1; len(text) > 0; {
		var cluster string
		cluster, text, _, state = uniseg.FirstGraphemeClusterInString(text, state)
		if len(cluster) < 6 {
			if with, ok := p.lookup(cluster); ok {
				out.WriteString(with)
				continue
			}
		}
		for _, r := range cluster {
			char := string(r)
			if with, ok := p.lookup(char); ok {
				out.WriteString(with)
			} else {
				out.WriteString(char)
			}
		}
	}
	return out.String()
}

// lookup is the replacement of the shortest entry that key begins with, which
// is how the reference reads the table.
func (p *precompiled) lookup(key string) (string, bool) {
	value, ok := p.find(key)
	if !ok || int(value) >= len(p.texts) {
		return "", false
	}
	text := p.texts[value:]
	end := strings.IndexByte(text[:min(len(text), maxReplacement)], 0)
	if end < 0 {
		return "", false
	}
	return text[:end], true
}

// find walks the double array. A unit holds a label (low byte and top bit), an
// offset to its children (from bit 10, times 256 where bit 9 is set), and in
// bit 8 whether a value hangs there.
func (p *precompiled) find(key string) (value uint32, ok bool) {
	if len(p.units) == 0 {
		return 0, false
	}
	offset := func(unit uint32) uint32 { return unit >> 10 << (unit & (1 << 9) >> 6) }
	node := offset(p.units[0])
	for i := 0; i < len(key) && key[i] != 0; i++ {
		node ^= uint32(key[i])
		if int(node) >= len(p.units) {
			return 0, false
		}
		unit := p.units[node]
		if unit&(1<<31|0xff) != uint32(key[i]) {
			return 0, false
		}
		node ^= offset(unit)
		if int(node) >= len(p.units) {
			return 0, false
		}
		if unit>>8&1 == 1 {
			return p.units[node] & (1<<31 - 1), true
		}
	}
	return 0, false
}
