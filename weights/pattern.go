package weights

import (
	"fmt"
	"regexp"
	"strings"
)

// pattern is a compiled [Rule].
type pattern struct {
	from *regexp.Regexp
	to   []string // the text between the stars of To
}

func compileRules(rules []Rule) ([]pattern, error) {
	patterns := make([]pattern, len(rules))
	for i, rule := range rules {
		var err error
		if patterns[i], err = compileRule(rule); err != nil {
			return nil, err
		}
	}
	return patterns, nil
}

var stars = regexp.MustCompile(`\*\*?`)

// compileRule checks that To has the stars of From, in the same order, unless
// it is empty.
func compileRule(rule Rule) (pattern, error) {
	if rule.To != "" && fmt.Sprint(stars.FindAllString(rule.From, -1)) != fmt.Sprint(stars.FindAllString(rule.To, -1)) {
		return pattern{}, fmt.Errorf("rule %q → %q: the stars differ", rule.From, rule.To)
	}
	var source strings.Builder
	source.WriteString(`\A`)
	at := 0
	for _, star := range stars.FindAllStringIndex(rule.From, -1) {
		source.WriteString(regexp.QuoteMeta(rule.From[at:star[0]]))
		if star[1]-star[0] == 2 {
			source.WriteString(`(.+)`)
		} else {
			source.WriteString(`([^.]+)`)
		}
		at = star[1]
	}
	source.WriteString(regexp.QuoteMeta(rule.From[at:]) + `\z`)
	from, err := regexp.Compile(source.String())
	if err != nil {
		return pattern{}, fmt.Errorf("rule %q: %w", rule.From, err)
	}
	return pattern{from, stars.Split(rule.To, -1)}, nil
}

// apply is the name that the rule gives; ok is false where it does not match.
func (p pattern) apply(name string) (to string, ok bool) {
	match := p.from.FindStringSubmatch(name)
	if match == nil {
		return "", false
	}
	if len(p.to) == 1 { // no stars, or hidden
		return p.to[0], true
	}
	var out strings.Builder
	for i, text := range p.to {
		out.WriteString(text)
		if i < len(p.to)-1 {
			out.WriteString(match[i+1])
		}
	}
	return out.String(), true
}
