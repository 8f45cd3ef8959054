// Package gated is Flamingo's way into a frozen language model (Alayrac et al. 2022, section 3.1.2): before some of its blocks stands
// a new one, in which the text looks at the pictures.
//
//	x ← x + tanh(α)·Attention(queries: x; keys and values: the picture's latents)
//	x ← x + tanh(β)·FeedForward(x)
//
// Both gates α and β start at 0: at first the language model is what it was, to the bit, and it opens itself to the pictures as far as
// they help. Hidden states are [rows, tokens, width], what is looked at [rows, pictures, latents, media width].
//
// A token looks at one picture only, the last that stands before it in its text (section 3.1.3); of earlier pictures it learns from the
// tokens behind those, through the language model's own attention. That is what lets a model trained on a few pictures a text read any
// number of them. A token before any picture sees none: there its attention adds nothing, but its perceptron does, as OpenFlamingo and
// IDEFICS have it; or the block leaves the token as it is (Config.Untouched), so that text alone stays the language model's.
//
// Stack is the blocks of a model. A Sight is what a batch of texts can see: pictures are projected to each block's keys and values
// once, and the texts read them in the passes that follow, in decoding too.
package gated
