package blip2

import "dragoman/language"

// Question asks as the model's family was trained to be asked: InstructBLIP reads a question as it is, BLIP-2 over an encoder-decoder
// model expects a short answer.
func (m *Model) Question(question string) string {
	if m.Config.Instruct {
		return question
	}
	if _, ok := m.Language.(language.Reader); ok {
		return "Question: " + question + " Short answer:"
	}
	return "Question: " + question + " Answer:"
}
