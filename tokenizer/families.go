package tokenizer

import "fmt"

// tokenizerJSON reads the file that tells all, to which the files beside it may
// add tokens, and have the last word about BOS and EOS.
func (c jsonConfig) tokenizerJSON(data []byte, _ reader) (*Pipeline, error) {
	p, err := FromJSON(data)
	if err != nil {
		return nil, err
	}
	if err := c.apply(p); err != nil {
		return nil, err
	}
	if (c.AddBOS != nil || c.AddEOS != nil) && !c.isClass("BertTokenizer") && !c.isClass("T5Tokenizer") {
		c.ends(p, false, false)
	}
	if c.isClass("CLIPTokenizer") {
		if p.decoder == nil {
			p.decoder = spaced{}
		}
		p.decoder = decoders{p.decoder, wordEnds{}}
	}
	return p, nil
}

// vocabJSON reads GPT-2's, OPT's and CLIP's old files.
func (c jsonConfig) vocabJSON(data []byte, read reader) (*Pipeline, error) {
	merges, err := read("merges.txt")
	if err != nil {
		return nil, err
	}
	if c.isCLIP(data) {
		return c.clip(data, merges)
	}
	if c.silent {
		return FromMerges(data, merges)
	}
	p, err := newGPT2(data, merges)
	if err != nil {
		return nil, err
	}
	p.preTokenizer = byteLevel{prefixSpace: c.PrefixSpace != nil && *c.PrefixSpace, words: true}
	names := noSpecial
	if id, ok := p.model.id("<|endoftext|>"); ok {
		names.BOS, names.EOS, names.Unknown = id, id, id
	}
	c.defaults(names, p)
	if err := c.apply(p); err != nil {
		return nil, err
	}
	c.ends(p, false, false)
	return p, nil
}

// defaultExtraIDs is how many sentinels follow T5's pieces where no file says
// otherwise, and maxExtraIDs bounds what a file may say.
const (
	defaultExtraIDs = 100
	maxExtraIDs     = 1 << 12
)

// spieceModel reads T5's old file.
func (c jsonConfig) spieceModel(data []byte, _ reader) (*Pipeline, error) {
	p, err := fromSentencePiece(data, spmStyle{words: true, legacy: true})
	if err != nil {
		return nil, err
	}
	count := defaultExtraIDs
	if c.ExtraIDs != nil {
		count = *c.ExtraIDs
	}
	if count < 0 || count > maxExtraIDs {
		return nil, fmt.Errorf("tokenizer_config.json: extra_ids is %d", count)
	}
	known := map[string]bool{}
	for _, t := range c.added {
		known[t.text] = true
	}
	// The sentinels follow the pieces, the last one first.
	var sentinels []addedToken
	for i := range count {
		t := addedToken{text: fmt.Sprintf("<extra_id_%d>", i), id: int32(p.model.size() + count - 1 - i), special: true}
		if _, ok := p.ID(t.text); !ok && !known[t.text] {
			sentinels = append(sentinels, t)
		}
	}
	if err := p.add(sentinels); err != nil {
		return nil, err
	}
	c.defaults(guessSpecial(p), p)
	if err := c.apply(p); err != nil {
		return nil, err
	}
	if p.special.EOS != None {
		p.post = template{after: []int32{p.special.EOS}}
	}
	return p, nil
}

// tokenizerModel reads LLaMA's old file: as transformers' class for it does
// where the configuration names that class, else as SentencePiece itself, with
// the space before a text that the file says.
func (c jsonConfig) tokenizerModel(data []byte, _ reader) (*Pipeline, error) {
	isLLaMA := c.isClass("LlamaTokenizer") || c.isClass("LLaMATokenizer")
	style := spmStyle{legacy: !isLLaMA, marksOnly: isLLaMA, noPrefix: isLLaMA && c.PrefixSpace != nil && !*c.PrefixSpace}
	if c.Legacy != nil {
		style.legacy = *c.Legacy
	}
	p, err := fromSentencePiece(data, style)
	if err != nil {
		return nil, err
	}
	names := guessSpecial(p)
	names.Pad = None
	c.defaults(names, p)
	if err := c.apply(p); err != nil {
		return nil, err
	}
	c.ends(p, true, false)
	return p, nil
}

// vocabTxt reads BERT's old file.
func (c jsonConfig) vocabTxt(data []byte, _ reader) (*Pipeline, error) {
	lower := orTrue(c.Lower)
	clean := bertNormalizer{clean: true, chinese: orTrue(c.ChineseChars), accents: lower, lower: lower}
	if c.StripAccents != nil {
		clean.accents = *c.StripAccents
	}
	p, words, err := newBERT(data, clean)
	if err != nil {
		return nil, err
	}
	c.defaults(guessSpecial(p), p)
	if err := c.apply(p); err != nil {
		return nil, err
	}
	words.unknown = p.special.Unknown
	return p, p.endBERT(words)
}
