package flamingo

import "testing"

// TestIDEFICSDialogue writes a conversation as transformers' documentation of IDEFICS has it for models that follow instructions, and
// examples as turns of one.
func TestIDEFICSDialogue(t *testing.T) {
	m := openTiny(t, "idefics", Options{})
	text := func(parts []Part) string { return m.dialect.page(parts) }
	const picture = "<fake_token_around_image><image><fake_token_around_image>"
	turns := []Turn{
		{"user", []Part{{Text: "What is in this image?"}, {Picture: true}}},
		{"assistant", []Part{{Text: "This picture depicts Idefix."}}},
		{"user", []Part{{Picture: true}, {Text: "And who is that?"}}},
	}
	if got, want := text(m.Chat(turns)), "<s>User: What is in this image?"+picture+"<end_of_utterance>\nAssistant: This picture depicts Idefix.<end_of_utterance>\nUser:"+
		picture+"And who is that?<end_of_utterance>\nAssistant:"; got != want {
		t.Errorf("wrote\n%q, want\n%q", got, want)
	}
	if got, want := text(m.Chat([]Turn{{"system", []Part{{Text: "Be kind."}}}, {"user", []Part{{Text: "a"}}}})), "<s>Be kind.\nUser: a<end_of_utterance>\nAssistant:"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if got, want := text(m.Prompt([]Shot{{Pictures: 1, Question: "what?", Text: "a cat"}, {Text: "b"}}, Shot{Pictures: 2})),
		"<s>User:"+picture+"what?<end_of_utterance>\nAssistant: a cat<end_of_utterance>\nUser: Describe this image.<end_of_utterance>\nAssistant: b<end_of_utterance>\nUser:"+
			"<fake_token_around_image><image><fake_token_around_image><image><fake_token_around_image>Describe this image.<end_of_utterance>\nAssistant:"; got != want {
		t.Errorf("wrote\n%q, want\n%q", got, want)
	}
}

// TestLines writes a conversation for models that were taught no turns, and examples for IDEFICS as it was pretrained.
func TestLines(t *testing.T) {
	m := openTiny(t, "openflamingo-opt", Options{})
	turns := []Turn{{"user", []Part{{Picture: true}, {Text: "what?"}}}, {"assistant", []Part{{Text: "a"}}}, {"user", []Part{{Text: "b"}}}}
	if got, want := m.dialect.page(m.Chat(turns)), "<image>what?\na\nb"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	m = openTiny(t, "idefics-plain", Options{})
	const picture = "<fake_token_around_image><image><fake_token_around_image>"
	if got, want := m.dialect.page(m.Prompt([]Shot{{Pictures: 1, Question: "what?", Text: "a cat"}}, Shot{Pictures: 1, Question: "who?"})),
		"<s>"+picture+"Question: what? Answer: a cat\n"+picture+"Question: who? Answer:"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}
