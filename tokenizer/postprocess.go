package tokenizer

// template puts fixed ids before and after a text's.
type template struct{ before, after []int32 }

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
