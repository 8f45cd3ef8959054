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
	run.Show(path, func() *tensor.Tensor { return run.Concat(1, queries, text) })
}

// begin embeds texts that stand by themselves.
func (q *QFormer) begin(run *tensor.Run, t Text) *tensor.Tensor {
	x := q.embed(run, t)
	run.Observe(q.paths.raw, x)
	return q.arrive(run, q.enter(run, x))
}

// arrive shows what goes into the first layer of a pass with one stream, and leave what comes out of the last.
func (q *QFormer) arrive(run *tensor.Run, x *tensor.Tensor) *tensor.Tensor {
	run.Observe(q.paths.norm, x)
	run.Observe(q.paths.dropout, x)
	run.Observe(q.paths.embeddings, x)
	return x
}

func (q *QFormer) leave(run *tensor.Run, x *tensor.Tensor) {
	run.Observe(q.paths.encoder, x)
	run.Observe(q.paths.qformer, x)
}

// joinStreams makes what a layer's two streams do one after the other look like one module's output [batch, queries+length, width], and
// their two attentions like one map [batch, heads, queries+length, keys], until the function it returns is called.
func joinStreams(run *tensor.Run) (undo func()) {
	observer := run.Options().Observer
	if observer == nil {
		return func() {}
	}
	run.SetObserver(&joiner{Observer: observer, run: run, first: map[string]*tensor.Tensor{}})
	return func() { run.SetObserver(observer) }
}

// joiner holds back the first of two outputs of one path until the second is there.
type joiner struct {
	tensor.Observer
	run   *tensor.Run
	first map[string]*tensor.Tensor
}

// Module implements tensor.Observer.
func (j *joiner) Module(path string, out *tensor.Tensor) {
	if first := j.first[path]; first != nil {
		j.Observer.Module(path, j.concat(1, first, out))
	} else {
		j.first[path] = out
	}
}

// Map implements tensor.Observer.
func (j *joiner) Map(path string, probs *tensor.Tensor) {
	if first := j.first[path]; first != nil {
		j.Observer.Map(path, j.concat(2, first, probs))
	} else {
		j.first[path] = probs
	}
}

// concat is not recorded: only an observer needs it.
func (j *joiner) concat(axis int, a, b *tensor.Tensor) *tensor.Tensor {
	recording := j.run.Recording()
	j.run.SetRecording(false)
	defer j.run.SetRecording(recording)
	return j.run.Concat(axis, a, b)
}
