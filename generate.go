package dragoman

import "time"

// Generate says how text is chosen. The zero value is greedy, at most 20 new tokens.
type Generate struct {
	Prompt            string   // text that the model continues, passed through as it is
	Verbatim          bool     // Prompt is that even where it is empty, which otherwise stands for the model's own
	MaxTokens         int      // most new tokens; 0 stands for 20
	MinTokens         int      // fewest new tokens before the end
	Beams             int      // beams of the search, up to 64; 0 and 1: none
	LengthPenalty     float64  // with beams: a hypothesis scores Σ log p / length^LengthPenalty; 0 is no penalty (the command's and transformers' is 1)
	RepetitionPenalty float64  // of tokens that stand in the prompt or were said; 0 stands for 1: none
	Temperature       float64  // 0: the likeliest token; above: drawn
	TopK              int      // draw from the k likeliest; 0: all
	TopP              float64  // draw from the likeliest that have this probability together; 0 stands for 1
	Seed              uint64   // of drawing; 0 stands for what WithSeed says
	Stop              []string // end before any of these
	// Choices, if set, are the texts that the answer is one of: nothing is written, they are scored behind the prompt, and the likeliest is
	// the answer. How a text is chosen otherwise does not matter then.
	Choices      []string
	PerToken     bool // choices are compared by their mean log-probability a token, not by the sum
	Permutations int  // of the examples before a question, whose choices' log-likelihoods are averaged; 0 and 1: their own order
	// Stream, if set, is handed the text in pieces as it comes, whole characters only; an error ends the generation.
	Stream func(piece string) error
}

// Text is what a model said.
type Text struct {
	Text         string    `json:"text"`
	Tokens       []int32   `json:"tokens"`   // the new tokens, the end token included where it was produced
	Logprobs     []float32 `json:"logprobs"` // natural logarithm, one a token, before temperature and penalties
	Finish       string    `json:"finish"`   // "stop", "length", or "choice" where it was chosen
	Choices      []Choice  `json:"choices,omitempty"`
	Shown        []int     `json:"-"`             // of a Support's examples, the numbers of those that were shown, the most similar last
	PromptTokens int       `json:"prompt_tokens"` // that were read before, what a picture became among them
	Seconds      Seconds   `json:"seconds"`
}

// Seconds is where the time went; of texts that are written side by side, an even share of what was done for all.
type Seconds struct {
	Load    float64 `json:"load"`   // opening the model, which was once
	Vision  float64 `json:"vision"` // decoding the picture, image encoder and bridge
	Prefill float64 `json:"prefill"`
	Decode  float64 `json:"decode"`
}

// prefill counts what has gone by since a time.
func (s *Seconds) prefill(since time.Time) { s.Prefill += time.Since(since).Seconds() }

// Score says how well a picture and a text go together.
type Score struct {
	ITM float64 `json:"itm"` // probability of a match, by the head that reads both at once
	ITC float64 `json:"itc"` // cosine of the best query with the text, −1…1
	// Probability is that of this text among those that the picture was compared with. A model without a matching head has it instead of
	// ITM, which is then 0.
	Probability float64 `json:"probability,omitempty"`
}

// Message is a turn of a conversation.
type Message struct {
	Role    string `json:"role"` // "system", "user" or "assistant"
	Content string `json:"content"`
	Parts   []Part `json:"-"` // if set, what was said instead of Content: pictures and text in any order
}
