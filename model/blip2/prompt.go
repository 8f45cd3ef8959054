package blip2

import (
	"math"
	"strings"

	"dragoman/language"
)

// QuestionPlace stands for the question in a prompt's template.
const QuestionPlace = "{question}"

// FillPrompt puts a question into a template.
func FillPrompt(template, question string) string {
	return strings.ReplaceAll(template, QuestionPlace, question)
}

// Question asks as the model was fine-tuned to be asked, or as its family was trained to be: InstructBLIP reads a question as it is, BLIP-2 over an encoder-decoder
// model expects a short answer.
func (m *Model) Question(question string) string {
	if t := m.Config.Extras.QuestionPrompt; t != "" {
		return FillPrompt(t, question)
	}
	if m.Config.Instruct {
		return question
	}
	if _, ok := m.Language.(language.Reader); ok {
		return "Question: " + question + " Short answer:"
	}
	return "Question: " + question + " Answer:"
}

// CutPrompt leaves the last tokens of a prompt that is longer than limit, or than there is room for between the soft prompt and an answer
// of so many tokens; and the token that begins it.
func (m *Model) CutPrompt(ids []int32, limit, answer int) []int32 {
	limit = max(1, min(limit, m.PromptRoom(answer)))
	if len(ids) <= limit {
		return ids
	}
	// InstructBLIP's Vicunas have configurations that name another token than their tokenizer begins with.
	if begin := ids[0]; (begin == m.Language.Config().BOS || begin == m.Tokenizer.Special().BOS) && limit > 1 {
		return append([]int32{begin}, ids[len(ids)-limit+1:]...)
	}
	return ids[len(ids)-limit:]
}

// PromptRoom is how many tokens a prompt may have where an answer of so many is to follow: large, where the language model has no limit.
func (m *Model) PromptRoom(answer int) int {
	context := m.Language.Config().Context
	if _, apart := m.Language.(language.Reader); apart || context == 0 {
		return math.MaxInt32
	}
	words := m.Config.QFormer.Queries
	if m.Config.Extras.PictureHead > 0 {
		words++
	}
	return context - words - answer
}
