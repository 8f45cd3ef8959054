package eval

import (
	"regexp"
	"strings"
)

// Tokenize splits a caption as COCO's evaluation does: lower-cased Penn Treebank tokens (Stanford's rules, as far as captions
// need them) without punctuation.
func Tokenize(caption string) []string {
	text := curly.Replace(strings.ToLower(caption))
	var tokens []string
	for _, t := range token.FindAllString(text, -1) {
		tokens = appendWord(tokens, t)
	}
	kept := tokens[:0]
	for i, t := range tokens {
		if t == "'" && i > 0 || punctuation[t] {
			continue
		}
		kept = append(kept, t)
	}
	return kept
}

// curly makes typographic quotes plain where they quote; an apostrophe inside a word stays what it is.
var curly = strings.NewReplacer("“", `"`, "”", `"`, "‘", "`", "–", "--", "—", "--", "…", "...")

// token finds the next one, the more particular kinds first.
var token = regexp.MustCompile(strings.Join([]string{
	`https?://[^\s"<>]+`,                         // addresses
	`[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+`, // mail
	`[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|edu|gov|io|info)\b`,
	`</?[a-z][^<>]*>`,            // tags
	`[@#][\p{L}_][\p{L}\p{N}_]*`, // handles and hash tags
	`\.\.\.+|--+`,                // ellipses and dashes
	`'\d\ds?\b`,                  // the '90s
	`'n'`,                        // rock 'n' roll
	`(?:\p{L}\.){2,}`,            // u.s.a.
	`(?:mr|mrs|ms|dr|jr|sr|st|vs|prof|etc|mt|no|inc|ltd|co)\.`,
	`\d+[:/]\d+`,      // times and fractions
	`\d+(?:[.,]\d+)+`, // 5.99
	`[\p{L}\p{N}_\p{M}]+(?:[-'’][\p{L}\p{N}_\p{M}]+)*`,
	`\S`,
}, "|"))

// endings are what a word's apostrophe splits off.
var endings = []string{"n't", "n’t", "'s", "’s", "'m", "’m", "'d", "’d", "'re", "’re", "'ve", "’ve", "'ll", "’ll"}

// joined are words that the Treebank takes apart.
var joined = map[string]int{"cannot": 3, "gonna": 3, "gotta": 3, "wanna": 3, "lemme": 3, "gimme": 3}

// brackets are written out; the lower-cased names are not among the punctuation that is dropped.
var brackets = map[string]string{"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}

func appendWord(tokens []string, t string) []string {
	if name, ok := brackets[t]; ok {
		return append(tokens, name)
	}
	if at, ok := joined[t]; ok {
		return append(tokens, t[:at], t[at:])
	}
	for _, e := range endings {
		if head, ok := strings.CutSuffix(t, e); ok && head != "" {
			return append(appendWord(tokens, head), e)
		}
	}
	return append(tokens, t)
}

var punctuation = map[string]bool{
	"''": true, "'": true, "’": true, "``": true, "`": true, `"`: true, ".": true, "?": true, "!": true, ",": true,
	":": true, "-": true, "--": true, "...": true, ";": true,
}
