package qformer

import "dragoman/tensor"

// Answer is what the queries came back with: their hidden states, and what each layer's self-attention remembers of them.
type Answer struct {
	Hidden   *tensor.Tensor // [pictures, queries, width]
	memories []tensor.KV    // a layer's
}

// Query sends the queries to the pictures and nothing else: a row for each entry of rows, which picture it looks at (nil:
// one for each picture). What comes back serves contrast, is the soft prompt of a language model, and starts Generate.
func (q *QFormer) Query(run *tensor.Run, p *Picture, rows []int32) *Answer {
	a := &Answer{memories: make([]tensor.KV, len(q.layers))}
	x := q.arrive(run, q.ask(run, batchOf(p, rows)))
	for i, l := range q.layers {
		ask, own := l.self.reflect(run, x)
		a.memories[i] = own
		x = l.self.read(run, x, ask, memory{stretches: []tensor.KV{own}})
		x = l.finishQueries(run, x, p.of(i, rows))
		run.Observe(l.path, x)
	}
	q.leave(run, x)
	a.Hidden = x
	return a
}

// Text reads texts by themselves: hidden states [batch, length, width].
func (q *QFormer) Text(run *tensor.Run, t Text) *tensor.Tensor {
	x := q.begin(run, t)
	for _, l := range q.layers {
		ask, own := l.self.reflect(run, x)
		x = l.self.read(run, x, ask, memory{stretches: []tensor.KV{own}, keyMask: t.Mask})
		x = l.textFF.forward(run, x)
		run.Observe(l.path, x)
	}
	q.leave(run, x)
	return x
}

// Match lets queries and text see each other: row b pairs text b with picture rows[b] (nil: b). It returns the hidden states
// of the queries [batch, queries, width]. InstructBLIP's soft prompt is this too, with an instruction for a text.
//
// Nothing reads the text's own states after the last layer, so that layer finishes them only where somebody looks.
func (q *QFormer) Match(run *tensor.Run, p *Picture, rows []int32, t Text) *tensor.Tensor {
	raw := q.embed(run, t)
	run.Show(q.paths.raw, func() *tensor.Tensor { return run.Concat(1, run.Expand(q.Latents, t.Batch()), raw) })
	queries, text := q.ask(run, batchOf(p, rows)), q.enter(run, raw)
	observeBoth(run, q.paths.norm, queries, text)
	observeBoth(run, q.paths.dropout, queries, text)
	observeBoth(run, q.paths.embeddings, queries, text)
	mask := behindQueries(q.Config.Queries, t)
	for i, l := range q.layers {
		textual := i+1 < len(q.layers) || observed(run)
		undo := joinStreams(run)
		queriesAsk, ofQueries := l.self.reflect(run, queries)
		textAsks, ofText := l.self.reflect(run, text)
		both := memory{stretches: []tensor.KV{ofQueries, ofText}, keyMask: mask}
		queries = l.self.read(run, queries, queriesAsk, both)
		if textual {
			text = l.self.read(run, text, textAsks, both)
		}
		undo()
		queries = l.finishQueries(run, queries, p.of(i, rows))
		if textual {
			text = l.textFF.forward(run, text)
		}
		observeBoth(run, l.path, queries, text)
	}
	observeBoth(run, q.paths.encoder, queries, text)
	observeBoth(run, q.paths.qformer, queries, text)
	return queries
}

// Generate reads texts from left to right on top of what the queries brought: text b continues answer rows[b] (nil: b). The
// hidden state [batch, length, width] at a token is what the language-modelling head predicts the next one from.
func (q *QFormer) Generate(run *tensor.Run, a *Answer, rows []int32, t Text) *tensor.Tensor {
	x := q.begin(run, t)
	mask := behindQueries(q.Config.Queries, t)
	for i, l := range q.layers {
		past := a.memories[i]
		past.Index = rows
		ask, own := l.self.reflect(run, x)
		x = l.self.read(run, x, ask, memory{
			stretches:  []tensor.KV{past, own},
			keyMask:    mask,
			causal:     true,
			causalFrom: q.Config.Queries,
		})
		x = l.textFF.forward(run, x)
		run.Observe(l.path, x)
	}
	q.leave(run, x)
	return x
}

// finishQueries is the rest of a layer for the queries' stream: the picture, where this layer looks, then the feed-forward.
func (l *layer) finishQueries(run *tensor.Run, x *tensor.Tensor, picture memory) *tensor.Tensor {
	if l.cross != nil {
		x = l.cross.read(run, x, l.cross.ask(run, x), picture)
	}
	return l.queryFF.forward(run, x)
}

// batchOf is how many rows a pass has.
func batchOf(p *Picture, rows []int32) int {
	if rows != nil {
		return len(rows)
	}
	return p.Len()
}

// behindQueries is the key mask [batch, queries+length] of texts whose keys follow those of the queries; nil if nothing is padded.
func behindQueries(queries int, t Text) []uint8 {
	if t.Mask == nil {
		return nil
	}
	width := queries + t.Len
	mask := make([]uint8, t.Batch()*width)
	for b := range t.Batch() {
		row := mask[b*width : (b+1)*width]
		for i := range queries {
			row[i] = 1
		}
		copy(row[queries:], t.Mask[b*t.Len:(b+1)*t.Len])
	}
	return mask
}
