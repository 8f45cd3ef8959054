package tokenizer

// AddSpecial adds special tokens that the vocabulary lacks behind its last id, in order, as transformers' add_special_tokens does. Nobody
// may use the tokenizer meanwhile.
func (p *Pipeline) AddSpecial(texts ...string) error {
	var tokens []addedToken
	next := int32(p.Size())
	for _, text := range texts {
		if _, ok := p.ID(text); ok {
			continue
		}
		tokens = append(tokens, addedToken{text: text, id: next, special: true})
		next++
	}
	return p.add(tokens)
}
