package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"

	"golang.org/x/text/unicode/norm"

	"dragoman/internal/plainjson"
)

// maxNesting bounds sequences within sequences.
const maxNesting = 8

var errNesting = errors.New("sequences nested too deeply")

// jsonPattern is a text or a regular expression to look for.
type jsonPattern struct {
	String *string `json:"String"`
	Regex  *string `json:"Regex"`
}

func (p jsonPattern) splitter() (splitter, error) {
	switch {
	case p.String != nil:
		return literal(*p.String), nil
	case p.Regex != nil:
		return newPattern(*p.Regex)
	}
	return nil, errors.New("no pattern")
}

// newNormalizer builds a normaliser; nil for none.
func newNormalizer(raw json.RawMessage, depth int) (normalizer, error) {
	if absent(raw) {
		return nil, nil
	}
	var n struct {
		Type         string            `json:"type"`
		Normalizers  []json.RawMessage `json:"normalizers"`
		CleanText    *bool             `json:"clean_text"`
		ChineseChars *bool             `json:"handle_chinese_chars"`
		StripAccents *bool             `json:"strip_accents"`
		Lowercase    *bool             `json:"lowercase"`
		StripLeft    bool              `json:"strip_left"`
		StripRight   bool              `json:"strip_right"`
		Prepend      string            `json:"prepend"`
		Pattern      jsonPattern       `json:"pattern"`
		Content      string            `json:"content"`
		Precompiled  []byte            `json:"precompiled_charsmap"`
	}
	if err := plainjson.Unmarshal(raw, &n); err != nil {
		return nil, err
	}
	if err := checkLengths(n.Prepend, n.Content); err != nil {
		return nil, err
	}
	switch n.Type {
	case "Sequence":
		if depth == maxNesting {
			return nil, errNesting
		}
		var list normalizers
		for _, raw := range n.Normalizers {
			inner, err := newNormalizer(raw, depth+1)
			if err != nil {
				return nil, err
			}
			if inner != nil {
				list = append(list, inner)
			}
		}
		return list, nil
	case "BertNormalizer":
		lower := orTrue(n.Lowercase)
		accents := lower // by default they go with the case
		if n.StripAccents != nil {
			accents = *n.StripAccents
		}
		return bertNormalizer{orTrue(n.CleanText), orTrue(n.ChineseChars), accents, lower}, nil
	case "NFC":
		return unicodeForm(norm.NFC), nil
	case "NFD":
		return unicodeForm(norm.NFD), nil
	case "NFKC":
		return unicodeForm(norm.NFKC), nil
	case "NFKD":
		return unicodeForm(norm.NFKD), nil
	case "Lowercase":
		return lowercase{}, nil
	case "StripAccents":
		return stripAccents{}, nil
	case "Strip":
		return strip{n.StripLeft, n.StripRight}, nil
	case "Prepend":
		return prepend(n.Prepend), nil
	case "Replace":
		pattern, err := n.Pattern.splitter()
		return replace{pattern, n.Content}, err
	case "Nmt":
		return nmt{}, nil
	case "ByteLevel":
		return byteLevelNormalizer{}, nil
	case "Precompiled":
		return newPrecompiled(n.Precompiled)
	}
	return nil, fmt.Errorf("unknown type %.40q", n.Type)
}

// maxReplacement bounds what is put in a text's place, in bytes.
const maxReplacement = 1 << 10

// checkLengths refuses replacements that no tokenizer has.
func checkLengths(texts ...string) error {
	for _, text := range texts {
		if len(text) > maxReplacement {
			return fmt.Errorf("a replacement of %d bytes", len(text))
		}
	}
	return nil
}

func orTrue(b *bool) bool { return b == nil || *b }

// newPreTokenizer builds a pre-tokeniser; nil for none.
func newPreTokenizer(raw json.RawMessage, depth int) (preTokenizer, error) {
	if absent(raw) {
		return nil, nil
	}
	var p struct {
		jsonMetaspace
		Type          string            `json:"type"`
		Pretokenizers []json.RawMessage `json:"pretokenizers"`
		UseRegex      *bool             `json:"use_regex"`
		Pattern       jsonPattern       `json:"pattern"`
		Behavior      string            `json:"behavior"`
		Invert        bool              `json:"invert"`
		Individual    bool              `json:"individual_digits"`
		Delimiter     string            `json:"delimiter"`
		Length        *int              `json:"length"`
	}
	if err := plainjson.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	switch p.Type {
	case "Sequence":
		if depth == maxNesting {
			return nil, errNesting
		}
		var list preTokenizers
		for _, raw := range p.Pretokenizers {
			inner, err := newPreTokenizer(raw, depth+1)
			if err != nil {
				return nil, err
			}
			if inner != nil {
				list = append(list, inner)
			}
		}
		return list, nil
	case "ByteLevel":
		return byteLevel{orTrue(p.AddPrefixSpace), orTrue(p.UseRegex)}, nil
	case "Metaspace":
		return p.metaspace()
	case "Whitespace":
		return whitespace, nil
	case "WhitespaceSplit":
		return whitespaceSplit, nil
	case "BertPreTokenizer":
		return bertPreTokenize, nil
	case "Digits":
		if p.Individual {
			return eachDigit, nil
		}
		return digitRuns, nil
	case "Punctuation":
		b, err := newBehaviour(p.Behavior)
		return splitBy{runes(isPunctuation), b, false}, err
	case "CharDelimiterSplit":
		return splitBy{literal(p.Delimiter), removed, false}, nil
	case "FixedLength":
		if p.Length == nil {
			return fixedLength(5), nil
		}
		if *p.Length < 1 {
			return nil, fmt.Errorf("words of %d characters", *p.Length)
		}
		return fixedLength(*p.Length), nil
	case "Split":
		pattern, err := p.Pattern.splitter()
		if err != nil {
			return nil, err
		}
		b, err := newBehaviour(p.Behavior)
		return splitBy{pattern, b, p.Invert}, err
	}
	return nil, fmt.Errorf("unknown type %.40q", p.Type)
}

func newBehaviour(name string) (behaviour, error) {
	switch name {
	case "Removed":
		return removed, nil
	case "Isolated", "":
		return isolated, nil
	case "MergedWithPrevious":
		return mergedWithPrevious, nil
	case "MergedWithNext":
		return mergedWithNext, nil
	case "Contiguous":
		return contiguous, nil
	}
	return 0, fmt.Errorf("unknown behavior %.40q", name)
}

// jsonMetaspace is Metaspace's fields, in either generation.
type jsonMetaspace struct {
	Replacement    string  `json:"replacement"`
	AddPrefixSpace *bool   `json:"add_prefix_space"`
	PrependScheme  *string `json:"prepend_scheme"`
	Words          *bool   `json:"split"`
}

func (j jsonMetaspace) metaspace() (metaspace, error) {
	m := metaspace{mark: j.Replacement, words: orTrue(j.Words)}
	if m.mark == "" {
		return m, errors.New("no replacement for spaces")
	}
	if err := checkLengths(m.mark); err != nil {
		return m, err
	}
	scheme := "always"
	if j.PrependScheme != nil {
		scheme = *j.PrependScheme
	} else if !orTrue(j.AddPrefixSpace) {
		scheme = "never"
	}
	switch scheme {
	case "always":
		m.prepend = prependAlways
	case "first":
		m.prepend = prependFirst
	case "never":
		m.prepend = prependNever
	default:
		return m, fmt.Errorf("unknown prepend_scheme %.40q", scheme)
	}
	return m, nil
}

// newDecoder builds a decoder; nil for none.
func newDecoder(raw json.RawMessage, depth int) (decoder, error) {
	if absent(raw) {
		return nil, nil
	}
	var d struct {
		jsonMetaspace
		Type     string            `json:"type"`
		Decoders []json.RawMessage `json:"decoders"`
		Prefix   string            `json:"prefix"`
		Cleanup  bool              `json:"cleanup"`
		Suffix   string            `json:"suffix"`
		Pattern  jsonPattern       `json:"pattern"`
		Content  string            `json:"content"`
		Start    int               `json:"start"`
		Stop     int               `json:"stop"`
		Blank    string            `json:"pad_token"`
		Between  string            `json:"word_delimiter_token"`
	}
	if err := plainjson.Unmarshal(raw, &d); err != nil {
		return nil, err
	}
	if err := checkLengths(d.Content, d.Prefix, d.Suffix); err != nil {
		return nil, err
	}
	switch d.Type {
	case "Sequence":
		if depth == maxNesting {
			return nil, errNesting
		}
		var list decoders
		for _, raw := range d.Decoders {
			inner, err := newDecoder(raw, depth+1)
			if err != nil {
				return nil, err
			}
			if inner != nil {
				list = append(list, inner)
			}
		}
		return list, nil
	case "ByteLevel":
		return byteLevelDecoder{}, nil
	case "WordPiece":
		return wordPieceDecoder{d.Prefix, d.Cleanup}, nil
	case "Metaspace":
		return d.metaspace()
	case "BPEDecoder":
		return suffixDecoder(d.Suffix), nil
	case "CTC":
		return ctc{d.Blank, d.Between, d.Cleanup}, nil
	case "ByteFallback":
		return byteFallback{}, nil
	case "Fuse":
		return fuse{}, nil
	case "Strip":
		return stripDecoder{d.Content, d.Start, d.Stop}, nil
	case "Replace":
		pattern, err := d.Pattern.splitter()
		return replace{pattern, d.Content}, err
	}
	return nil, fmt.Errorf("unknown type %.40q", d.Type)
}

// maxAround bounds how many tokens are put around a text.
const maxAround = 64

// newPostProcessor builds a post-processor; nil for none. Only what it does to
// a single text is read.
func newPostProcessor(raw json.RawMessage, t *Pipeline, depth int) (postProcessor, error) {
	if absent(raw) {
		return nil, nil
	}
	var p struct {
		Type       string            `json:"type"`
		Processors []json.RawMessage `json:"processors"`
		CLS        jsonRole          `json:"cls"`
		Sep        jsonRole          `json:"sep"`
		Single     json.RawMessage   `json:"single"`
		Special    map[string]struct {
			IDs []int32 `json:"ids"`
		} `json:"special_tokens"`
	}
	if err := plainjson.Unmarshal(raw, &p); err != nil {
		return nil, err
	}
	switch p.Type {
	case "Sequence":
		if depth == maxNesting {
			return nil, errNesting
		}
		var list postProcessors
		for _, raw := range p.Processors {
			inner, err := newPostProcessor(raw, t, depth+1)
			if err != nil {
				return nil, err
			}
			if inner != nil {
				list = append(list, inner)
			}
		}
		return list, nil
	case "ByteLevel":
		return nil, nil // moves offsets only
	case "BertProcessing", "RobertaProcessing":
		return newTemplate(t, []int32{p.CLS.id}, []int32{p.Sep.id})
	case "TemplateProcessing":
		var single []struct {
			Sequence     *struct{} `json:"Sequence"`
			SpecialToken *struct {
				ID string `json:"id"`
			} `json:"SpecialToken"`
		}
		if err := plainjson.Unmarshal(p.Single, &single); err != nil {
			return nil, fmt.Errorf("single: %w", err)
		}
		var before, behind []int32
		after := false
		for _, part := range single {
			switch {
			case part.Sequence != nil:
				if after {
					return nil, errors.New("single: the text twice")
				}
				after = true
			case part.SpecialToken != nil:
				special, ok := p.Special[part.SpecialToken.ID]
				if !ok {
					return nil, fmt.Errorf("single: %.40q is not among the special tokens", part.SpecialToken.ID)
				}
				if len(before)+len(behind)+len(special.IDs) > maxAround {
					return nil, fmt.Errorf("single: more than %d special tokens", maxAround)
				}
				if after {
					behind = append(behind, special.IDs...)
				} else {
					before = append(before, special.IDs...)
				}
			}
		}
		if !after {
			return nil, errors.New("single: without the text")
		}
		return newTemplate(t, before, behind)
	}
	return nil, fmt.Errorf("unknown type %.40q", p.Type)
}

// jsonRole is a pair of a token and its id.
type jsonRole struct{ id int32 }

func (r *jsonRole) UnmarshalJSON(raw []byte) error {
	var pair []any
	if err := plainjson.Unmarshal(raw, &pair); err != nil {
		return err
	}
	if len(pair) == 2 {
		if id, ok := pair[1].(float64); ok && id >= 0 && id < maxVocabulary {
			r.id = int32(id)
			return nil
		}
	}
	return errors.New("not a token and its id")
}
