package data

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// maxExpansion is the most files a pattern may mean, so that {0..999999999} ends in an error.
const maxExpansion = 100_000

// expand turns a pattern into the paths of files, in order. A name that exists is itself, whatever characters it has.
func expand(spec string) ([]string, error) {
	if _, err := os.Stat(spec); err == nil {
		return []string{spec}, nil
	}
	names, err := braces(spec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", spec, err)
	}
	var out []string
	for _, name := range names {
		if !strings.ContainsAny(name, "*?[") {
			out = append(out, name)
			continue
		}
		found, err := filepath.Glob(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s: no file matches: %w", name, fs.ErrNotExist)
		}
		out = append(out, found...)
	}
	return out, nil
}

// braces writes out {a,b} and {000..012}, from left to right. Braces without a comma or a range stay as they are.
func braces(s string) ([]string, error) {
	open := strings.IndexByte(s, '{')
	if open < 0 {
		return []string{s}, nil
	}
	end := strings.IndexByte(s[open:], '}')
	if end < 0 {
		return []string{s}, nil
	}
	inside, rest := s[open+1:open+end], s[open+end+1:]
	choices, err := choices(inside)
	if err != nil {
		return nil, err
	}
	tails, err := braces(rest)
	if err != nil {
		return nil, err
	}
	if len(choices)*len(tails) > maxExpansion {
		return nil, fmt.Errorf("the pattern means more than %d files", maxExpansion)
	}
	var out []string
	for _, c := range choices {
		for _, t := range tails {
			out = append(out, s[:open]+c+t)
		}
	}
	return out, nil
}

func choices(inside string) ([]string, error) {
	if from, to, ok := strings.Cut(inside, ".."); ok {
		a, errA := strconv.ParseUint(from, 10, 32)
		b, errB := strconv.ParseUint(to, 10, 32)
		if errA != nil || errB != nil || b < a {
			return nil, fmt.Errorf("{%s} is not a range of numbers", inside)
		}
		if b-a >= maxExpansion {
			return nil, fmt.Errorf("the pattern means more than %d files", maxExpansion)
		}
		var out []string
		for n := a; n <= b; n++ {
			out = append(out, fmt.Sprintf("%0*d", len(from), n))
		}
		return out, nil
	}
	if strings.Contains(inside, ",") {
		return strings.Split(inside, ","), nil
	}
	return []string{"{" + inside + "}"}, nil
}
