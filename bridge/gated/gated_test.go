package gated

import (
	"slices"
	"strings"
	"testing"

	"dragoman/bridge"
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights/weightstest"
)

// variants are the files that tools/oracle/gated.py wrote, and the blocks that each stands for.
var variants = map[string]Config{
	"openflamingo": {
		Width: 12, MediaWidth: 10, Heads: 2, HeadDim: 5, FeedForward: 48, Layers: 1, Every: 1,
		Act: bridge.Act{Kind: kernel.GELU}, Norm: bridge.LayerNorm, Eps: 1e-5,
	},
	"idefics": idefics(false),
	"vector":  idefics(true),
}

func idefics(vectors bool) Config {
	return Config{
		Width: 12, MediaWidth: 10, Heads: 2, HeadDim: 6, FeedForward: 20, Layers: 1, Every: 1, First: true,
		Act: bridge.Act{Kind: kernel.SiLU}, Norm: bridge.RMSNorm, HeadNorm: true, Vectors: vectors, Eps: 1e-6, Names: IDEFICS,
	}
}

type golden struct {
	t *testing.T
	weightstest.Golden
}

func open(t *testing.T, variant string) golden {
	t.Helper()
	return golden{t, weightstest.Open(t, "testdata/"+variant+".safetensors")}
}

// bound is the one block of a file as a stack.
func (g golden) bound(c Config) (*Stack, *nn.Builder) {
	b := nn.NewBuilder(g.File, nn.BuilderOptions{}).Trainable(true)
	s := New(c, func(int, int) *nn.Builder { return b })
	if err := b.Err(); err != nil {
		g.t.Fatal(err)
	}
	return s, b
}

// TestAgainstPyTorch compares outputs and every gradient of each variant.
func TestAgainstPyTorch(t *testing.T) {
	for name, c := range variants {
		t.Run(name, func(t *testing.T) {
			g := open(t, name)
			s, b := g.bound(c)
			run := tensor.NewRun(tensor.Options{Grad: true})
			x, shape := g.Floats("hidden")
			hidden := tensor.NewParamOf("hidden", x, shape...)
			m, mediaShape := g.Floats("media")
			media := tensor.NewParamOf("media", m, mediaShape...)
			sight := s.See(run, media, shape[0], false)
			sight.Show(g.Mask("seen"), shape[1])
			y := sight.Hook(run, 0, hidden)
			g.Near("out", y.Data(), 1e-5, 0)
			dy, _ := g.Floats("dy")
			run.Backward(run.SumAll(run.Mul(y, tensor.FromFloats(dy, shape...))), 1)
			g.Near("grad.hidden", hidden.Grad(), 1e-4, 0)
			g.Near("grad.media", media.Grad(), 1e-4, 0)
			compared := 0
			for _, p := range b.Params() {
				g.Near("grad."+p.Name(), p.Grad(), 1e-4, 0)
				compared++
			}
			for _, n := range g.Names() {
				if strings.HasPrefix(n, "grad.") {
					compared--
				}
			}
			if compared != -2 { // of hidden states and media
				t.Errorf("PyTorch has %d parameters more", -compared-2)
			}
		})
	}
}

// TestDecoding reads the tokens one at a time behind the first few, from kept pictures, in rows that change places.
func TestDecoding(t *testing.T) {
	for name, c := range variants {
		g := open(t, name)
		s, _ := g.bound(c)
		run := tensor.NewRun(tensor.Options{})
		x, shape := g.Floats("hidden")
		rows, tokens, width := shape[0], shape[1], shape[2]
		m, mediaShape := g.Floats("media")
		media := tensor.FromFloats(m, mediaShape...)
		seen := g.Mask("seen")
		pictures := mediaShape[1]
		const read = 5 // tokens of the prompt; the rest sees what its last one does
		for b := range rows {
			at := (b*tokens + read) * pictures
			copy(seen[at:], seen[at-pictures:at])
		}
		whole := s.See(run, media, rows, false)
		whole.Show(seen, tokens)
		want := slices.Clone(whole.Hook(run, 0, tensor.FromFloats(x, shape...)).Data())

		sight := s.See(run, media, rows, true)
		run.Reset()
		var prompt []float32
		var mask []uint8
		for b := range rows {
			prompt = append(prompt, x[b*tokens*width:][:read*width]...)
			mask = append(mask, seen[b*tokens*pictures:][:read*pictures]...)
		}
		sight.Show(mask, read)
		sight.Hook(run, 0, tensor.FromFloats(prompt, rows, read, width))
		parents := []int{1, 0, 1}
		sight.Select(parents)
		var next []float32
		for _, p := range parents {
			next = append(next, x[(p*tokens+read)*width:][:width]...)
		}
		got := sight.Hook(run, 0, tensor.FromFloats(next, len(parents), 1, width)).Data()
		for i, p := range parents {
			if d, scale := weightstest.Distance(got[i*width:(i+1)*width], want[(p*tokens+read)*width:][:width]); !(d <= 1e-5*scale) {
				t.Errorf("%s: row %d of %d: off by %g of %g", name, i, p, d, scale)
			}
		}
	}
}

// TestUntouched checks that tokens before any picture come out as they went in, that others do not, and what no picture at all means.
func TestUntouched(t *testing.T) {
	c := variants["openflamingo"]
	c.Untouched = true
	g := open(t, "openflamingo")
	s, _ := g.bound(c)
	run := tensor.NewRun(tensor.Options{})
	x, shape := g.Floats("hidden")
	m, mediaShape := g.Floats("media")
	seen := g.Mask("seen")
	sight := s.See(run, tensor.FromFloats(m, mediaShape...), shape[0], false)
	sight.Show(seen, shape[1])
	y := sight.Hook(run, 0, tensor.FromFloats(x, shape...)).Data()
	want, _ := g.Floats("out")
	blind := 0
	for i := range shape[0] * shape[1] {
		in, out := x[i*shape[2]:(i+1)*shape[2]], y[i*shape[2]:(i+1)*shape[2]]
		if slices.Contains(seen[i*mediaShape[1]:(i+1)*mediaShape[1]], 1) {
			if d, scale := weightstest.Distance(out, want[i*shape[2]:(i+1)*shape[2]]); !(d <= 1e-5*scale) {
				t.Errorf("token %d: off by %g of %g", i, d, scale)
			}
			continue
		}
		blind++
		if !slices.Equal(in, out) {
			t.Errorf("token %d sees no picture and is changed", i)
		}
	}
	if blind == 0 {
		t.Error("every token sees a picture")
	}
	hidden := tensor.FromFloats(x, shape...)
	nothing := s.See(run, nil, shape[0], false)
	nothing.Show(nil, shape[1])
	if nothing.Hook(run, 0, hidden) != hidden {
		t.Error("text without pictures is changed")
	}
	s.Config.Untouched = false
	if slices.Equal(nothing.Hook(run, 0, hidden).Data(), x) {
		t.Error("the perceptron does not act on text without pictures")
	}
}

// TestPlaces checks before which layers blocks stand.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		layers, every int
		first         bool
		want          []int
	}{
		{4, 1, false, []int{0, 1, 2, 3}}, {8, 4, false, []int{3, 7}}, {8, 4, true, []int{0, 4}}, {5, 2, false, []int{1, 3}},
	} {
		k := variants["openflamingo"]
		k.Layers, k.Every, k.First = c.layers, c.every, c.first
		var at []int
		New(k, func(layer, index int) *nn.Builder {
			if index != len(at) {
				t.Errorf("block %d is called %d", len(at), index)
			}
			at = append(at, layer)
			return nn.NewBuilder(nil, nn.BuilderOptions{})
		})
		if !slices.Equal(at, c.want) {
			t.Errorf("%+v: before %v", c, at)
		}
	}
}

// TestValidate refuses what a file cannot mean.
func TestValidate(t *testing.T) {
	if err := Released(2048, 1024, 24, 1).Validate(); err != nil {
		t.Error(err)
	}
	for _, c := range []Config{Released(0, 1, 1, 1), Released(1, 0, 1, 1), Released(1, 1, 1<<30, 1), Released(1, 1, 1, 0)} {
		if err := c.Validate(); err == nil {
			t.Errorf("%+v: no error", c)
		}
	}
}
