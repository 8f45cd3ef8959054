package eval

import (
	"strings"
)

// stopList are words that say nothing of what a picture shows: function words, and the words by which captions of a style name
// the style or the view.
var stopList = wordSet(`a about above across after against all along also an and another any are around as at away back be
 because been before behind being below beneath beside between both but by can could did do does doing down during each
 either every facing few for from front further had has have having he her here hers herself him himself his how i if in
 inside into is it its itself just left less like many may me medium might more most much must my near neither next no nor
 not of off on one onto only or other our out outside over own per pointing right s same shall she should side so some such
 t than that the their them themselves then there these they this those through to together too toward towards two three
 under until up upon us very was we were what when where which while who whom whose why will with within without would you
 your image picture photo photograph drawing icon emoji symbol sign view type`)

func wordSet(words string) map[string]bool {
	set := make(map[string]bool)
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// ContentWords are a caption's words that are not on the stop list, without a plural's s, each once.
func ContentWords(caption string) map[string]bool {
	set := make(map[string]bool)
	for _, t := range Tokenize(caption) {
		for part := range strings.SplitSeq(t, "-") {
			if len([]rune(part)) > 1 && !stopList[part] && strings.ContainsFunc(part, isLetter) {
				set[singular(part)] = true
			}
		}
	}
	return set
}

// SharesContent says whether a caption shares a content word with any of the references.
func SharesContent(caption string, references []string) bool {
	words := ContentWords(caption)
	for _, r := range references {
		for w := range ContentWords(r) {
			if words[w] {
				return true
			}
		}
	}
	return false
}

func isLetter(r rune) bool { return r > 127 || 'a' <= r && r <= 'z' }

// singular takes a regular plural's ending off, so that "dogs" and "dog" are one word.
func singular(w string) string {
	switch {
	case len(w) > 4 && strings.HasSuffix(w, "ies"):
		return w[:len(w)-3] + "y"
	case len(w) > 4 && (strings.HasSuffix(w, "shes") || strings.HasSuffix(w, "ches") || strings.HasSuffix(w, "xes")):
		return w[:len(w)-2]
	case len(w) > 3 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && !strings.HasSuffix(w, "us"):
		return w[:len(w)-1]
	}
	return w
}
