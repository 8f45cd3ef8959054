package resampler

import (
	"math"
	"slices"
	"strings"
	"testing"

	"dragoman/bridge"
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights/weightstest"
)

func small() Config {
	return Config{
		Width: 12, Latents: 5, Layers: 2, Heads: 3, HeadDim: 6, FeedForward: 48, Act: bridge.Act{Kind: kernel.GELU}, Eps: 1e-5,
	}
}

// variants are the files that tools/oracle/resampler.py wrote, and the options that each stands for.
var variants = map[string]func(*Config){
	"openflamingo": func(c *Config) { c.Frames = 4 },
	"idefics":      func(c *Config) { c.Names, c.HeadNorm, c.Act = IDEFICS, true, bridge.Act{Kind: kernel.ReLU} },
	"paper":        func(c *Config) { c.Frames, c.Act = 3, bridge.Act{Kind: kernel.ReLU, Square: true} },
	"perceiver": func(c *Config) {
		c.Frames, c.Act, c.FeaturesOnly = 3, bridge.Act{Kind: kernel.ReLU, Square: true}, true
	},
}

// TestAgainstPyTorch compares outputs and every gradient of each variant.
func TestAgainstPyTorch(t *testing.T) {
	for name, set := range variants {
		t.Run(name, func(t *testing.T) {
			g := weightstest.Open(t, "testdata/"+name+".safetensors")
			c := small()
			set(&c)
			b := nn.NewBuilder(g, nn.BuilderOptions{}).Trainable(true)
			s := New(b, c)
			if err := b.Err(); err != nil {
				t.Fatal(err)
			}
			run := tensor.NewRun(tensor.Options{Grad: true})
			x, shape := g.Floats("features")
			features := tensor.NewParamOf("features", x, shape...)
			y := s.Forward(run, features)
			g.Near("out", y.Data(), 1e-5, 5e-6)
			dy, shape := g.Floats("dy")
			run.Backward(run.SumAll(run.Mul(y, tensor.FromFloats(dy, shape...))), 1)
			g.Near("grad.features", features.Grad(), 1e-4, 5e-6)
			for _, p := range b.Params() {
				g.Near("grad."+p.Name(), p.Grad(), 1e-4, 5e-6)
			}
			for _, n := range g.Names() {
				if p, ok := strings.CutPrefix(n, "grad."); ok && p != "features" && !slices.ContainsFunc(b.Params(), func(w *tensor.Tensor) bool { return w.Name() == p }) {
					t.Errorf("parameter %s is not the model's", p)
				}
			}
		})
	}
}

// TestAnyNumberOfFeatures checks that as many vectors come out whatever goes in, and that all that goes in counts.
func TestAnyNumberOfFeatures(t *testing.T) {
	c := small()
	c.Frames = 2
	s := New(nn.NewBuilder(nil, nn.BuilderOptions{Seed: 1}), c)
	for _, shape := range [][]int{{1, 1, 1, 12}, {3, 1, 7, 12}, {1, 2, 3, 12}, {2, 9, 2, 12}} {
		x := make([]float32, tensor.Count(shape))
		for i := range x {
			x[i] = float32(math.Sin(float64(i) * 1.3))
		}
		run := tensor.NewRun(tensor.Options{})
		y := slices.Clone(s.Forward(run, tensor.FromFloats(x, shape...)).Data())
		if len(y) != shape[0]*c.Latents*c.Width {
			t.Errorf("%v: %d values", shape, len(y))
		}
		x[len(x)-1]++
		if again := s.Forward(run, tensor.FromFloats(x, shape...)).Data(); slices.Equal(again[len(y)-c.Width:], y[len(y)-c.Width:]) {
			t.Errorf("%v: the last feature does not count", shape)
		}
	}
}

// TestValidate refuses what a file cannot mean.
func TestValidate(t *testing.T) {
	for _, c := range []Config{Paper(1536), Released(1024), small()} {
		if err := c.Validate(); err != nil {
			t.Error(err)
		}
	}
	for name, set := range map[string]func(*Config){
		"no latents":       func(c *Config) { c.Latents = 0 },
		"many layers":      func(c *Config) { c.Layers = 1 << 30 },
		"frames below 0":   func(c *Config) { c.Frames = -1 },
		"no width":         func(c *Config) { c.Width = 0 },
		"no heads":         func(c *Config) { c.Heads = 0 },
		"heads of nothing": func(c *Config) { c.HeadDim = -4 },
		"no feed-forward":  func(c *Config) { c.FeedForward = 0 },
	} {
		c := small()
		set(&c)
		if err := c.Validate(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
