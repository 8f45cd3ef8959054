package blip2

import "dragoman/language"

// Question asks as the model's family was trained to be asked: BLIP-2 over an encoder-decoder model expects a short answer.
func (m *Model) Question(question string) string {
	if _, ok := m.Language.(language.Reader); ok {
		return "Question: " + question + " Short answer:"
	}
	return "Question: " + question + " Answer:"
}
