package tokenizer

import (
	"fmt"
	"strings"
	"sync"
	"unicode"
)

// charSet is a set of characters: what it has and, where it was written that
// way, the items of a class in brackets that are in it, or are all that is not.
type charSet struct {
	items   string
	negated bool
	has     func(r rune) bool // nil: nothing
}

// or adds a set.
func (s charSet) or(t charSet) charSet {
	if s.has == nil {
		return t
	}
	both := charSet{has: func(r rune) bool { return s.has(r) || t.has(r) }}
	if s.items != "" && t.items != "" && !s.negated && !t.negated {
		both.items = s.items + t.items
	}
	return both
}

// and is what both sets have.
func (s charSet) and(t charSet) charSet {
	return charSet{has: func(r rune) bool { return s.has != nil && t.has != nil && s.has(r) && t.has(r) }}
}

// not is what the set does not have.
func (s charSet) not() charSet {
	return charSet{s.items, !s.negated, func(r rune) bool { return s.has == nil || !s.has(r) }}
}

// String writes the set as a class in brackets.
func (s charSet) String() string {
	items := s.items
	if items == "" {
		items = rangesOf(s.has)
	}
	switch {
	case items == "":
		return "(?!)"
	case s.negated && s.items != "":
		return "[^" + items + "]"
	}
	return "[" + items + "]"
}

// rangesOf lists what a set has.
func rangesOf(has func(r rune) bool) string {
	var out strings.Builder
	for low := rune(0); has != nil && low <= unicode.MaxRune; low++ {
		if !has(low) {
			continue
		}
		high := low
		for high < unicode.MaxRune && has(high+1) {
			high++
		}
		out.WriteString(quoteRange(low, high))
		low = high
	}
	return out.String()
}

// rangesIn lists what a table has.
func rangesIn(t *unicode.RangeTable) string {
	var out strings.Builder
	for _, r := range t.R16 {
		out.WriteString(quoteRange(rune(r.Lo), rune(r.Hi)))
	}
	for _, r := range t.R32 {
		out.WriteString(quoteRange(rune(r.Lo), rune(r.Hi)))
	}
	return out.String()
}

func quoteRange(low, high rune) string {
	if low == high {
		return fmt.Sprintf(`\x{%x}`, low)
	}
	return fmt.Sprintf(`\x{%x}-\x{%x}`, low, high)
}

func charRange(low, high rune) charSet {
	return charSet{items: quoteRange(low, high), has: func(r rune) bool { return low <= r && r <= high }}
}

// words is the \w of patterns, which takes no joiners for letters. Outside of a
// class, but not in one, it takes Latin-1's small numbers.
var words, wordsInClass = sync.OnceValue(func() charSet { return newWords("²³¹¼½¾") }), sync.OnceValue(func() charSet { return newWords("") })

func newWords(also string) charSet {
	has := func(r rune) bool {
		return isWord(r) && r != 0x200c && r != 0x200d || strings.ContainsRune(also, r)
	}
	return charSet{items: rangesOf(has), has: has}
}

// newerSets are the categories that the tables here lack members of.
var newerSets = map[string]*unicode.RangeTable{
	"L": newerLetters, "N": newerNumbers, "M": table(newerMSet), "P": table(newerPSet), "S": table(newerSSet),
	"Lu": table(newerLuSet), "Ll": table(newerLlSet), "Lt": table(newerLtSet), "Lm": table(newerLmSet), "Lo": table(newerLoSet),
	"Nd": table(newerNdSet),
}

// posix are the names of sets that are no categories.
var posix = map[string]func(r rune) bool{
	"any":    func(rune) bool { return true },
	"ascii":  func(r rune) bool { return r < 0x80 },
	"alpha":  isAlphabetic,
	"alnum":  func(r rune) bool { return isAlphabetic(r) || inCategory("Nd", r) },
	"blank":  func(r rune) bool { return r == '\t' || unicode.Is(unicode.Zs, r) },
	"cntrl":  unicode.IsControl,
	"digit":  func(r rune) bool { return inCategory("Nd", r) },
	"lower":  func(r rune) bool { return inCategory("Ll", r) || unicode.Is(unicode.Other_Lowercase, r) },
	"punct":  func(r rune) bool { return inCategory("P", r) },
	"space":  unicode.IsSpace,
	"upper":  func(r rune) bool { return inCategory("Lu", r) || unicode.Is(unicode.Other_Uppercase, r) },
	"xdigit": func(r rune) bool { return unicode.Is(unicode.ASCII_Hex_Digit, r) },
}

// posixItems are those that a class can be written with.
var posixItems = map[string]string{"space": `\s`, "xdigit": "0-9A-Fa-f", "ascii": `\x00-\x7f`}

func isAlphabetic(r rune) bool {
	return inCategory("L", r) || unicode.In(r, unicode.Nl, unicode.Other_Alphabetic)
}

func inCategory(name string, r rune) bool {
	return unicode.Is(unicode.Categories[name], r) || unicode.Is(newerSets[name], r)
}

// category is the set of a name: of a category, a script, a property or one of
// POSIX's. What it has is nil for an unknown name.
func category(name string) charSet {
	if has := posix[strings.ToLower(name)]; has != nil {
		return charSet{items: posixItems[strings.ToLower(name)], has: has}
	}
	if strings.EqualFold(name, "word") {
		return words()
	}
	if canonical, ok := unicode.CategoryAliases[name]; ok {
		name = canonical
	}
	if newer := newerSets[name]; newer != nil {
		has := func(r rune) bool { return inCategory(name, r) }
		return charSet{items: `\p{` + name + `}` + rangesIn(newer), has: has}
	}
	for _, tables := range []map[string]*unicode.RangeTable{unicode.Categories, unicode.Scripts, unicode.Properties} {
		if t, ok := tables[name]; ok {
			return charSet{items: `\p{` + name + `}`, has: func(r rune) bool { return unicode.Is(t, r) }}
		}
	}
	return charSet{}
}
