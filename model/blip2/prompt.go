package blip2

import (
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
