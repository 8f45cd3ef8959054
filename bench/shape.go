package bench

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"strings"

	"dragoman/internal/largepages"
	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
)

// shape is a known model whose weights can be made instead of read.
type shape struct {
	config string // its config.json, of a BLIP-2
	parts  []string
	own    map[string]func(ctx context.Context, r *Runner) error // parts that are measured otherwise than a BLIP-2's
}

// shapes are the known models by name. What a config leaves out is as transformers has it: ViT-g/14 at 224 pixels, BLIP-2's Q-Former.
var shapes = map[string]shape{
	"blip2-opt-2.7b": {
		config: `{"model_type":"blip-2","num_query_tokens":32,"text_config":{"model_type":"opt","hidden_size":2560,"word_embed_proj_dim":2560,
			"ffn_dim":10240,"num_hidden_layers":32,"num_attention_heads":32,"vocab_size":50304,"max_position_embeddings":2048,"eos_token_id":50118}}`,
		parts: []string{"vision", "qformer", "prefill", "decode", "caption"},
	},
	// No released model: the same encoder and bridge, before a language model that is small enough to be computed in f32 beside them.
	"blip2-opt-125m": {
		config: `{"model_type":"blip-2","num_query_tokens":32,"text_config":{"model_type":"opt","hidden_size":768,"word_embed_proj_dim":768,
			"ffn_dim":3072,"num_hidden_layers":12,"num_attention_heads":12,"vocab_size":50304,"max_position_embeddings":2048,"eos_token_id":50118}}`,
		parts: []string{"vision", "qformer", "prefill", "decode", "caption"},
	},
	"qformer":    {config: `{"model_type":"blip-2"}`, parts: []string{"qformer"}},
	flamingoName: flamingoShape,
}

// Shapes lists the models that Options.Shape knows.
func Shapes() []string { return slices.Sorted(maps.Keys(shapes)) }

// known finds a shape by its name.
func known(name string) (shape, error) {
	s, ok := shapes[name]
	if !ok {
		return s, fmt.Errorf("no shape %q (%s)", name, strings.Join(Shapes(), ", "))
	}
	return s, nil
}

// fresh makes parts of the shape's model with matrices as a dtype. The memory of cold reads is given up for it.
func (r *Runner) fresh(d kernel.DType, want blip2.Rooms) (*blip2.Model, error) {
	s, err := known(r.Shape)
	if err != nil {
		return nil, err
	}
	if s.config == "" {
		return nil, fmt.Errorf("it is not measured of %s (which has %s)", r.Shape, strings.Join(s.parts, ", "))
	}
	r.free()
	return blip2.Fresh([]byte(s.config), r.maker(d), want)
}

// maker makes seeded tensors, matrices as a dtype and what Precision keeps finer finer.
func (r *Runner) maker(d kernel.DType) blip2.Maker {
	p := blip2.Precision{Some: true, Matrices: d}
	return func(name string, init nn.Init, dims []int) *tensor.Tensor {
		s := seeded{name: name, init: init, shape: slices.Clone(dims)}
		if to, ok := p.Store(weights.Tensor{Name: name, Type: weights.F32, Shape: dims}); ok {
			rows, cols := dims[0], dims[1]
			data := largepages.Bytes(rows * to.RowBytes(cols))
			s.encode(r.Workers, to, data)
			m := kernel.MatOf(to, rows, cols, data)
			r.Engine.InEights(r.Workers, &m)
			return tensor.NewWeight(name, m, s.shape...)
		}
		x := make([]float32, tensor.Count(dims))
		s.encode(r.Workers, kernel.F32, kernel.Bytes(x))
		t := tensor.NewParamOf(name, x, s.shape...)
		t.SetTrainable(false)
		return t
	}
}

// seeded is a tensor whose values follow from its name: uniform, of the spread that a linear map needs to keep the scale of what it is given,
// and what they start from for norms and biases.
type seeded struct {
	name  string
	init  nn.Init
	shape []int
}

// encode writes the values as a type, all workers at a time.
func (s seeded) encode(workers kernel.Workers, d kernel.DType, dst []byte) {
	cols := s.shape[len(s.shape)-1]
	rows := tensor.Count(s.shape) / max(1, cols)
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.name)) // a hash's Write never fails
	seed := h.Sum64()
	const piece = 64 // rows
	workers.Do((rows+piece-1)/piece, func(task, _ int) {
		x := make([]float32, cols)
		for row := task * piece; row < min((task+1)*piece, rows); row++ {
			s.fill(x, seed+uint64(row)*0x9e3779b97f4a7c15)
			kernel.Encode(d, dst[row*d.RowBytes(cols):][:d.RowBytes(cols)], x)
		}
	})
}

// fill is one row of values.
func (s seeded) fill(x []float32, state uint64) {
	switch s.init.Kind {
	case nn.One:
		for i := range x {
			x[i] = 1
		}
		return
	case nn.Zero:
		clear(x)
		return
	}
	bound := float32(math.Sqrt(3 / float64(max(1, len(x)))))
	state |= 1
	for i := range x {
		// xorshift64: billions of values are made, and only their spread matters.
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
		x[i] = (float32(state>>40)/(1<<23) - 1) * bound
	}
}
