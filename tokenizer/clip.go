package tokenizer

import (
	"encoding/json"
	"strings"
	"unicode"
)

// CLIP's words end in a mark, and its texts in these tokens.
const (
	clipSuffix = "</w>"
	clipStart  = "<|startoftext|>"
	clipEnd    = "<|endoftext|>"
)

// isCLIP says whether old files are CLIP's: the configuration says so, or, where there is none, the vocabulary.
func (c *jsonConfig) isCLIP(vocab []byte) bool {
	if !c.silent && c.Class != "" {
		return c.isClass("CLIPTokenizer")
	}
	var ids map[string]int32
	if json.Unmarshal(vocab, &ids) != nil {
		return false
	}
	_, start := ids[clipStart]
	_, mark := ids["a"+clipSuffix]
	return start && mark
}

// clipParts are what transformers' CLIPTokenizer puts around byte pair encoding, as a tokenizer.json says it.
const (
	clipNormalizer   = `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]}`
	clipPreTokenizer = `{"type":"Sequence","pretokenizers":[{"type":"Split","behavior":"Removed","invert":true,"pattern":{"Regex":
		"<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"}},
		{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]}`
)

// clip reads CLIP's vocab.json and merges.txt.
func (c jsonConfig) clip(vocab, merges []byte) (*Pipeline, error) {
	p, err := newGPT2(vocab, merges)
	if err != nil {
		return nil, err
	}
	if p.normalizer, err = newNormalizer([]byte(clipNormalizer), 0); err != nil {
		return nil, err
	}
	if p.preTokenizer, err = newPreTokenizer([]byte(clipPreTokenizer), 0); err != nil {
		return nil, err
	}
	model := p.model.(*bpe)
	model.suffix = clipSuffix
	names := noSpecial
	if id, ok := model.id(clipEnd); ok {
		model.unknown = id
		names.EOS, names.Unknown, names.Pad = id, id, id
	}
	if id, ok := model.id(clipStart); ok {
		names.BOS = id
	}
	c.defaults(names, p)
	if err := c.apply(p); err != nil {
		return nil, err
	}
	c.ends(p, true, true)
	p.decoder = decoders{p.decoder, wordEnds{}}
	return p, nil
}

// wordEnds turns the marks at the ends of CLIP's words into spaces, but for those at the ends of the text.
type wordEnds struct{}

func (wordEnds) decode(tokens []string) []string {
	return []string{strings.TrimFunc(strings.ReplaceAll(join(tokens, ""), clipSuffix, " "), isPythonSpace)}
}

// isPythonSpace is what Python's str.strip takes away: Unicode's spaces, and the separators of files, groups, records and units.
func isPythonSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
