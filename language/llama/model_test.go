package llama

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights/weightstest"
)

type tinyGolden struct {
	Prompts [][]int32
	Logits  []golden
	Soft    struct {
		Embeds []float32
		Mask   [][]uint8
		Labels [][]int32
		Loss   float64
		Grad   golden
	}
	Generate []struct {
		Args   map[string]any
		New    [][]int32
		Scores []float64
	}
}

func exact() *tensor.Run { return tensor.NewRun(tensor.Options{Compute: kernel.F32}) }

func TestTinyAgainstTransformers(t *testing.T) {
	var want tinyGolden
	readJSON(t, "testdata/tiny/golden.json", &want)
	m := tiny(t)
	for i, ids := range want.Prompts {
		r := exact()
		h := m.Forward(r, language.Input{Embeds: m.Embed(r, ids, 1, len(ids))})
		want.Logits[i].check(t, "logits", m.Logits(r, h).Data(), 1e-5)
	}
}

// TestStretchedRotation reads texts with rotations slowed as long-context LLaMAs have them, by either spelling of the configuration.
func TestStretchedRotation(t *testing.T) {
	var want struct {
		IDs   []int32
		Cases []struct {
			Config json.RawMessage
			Logits golden
		}
	}
	readJSON(t, "testdata/tiny/stretched.json", &want)
	plain := tiny(t)
	for _, c := range want.Cases {
		cfg, err := ParseConfig(c.Config)
		if err != nil {
			t.Fatal(err)
		}
		m := *plain
		m.cfg.Rope.Stretch = cfg.Rope.Stretch
		r := exact()
		h := m.Forward(r, language.Input{Embeds: m.Embed(r, want.IDs, 1, len(want.IDs))})
		c.Logits.check(t, string(c.Config), m.Logits(r, h).Data(), 1e-5)
	}
}

// TestMistral reads a text as transformers' Mistral does where its window holds all of it; a longer one is out of its context.
func TestMistral(t *testing.T) {
	var want struct {
		IDs   []int32
		Cases []struct {
			Config json.RawMessage
			Logits golden
		}
	}
	readJSON(t, "testdata/tiny/mistral.json", &want)
	for i, c := range want.Cases {
		cfg, err := ParseMistral(c.Config)
		if err != nil {
			t.Fatal(err)
		}
		m := New(nn.NewBuilder(open(t, "testdata/tiny/model.safetensors"), nn.BuilderOptions{}), cfg)
		if i == 2 {
			dec := language.NewDecoder(m, tensor.Options{})
			if c := m.Config(); c.Context != len(want.IDs)-1 || !c.Bounded {
				t.Errorf("a window of 11 gives %+v", c)
			}
			if err := dec.Read(want.IDs); !errors.Is(err, language.ErrContext) {
				t.Errorf("a text that is longer than the window: %v", err)
			}
			continue
		}
		if c := m.Config(); c.Bounded != (i == 1) || c.Context < len(want.IDs) {
			t.Errorf("case %d gives %+v", i, c)
		}
		r := exact()
		h := m.Forward(r, language.Input{Embeds: m.Embed(r, want.IDs, 1, len(want.IDs))})
		c.Logits.check(t, "logits", m.Logits(r, h).Data(), 1e-5)
	}
	if c, err := ParseMistral([]byte(`{}`)); err != nil || c.FeedForward != 14336 || c.KVHeads != 8 || c.Context != 4096 || !c.Bounded {
		t.Errorf("defaults are %+v, %v", c, err)
	}
	if _, err := ParseMistral([]byte(`{"sliding_window": 0}`)); err == nil {
		t.Error("a window of nothing is one")
	}
}

// TestSoftPromptGradient compares the loss, and its gradient at given embeddings, through the frozen blocks.
func TestSoftPromptGradient(t *testing.T) {
	var want tinyGolden
	readJSON(t, "testdata/tiny/golden.json", &want)
	m := tiny(t)
	s := want.Soft
	rows, length := s.Grad.Shape[0], s.Grad.Shape[1]
	soft := tensor.NewParam("soft", s.Grad.Shape...)
	copy(soft.Data(), s.Embeds)
	r := tensor.NewRun(tensor.Options{Compute: kernel.F32, Grad: true})
	h := m.Forward(r, language.Input{Embeds: soft, Mask: slices.Concat(s.Mask...)})
	logits := m.Logits(r, h)
	targets := make([]int32, 0, rows*length)
	for b := range rows {
		targets = append(append(targets, s.Labels[b][1:]...), -100)
	}
	loss := r.CrossEntropy(r.Reshape(logits, rows*length, logits.Dim(-1)), targets, 0)
	if got := float64(loss.Data()[0]); math.Abs(got-s.Loss) > 1e-5 {
		t.Errorf("loss %v, want %v", got, s.Loss)
	}
	r.Backward(loss, 1)
	s.Grad.check(t, "gradient", soft.Grad(), 1e-5)
}

// TestPaddingChangesNothing runs prompts together, padded on either side, and alone.
func TestPaddingChangesNothing(t *testing.T) {
	var want tinyGolden
	readJSON(t, "testdata/tiny/golden.json", &want)
	m := tiny(t)
	length := 0
	for _, p := range want.Prompts {
		length = max(length, len(p))
	}
	ids, rightIDs := make([]int32, len(want.Prompts)*length), make([]int32, len(want.Prompts)*length)
	mask, rightMask := make([]uint8, len(ids)), make([]uint8, len(ids))
	for b, p := range want.Prompts {
		for i, id := range p {
			right := b*length + i
			left := right + length - len(p)
			ids[left], mask[left], rightIDs[right], rightMask[right] = id, 1, id, 1
		}
	}
	r := exact()
	left := m.Logits(r, m.Forward(r, language.Input{Embeds: m.Embed(r, ids, len(want.Prompts), length), Mask: mask}))
	right := m.Logits(r, m.Forward(r, language.Input{Embeds: m.Embed(r, rightIDs, len(want.Prompts), length), Mask: rightMask}))
	vocab := left.Dim(-1)
	for b, p := range want.Prompts {
		from := (b*length + length - len(p)) * vocab
		want.Logits[b].check(t, "padded on the left", left.Data()[from:from+len(p)*vocab], 1e-5)
		from = b * length * vocab
		want.Logits[b].check(t, "padded on the right", right.Data()[from:from+len(p)*vocab], 1e-5)
	}
}

// TestPredictInParts: texts of unlike lengths are read in parts; what is predicted, and the soft prompt's gradient, is what it is of each alone.
func TestPredictInParts(t *testing.T) {
	m := tiny(t)
	const words = 3
	rows := []int{4, 70, 5, 66, 2, 80} // tokens of prompts
	var prompts, texts [][]int32
	for b, n := range rows {
		var p, x []int32
		for i := range n {
			p = append(p, int32(1+(7*i+b)%30))
		}
		for i := range 2 + b%3 {
			x = append(x, int32(2+(5*i+b)%30))
		}
		prompts, texts = append(prompts, p), append(texts, x)
	}
	soft := tensor.NewParam("soft", len(rows), words, m.cfg.Width)
	for i := range soft.Data() {
		soft.Data()[i] = float32(math.Sin(float64(i)))
	}
	passes := 0
	counted := counting{m, &passes}
	r := tensor.NewRun(tensor.Options{Compute: kernel.F32, Grad: true, Train: true})
	together := language.Predict(r, counted, soft, prompts, texts)
	if passes != 2 {
		t.Errorf("%d passes", passes)
	}
	r.Backward(r.CrossEntropy(together, slices.Concat(texts...), 0), 1)
	grad, at, tokens := slices.Clone(soft.Grad()), 0, len(slices.Concat(texts...))
	vocab, width := together.Dim(1), words*m.cfg.Width
	for b := range rows {
		own := tensor.NewParam("soft", 1, words, m.cfg.Width)
		copy(own.Data(), soft.Data()[b*width:])
		r := tensor.NewRun(tensor.Options{Compute: kernel.F32, Grad: true})
		alone := language.Predict(r, m, own, prompts[b:b+1], texts[b:b+1])
		n := len(texts[b])
		weightstest.Near(t, "logits", together.Data()[at*vocab:(at+n)*vocab], alone.Data(), 1e-5, 1e-5)
		r.Backward(r.CrossEntropy(alone, texts[b], 0), float32(n)/float32(tokens))
		weightstest.Near(t, "gradient", grad[b*width:(b+1)*width], own.Grad(), 1e-5, 1e-5)
		at += n
	}
	if passes = 0; language.Predict(exact(), counted, soft, prompts, texts).Dim(0) != tokens || passes != 1 {
		t.Errorf("%d passes outside of training", passes)
	}
}

// counting counts a model's passes.
type counting struct {
	*Model
	passes *int
}

func (c counting) Forward(r *tensor.Run, in language.Input) *tensor.Tensor {
	*c.passes++
	return c.Model.Forward(r, in)
}

// TestHook sees that a hook is asked before each block, and that what it returns is read.
func TestHook(t *testing.T) {
	m := tiny(t)
	r := exact()
	ids := []int32{5, 6, 7}
	plain := m.Forward(r, language.Input{Embeds: m.Embed(r, ids, 1, 3)})
	var layers []int
	same := m.Forward(r, language.Input{Embeds: m.Embed(r, ids, 1, 3), Hook: func(_ *tensor.Run, layer int, h *tensor.Tensor) *tensor.Tensor {
		layers = append(layers, layer)
		return h
	}})
	if !slices.Equal(layers, []int{0, 1}) || !slices.Equal(plain.Data(), same.Data()) {
		t.Errorf("a hook that does nothing, asked before layers %v, changes the output", layers)
	}
	other := m.Forward(r, language.Input{Embeds: m.Embed(r, ids, 1, 3), Hook: func(r *tensor.Run, layer int, h *tensor.Tensor) *tensor.Tensor {
		if layer == 1 {
			return r.Scale(h, 2)
		}
		return h
	}})
	if slices.Equal(plain.Data(), other.Data()) {
		t.Error("what the hook returns is not read")
	}
}

// TestEach has rows of different lengths read on by themselves behind what they share, or behind nothing: each has, to the last bit, the logits of one
// that was read alone, and goes on as that does.
func TestEach(t *testing.T) {
	m := tiny(t)
	vocab := int32(m.Config().Vocab)
	text := func(from, n int32) (ids []int32) {
		for i := range n {
			ids = append(ids, (from+3*i)%vocab)
		}
		return ids
	}
	for _, shared := range [][]int32{nil, text(5, 4)} {
		own, next := [][]int32{text(1, 2), text(2, 70), text(3, 20)}, []int32{7, 8, 9}
		together := language.NewDecoder(m, tensor.Options{})
		read := func(d *language.Decoder, ids []int32) {
			t.Helper()
			if err := d.Read(ids); err != nil {
				t.Fatal(err)
			}
		}
		if shared != nil {
			read(together, shared)
		}
		if err := together.Each(t.Context(), len(own), func(row int) error { return together.Read(own[row]) }); err != nil {
			t.Fatal(err)
		}
		var alone []*language.Decoder
		for row, ids := range own {
			d := language.NewDecoder(m, tensor.Options{})
			if shared != nil {
				read(d, shared)
			}
			read(d, ids)
			if alone = append(alone, d); !slices.Equal(together.Logits(row), d.Logits(0)) || together.TokensOf(row) != d.Tokens() {
				t.Errorf("behind %d tokens: row %d is not what it is alone", len(shared), row)
			}
		}
		if err := together.Advance([]int{0, 1, 2}, next); err != nil {
			t.Fatal(err)
		}
		for row, d := range alone {
			if err := d.Advance([]int{0}, next[row:row+1]); err != nil {
				t.Fatal(err)
			}
			if off, scale := weightstest.Distance(together.Logits(row), d.Logits(0)); !(off <= 1e-5*scale) {
				t.Errorf("behind %d tokens: row %d goes on otherwise than alone: off by %g of %g", len(shared), row, off, scale)
			}
		}
	}
}

type smolGolden struct {
	Prompt               string
	IDs                  []int32
	Logits, Last, Hidden golden
	Greedy               []int32
	LogProbs             []float64
	Margins              []float64
}

// TestSmolLM2AgainstTransformers compares the built-in model, read as it is stored, with transformers' reading of the same
// file, dequantised.
func TestSmolLM2AgainstTransformers(t *testing.T) {
	var want []smolGolden
	readJSON(t, "testdata/smollm2.json", &want)
	m := smol(t)
	for i, w := range want {
		if testing.Short() && i > 0 {
			break
		}
		r := exact()
		h := m.Forward(r, language.Input{Embeds: m.Embed(r, w.IDs, 1, len(w.IDs))})
		w.Hidden.check(t, w.Prompt+": hidden", h.Data(), 1e-4)
		logits := m.Logits(r, h).Data()
		w.Logits.check(t, w.Prompt+": logits", logits, 1e-4)
		w.Last.check(t, w.Prompt+": last logits", logits[len(logits)-49152:], 1e-4)
	}
}

// TestSmolLM2Rounded runs the built-in model with operands rounded to bf16 and to int8, as it runs by default: the logits
// stay near, and where the choice is clear it is the same.
func TestSmolLM2Rounded(t *testing.T) {
	var want []smolGolden
	readJSON(t, "testdata/smollm2.json", &want)
	if testing.Short() {
		want = want[:1]
	}
	m := smol(t)
	for _, e := range []struct {
		compute kernel.DType
		near    float64 // of the largest logit
	}{{kernel.BF16, 0.03}, {kernel.Q8_0, 0.06}} {
		for _, w := range want {
			r := tensor.NewRun(tensor.Options{Compute: e.compute})
			logits := m.Logits(r, m.Forward(r, language.Input{Embeds: m.Embed(r, w.IDs, 1, len(w.IDs))})).Data()
			last := logits[len(logits)-m.cfg.Vocab:]
			w.Last.check(t, w.Prompt, last, e.near)
			best := 0
			for i, v := range last {
				if v > last[best] {
					best = i
				}
			}
			if w.Margins[0] > 1 && int32(best) != w.Greedy[0] {
				t.Errorf("%v: %q continues with %d, want %d", e.compute, w.Prompt, best, w.Greedy[0])
			}
		}
	}
}

// TestGradientThroughQuantisedBlocks compares the gradient of a loss at a soft prompt before the built-in model, whose
// weights are 4-bit blocks, with finite differences along a direction.
func TestGradientThroughQuantisedBlocks(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the built-in model three times")
	}
	m := smol(t)
	ids := []int32{504, 3575, 282, 4649, 314, 7042}
	const soft = 3
	place, direction := tensor.NewParam("soft", 1, soft, m.cfg.Width), make([]float32, soft*m.cfg.Width)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range direction {
		place.Data()[i] = float32(0.1 * rng.NormFloat64())
		direction[i] = float32(rng.NormFloat64())
	}
	loss := func(r *tensor.Run) *tensor.Tensor {
		h := m.Forward(r, language.Input{Embeds: r.Concat(1, place, m.Embed(r, ids, 1, len(ids)))})
		h = r.Reshape(r.Slice(h, 1, soft-1, soft+len(ids)-1), len(ids), m.cfg.Width)
		return r.CrossEntropy(m.Logits(r, h), ids, 0)
	}
	r := tensor.NewRun(tensor.Options{Compute: kernel.F32, Grad: true})
	r.Backward(loss(r), 1)
	slope := 0.0
	for i, g := range place.Grad() {
		slope += float64(g) * float64(direction[i])
	}
	start := slices.Clone(place.Data())
	at := func(step float64) float64 {
		for i, d := range direction {
			place.Data()[i] = start[i] + float32(step*float64(d))
		}
		return float64(loss(exact()).Data()[0])
	}
	const step = 1e-4 // the loss is steep and bends: at 1e-3 it is a third steeper
	if want := (at(step) - at(-step)) / (2 * step); math.Abs(slope-want) > 0.01*math.Abs(want)+1e-3 {
		t.Errorf("slope %v, by finite differences %v", slope, want)
	} else {
		t.Logf("slope %v, by finite differences %v", slope, want)
	}
}

// TestEachStops: a context that ends while a row is read, ends reading before the next.
func TestEachStops(t *testing.T) {
	d := language.NewDecoder(tiny(t), tensor.Options{})
	ctx, cancel := context.WithCancelCause(t.Context())
	stop, rows := errors.New("stop"), 0
	err := d.Each(ctx, 3, func(int) error {
		rows++
		cancel(stop)
		return d.Read([]int32{1, 2})
	})
	if !errors.Is(err, stop) || rows != 1 {
		t.Errorf("%d rows were read: %v", rows, err)
	}
}
