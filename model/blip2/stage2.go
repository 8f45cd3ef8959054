package blip2

import (
	"dragoman/bridge/qformer"
	"dragoman/language"
	"dragoman/tensor"
)

// Stage2 is the second stage's loss: the language model, which stands still, predicts each caption token by token behind its prompt
// and the soft prompt that the queries' answer becomes. Captions end with the token that ends them.
//
//	reads    [soft prompt][prompt][caption without its last token]
//	predicts                      [caption]
func (m *Model) Stage2(run *tensor.Run, answer *qformer.Answer, picture *tensor.Tensor, prompts, captions [][]int32) *tensor.Tensor {
	soft := m.Bridge.Prompt.Forward(run, answer.Hidden, picture)
	words, rows, length := soft.Dim(1), len(captions), 0
	for b, c := range captions {
		length = max(length, len(prompts[b])+len(c)-1)
	}
	ids, mask := make([]int32, rows*length), make([]uint8, rows*(words+length))
	for i := range ids {
		ids[i] = max(0, m.Language.Config().Pad)
	}
	var places, targets []int32
	for b, c := range captions {
		copy(ids[b*length:], prompts[b])
		copy(ids[b*length+len(prompts[b]):], c[:len(c)-1])
		before := words + len(prompts[b])
		row := mask[b*(words+length):]
		for t := range before + len(c) - 1 {
			row[t] = 1
		}
		for t, id := range c {
			places = append(places, int32(b*(words+length)+before-1+t))
			targets = append(targets, id)
		}
	}
	embeds := soft
	if length > 0 {
		embeds = run.Concat(1, soft, m.Language.Embed(run, ids, rows, length))
	}
	hidden := m.Language.Forward(run, language.Input{Embeds: embeds, Mask: mask})
	// Scoring is the dear part of a language model this small: only where a word of a caption is to be predicted.
	picked := run.Gather(run.Reshape(hidden, rows*(words+length), hidden.Dim(2)), places)
	return run.CrossEntropy(m.Language.Logits(run, picked), targets, 0)
}

// PromptIDs are the tokens of a prompt, which stand between the soft prompt and what is said. Nothing is at least the token that begins
// a text, where there is one, as in transformers.
func (m *Model) PromptIDs(prompt string) []int32 {
	ids := m.Tokenizer.Encode(prompt, true)
	if bos := m.Language.Config().BOS; len(ids) == 0 && bos >= 0 {
		ids = []int32{bos}
	}
	return ids
}

// CaptionIDs are a caption's tokens as Stage2 wants them, cut to at most limit, the end included.
func (m *Model) CaptionIDs(caption string, limit int) []int32 {
	if p := m.Config.Extras.Prompt; p != "" && p[len(p)-1] != ' ' && p[len(p)-1] != '\n' {
		caption = " " + caption
	}
	ids := m.Tokenizer.Encode(caption, false)
	return append(ids[:min(len(ids), limit-1):min(len(ids), limit-1)], m.endID())
}

// endID is the token that ends a caption.
func (m *Model) endID() int32 {
	if eos := m.Language.Config().EOS; len(eos) > 0 {
		return eos[0]
	}
	return m.Tokenizer.Special().EOS
}
