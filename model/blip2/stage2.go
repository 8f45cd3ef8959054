package blip2

import (
	"dragoman/bridge/qformer"
	"dragoman/language"
	"dragoman/tensor"
)

// Stage2 is the second stage's loss: the language model, which stands still, predicts each caption token by token behind the soft
// prompt that the queries' answer becomes. Captions end with the token that ends them.
//
//	reads    [soft prompt][prompt][caption without its last token]
//	predicts                      [caption]
func (m *Model) Stage2(run *tensor.Run, answer *qformer.Answer, picture *tensor.Tensor, prompt []int32, captions [][]int32) *tensor.Tensor {
	soft := m.Bridge.Prompt.Forward(run, answer.Hidden, picture)
	longest := 0
	for _, c := range captions {
		longest = max(longest, len(c))
	}
	queries, rows := soft.Dim(1), len(captions)
	length := len(prompt) + longest - 1
	ids, mask := make([]int32, 0, rows*length), make([]uint8, 0, rows*(queries+length))
	var places, targets []int32
	for b, c := range captions {
		ids = append(append(ids, prompt...), c[:len(c)-1]...)
		for range longest - len(c) {
			ids = append(ids, max(0, m.Language.Config().Pad))
		}
		tokens := queries + len(prompt) + len(c) - 1
		for t := range queries + length {
			if t < tokens {
				mask = append(mask, 1)
			} else {
				mask = append(mask, 0)
			}
		}
		first := b*(queries+length) + queries + len(prompt) - 1
		for t, id := range c {
			places = append(places, int32(first+t))
			targets = append(targets, id)
		}
	}
	embeds := soft
	if length > 0 {
		embeds = run.Concat(1, soft, m.Language.Embed(run, ids, rows, length))
	}
	hidden := m.Language.Forward(run, language.Input{Embeds: embeds, Mask: mask})
	// Scoring is the dear part of a language model this small: only where a word of a caption is to be predicted.
	picked := run.Gather(run.Reshape(hidden, rows*(queries+length), hidden.Dim(2)), places)
	return run.CrossEntropy(m.Language.Logits(run, picked), targets, 0)
}

// PromptIDs are the tokens between the soft prompt and a caption.
func (m *Model) PromptIDs() []int32 {
	return m.Tokenizer.Encode(m.Config.Extras.Prompt, true)
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
