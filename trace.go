package dragoman

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"dragoman/model"
	"dragoman/model/blip2"
	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// TraceRequest asks for what goes through a model in one forward pass.
type TraceRequest struct {
	Inputs weights.Source // named as transformers' forward arguments; see TraceInputs for making them
	Select []string       // patterns of module paths (as of path.Match, where * stops at no dot); none: all
	Maps   bool           // attention weights, PATH.attention_probs [batch, heads, queries, keys]
	Grad   []string       // patterns of parameters whose gradients of the loss are wanted
	Head   string         // of a matching model: itm or itc
	Loss   string         // stage1: BLIP-2's first-stage losses
}

// OpenTrace is Open for Trace: with gradients, parameters are float32 and remember theirs.
func OpenTrace(name string, gradients bool, opts ...Option) (*Model, error) {
	return open(name, gradients, opts...)
}

// Trace runs the pass and returns its outputs, float32 tensors named by module path as in transformers.
func (m *Model) Trace(q TraceRequest) ([]weights.Tensor, error) {
	done, err := m.use()
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	defer done()
	if q.Inputs == nil {
		return nil, errors.New("tracing: there are no inputs")
	}
	for _, p := range slices.Concat(q.Select, q.Grad) {
		if _, err := path.Match(p, ""); err != nil {
			return nil, fmt.Errorf("tracing: pattern %q: %w", p, err)
		}
	}
	if len(q.Grad) > 0 {
		m.grads.Lock()
		defer m.grads.Unlock()
	}
	if m.pages != nil {
		return m.tracePages(q)
	}
	if m.pair != nil {
		return m.tracePair(q)
	}
	if m.system.Vision == nil && m.system.Language == nil {
		return nil, fmt.Errorf("tracing: %w: anything to trace", ErrNoPart)
	}
	t := blip2.Trace{Inputs: q.Inputs, Maps: q.Maps, Head: q.Head, Loss: q.Loss, Seed: m.opt.seed, Select: matcher(q.Select), Grad: matcher(q.Grad)}
	return m.system.Trace(tensor.Options{Compute: m.compute}, t)
}

// trace is the request as models that know no heads take it.
func (q TraceRequest) trace() model.Trace {
	return model.Trace{Inputs: q.Inputs, Maps: q.Maps, Select: matcher(q.Select), Grad: matcher(q.Grad)}
}

// matcher says whether a name fits one of the patterns; nil, everything, without patterns.
func matcher(patterns []string) func(string) bool {
	if len(patterns) == 0 {
		return nil
	}
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, name) // Trace refuses what is no pattern
			return ok
		})
	}
}

// TraceInputs makes a pass's inputs of pictures and a text: as many rows as pictures, or one of text alone.
func (m *Model) TraceInputs(images []Image, text string, head string) (weights.Source, error) {
	if m.pages != nil {
		return m.pageInputs(images, text)
	}
	if m.pair != nil {
		return m.pairInputs(images, text)
	}
	if head != "" && m.system.Words == nil {
		return nil, fmt.Errorf("tracing: %w: heads of a matching model, with their tokenizer", ErrNoPart)
	}
	var in []weights.Tensor
	rows := max(1, len(images))
	if len(images) > 0 {
		if m.system.Vision == nil {
			return nil, fmt.Errorf("tracing: %w: an image encoder", ErrNoPart)
		}
		pixels, err := m.pixels(context.Background(), m.system.Processor(), images...)
		if err != nil {
			return nil, err
		}
		in = append(in, weights.FromFloat32("pixel_values", pixels.Shape(), pixels.Data()))
	}
	if text != "" {
		var tok tokenizer.Tokenizer = m.system.Tokenizer
		if tok == nil || head != "" {
			tok = m.system.Words
		}
		if tok == nil {
			return nil, fmt.Errorf("tracing: %w: a tokenizer", ErrNoPart)
		}
		in = append(in, repeated("input_ids", tok.Encode(text, true), rows)...)
		if m.system.Config.Instruct && len(images) > 0 {
			in = append(in, repeated("qformer_input_ids", m.system.Words.Encode(text, true), rows)...)
		}
	}
	return weights.NewMemory(in...), nil
}

// repeated is a matrix of rows that are all the same; nothing without ids.
func repeated(name string, ids []int32, rows int) []weights.Tensor {
	if len(ids) == 0 {
		return nil
	}
	var all []float32
	for range rows {
		for _, id := range ids {
			all = append(all, float32(id))
		}
	}
	return []weights.Tensor{weights.FromFloat32(name, []int{rows, len(ids)}, all)}
}

// TraceNames lists what Trace can give, with shapes, by a pass over an empty picture.
func (m *Model) TraceNames() ([]weights.Tensor, error) {
	done, err := m.use()
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	defer done()
	if m.pages != nil {
		return m.pages.TraceNames(tensor.Options{Compute: m.compute})
	}
	if m.pair != nil {
		return m.pairNames()
	}
	var in []weights.Tensor
	if m.system.Vision != nil {
		p := m.system.Vision.Processor()
		in = append(in, weights.FromFloat32("pixel_values", []int{1, 3, p.Size[0], p.Size[1]}, make([]float32, p.Len())))
	}
	matches := m.system.Language == nil
	if !matches || m.system.Config.QFormer.Text {
		in = append(in, repeated("input_ids", []int32{1, 2}, 1)...)
	}
	if m.system.Config.Instruct {
		in = append(in, repeated("qformer_input_ids", []int32{1, 2}, 1)...)
	}
	heads := []string{""}
	if matches {
		heads = []string{"itc", "itm"}
		if m.system.Bridge.Heads.Match == nil {
			heads = heads[:1]
		}
	}
	var all []weights.Tensor
	for _, head := range heads {
		out, err := m.Trace(TraceRequest{Inputs: weights.NewMemory(in...), Head: head, Maps: true})
		if err != nil {
			return nil, err
		}
		for _, w := range out {
			if !slices.ContainsFunc(all, func(x weights.Tensor) bool { return x.Name == w.Name }) {
				all = append(all, w)
			}
		}
	}
	return all, nil
}
