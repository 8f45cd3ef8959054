package tokenizer

import "fmt"

// template puts fixed ids before and after a text's.
type template struct{ before, after []int32 }

// newTemplate checks that the ids are tokens: a model's table of embeddings has
// no rows for others.
func newTemplate(p *Pipeline, before, after []int32) (template, error) {
	for _, ids := range [][]int32{before, after} {
		for _, id := range ids {
			if _, ok := p.lookup(id); !ok {
				return template{}, fmt.Errorf("id %d is no token", id)
			}
		}
	}
	return template{before, after}, nil
}

func (t template) process(ids []int32) []int32 {
	out := make([]int32, 0, len(t.before)+len(ids)+len(t.after))
	out = append(out, t.before...)
	out = append(out, ids...)
	return append(out, t.after...)
}

// postProcessors apply one after the other.
type postProcessors []postProcessor

func (list postProcessors) process(ids []int32) []int32 {
	for _, p := range list {
		ids = p.process(ids)
	}
	return ids
}
