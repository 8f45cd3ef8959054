package eval

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Tokenize splits a caption as COCO's evaluation does: lower-cased Penn Treebank tokens (Stanford's rules, as far as captions
// need them) without punctuation.
func Tokenize(caption string) []string {
	text := plain.Replace(caption)
	var tokens []string
	for _, at := range token.FindAllStringIndex(text, -1) {
		t := text[at[0]:at[1]]
		if r, _ := utf8.DecodeRuneInString(t); r > '\uffff' && !unicode.IsLetter(r) || unicode.Is(unknown, r) {
			continue
		}
		if strings.EqualFold(t, "no.") && !numbered.MatchString(text[at[1]:]) {
			t = t[:2]
		}
		tokens = appendWord(tokens, lower(t))
	}
	kept := tokens[:0]
	for _, t := range tokens {
		if !punctuation[t] {
			kept = append(kept, t)
		}
	}
	return kept
}

// numbered is what makes "no." an abbreviation that it stands before.
var numbered = regexp.MustCompile(`^\s*\d`)

// unknown are signs that Stanford's tokeniser knows nothing of, and passes over, as it does with those beyond the basic plane.
var unknown = &unicode.RangeTable{R16: []unicode.Range16{{0x200b, 0x200f, 1}, {0xfe00, 0xfe0f, 1}, {0xfffd, 0xfffd, 1}}}

// plain makes typographic quotes plain where they quote (an apostrophe inside a word stays what it is), and spells signs as the Treebank does.
var plain = strings.NewReplacer("“", `"`, "”", `"`, "‘", "`", "–", "--", "—", "--", "…", "...", "&amp;", "&", "&lt;", "<", "&gt;", ">", "&quot;", `"`,
	"\u00a0", " ", "\u3000", " ", "€", "$", "£", "#", "½", "1/2", "¼", "1/4", "¾", "3/4", "⅓", "1/3", "⅔", "2/3")

// token finds the next one: the longest of these.
var token = func() *regexp.Regexp {
	const word = `[\p{L}\p{N}_\p{M}]+`
	const letters = `\p{L}[\p{L}\p{N}\p{M}]*`
	const run = `(?:` + word + `|` + letters + `(?:[.!?]` + letters + `)+)` // a sentence may begin right behind another's end
	const part = `[A-Za-z0-9]+(?:-[A-Za-z]+){0,2}`
	re := regexp.MustCompile(strings.Join([]string{
		`https?://[^\s"<>]*[^\s"<>.,!?;:]`,                    // addresses
		`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`, // mail
		`[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?:com|org|net|edu|gov|io|info)`,
		`</?[A-Za-z][^<>]*>`,         // tags
		`[@#][\p{L}_][\p{L}\p{N}_]*`, // handles and hash tags
		`\.\.\.|--+|[?!]+`,
		`'\d\ds`, // the '90s
		`'[nN]'|'` + letters + `(?:[-'’]` + word + `)*`,
		`’(?i:s|m|d|re|ve|ll)\b`,             // apart from its word
		`(?:\p{L}\.){2,}|[A-Za-z]\.|Ph\.D\.`, // u.s.a.
		`(?i:mr|mrs|ms|dr|jr|sr|st|vs|prof|etc|mt|inc|ltd|co|no)\.`,
		`\d+[:/]\d+`,                        // times and fractions
		`[-+]?\d*(?:[.,:]\d+)+|[-+]\d+`,     // 5.99
		part + `(?:/` + part + `){1,2}`,     // and/or
		`[A-Z]+(?:[&+][A-Z]+)+|C\+\+|[CF]#`, // AT&T
		run + `(?:[-'’]` + run + `)*`,       // o'clock
		`\S`,
	}, "|"))
	re.Longest()
	return re
}()

// endings are what a word's apostrophe splits off.
var endings = []string{"n't", "n’t", "'s", "’s", "'m", "’m", "'d", "’d", "'re", "’re", "'ve", "’ve", "'ll", "’ll"}

// joined are words that the Treebank takes apart.
var joined = map[string]int{"cannot": 3, "gonna": 3, "gotta": 3, "wanna": 3, "lemme": 3, "gimme": 3, "y'all": 2}

// measured is a number with an apostrophe behind it, which does not make it one word with what follows: 5'6, 10'x12.
var measured = regexp.MustCompile(`^(\d+)['’](.+)$`)

// lower is Java's and Python's lower case, where Turkish's İ keeps its dot.
func lower(s string) string { return strings.ToLower(strings.ReplaceAll(s, "İ", "i\u0307")) }

// brackets are written out; the lower-cased names are not among the punctuation that is dropped.
var brackets = map[string]string{"(": "-lrb-", ")": "-rrb-", "[": "-lsb-", "]": "-rsb-", "{": "-lcb-", "}": "-rcb-"}

func appendWord(tokens []string, t string) []string {
	if name, ok := brackets[t]; ok {
		return append(tokens, name)
	}
	if at, ok := joined[t]; ok {
		return append(tokens, t[:at], t[at:])
	}
	if m := measured.FindStringSubmatch(t); m != nil && !slices.Contains(endings, "'"+m[2]) {
		return appendWord(append(tokens, m[1]), m[2])
	}
	if strings.HasPrefix(t, "’") && slices.Contains(endings, t) {
		return append(tokens, strings.ReplaceAll(t, "’", "'"))
	}
	if rest, quoted := strings.CutPrefix(t, "'"); quoted {
		switch {
		case t == "'tis" || t == "'twas":
			return append(tokens, t[:2], t[2:])
		case rest == "" || t == "'n'" || t == "'em" || slices.Contains(endings, t) || rest[0] >= '0' && rest[0] <= '9':
			return append(tokens, t)
		}
		return appendWord(tokens, rest)
	}
	if before, after, ok := strings.Cut(t, "'n'"); ok && before != "" {
		return append(tokens, before, "'n'", after)
	}
	for _, e := range endings {
		if head, ok := strings.CutSuffix(t, e); ok && head != "" {
			return append(appendWord(tokens, head), strings.ReplaceAll(e, "’", "'"))
		}
	}
	return append(tokens, t)
}

var punctuation = map[string]bool{
	"''": true, "'": true, "’": true, "``": true, "`": true, `"`: true, ".": true, "?": true, "!": true, ",": true,
	":": true, "-": true, "--": true, "---": true, "----": true, "...": true, ";": true,
}
