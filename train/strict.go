package train

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"dragoman/internal/nearest"
)

// checkNodes finds the first key of a document that the Go value it is meant for has no field for, and the first value that does not fit.
func checkNodes(doc *yaml.Node, into any) error {
	n := doc
	if n.Kind == yaml.DocumentNode {
		if len(n.Content) == 0 {
			return fmt.Errorf("the file is empty")
		}
		n = n.Content[0]
	}
	return checkNode(n, reflect.TypeOf(into).Elem(), "")
}

func checkNode(n *yaml.Node, t reflect.Type, path string) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Struct && n.Kind == yaml.MappingNode:
		fields := yamlFields(t)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			f, ok := fields[key.Value]
			if !ok {
				return fmt.Errorf("%s%s: there is no such key%s", lineOf(key), join(path, key.Value), didYouMean(key.Value, names(fields)))
			}
			if err := checkNode(n.Content[i+1], f, join(path, key.Value)); err != nil {
				return err
			}
		}
	case t.Kind() == reflect.Map && n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if err := checkNode(n.Content[i+1], t.Elem(), join(path, n.Content[i].Value)); err != nil {
				return err
			}
		}
	case t.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode:
		for i, c := range n.Content {
			if err := checkNode(c, t.Elem(), join(path, strconv.Itoa(i))); err != nil {
				return err
			}
		}
	case n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
	default:
		if n.Kind == yaml.ScalarNode && n.Decode(reflect.New(t).Interface()) == nil {
			return nil
		}
		if path == "" {
			path = "the recipe"
		}
		return fmt.Errorf("%s%s: %s stands where %s belongs", lineOf(n), path, found(n), wanted(t))
	}
	return nil
}

// found is what a node is, for people.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a group of keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	return fmt.Sprintf("%.40q", n.Value)
}

// wanted is what a Go value is in a recipe.
func wanted(t reflect.Type) string {
	switch k := t.Kind(); {
	case k == reflect.Pointer:
		return wanted(t.Elem())
	case k == reflect.Struct, k == reflect.Map:
		return "a group of keys and values"
	case k == reflect.Slice:
		return "a list"
	case k == reflect.Bool:
		return "true or false"
	case k >= reflect.Uint && k <= reflect.Uint64:
		return "a whole number, not negative,"
	case k >= reflect.Int && k <= reflect.Int64:
		return "a whole number"
	case k == reflect.Float32 || k == reflect.Float64:
		return "a number"
	}
	return "a text"
}

// valueAt is the node that stands at a dotted path in a document; nil for none.
func valueAt(doc *yaml.Node, path string) *yaml.Node {
	n := doc
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for key := range strings.SplitSeq(path, ".") {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		next := (*yaml.Node)(nil)
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				next = n.Content[i+1]
			}
		}
		if i, err := strconv.Atoi(key); n.Kind == yaml.SequenceNode && err == nil && i >= 0 && i < len(n.Content) {
			next = n.Content[i]
		}
		if next == nil {
			return nil
		}
		n = next
	}
	return n
}

// unused is an error for the first field of a part of a recipe that is set although what it stands in has no use for it: its tag "for" names
// those that have, and role is none of them.
func unused(part any, role, what string) error {
	v := reflect.ValueOf(part)
	for i := range v.NumField() {
		f := v.Type().Field(i)
		uses, some := f.Tag.Lookup("for")
		if some && !v.Field(i).IsZero() && !slices.Contains(strings.Fields(uses), role) {
			return fmt.Errorf("%s: %s has no use for it", keyOf(f), what)
		}
	}
	return nil
}

// lineOf says where in the file a node is; what a setting laid over it is nowhere.
func lineOf(n *yaml.Node) string {
	if n.Line == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: ", n.Line)
}

// yamlFields are the types of a struct's fields by their keys.
func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type)
	for i := range t.NumField() {
		if !t.Field(i).IsExported() {
			continue
		}
		fields[keyOf(t.Field(i))] = t.Field(i).Type
	}
	return fields
}

// keyOf is what a field is called in the file.
func keyOf(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return name
}

func names(fields map[string]reflect.Type) []string {
	var out []string
	for name := range fields {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// didYouMean is " (did you mean …?)" where a known word is near, else nothing.
func didYouMean(word string, known []string) string {
	if meant := nearest.To(word, known); meant != "" {
		return fmt.Sprintf(" (did you mean %s?)", meant)
	}
	return ""
}

// applySetting writes one "dotted.path=value" into a document; the value is YAML.
func applySetting(doc *yaml.Node, setting string) error {
	path, value, ok := strings.Cut(setting, "=")
	if !ok || path == "" {
		return fmt.Errorf("--set %s: it is not key=value", setting)
	}
	var v yaml.Node
	if strings.TrimSpace(value) != "" {
		if err := yaml.Load([]byte(value), &v); err != nil {
			return fmt.Errorf("--set %s: %w", setting, yamlError(err))
		}
	}
	leaf := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
	if len(v.Content) > 0 {
		leaf = v.Content[0]
		nowhere(leaf)
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return fmt.Errorf("the file is empty")
	}
	n := doc.Content[0]
	keys := strings.Split(path, ".")
	for i, key := range keys {
		slot, err := slotOf(n, key)
		if err != nil {
			return fmt.Errorf("--set %s: %s: %w", setting, strings.Join(keys[:i+1], "."), err)
		}
		if i == len(keys)-1 {
			*slot = leaf
			return nil
		}
		n = *slot
	}
	return nil
}

// nowhere takes the lines of a setting away, which are none of the file's.
func nowhere(n *yaml.Node) {
	n.Line = 0
	for _, c := range n.Content {
		nowhere(c)
	}
}

// slotOf is where a mapping or a sequence keeps an entry; a mapping gets one where it has none.
func slotOf(n *yaml.Node, key string) (**yaml.Node, error) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == key {
				return &n.Content[i+1], nil
			}
		}
		n.Content = append(n.Content,
			&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key},
			&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"})
		return &n.Content[len(n.Content)-1], nil
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Content) {
			return &n.Content[i], nil
		}
		for i, c := range n.Content { // by its name
			for j := 0; c.Kind == yaml.MappingNode && j+1 < len(c.Content); j += 2 {
				if c.Content[j].Value == "name" && c.Content[j+1].Value == key {
					return &n.Content[i], nil
				}
			}
		}
		return nil, fmt.Errorf("the list has no entry %q (it has %d)", key, len(n.Content))
	}
	return nil, fmt.Errorf("there is nothing below")
}

// yamlError is a YAML error in one line: where, and what; who found it is left out.
func yamlError(err error) error {
	where, what := "", err.Error()
	if said := (*yaml.LoadError)(nil); errors.As(err, &said) {
		if said.Mark.Line > 0 {
			where = fmt.Sprintf("line %d: ", said.Mark.Line)
		}
		what = said.Message
	}
	if strings.Contains(what, "no documents in stream") {
		return errors.New("there is nothing in it")
	}
	return fmt.Errorf("not YAML: %s%s", where, strings.Join(strings.Fields(what), " "))
}
