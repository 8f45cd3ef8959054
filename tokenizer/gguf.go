package tokenizer

import (
	"fmt"

	"dragoman/weights"
)

// The types of tokens in a GGUF vocabulary that matter here; it has
// SentencePiece's numbers.
const (
	ggufNormal      = pieceNormal
	ggufUnknown     = pieceUnknown
	ggufControl     = pieceControl
	ggufUserDefined = pieceUserDefined
)

// digitsThenGPT2 is how SmolLM and StarCoder split: digits one by one, then
// GPT-2's words.
var digitsThenGPT2 = preTokenizers{eachDigit, byteLevel{words: true}}

// ggufPreTokenizers are GGUF's names of splits that need no pattern of their
// own.
var ggufPreTokenizers = map[string]preTokenizer{
	"gpt-2": byteLevel{words: true}, "gpt2": byteLevel{words: true}, "phi-2": byteLevel{words: true},
	"mpt": byteLevel{words: true}, "olmo": byteLevel{words: true}, "jais": byteLevel{words: true},
	"smollm": digitsThenGPT2, "starcoder": digitsThenGPT2, "refact": digitsThenGPT2,
	"command-r": digitsThenGPT2, "codeshell": digitsThenGPT2, "exaone": digitsThenGPT2,
}

// ggufPatterns are GGUF's names of the other splits: what is a word, pattern
// after pattern.
var ggufPatterns = map[string][]string{
	"default": {
		"[\\p{P}\\$\\+<=>\\^~\\|`]+",
		`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)`,
		`\p{N}+`,
		`[0-9][0-9][0-9]`,
	},
	"llama-bpe": {
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	},
	"qwen2": {
		`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
	},
}

// FromGGUF builds the tokenizer that a GGUF file describes in its metadata:
// byte-level BPE (tokenizer.ggml.model "gpt2") or SentencePiece's ("llama").
func FromGGUF(meta weights.Meta) (*Pipeline, error) {
	p, err := fromGGUF(meta)
	if err != nil {
		return nil, fmt.Errorf("gguf tokenizer: %w", err)
	}
	return p, nil
}

func fromGGUF(meta weights.Meta) (*Pipeline, error) {
	if err := meta.Require("tokenizer.ggml.model", "tokenizer.ggml.tokens"); err != nil {
		return nil, err
	}
	tokens, _ := meta.Strings("tokenizer.ggml.tokens")
	types, _ := meta.Ints("tokenizer.ggml.token_type")
	if len(tokens) == 0 || len(tokens) > maxVocabulary || types != nil && len(types) != len(tokens) {
		return nil, fmt.Errorf("%d tokens, %d types", len(tokens), len(types))
	}
	v := vocabulary{tokens, make(map[string]int32, len(tokens))}
	var added []addedToken
	for i, token := range tokens {
		if _, twice := v.ids[token]; twice {
			return nil, fmt.Errorf("token %.40q is listed twice", token)
		}
		v.ids[token] = int32(i)
		if types == nil || token == "" {
			continue
		}
		switch types[i] {
		case ggufControl, ggufUnknown:
			added = append(added, addedToken{text: token, id: int32(i), special: true})
		case ggufUserDefined:
			added = append(added, addedToken{text: token, id: int32(i)})
		}
	}
	p := &Pipeline{}
	var err error
	switch name, _ := meta.String("tokenizer.ggml.model"); name {
	case "gpt2":
		err = p.ggufByteLevel(meta, v)
	case "llama":
		err = p.ggufSentencePiece(meta, v, types)
	default:
		err = fmt.Errorf("model %.40q is not supported", name)
	}
	if err != nil {
		return nil, err
	}
	p.added = newAddedTokens(added, p.normalizer)
	if err := p.ggufSpecial(meta, len(tokens)); err != nil {
		return nil, err
	}
	return p, nil
}

// ggufByteLevel sets up GPT-2's kind of BPE.
func (p *Pipeline) ggufByteLevel(meta weights.Meta, v vocabulary) error {
	lines, _ := meta.Strings("tokenizer.ggml.merges")
	merges, err := splitMerges(lines)
	if err != nil {
		return err
	}
	if p.model, err = newBPE(v, merges, ""); err != nil {
		return err
	}
	p.decoder = byteLevelDecoder{}
	name, ok := meta.String("tokenizer.ggml.pre")
	if !ok {
		name = "default"
	}
	if p.preTokenizer = ggufPreTokenizers[name]; p.preTokenizer != nil {
		return nil
	}
	patterns, ok := ggufPatterns[name]
	if !ok {
		return fmt.Errorf("pre-tokeniser %.40q is not supported", name)
	}
	var list preTokenizers
	for _, pattern := range patterns {
		find, err := newPattern(pattern)
		if err != nil {
			return err
		}
		list = append(list, splitBy{find, isolated, false})
	}
	p.preTokenizer = append(list, byteLevel{})
	return nil
}

// ggufSentencePiece sets up LLaMA's kind of BPE, whose merges follow from the
// tokens' scores.
func (p *Pipeline) ggufSentencePiece(meta weights.Meta, v vocabulary, types []int) error {
	scores, _ := meta.Floats("tokenizer.ggml.scores")
	if len(scores) != len(v.tokens) {
		return fmt.Errorf("%d tokens, %d scores", len(v.tokens), len(scores))
	}
	normal := func(id int32) bool { return types == nil || types[id] == ggufNormal || types[id] == ggufUserDefined }
	b, err := newBPE(v, mergesOf(v, scores, normal), "")
	if err != nil {
		return err
	}
	b.byteFallback, b.fuseUnknown = true, true
	if id, ok := meta.Int("tokenizer.ggml.unknown_token_id"); ok && id < len(v.tokens) {
		b.unknown = int32(id)
	}
	p.model = b
	add, ok := meta.Bool("tokenizer.ggml.add_space_prefix")
	spaces := normalizers{replace{literal(" "), "▁"}}
	if add || !ok {
		spaces = normalizers{prepend("▁"), spaces[0]}
	}
	p.normalizer, p.decoder = spaces, spmDecoder(add || !ok)
	return nil
}

// ggufSpecial reads the roles of tokens, and what is put around a text.
func (p *Pipeline) ggufSpecial(meta weights.Meta, size int) error {
	p.special = noSpecial
	for key, role := range map[string]*int32{
		"bos": &p.special.BOS, "eos": &p.special.EOS, "padding": &p.special.Pad, "unknown": &p.special.Unknown,
		"cls": &p.special.CLS, "seperator": &p.special.Sep, "mask": &p.special.Mask,
	} {
		key = "tokenizer.ggml." + key + "_token_id"
		if _, ok := meta[key]; !ok {
			continue
		}
		id, ok := meta.Int(key)
		if !ok || id < 0 || id >= size {
			return fmt.Errorf("%s is %v of %d tokens", key, meta[key], size)
		}
		*role = int32(id)
	}
	var around template
	if add, ok := meta.Bool("tokenizer.ggml.add_bos_token"); (add || !ok && isSentencePiece(meta)) && p.special.BOS != None {
		around.before = []int32{p.special.BOS}
	}
	if add, _ := meta.Bool("tokenizer.ggml.add_eos_token"); add && p.special.EOS != None {
		around.after = []int32{p.special.EOS}
	}
	p.post = around
	return nil
}

// isSentencePiece says whether a BOS is added unless the file says otherwise.
func isSentencePiece(meta weights.Meta) bool {
	name, _ := meta.String("tokenizer.ggml.model")
	return name == "llama"
}
