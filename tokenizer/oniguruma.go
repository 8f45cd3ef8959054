package tokenizer

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The patterns of a tokenizer.json are Oniguruma's. Package regexp2 has .NET's,
// which mean the same for the most part; fromOniguruma writes one as the other:
// classes of characters, which are of another age of Unicode, may be nested and
// intersected; ^ and $, which match at every line; (?m), which lets a dot match
// a line break; \b, whose words have other characters; {,n} and \N.

// onig is a pattern on its way.
type onig struct {
	rest string
	out  strings.Builder
}

func fromOniguruma(pattern string) (string, error) {
	p := &onig{rest: pattern}
	for p.rest != "" {
		if err := p.next(); err != nil {
			return "", err
		}
	}
	return p.out.String(), nil
}

// next translates one piece.
func (p *onig) next() error {
	switch p.rest[0] {
	case '\\':
		return p.escape()
	case '[':
		set, err := p.class(0)
		if err != nil {
			return err
		}
		p.out.WriteString(set.String())
		return nil
	case '^', '$':
		p.out.WriteString("(?m:" + p.take(1) + ")")
		return nil
	case '(':
		if flags, ok := strings.CutPrefix(p.rest, "(?"); ok {
			end := strings.IndexFunc(flags, func(r rune) bool { return !strings.ContainsRune("imx-", r) })
			if end > 0 && (flags[end] == ':' || flags[end] == ')') {
				p.out.WriteString("(?" + strings.ReplaceAll(flags[:end], "m", "s"))
				p.rest = flags[end:]
				return nil
			}
		}
	case '{':
		if digits, ok := strings.CutPrefix(p.rest, "{,"); ok {
			if n := strings.IndexByte(digits, '}'); n > 0 && strings.Trim(digits[:n], "0123456789") == "" {
				p.out.WriteString("{0")
				p.take(1)
				return nil
			}
		}
	}
	_, size := utf8.DecodeRuneInString(p.rest)
	p.out.WriteString(p.take(size))
	return nil
}

// take removes n bytes.
func (p *onig) take(n int) string {
	head := p.rest[:n]
	p.rest = p.rest[n:]
	return head
}

// escape translates a backslash and what it belongs to, outside of a class.
func (p *onig) escape() error {
	if len(p.rest) < 2 {
		return fmt.Errorf("a backslash at the end")
	}
	switch p.rest[1] {
	case 'b', 'B':
		words := words().String()
		at := fmt.Sprintf("(?:(?<=%[1]s)(?!%[1]s)|(?<!%[1]s)(?=%[1]s))", words)
		if p.rest[1] == 'B' {
			at = "(?!" + at + ")"
		}
		p.out.WriteString(at)
		p.take(2)
		return nil
	case 'N':
		p.out.WriteString(`[^\n]`)
		p.take(2)
		return nil
	}
	set, ok, err := p.escapedSet(false)
	if ok || err != nil {
		p.out.WriteString(set.String())
		return err
	}
	_, size := utf8.DecodeRuneInString(p.rest[1:])
	p.out.WriteString(p.take(1 + size))
	return nil
}

// escapedSet reads an escape that stands for a set of characters; ok is false,
// and nothing read, for any other.
func (p *onig) escapedSet(inClass bool) (set charSet, ok bool, err error) {
	kind := p.rest[1]
	switch kind {
	case 'w', 'W':
		set = words()
		if inClass {
			set = wordsInClass()
		}
	case 'd', 'D':
		set = category("Nd")
	case 's', 'S':
		set = category("space")
	case 'h', 'H':
		set = category("xdigit")
	case 'p', 'P':
		return p.property()
	default:
		return charSet{}, false, nil
	}
	p.take(2)
	if unicode.IsUpper(rune(kind)) {
		set = set.not()
	}
	return set, true, nil
}

// property reads \p{Name}, \p{^Name} or \P{Name}.
func (p *onig) property() (set charSet, ok bool, err error) {
	end := strings.IndexByte(p.rest, '}')
	if end < 4 || p.rest[2] != '{' {
		return charSet{}, false, nil
	}
	name, not := strings.CutPrefix(p.rest[3:end], "^")
	if set = category(name); set.has == nil {
		return charSet{}, false, fmt.Errorf("%.40q names no class of characters", name)
	}
	if not != (p.rest[1] == 'P') {
		set = set.not()
	}
	p.take(end + 1)
	return set, true, nil
}

// class reads a class in brackets, and those within it.
func (p *onig) class(depth int) (charSet, error) {
	if depth > maxNesting {
		return charSet{}, errNesting
	}
	p.take(1)
	not := strings.HasPrefix(p.rest, "^")
	if not {
		p.take(1)
	}
	var set, left charSet
	both := false // left && set
	for first := true; ; first = false {
		switch {
		case p.rest == "":
			return charSet{}, fmt.Errorf("a class is not closed")
		case p.rest[0] == ']' && !first:
			p.take(1)
			if both {
				set = left.and(set)
			}
			if not {
				set = set.not()
			}
			return set, nil
		case strings.HasPrefix(p.rest, "&&"):
			p.take(2)
			if both {
				set = left.and(set)
			}
			left, set, both = set, charSet{}, true
		default:
			item, err := p.item(depth)
			if err != nil {
				return charSet{}, err
			}
			set = set.or(item)
		}
	}
}

// item reads what a class has between its brackets: a class, an escape, a
// character or a range.
func (p *onig) item(depth int) (charSet, error) {
	if strings.HasPrefix(p.rest, "[:") {
		if end := strings.Index(p.rest, ":]"); end > 2 {
			name, not := strings.CutPrefix(p.rest[2:end], "^")
			if set := category(name); set.has != nil {
				p.take(end + 2)
				if name == "punct" { // with symbols, unlike \p{Punct}
					set = set.or(category("S"))
				}
				if not {
					set = set.not()
				}
				return set, nil
			}
		}
	}
	if p.rest[0] == '[' {
		return p.class(depth + 1)
	}
	if p.rest[0] == '\\' && len(p.rest) > 1 {
		if set, ok, err := p.escapedSet(true); ok || err != nil {
			return set, err
		}
	}
	low, err := p.char()
	if err != nil {
		return charSet{}, err
	}
	high := low
	if len(p.rest) > 1 && p.rest[0] == '-' && p.rest[1] != ']' && p.rest[1] != '[' {
		before := p.rest
		p.take(1)
		if p.atSet() {
			p.rest = before // the dash is itself
		} else if high, err = p.char(); err != nil {
			return charSet{}, err
		}
	}
	if high < low {
		return charSet{}, fmt.Errorf("a range from %q down to %q", low, high)
	}
	return charRange(low, high), nil
}

// atSet says whether an escape that stands for a set is next.
func (p *onig) atSet() bool {
	if len(p.rest) < 2 || p.rest[0] != '\\' {
		return false
	}
	look := onig{rest: p.rest}
	_, ok, err := look.escapedSet(true)
	return ok && err == nil
}

// char reads a character of a class.
func (p *onig) char() (rune, error) {
	if p.rest[0] != '\\' || len(p.rest) < 2 {
		r, size := utf8.DecodeRuneInString(p.rest)
		p.take(size)
		return r, nil
	}
	p.take(1)
	digits, hex := "", p.rest[1:]
	switch p.rest[0] {
	case 'x':
		if inner, ok := strings.CutPrefix(hex, "{"); ok {
			end := strings.IndexByte(inner, '}')
			if end < 0 {
				return 0, fmt.Errorf(`\x{ is not closed`)
			}
			digits = inner[:end]
			p.take(2 + end + 1)
		} else {
			digits = hex[:min(2, len(hex))]
			p.take(1 + len(digits))
		}
	case 'u':
		digits = hex[:min(4, len(hex))]
		p.take(1 + len(digits))
	default:
		r, size := utf8.DecodeRuneInString(p.rest)
		p.take(size)
		if at := strings.IndexRune("abefnrtv", r); at >= 0 {
			r = rune("\a\b\x1b\f\n\r\t\v"[at])
		} else if r == '0' {
			r = 0
		}
		return r, nil
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil || n > unicode.MaxRune {
		return 0, fmt.Errorf("%.20q is no character's number", digits)
	}
	return rune(n), nil
}
