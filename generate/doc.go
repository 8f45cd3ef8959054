// Package generate turns a language model's logits into text: greedy choice, seeded sampling and beam search, with the
// options and the results of Hugging Face transformers, to the id.
//
// A model is seen through [Sequences]: some rows, each with the logits of its next token, that can be continued, copied and
// dropped. Whoever has read a prompt into a cache (with pictures as soft prompts or without) can so be decoded by [Run].
// Rows of a batch do not influence one another: the answers are those of one prompt at a time.
package generate

// Sequences are rows of tokens that a model has read.
type Sequences interface {
	// Logits are those of row's next token, one for each id of the vocabulary. They are valid until Advance and are not
	// changed.
	Logits(row int) []float32
	// Advance replaces the rows: row i becomes what row parents[i] was, followed by the token tokens[i]. A row may be
	// continued several times (beams) or not at all (it has ended).
	Advance(parents []int, tokens []int32) error
}
