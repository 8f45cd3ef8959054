package hub

import "strings"

// matches says whether a file's name fits a pattern as Python's fnmatch has
// them: * is any text, slashes too, ? any character, [a-z] and [!a-z] sets. A
// pattern that ends in a slash is everything below that folder.
func matches(pattern, name string) bool {
	pattern = strings.ReplaceAll(pattern, `\`, "/")
	if strings.HasSuffix(pattern, "/") {
		pattern += "*"
	}
	return fnmatch([]rune(pattern), []rune(name))
}

// anyMatches says whether one of several patterns fits.
func anyMatches(patterns []string, name string) bool {
	for _, p := range patterns {
		if matches(p, name) {
			return true
		}
	}
	return false
}

// fnmatch walks over both; star and back are where to go on if what follows the
// last star turns out not to fit.
func fnmatch(pattern, name []rune) bool {
	p, n, star, back := 0, 0, -1, 0
	for n < len(name) {
		if p < len(pattern) && pattern[p] == '*' {
			star, back = p, n
			p++
			continue
		}
		if p < len(pattern) {
			if size, ok := matchOne(pattern[p:], name[n]); ok {
				p, n = p+size, n+1
				continue
			}
		}
		if star < 0 {
			return false
		}
		back++
		p, n = star+1, back
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchOne compares a character with the pattern's next element, which is size
// long.
func matchOne(pattern []rune, c rune) (size int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '[':
		if end := setEnd(pattern); end > 0 {
			return end + 1, inSet(pattern[1:end], c)
		}
	}
	return 1, pattern[0] == c
}

// setEnd is where the set that a pattern begins with is closed; 0 if it never
// is: then the bracket stands for itself. A ] that comes first is a member.
func setEnd(pattern []rune) int {
	i := 1
	if i < len(pattern) && pattern[i] == '!' {
		i++
	}
	if i < len(pattern) && pattern[i] == ']' {
		i++
	}
	for ; i < len(pattern); i++ {
		if pattern[i] == ']' {
			return i
		}
	}
	return 0
}

func inSet(set []rune, c rune) bool {
	not := len(set) > 0 && set[0] == '!'
	if not {
		set = set[1:]
	}
	in := false
	for i := 0; i < len(set); i++ {
		if i+2 < len(set) && set[i+1] == '-' {
			in = in || set[i] <= c && c <= set[i+2]
			i += 2
			continue
		}
		in = in || set[i] == c
	}
	return in != not
}
