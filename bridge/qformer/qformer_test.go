package qformer

import (
	"math"
	"slices"
	"testing"

	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
)

func small() Config {
	return Config{
		Width: 16, Layers: 3, Heads: 2, FeedForward: 24, Queries: 3, CrossEvery: 2, FeatureWidth: 10,
		Act: kernel.GELU, Eps: 1e-12, InitStd: 0.3, Text: true, Vocab: 30, Positions: 12,
	}
}

func fresh(t *testing.T) *QFormer {
	t.Helper()
	b := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 5})
	q := New(b, small())
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	return q
}

func exact() *tensor.Run { return tensor.NewRun(tensor.Options{}) }

// pictures are features that differ from one picture to the next.
func pictures(n int) *tensor.Tensor {
	x := make([]float32, n*4*10)
	for i := range x {
		x[i] = float32(math.Sin(float64(i) * 1.7))
	}
	return tensor.FromFloats(x, n, 4, 10)
}

func text(rows ...[]int32) Text {
	t := Text{Len: len(rows[0])}
	for _, r := range rows {
		t.IDs = append(t.IDs, r...)
	}
	return t
}

// same compares rows from…to−1 of axis 1 in two tensors [batch, tokens, width].
func same(t *testing.T, what string, a, b *tensor.Tensor, from, to int) {
	t.Helper()
	if d := distance(a, b, from, to); d > 1e-5 {
		t.Errorf("%s: off by %g", what, d)
	}
}

func differ(t *testing.T, what string, a, b *tensor.Tensor, from, to int) {
	t.Helper()
	if d := distance(a, b, from, to); d < 1e-3 {
		t.Errorf("%s: they differ by %g only", what, d)
	}
}

func distance(a, b *tensor.Tensor, from, to int) float64 {
	var worst float64
	width := a.Dim(2)
	for row := range a.Dim(0) {
		x, y := a.Data()[row*a.Dim(1)*width:], b.Data()[row*b.Dim(1)*width:]
		for i := from * width; i < to*width; i++ {
			worst = max(worst, math.Abs(float64(x[i]-y[i])))
		}
	}
	return worst
}

// TestTextSeesTheFutureOnlyInMatching changes a token and looks where that shows: nowhere before it in generation, everywhere in
// the contrastive pass.
func TestTextSeesTheFutureOnlyInMatching(t *testing.T) {
	q, run := fresh(t), exact()
	answer := q.Query(run, q.Look(run, pictures(1)), nil)
	one, other := text([]int32{1, 7, 8, 9, 2}), text([]int32{1, 7, 8, 20, 2})
	a, b := q.Generate(run, answer, nil, one), q.Generate(run, answer, nil, other)
	same(t, "generation before the change", a, b, 0, 3)
	differ(t, "generation from the change on", a, b, 3, 5)
	a, b = q.Text(run, one), q.Text(run, other)
	differ(t, "text by itself before the change", a, b, 0, 3)
}

// TestQueriesSeeTextOnlyInMatching: the answer of the queries alone is what generation starts from, and does not know the text.
func TestQueriesSeeTextOnlyInMatching(t *testing.T) {
	q, run := fresh(t), exact()
	p := q.Look(run, pictures(1))
	a := q.Match(run, p, nil, text([]int32{1, 7, 8, 2}))
	b := q.Match(run, p, nil, text([]int32{1, 7, 20, 2}))
	differ(t, "queries matched with two texts", a, b, 0, 3)
	differ(t, "queries with and without a text", a, q.Query(run, p, nil).Hidden, 0, 3)
}

func TestPaddingChangesNothing(t *testing.T) {
	q, run := fresh(t), exact()
	p := q.Look(run, pictures(1))
	answer := q.Query(run, p, nil)
	plain := text([]int32{1, 7, 8, 2})
	padded := text([]int32{1, 7, 8, 2, 0, 0})
	padded.Mask = []uint8{1, 1, 1, 1, 0, 0}
	same(t, "text", q.Text(run, plain), q.Text(run, padded), 0, 4)
	same(t, "matching", q.Match(run, p, nil, plain), q.Match(run, p, nil, padded), 0, 3)
	same(t, "generation", q.Generate(run, answer, nil, plain), q.Generate(run, answer, nil, padded), 0, 4)
}

// TestRowsChooseThePicture: a pass that looks at pictures in another order gives what it gives for each by itself.
func TestRowsChooseThePicture(t *testing.T) {
	q, run := fresh(t), exact()
	both := pictures(2)
	p := q.Look(run, both)
	rows := []int32{1, 0, 1}
	words := text([]int32{1, 7, 2}, []int32{1, 8, 2}, []int32{1, 9, 2})
	matched := q.Match(run, p, rows, words)
	asked := q.Query(run, p, rows)
	written := q.Generate(run, q.Query(run, p, nil), rows, words)
	for i, row := range rows {
		n := both.Len() / 2
		alone := q.Look(run, tensor.FromFloats(both.Data()[int(row)*n:(int(row)+1)*n], 1, 4, 10))
		w := text(words.IDs[i*3 : i*3+3])
		pick := func(x *tensor.Tensor) *tensor.Tensor { return run.Slice(x, 0, i, i+1) }
		same(t, "matching", pick(matched), q.Match(run, alone, nil, w), 0, 3)
		same(t, "queries", pick(asked.Hidden), q.Query(run, alone, nil).Hidden, 0, 3)
		same(t, "generation", pick(written), q.Generate(run, q.Query(run, alone, nil), nil, w), 0, 3)
	}
}

// TestPicturesAreProjectedOnce: whatever reads a picture, its features are multiplied by as many matrices as layers look at it.
func TestPicturesAreProjectedOnce(t *testing.T) {
	q, run := fresh(t), exact()
	p := q.Look(run, pictures(2))
	looks := 0
	for i, kv := range p.memories {
		if kv.K != nil {
			looks++
			if !small().looks(i) {
				t.Errorf("layer %d looks", i)
			}
		}
	}
	if looks != 2 {
		t.Errorf("%d layers of 3 look, want 2", looks)
	}
	if a, b := p.of(0, nil).stretches[0], p.of(0, []int32{1, 1}).stretches[0]; &a.K.Data()[0] != &b.K.Data()[0] {
		t.Error("two passes read different keys")
	}
}

// TestInstructNames binds a checkpoint that keeps the embeddings inside of the Q-Former.
func TestInstructNames(t *testing.T) {
	plain := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 5}).Trainable(true)
	q := New(plain, small())
	moved := weights.Memory{}
	for _, p := range plain.Params() {
		name := p.Name()
		switch name {
		case "qformer.layernorm.weight", "qformer.layernorm.bias":
			name = "qformer.embeddings.layernorm" + name[len("qformer.layernorm"):]
		case "embeddings.word_embeddings.weight", "embeddings.position_embeddings.weight":
			name = "qformer." + name
		}
		moved[name] = weights.FromFloat32(name, slices.Clone(p.Shape()), p.Data())
	}
	b := nn.NewBuilder(moved, nn.BuilderOptions{})
	instruct := New(b, small())
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	run := exact()
	words := text([]int32{1, 7, 8, 2})
	same(t, "the same weights under other names", q.Text(run, words), instruct.Text(run, words), 0, 4)
}

func TestConfigErrors(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"hidden_size":               func(c *Config) { c.Width = -1 },
		"num_query_tokens":          func(c *Config) { c.Queries = 1 << 30 },
		"cross_attention_frequency": func(c *Config) { c.CrossEvery = 0 },
		"multiple":                  func(c *Config) { c.Heads = 3 },
		"vocab_size":                func(c *Config) { c.Vocab = 0 },
	} {
		c := small()
		change(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := Defaults().Validate(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
}
