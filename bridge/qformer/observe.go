package qformer

import (
	"dragoman/tensor"
)

// Whoever looks at a module expects it as transformers has it: one sequence, queries first, then text. The two streams are
// put together for that here, only where somebody looks.

// observed says whether somebody looks.
func observed(run *tensor.Run) bool { return run.Options().Observer != nil }

// observeBoth shows both streams as one module's output [batch, queries+length, width].
func observeBoth(run *tensor.Run, path string, queries, text *tensor.Tensor) {
	if observed(run) && path != "" {
		run.Observe(path, unrecorded(run, func() *tensor.Tensor { return run.Concat(1, queries, text) }))
	}
}

// arrive shows what goes into the first layer of a pass with one stream, and leave what comes out of the last.
func (q *QFormer) arrive(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	run.Observe(q.paths.norm, x)
	run.Observe(q.paths.embeddings, x)
	return x
}

func (q *QFormer) leave(run *tensor.Run, x *tensor.Tensor) {
	run.Observe(q.paths.encoder, x)
	run.Observe(q.paths.qformer, x)
}

// joinMaps makes the two attentions that a layer's streams do look like one map [batch, heads, queries+length, keys] until
// the function it returns is called.
func joinMaps(run *tensor.Run) (undo func()) {
	observer := run.Options().Observer
	if observer == nil {
		return func() {}
	}
	run.SetObserver(&mapJoiner{Observer: observer, run: run})
	return func() { run.SetObserver(observer) }
}

// mapJoiner holds back the first of two maps of one path until the second is there.
type mapJoiner struct {
	tensor.Observer
	run   *tensor.Run
	first *tensor.Tensor
}

// Map implements tensor.Observer.
func (m *mapJoiner) Map(path string, probs *tensor.Tensor) {
	if m.first == nil {
		m.first = probs
		return
	}
	joined := unrecorded(m.run, func() *tensor.Tensor { return m.run.Concat(2, m.first, probs) })
	m.first = nil
	m.Observer.Map(path, joined)
}

// unrecorded computes something that only an observer needs.
func unrecorded(run *tensor.Run, f func() *tensor.Tensor) *tensor.Tensor {
	recording := run.Recording()
	run.SetRecording(false)
	defer run.SetRecording(recording)
	return f()
}
