// Package tokenizer turns text into token ids and back, as the tokenizers
// library of Hugging Face does.
//
// A [Pipeline] is made of the parts that a tokenizer.json names: added tokens
// cut out of the text, a normaliser, a pre-tokeniser that splits into words, a
// model that splits words into tokens (byte pair encoding, WordPiece, Unigram),
// a post-processor that puts special tokens around, and a decoder for the way
// back. [FromJSON], [FromGGUF], [FromVocabTxt] and [FromMerges] build one, and
// [FromDir] picks by what a model's directory holds.
package tokenizer

// None is the id of a special token that a tokenizer does not have.
const None int32 = -1

// Tokenizer turns text into ids and back. It is used by many goroutines at
// once.
type Tokenizer interface {
	// Encode splits text into ids. Where special is true, the tokens that the
	// model expects around a text ([CLS] … [SEP], a BOS) are added. Special
	// tokens that are written out in the text are recognised in either case.
	Encode(text string, special bool) []int32
	// Decode joins the text of ids; bytes that are not UTF-8 become U+FFFD.
	// Where skipSpecial is true, special tokens are left out. Ids outside of
	// the vocabulary have no text.
	Decode(ids []int32, skipSpecial bool) string
	// ID is the id of a token, as the vocabulary spells it.
	ID(token string) (int32, bool)
	// Token is a token as the vocabulary spells it; empty for an unknown id.
	Token(id int32) string
	// Size is one more than the highest id.
	Size() int
	// Special is the ids of the tokens with a role.
	Special() Special
}

// Special is the ids of the tokens with a role; [None] where there is none.
type Special struct {
	BOS, EOS, Pad, Unknown, CLS, Sep, Mask int32
}

// noSpecial is a Special without any token.
var noSpecial = Special{None, None, None, None, None, None, None}
