package weights

import (
	"fmt"
	"maps"
	"slices"
)

// Memory is a source of tensors that the program made, by name.
type Memory map[string]Tensor

// NewMemory collects tensors under their names; of two with one name the last
// stays.
func NewMemory(tensors ...Tensor) Memory {
	m := make(Memory, len(tensors))
	for _, t := range tensors {
		m[t.Name] = t
	}
	return m
}

// Names lists the tensors in alphabetical order.
func (m Memory) Names() []string { return slices.Sorted(maps.Keys(m)) }

// Lookup finds a tensor by its exact name.
func (m Memory) Lookup(name string) (Tensor, bool) {
	t, ok := m[name]
	t.Name = name
	return t, ok
}

// view is a source whose names are known from the start.
type view struct {
	names  []string
	lookup map[string]func() (Tensor, bool)
}

func (v *view) Names() []string { return v.names }

func (v *view) Lookup(name string) (Tensor, bool) {
	find, ok := v.lookup[name]
	if !ok {
		return Tensor{}, false
	}
	t, ok := find()
	t.Name = name
	return t, ok
}

// add enters a name; false if it is taken.
func (v *view) add(name string, find func() (Tensor, bool)) bool {
	if _, taken := v.lookup[name]; taken {
		return false
	}
	if v.lookup == nil {
		v.lookup = map[string]func() (Tensor, bool){}
	}
	v.lookup[name] = find
	v.names = append(v.names, name)
	return true
}

// Merge shows several sources as one. Where two have the same name, the first
// is seen.
func Merge(sources ...Source) Source {
	merged := &view{}
	for _, src := range sources {
		for _, name := range src.Names() {
			merged.add(name, func() (Tensor, bool) { return src.Lookup(name) })
		}
	}
	return merged
}

// Rule renames what matches the pattern From. In From a * stands for one or
// more characters without a dot, ** for one or more of any kind; in To each *
// or ** is filled, in turn, with what its counterpart stood for. An empty To
// hides the tensor.
type Rule struct{ From, To string }

// Rename shows a source under other names. The first rule that matches a name
// applies; a name without a rule stays as it is. It is an error if two tensors
// get the same name, or a rule is malformed.
func Rename(src Source, rules ...Rule) (Source, error) {
	patterns, err := compileRules(rules)
	if err != nil {
		return nil, fmt.Errorf("rename: %w", err)
	}
	renamed := &view{}
	origin := map[string]string{}
	for _, old := range src.Names() {
		name := old
		for _, p := range patterns {
			if to, ok := p.apply(old); ok {
				name = to
				break
			}
		}
		if name == "" {
			continue
		}
		if !renamed.add(name, func() (Tensor, bool) { return src.Lookup(old) }) {
			return nil, fmt.Errorf("rename: tensor %s: both %s and %s get this name", quote(name), quote(origin[name]), quote(old))
		}
		origin[name] = old
	}
	return renamed, nil
}

// Prefix shows the tensors whose names begin with prefix, without it.
func Prefix(src Source, prefix string) Source {
	cut := &view{}
	for _, old := range src.Names() {
		if len(old) > len(prefix) && old[:len(prefix)] == prefix {
			cut.add(old[len(prefix):], func() (Tensor, bool) { return src.Lookup(old) })
		}
	}
	return cut
}

// Below shows every tensor with a prefix before its name.
func Below(src Source, prefix string) Source {
	below := &view{}
	for _, name := range src.Names() {
		below.add(prefix+name, func() (Tensor, bool) { return src.Lookup(name) })
	}
	return below
}

// Split shows the rows (the outermost dimension) of each tensor that matches
// the pattern From as several tensors. From and the names of the parts are
// patterns as in [Rule].
type Split struct {
	From string
	Into []Part
}

// Part is a run of rows of a split tensor; the parts follow one another and
// cover it. Where no part gives its rows, all are equal.
type Part struct {
	Name string
	Rows int
}

// SplitRows shows fused tensors as their parts: a query-key-value projection as
// three. The parts view the same bytes, quantised ones too. Tensors without a
// split stay as they are.
func SplitRows(src Source, splits ...Split) (Source, error) {
	result := &view{}
	for _, name := range src.Names() {
		parts, err := splitNamed(name, splits)
		if err != nil {
			return nil, fmt.Errorf("split rows: %w", err)
		}
		if parts == nil {
			if !result.add(name, func() (Tensor, bool) { return src.Lookup(name) }) {
				return nil, fmt.Errorf("split rows: tensor %s: the name is taken", quote(name))
			}
			continue
		}
		whole, _ := src.Lookup(name)
		bounds, err := partBounds(whole, parts)
		if err != nil {
			return nil, fmt.Errorf("split rows: tensor %s: %w", quote(name), err)
		}
		for i, part := range parts {
			from, to := bounds[i], bounds[i+1]
			find := func() (Tensor, bool) {
				t, ok := src.Lookup(name)
				return t.Rows(from, to), ok
			}
			if !result.add(part.Name, find) {
				return nil, fmt.Errorf("split rows: tensor %s: the name is taken", quote(part.Name))
			}
		}
	}
	return result, nil
}

// splitNamed finds the parts of the first split that matches, with their names
// filled in; nil if none does.
func splitNamed(name string, splits []Split) ([]Part, error) {
	for _, split := range splits {
		var parts []Part
		for _, part := range split.Into {
			pattern, err := compileRule(Rule{split.From, part.Name})
			if err != nil {
				return nil, err
			}
			if to, ok := pattern.apply(name); ok {
				parts = append(parts, Part{to, part.Rows})
			}
		}
		if parts != nil {
			return parts, nil
		}
	}
	return nil, nil
}

// partBounds is the first row of each part, and the end.
func partBounds(t Tensor, parts []Part) ([]int, error) {
	if len(t.Shape) == 0 {
		return nil, fmt.Errorf("a scalar has no rows")
	}
	total, given := t.Shape[0], 0
	for _, part := range parts {
		if part.Rows < 0 {
			return nil, fmt.Errorf("part %s has %d rows", quote(part.Name), part.Rows)
		}
		given += part.Rows
	}
	bounds := []int{0}
	for i, part := range parts {
		rows := part.Rows
		if given == 0 {
			rows = total / len(parts)
		}
		bounds = append(bounds, bounds[i]+rows)
	}
	if bounds[len(parts)] != total || len(t.Shape) == 1 && t.Type.Quantized() {
		return nil, fmt.Errorf("%v %v does not split into %d parts", t.Type, t.Shape, len(parts))
	}
	return bounds, nil
}

// Rows views some of a tensor's rows (the outermost dimension).
func (t Tensor) Rows(from, to int) Tensor {
	if len(t.Shape) == 0 || t.Shape[0] == 0 {
		return t
	}
	size := len(t.Data) / t.Shape[0]
	t.Data = t.Data[from*size : to*size : to*size]
	t.Shape = append([]int{to - from}, t.Shape[1:]...)
	return t
}
