package train

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"dragoman/internal/plainjson"
	"dragoman/model/blip2"
)

// classLine is what is known of a class of the encoder: what it is called, and which kinds of thing it is of, the narrowest first.
type classLine struct {
	Names []string `json:"names"`
	Kinds []string `json:"kinds"`
}

// kindLine is which kinds of thing a caption speaks of, the narrowest first.
type kindLine struct {
	Text  string   `json:"text"`
	Kinds []string `json:"kinds"`
}

// kinds is what a model says of pictures that it does not know: blip2.Memory's Classes, and Kinds by caption.
type kinds struct {
	classes  []string // nil: it is not said which kinds there are
	captions map[string]string
}

// kindsOf is what a model that the run goes on from says already.
func kindsOf(m *blip2.Memory) kinds {
	if m == nil || m.Classes == nil {
		return kinds{}
	}
	k := kinds{classes: m.Classes, captions: map[string]string{}}
	for i, kinds := range m.Kinds {
		k.captions[m.Captions[i]] = kinds
	}
	return k
}

// classLines reads what the encoder's classes are called; nil where the recipe does not say.
func (r *Recipe) classLines() ([]classLine, error) {
	return readLines[classLine]("model.class_names", r.Model.Classes, r)
}

// kinds reads which kinds of thing classes and captions are of.
func (r *Recipe) kinds() (kinds, error) {
	if r.Model.Kinds == "" {
		return kinds{}, nil
	}
	classes, err := r.classLines()
	if err != nil {
		return kinds{}, err
	}
	if len(classes) == 0 {
		return kinds{}, fmt.Errorf("model.caption_kinds: class_names is missing, of what the encoder takes a picture for")
	}
	lines, err := readLines[kindLine]("model.caption_kinds", r.Model.Kinds, r)
	if err != nil {
		return kinds{}, err
	}
	k := kinds{captions: map[string]string{}}
	for i, c := range classes {
		if len(c.Names) == 0 {
			return kinds{}, fmt.Errorf("model.class_names: %s:%d: the class has no name", r.path(r.Model.Classes), i+1)
		}
		k.classes = append(k.classes, strings.Join(append([]string{c.Names[0]}, c.Kinds...), ", "))
	}
	for _, l := range lines {
		k.captions[l.Text] = strings.Join(l.Kinds, ", ")
	}
	return k, nil
}

// of are the kinds of captions, one text each.
func (k kinds) of(captions []string) []string {
	out := make([]string, len(captions))
	for i, c := range captions {
		out[i] = k.captions[c]
	}
	return out
}

// readLines reads a JSONL file that a key of a recipe names; nil where it names none.
func readLines[T any](key, name string, r *Recipe) ([]T, error) {
	if name == "" {
		return nil, nil
	}
	path := r.path(name)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	defer f.Close()
	var out []T
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line T
		if err := plainjson.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("%s: %s:%d: %w", key, path, len(out)+1, err)
		}
		out = append(out, line)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", key, path, err)
	}
	return out, nil
}
