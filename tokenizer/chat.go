package tokenizer

import "strings"

// Message is a turn of a conversation.
type Message struct {
	Role string // "system", "user" or "assistant"
	Text string
}

// TurnStart is the token that begins a turn in ChatML.
const TurnStart = "<|im_start|>"

// TurnEnd is the token that ends one.
const TurnEnd = "<|im_end|>"

// DefaultSystem is the system turn that SmolLM2's template puts before a
// conversation that has none.
const DefaultSystem = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

// ChatML writes a conversation as SmolLM2 was trained on it. Where the first
// turn is not the system's, a system turn of the given text is put before it,
// or none if that is empty. With answer the text ends where the assistant's
// next turn begins.
func ChatML(messages []Message, system string, answer bool) string {
	var out strings.Builder
	turn := func(role, text string) {
		out.WriteString(TurnStart + role + "\n" + text + TurnEnd + "\n")
	}
	if system != "" && len(messages) > 0 && messages[0].Role != "system" {
		turn("system", system)
	}
	for _, m := range messages {
		turn(m.Role, m.Text)
	}
	if answer {
		out.WriteString(TurnStart + "assistant\n")
	}
	return out.String()
}
