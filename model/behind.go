package model

import (
	"slices"

	"dragoman/tokenizer"
)

// Behind tokenises a text as one that goes on where a prompt stops, with a space between them unless the prompt ends with one or a line
// does, as a language model has learnt to read: the tokens that both together have more than the prompt.
func Behind(t tokenizer.Tokenizer, prompt, text string) []int32 {
	if prompt == "" {
		return t.Encode(text, false)
	}
	if last := prompt[len(prompt)-1]; last != ' ' && last != '\n' {
		text = " " + text
	}
	head, both := t.Encode(prompt, false), t.Encode(prompt+text, false)
	if len(head) < len(both) && slices.Equal(head, both[:len(head)]) {
		return both[len(head):]
	}
	return t.Encode(text, false) // a token reaches over the prompt's end
}
