package blip2

import (
	"slices"

	"dragoman/bridge/qformer"
	"dragoman/language"
	"dragoman/model"
	"dragoman/tensor"
)

// Stage2 is the second stage's loss: the language model, which stands still, predicts each caption token by token behind its prompt
// and the soft prompt that the queries' answer becomes. Captions end with the token that ends them.
//
//	reads    [soft prompt][prompt][caption without its last token]
//	predicts                      [caption]
//
// An encoder-decoder model reads the soft prompt and the prompt, and writes the caption.
func (m *Model) Stage2(run *tensor.Run, answer *qformer.Answer, view View, prompts, captions [][]int32) *tensor.Tensor {
	soft := m.Bridge.Prompt.Forward(run, answer, view)
	return run.CrossEntropy(language.Predict(run, m.Language, soft, prompts, captions), slices.Concat(captions...), 0)
}

// PromptIDs are the tokens of a prompt, which stand between the soft prompt and what is said. Nothing is the token that begins a text by the
// configuration, where there is one, as in transformers; but InstructBLIP always reads what its tokenizer makes of a text.
func (m *Model) PromptIDs(prompt string) []int32 {
	if bos := m.Language.Config().BOS; bos >= 0 && prompt == "" && (!m.Config.Instruct || m.Tokenizer == nil) {
		return []int32{bos}
	}
	return m.ReadIDs(prompt)
}

// ReadIDs are PromptIDs of a text that somebody gave, even where it is empty: what the tokenizer makes of it, or the token that begins a text
// where that is nothing.
func (m *Model) ReadIDs(prompt string) []int32 {
	ids := m.Tokenizer.Encode(prompt, true)
	if bos := m.Language.Config().BOS; len(ids) == 0 && bos >= 0 {
		ids = []int32{bos}
	}
	return ids
}

// ChoiceIDs are the tokens of a text that could stand behind a prompt, without an end.
func (m *Model) ChoiceIDs(prompt, text string) []int32 { return m.behind(prompt, text) }

// AnswerIDs are a text's tokens behind a prompt as Stage2 wants them, cut to at most limit, the end included.
func (m *Model) AnswerIDs(prompt, text string, limit int) []int32 {
	ids := m.behind(prompt, text)
	return append(ids[:min(len(ids), limit-1):min(len(ids), limit-1)], m.endID())
}

// behind tokenises a text that goes on where a prompt stops. An encoder-decoder model's is no continuation of the prompt's words.
func (m *Model) behind(prompt, text string) []int32 {
	if _, apart := m.Language.(language.Reader); apart {
		prompt = ""
	}
	return model.Behind(m.Tokenizer, prompt, text)
}

// StopIDs are the tokens that end a text. InstructBLIP's Vicunas have configurations that name 0 and 1 for a text's begin and end, but
// were trained with a tokenizer that has 2 for both: there, each of the three ends it.
func (m *Model) StopIDs() []int32 {
	c := m.Language.Config()
	named := m.Tokenizer.Special()
	end := named.EOS
	if !m.Config.Instruct || c.BOS != 0 || named.BOS == c.BOS || end < 0 || slices.Contains(c.EOS, end) {
		return c.EOS
	}
	return append([]int32{end, c.BOS}, c.EOS...)
}

// endID is the token that ends a caption.
func (m *Model) endID() int32 {
	if eos := m.StopIDs(); len(eos) > 0 {
		return eos[0]
	}
	return m.Tokenizer.Special().EOS
}
