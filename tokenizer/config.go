package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"dragoman/internal/plainjson"
)

// jsonConfig is what the files beside a vocabulary say: tokenizer_config.json
// and special_tokens_map.json about tokens, added_tokens.json about ids.
type jsonConfig struct {
	BOS        jsonToken       `json:"bos_token"`
	EOS        jsonToken       `json:"eos_token"`
	Unknown    jsonToken       `json:"unk_token"`
	Sep        jsonToken       `json:"sep_token"`
	Pad        jsonToken       `json:"pad_token"`
	CLS        jsonToken       `json:"cls_token"`
	Mask       jsonToken       `json:"mask_token"`
	Additional []jsonToken     `json:"additional_special_tokens"`
	Extra      json.RawMessage `json:"extra_special_tokens"`

	AddBOS       *bool                `json:"add_bos_token"`
	AddEOS       *bool                `json:"add_eos_token"`
	PrefixSpace  *bool                `json:"add_prefix_space"`
	Legacy       *bool                `json:"legacy"`
	Class        string               `json:"tokenizer_class"`
	Lower        *bool                `json:"do_lower_case"`
	ChineseChars *bool                `json:"tokenize_chinese_chars"`
	StripAccents *bool                `json:"strip_accents"`
	CleanUp      bool                 `json:"clean_up_tokenization_spaces"`
	ExtraIDs     *int                 `json:"extra_ids"`
	Added        map[string]jsonAdded `json:"added_tokens_decoder"`

	silent bool         // there is no such file
	added  []addedToken // of added_tokens_decoder or added_tokens.json, by id
}

// jsonToken is a token's text, or an object with the text as content.
type jsonToken struct {
	text  string
	flags jsonAdded
	given bool // even if it is null, which says that there is none
}

// UnmarshalJSON reads either form.
func (t *jsonToken) UnmarshalJSON(raw []byte) error {
	*t = jsonToken{given: true}
	if json.Unmarshal(raw, &t.text) == nil {
		return nil
	}
	err := plainjson.Unmarshal(raw, &t.flags)
	t.text = t.flags.Content
	return err
}

// special is the token as one to be added.
func (t jsonToken) special() addedToken {
	return addedToken{
		text: t.text, id: None, special: true, singleWord: t.flags.SingleWord,
		lstrip: t.flags.LStrip, rstrip: t.flags.RStrip, normalized: t.flags.Normalized,
	}
}

// readConfig reads the files that are there. The two older ones count only
// where tokenizer_config.json does not list the added tokens itself.
func readConfig(read reader) (config jsonConfig, err error) {
	config.silent = true
	if err := config.readFile(read, "tokenizer_config.json", &config); err != nil {
		return config, err
	}
	for id, t := range config.Added {
		n, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			return config, fmt.Errorf("tokenizer_config.json: added_tokens_decoder: %w", err)
		}
		config.added = append(config.added, t.token(int32(n)))
	}
	if config.Added == nil {
		ids := map[string]int32{}
		if err := config.readFile(read, "special_tokens_map.json", &config); err != nil {
			return config, err
		}
		if err := config.readFile(read, "added_tokens.json", &ids); err != nil {
			return config, err
		}
		special := config.special()
		for text, id := range ids {
			named := slices.ContainsFunc(special, func(t jsonToken) bool { return t.text == text })
			config.added = append(config.added, addedToken{text: text, id: id, special: named, normalized: !named})
		}
	}
	slices.SortStableFunc(config.added, func(a, b addedToken) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.text, b.text)) })
	return config, nil
}

// readFile reads one file, if it is there.
func (c *jsonConfig) readFile(read reader, name string, into any) error {
	data, err := read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = plainjson.Unmarshal(data, into)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.silent = false
	return nil
}

// roles are the tokens with a role, in the order in which those that are not in
// a vocabulary get their ids.
func (c *jsonConfig) roles() []jsonToken {
	return []jsonToken{c.BOS, c.EOS, c.Unknown, c.Sep, c.Pad, c.CLS, c.Mask}
}

// ids are the places for the roles' ids, in the same order.
func (s *Special) ids() []*int32 {
	return []*int32{&s.BOS, &s.EOS, &s.Unknown, &s.Sep, &s.Pad, &s.CLS, &s.Mask}
}

// special is all special tokens that are named, those with a role first.
func (c *jsonConfig) special() []jsonToken {
	list := append(c.roles(), c.Additional...)
	var extra []jsonToken
	var byName map[string]jsonToken
	switch {
	case json.Unmarshal(c.Extra, &extra) == nil:
		list = append(list, extra...)
	case json.Unmarshal(c.Extra, &byName) == nil:
		for _, t := range byName {
			list = append(list, t)
		}
	}
	return slices.DeleteFunc(list, func(t jsonToken) bool { return t.text == "" })
}

// defaults takes the names of a family's tokens for those that are not given.
func (c *jsonConfig) defaults(names Special, p *Pipeline) {
	for i, token := range []*jsonToken{&c.BOS, &c.EOS, &c.Unknown, &c.Sep, &c.Pad, &c.CLS, &c.Mask} {
		if id := *names.ids()[i]; !token.given && id != None {
			token.text = p.Token(id)
		}
	}
}

// apply adds the tokens that only the files beside a vocabulary tell, and gives
// tokens their roles. Of a token that is named for several roles the last one
// says how it is found in a text.
func (c *jsonConfig) apply(p *Pipeline) error {
	added := slices.Clone(c.added)
	next := int32(p.Size())
	for _, t := range added {
		next = max(next, t.id+1)
	}
	for _, named := range c.special() {
		t := named.special()
		same := func(old addedToken) bool { return old.text == t.text }
		known := slices.IndexFunc(p.added.list, same)
		if i := slices.IndexFunc(added, same); i >= 0 {
			if i >= len(c.added) && known < 0 {
				t.id = added[i].id
				added[i] = t
			}
			added[i].special = true
			continue
		}
		if known >= 0 {
			t = p.added.list[known]
			t.special = true
		} else if id, ok := p.model.id(t.text); ok {
			t.id = id
		} else {
			t.id = next
			next++
		}
		added = append(added, t)
	}
	if err := p.add(added); err != nil {
		return err
	}
	for i, token := range c.roles() {
		if !token.given && token.text == "" {
			continue
		}
		*p.special.ids()[i] = None
		if id, ok := p.ID(token.text); ok && token.text != "" {
			*p.special.ids()[i] = id
		}
	}
	_, isBPE := p.model.(*bpe)
	p.cleanUp = c.CleanUp && !isBPE
	return nil
}

// ends puts BOS and EOS around texts, as the configuration says or else as the
// family does.
func (c *jsonConfig) ends(p *Pipeline, bos, eos bool) {
	if c.AddBOS != nil {
		bos = *c.AddBOS
	}
	if c.AddEOS != nil {
		eos = *c.AddEOS
	}
	var ends template
	if bos && p.special.BOS != None {
		ends.before = []int32{p.special.BOS}
	}
	if eos && p.special.EOS != None {
		ends.after = []int32{p.special.EOS}
	}
	p.post = ends
}

// isClass says whether the configuration names a class, in either of its forms.
func (c *jsonConfig) isClass(name string) bool {
	return strings.TrimSuffix(c.Class, "Fast") == name
}

// add adds tokens, in the place of added tokens of the same text.
func (p *Pipeline) add(tokens []addedToken) error {
	for _, t := range tokens {
		if t.text == "" || t.id < 0 || t.id >= maxVocabulary {
			return fmt.Errorf("added token %.40q with id %d", t.text, t.id)
		}
	}
	fresh := make(map[string]bool, len(tokens))
	for _, t := range tokens {
		fresh[t.text] = true
	}
	list := slices.DeleteFunc(slices.Clone(p.added.list), func(old addedToken) bool { return fresh[old.text] })
	p.added = newAddedTokens(append(list, tokens...), p.normalizer)
	return nil
}
