package tokenizer

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
)

// jsonConfig is what tokenizer_config.json and special_tokens_map.json say
// about tokens, and added_tokens.json about ids.
type jsonConfig struct {
	BOS     jsonToken `json:"bos_token"`
	EOS     jsonToken `json:"eos_token"`
	Pad     jsonToken `json:"pad_token"`
	Unknown jsonToken `json:"unk_token"`
	CLS     jsonToken `json:"cls_token"`
	Sep     jsonToken `json:"sep_token"`
	Mask    jsonToken `json:"mask_token"`

	AddBOS   *bool                `json:"add_bos_token"`
	AddEOS   *bool                `json:"add_eos_token"`
	Lower    *bool                `json:"do_lower_case"`
	ExtraIDs *int                 `json:"extra_ids"`
	Added    map[string]jsonAdded `json:"added_tokens_decoder"`
	Template json.RawMessage      `json:"chat_template"`

	added []addedToken // of both files, by id
}

// jsonToken is a string, or an object with the string as content.
type jsonToken string

// UnmarshalJSON reads either form.
func (t *jsonToken) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, (*string)(t)) == nil {
		return nil
	}
	var object struct {
		Content string `json:"content"`
	}
	err := json.Unmarshal(raw, &object)
	*t = jsonToken(object.Content)
	return err
}

// readConfig reads the files that are there; tokenizer_config.json has the last
// word.
func readConfig(read reader) (config jsonConfig, err error) {
	ids := map[string]int32{}
	for _, source := range []struct {
		name string
		into any
	}{
		{"special_tokens_map.json", &config},
		{"tokenizer_config.json", &config},
		{"added_tokens.json", &ids},
	} {
		data, err := read(source.name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(data, source.into)
		}
		if err != nil {
			return config, fmt.Errorf("%s: %w", source.name, err)
		}
	}
	if data, err := read("chat_template.jinja"); err == nil {
		config.Template, _ = json.Marshal(string(data))
	}
	for text, id := range ids {
		config.added = append(config.added, addedToken{text: text, id: id, special: true})
	}
	for id, t := range config.Added {
		n, err := strconv.ParseInt(id, 10, 32)
		if err != nil {
			return config, fmt.Errorf("tokenizer_config.json: added_tokens_decoder: %w", err)
		}
		config.added = append(config.added, addedToken{
			t.Content, int32(n), t.Special, t.SingleWord, t.LStrip, t.RStrip, t.Normalized,
		})
	}
	slices.SortStableFunc(config.added, func(a, b addedToken) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.text, b.text)) })
	return config, nil
}

// apply gives the tokens their roles.
func (c *jsonConfig) apply(p *Pipeline) {
	for _, role := range []struct {
		name jsonToken
		id   *int32
	}{
		{c.BOS, &p.special.BOS},
		{c.EOS, &p.special.EOS},
		{c.Pad, &p.special.Pad},
		{c.Unknown, &p.special.Unknown},
		{c.CLS, &p.special.CLS},
		{c.Sep, &p.special.Sep},
		{c.Mask, &p.special.Mask},
	} {
		if id, ok := p.ID(string(role.name)); ok && role.name != "" {
			*role.id = id
		}
	}
	var template string
	if json.Unmarshal(c.Template, &template) == nil && template != "" {
		p.chatTemplate = template
	}
}

// around is what a family puts around a text where no file says otherwise.
type around struct{ bos, eos, extraIDs bool }

// maxExtraIDs bounds T5's sentinels, of which there are 100.
const maxExtraIDs = 1 << 12

// complete adds to a tokenizer what only the files beside its vocabulary tell:
// more tokens, and what is put around a text.
func (c *jsonConfig) complete(p *Pipeline, family around) error {
	added := c.added
	if family.extraIDs && c.ExtraIDs != nil && len(c.Added) == 0 {
		if *c.ExtraIDs < 0 || *c.ExtraIDs > maxExtraIDs {
			return fmt.Errorf("tokenizer_config.json: extra_ids is %d", *c.ExtraIDs)
		}
		// The sentinels follow the pieces, the last one first.
		for i := range *c.ExtraIDs {
			id := int32(p.model.size() + *c.ExtraIDs - 1 - i)
			added = append(added, addedToken{text: fmt.Sprintf("<extra_id_%d>", i), id: id, special: true})
		}
	}
	if err := p.add(added); err != nil {
		return err
	}
	c.apply(p)
	if c.AddBOS != nil {
		family.bos = *c.AddBOS
	}
	if c.AddEOS != nil {
		family.eos = *c.AddEOS
	}
	var ends template
	if family.bos && p.special.BOS != None {
		ends.before = []int32{p.special.BOS}
	}
	if family.eos && p.special.EOS != None {
		ends.after = []int32{p.special.EOS}
	}
	p.post = ends
	return nil
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
