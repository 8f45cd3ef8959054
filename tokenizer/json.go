package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"dragoman/internal/plainjson"
)

// FromJSON builds a tokenizer from a tokenizer.json. The file's truncation and
// padding are the caller's business: Encode does neither. The roles of special
// tokens, which the file does not tell, are guessed from their usual names;
// [FromDir] reads them from the files beside it.
func FromJSON(data []byte) (*Pipeline, error) {
	p, err := fromJSON(data)
	if err != nil {
		return nil, fmt.Errorf("tokenizer.json: %w", err)
	}
	return p, nil
}

func fromJSON(data []byte) (*Pipeline, error) {
	var file struct {
		AddedTokens   []jsonAdded     `json:"added_tokens"`
		Normalizer    json.RawMessage `json:"normalizer"`
		PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
		PostProcessor json.RawMessage `json:"post_processor"`
		Decoder       json.RawMessage `json:"decoder"`
		Model         json.RawMessage `json:"model"`
	}
	if err := plainjson.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	if absent(file.Model) {
		return nil, errors.New("no model in it")
	}
	p := &Pipeline{}
	var err error
	if p.model, err = newModel(file.Model); err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	if p.normalizer, err = newNormalizer(file.Normalizer, 0); err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	if p.preTokenizer, err = newPreTokenizer(file.PreTokenizer, 0); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	if p.decoder, err = newDecoder(file.Decoder, 0); err != nil {
		return nil, fmt.Errorf("decoder: %w", err)
	}
	added := make([]addedToken, len(file.AddedTokens))
	taken := map[int32]string{}
	for i, t := range file.AddedTokens {
		if t.ID < 0 || t.ID >= maxVocabulary || t.Content == "" {
			return nil, fmt.Errorf("added token %d: %.40q with id %d", i, t.Content, t.ID)
		}
		if other, ok := p.model.token(t.ID); ok && other != t.Content {
			return nil, fmt.Errorf("added token %d: %.40q has the id %d of %.40q", i, t.Content, t.ID, other)
		}
		if other, twice := taken[t.ID]; twice && other != t.Content {
			return nil, fmt.Errorf("added token %d: %.40q has the id %d of %.40q", i, t.Content, t.ID, other)
		}
		taken[t.ID] = t.Content
		added[i] = t.token(t.ID)
	}
	p.added = newAddedTokens(added, p.normalizer)
	if p.post, err = newPostProcessor(file.PostProcessor, p, 0); err != nil {
		return nil, fmt.Errorf("post_processor: %w", err)
	}
	p.special = guessSpecial(p)
	return p, nil
}

// jsonAdded is an entry of added_tokens.
type jsonAdded struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

func (t jsonAdded) token(id int32) addedToken {
	return addedToken{t.Content, id, t.Special, t.SingleWord, t.LStrip, t.RStrip, t.Normalized}
}

// absent says whether a part of the file is missing or null.
func absent(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// jsonModel has the fields of all models.
type jsonModel struct {
	Type   string          `json:"type"`
	Vocab  json.RawMessage `json:"vocab"`
	Merges json.RawMessage `json:"merges"`

	Unknown      *string `json:"unk_token"`
	UnknownID    *int32  `json:"unk_id"`
	Prefix       *string `json:"continuing_subword_prefix"`
	Suffix       *string `json:"end_of_word_suffix"`
	FuseUnknown  bool    `json:"fuse_unk"`
	ByteFallback bool    `json:"byte_fallback"`
	IgnoreMerges bool    `json:"ignore_merges"`
	MaxRunes     *int    `json:"max_input_chars_per_word"`
}

// newModel builds a model; old files do not say which one it is.
func newModel(raw json.RawMessage) (model, error) {
	var m jsonModel
	if err := plainjson.Unmarshal(raw, &m); err != nil {
		return nil, err
	}
	if m.Type == "" {
		switch {
		case !absent(m.Merges):
			m.Type = "BPE"
		case m.MaxRunes != nil:
			m.Type = "WordPiece"
		case strings.HasPrefix(strings.TrimSpace(string(m.Vocab)), "["):
			m.Type = "Unigram"
		default:
			m.Type = "WordLevel"
		}
	}
	if m.Type == "Unigram" {
		return m.unigram()
	}
	var ids map[string]int32
	if err := plainjson.Unmarshal(m.Vocab, &ids); err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	v, err := newVocabulary(ids)
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	unknown := None
	if m.Unknown != nil {
		id, ok := v.id(*m.Unknown)
		if !ok && m.Type != "BPE" {
			return nil, fmt.Errorf("the unknown token %.40q is not in the vocabulary", *m.Unknown)
		}
		if ok {
			unknown = id
		}
	}
	switch m.Type {
	case "BPE":
		merges, err := jsonMerges(m.Merges)
		if err != nil {
			return nil, err
		}
		b, err := newBPE(v, merges, deref(m.Prefix))
		if err != nil {
			return nil, err
		}
		b.unknown, b.suffix = unknown, deref(m.Suffix)
		b.fuseUnknown, b.byteFallback, b.ignoreMerges = m.FuseUnknown, m.ByteFallback, m.IgnoreMerges
		return b, nil
	case "WordPiece":
		w := &wordPiece{vocabulary: v, unknown: unknown, prefix: "##", maxRunes: 100}
		if m.Prefix != nil {
			w.prefix = *m.Prefix
		}
		if m.MaxRunes != nil {
			w.maxRunes = *m.MaxRunes
		}
		if w.maxRunes > maxReplacement { // the search takes its square
			return nil, fmt.Errorf("max_input_chars_per_word is %d", w.maxRunes)
		}
		return w, nil
	case "WordLevel":
		return &wordLevel{v, unknown}, nil
	}
	return nil, fmt.Errorf("unknown type %.40q", m.Type)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// jsonMerges reads merges in either generation: "a b" or ["a", "b"].
func jsonMerges(raw json.RawMessage) ([][2]string, error) {
	if absent(raw) {
		return nil, errors.New("no merges")
	}
	var pairs [][]string
	if err := json.Unmarshal(raw, &pairs); err == nil {
		merges := make([][2]string, len(pairs))
		for i, p := range pairs {
			if len(p) != 2 {
				return nil, fmt.Errorf("merge %d: %d tokens", i, len(p))
			}
			merges[i] = [2]string{p[0], p[1]}
		}
		return merges, nil
	}
	var lines []string
	if err := plainjson.Unmarshal(raw, &lines); err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	return splitMerges(lines)
}

// splitMerges splits lines of two tokens with a space between.
func splitMerges(lines []string) ([][2]string, error) {
	merges := make([][2]string, len(lines))
	for i, line := range lines {
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return nil, fmt.Errorf("merge %d: %.40q is not two tokens", i, line)
		}
		merges[i] = [2]string{left, right}
	}
	return merges, nil
}

// unigram reads a vocabulary of pairs of token and score.
func (m *jsonModel) unigram() (model, error) {
	var entries [][2]any
	if err := plainjson.Unmarshal(m.Vocab, &entries); err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	tokens, scores := make([]string, len(entries)), make([]float64, len(entries))
	for i, e := range entries {
		token, okToken := e[0].(string)
		score, okScore := e[1].(float64)
		if !okToken || !okScore {
			return nil, fmt.Errorf("vocab: entry %d is not a token and its score", i)
		}
		tokens[i], scores[i] = token, score
	}
	unknown := None
	if m.UnknownID != nil {
		unknown = *m.UnknownID
	}
	return newUnigram(tokens, scores, unknown, m.ByteFallback)
}

// wordLevel is a vocabulary of whole words.
type wordLevel struct {
	vocabulary
	unknown int32
}

func (w *wordLevel) tokenize(ids []int32, word string) []int32 {
	id, ok := w.ids[word]
	if !ok {
		id = w.unknown
	}
	if id == None {
		return ids
	}
	return append(ids, id)
}

// usualNames is what the special tokens of known families are called.
var usualNames = []struct {
	role  func(*Special) *int32
	names []string
}{
	{func(s *Special) *int32 { return &s.BOS }, []string{"<s>", "<|begin_of_text|>", "<bos>", "<|startoftext|>"}},
	{func(s *Special) *int32 { return &s.EOS }, []string{"</s>", "<|endoftext|>", "<|end_of_text|>", "<eos>"}},
	{func(s *Special) *int32 { return &s.Pad }, []string{"[PAD]", "<pad>"}},
	{func(s *Special) *int32 { return &s.Unknown }, []string{"[UNK]", "<unk>"}},
	{func(s *Special) *int32 { return &s.CLS }, []string{"[CLS]"}},
	{func(s *Special) *int32 { return &s.Sep }, []string{"[SEP]"}},
	{func(s *Special) *int32 { return &s.Mask }, []string{"[MASK]", "<mask>"}},
}

// guessSpecial finds special tokens by their usual names.
func guessSpecial(t *Pipeline) Special {
	special := noSpecial
	for _, usual := range usualNames {
		for _, name := range usual.names {
			if id, ok := t.ID(name); ok {
				*usual.role(&special) = id
				break
			}
		}
	}
	return special
}
