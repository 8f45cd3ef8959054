package data

import "strings"

// maxWords is how many words LAVIS keeps of a text.
const maxWords = 50

var (
	spaced  = punctuation(" ")
	without = punctuation("")
)

// punctuation replaces the characters that LAVIS takes out of a text.
func punctuation(instead string) *strings.Replacer {
	var pairs []string
	for _, c := range `.!"()*#:;~` {
		pairs = append(pairs, string(c), instead)
	}
	return strings.NewReplacer(pairs...)
}

// CleanCaption is a caption as LAVIS's blip_caption makes it: lower case, some punctuation as spaces, at most 50 words.
func CleanCaption(s string) string { return cleaned(s, spaced) }

// CleanQuestion is a question as its blip_question makes it: the same, but the punctuation is left out.
func CleanQuestion(s string) string { return cleaned(s, without) }

func cleaned(s string, r *strings.Replacer) string {
	words := strings.Fields(r.Replace(strings.ToLower(s)))
	return strings.Join(words[:min(len(words), maxWords)], " ")
}
