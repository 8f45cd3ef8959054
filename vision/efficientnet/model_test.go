package efficientnet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"testing"

	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/vision"
	"dragoman/weights"
)

var _ vision.Encoder = (*Model)(nil)

// golden is a sample of a tensor, as tools/oracle/frozen.py writes it.
type golden struct {
	Shape  []int     `json:"shape"`
	Max    float64   `json:"max"`
	At     []int     `json:"at"`
	Values []float64 `json:"values"`
}

func (g golden) check(t *testing.T, name string, got *tensor.Tensor, tolerance float64) {
	t.Helper()
	if fmt.Sprint(got.Shape()) != fmt.Sprint(g.Shape) {
		t.Errorf("%s has shape %v, want %v", name, got.Shape(), g.Shape)
		return
	}
	worst := 0.0
	for i, at := range g.At {
		d := math.Abs(float64(got.Data()[at]) - g.Values[i])
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		worst = max(worst, d/g.Max)
	}
	if worst > tolerance {
		t.Errorf("%s differs from PyTorch by %.2g of its largest value, want %.2g", name, worst, tolerance)
	} else {
		t.Logf("%s: %.2g", name, worst)
	}
}

// picture makes the oracle's pixels [3, size, size].
func testPicture(size, seed int) []float32 {
	mix := func(v uint64) uint64 {
		v = v * 2654435761 & 0xFFFFFFFF
		v ^= v >> 15
		return v * 2246822519 & 0xFFFFFFFF
	}
	x := make([]float32, 3*size*size)
	for row := range size {
		for col := range size {
			for c := range 3 {
				fine := mix(uint64((row*size+col)*3+c)*2 + uint64(seed*7919+1))
				coarse := mix(uint64((row/16*64+col/16)*3+c) + uint64(seed*104729+5))
				x[(c*size+row)*size+col] = (float32(fine>>25+coarse>>25) - 127) / 128
			}
		}
	}
	return x
}

// checkpoint opens the file that is built in, or the package's own where DRAGOMAN_EFFICIENTNET names a folder with it.
func checkpoint(t testing.TB, name string) *Model {
	t.Helper()
	patterns := []string{filepath.Join("..", "..", "mini", "*"+name+"*")}
	if dir := os.Getenv("DRAGOMAN_EFFICIENTNET"); dir != "" {
		patterns = append(patterns, filepath.Join(dir, "*"+name+"*.pth"))
	}
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err != nil || len(found) == 0 {
			continue
		}
		f, err := weights.Open(found[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		})
		b := nn.NewBuilder(f, nn.BuilderOptions{})
		cfg, err := Detect(b)
		if err != nil {
			t.Fatal(err)
		}
		if want := "efficientnet-" + name; cfg.Name != want {
			t.Fatalf("%s is taken for %s", found[0], cfg.Name)
		}
		m := New(b, cfg)
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		return m
	}
	t.Skipf("NOT RUN: no weights of %s in mini/ and none in DRAGOMAN_EFFICIENTNET", name)
	return nil
}

func TestAgainstPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]struct {
		Pixels, Stride16, Stride32, Pooled, Logits golden
		Classes                                    []int
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		t.Run(name, func(t *testing.T) {
			m := checkpoint(t, name[:5])
			size := w.Pixels.Shape[2]
			pixels := tensor.FromFloats(append(testPicture(size, 1), testPicture(size, 2)...), 2, 3, size, size)
			w.Pixels.check(t, "pixels", pixels, 0)
			got := m.Forward(tensor.NewRun(tensor.Options{Compute: kernel.F32}), pixels)
			w.Stride16.check(t, "stride 16", got.Stride16, 1e-4)
			w.Stride32.check(t, "stride 32", got.Stride32, 1e-4)
			w.Pooled.check(t, "pooled", got.Pooled, 1e-4)
			w.Logits.check(t, "logits", got.Logits, 1e-4)
			for b, class := range w.Classes {
				best := 0
				row := got.Logits.Data()[b*1000 : (b+1)*1000]
				for i := range row {
					if row[i] > row[best] {
						best = i
					}
				}
				if best != class {
					t.Errorf("picture %d is of class %d, want %d", b, best, class)
				}
			}
		})
	}
}

// TestShapes runs the whole family with fresh weights and compares what Shape promises with what Encode gives.
func TestShapes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs five networks")
	}
	for _, c := range Configs() {
		b := nn.NewBuilder(nil, nn.BuilderOptions{})
		m := New(b, c)
		if err := b.Err(); err != nil {
			t.Fatal(err)
		}
		r := tensor.NewRun(tensor.Options{})
		p := m.Processor()
		f := m.Encode(r, r.Zeros(1, 3, p.Size[0], p.Size[1]))
		s := m.Shape()
		for _, e := range []struct {
			name string
			got  *tensor.Tensor
			want []int
		}{
			{"tokens", f.Tokens, []int{1, s.Tokens, s.Width}},
			{"fine tokens", f.Fine, []int{1, s.FineTokens, s.FineWidth}},
			{"pooled", f.Pooled, []int{1, s.Pooled}},
			{"logits", f.Logits, []int{1, s.Classes}},
		} {
			if fmt.Sprint(e.got.Shape()) != fmt.Sprint(e.want) {
				t.Errorf("%s: %s %v, want %v", c.Name, e.name, e.got.Shape(), e.want)
			}
		}
		if s.Grid[0]*s.Grid[1] != s.Tokens {
			t.Errorf("%s: grid %v of %d tokens", c.Name, s.Grid, s.Tokens)
		}
	}
}

// TestChunks runs more pictures than go through the network at a time, and compares with each alone.
func TestChunks(t *testing.T) {
	m := checkpoint(t, "lite0")
	const size, batch = 64, chunk*2 + 1
	r := tensor.NewRun(tensor.Options{Compute: kernel.F32})
	var pixels []float32
	for b := range batch {
		pixels = append(pixels, testPicture(size, b+1)...)
	}
	all := m.Encode(r, tensor.FromFloats(pixels, batch, 3, size, size))
	for b := range batch {
		one := m.Encode(r, tensor.FromFloats(pixels[b*3*size*size:(b+1)*3*size*size], 1, 3, size, size))
		for name, pair := range map[string][2]*tensor.Tensor{
			"tokens": {all.Tokens, one.Tokens}, "fine tokens": {all.Fine, one.Fine},
			"pooled": {all.Pooled, one.Pooled}, "logits": {all.Logits, one.Logits},
		} {
			n := pair[1].Len()
			for i, v := range pair[1].Data() {
				if d := math.Abs(float64(v - pair[0].Data()[b*n+i])); !(d <= 1e-4) {
					t.Fatalf("%s of picture %d: value %d is %v together, %v alone", name, b, i, pair[0].Data()[b*n+i], v)
				}
			}
		}
	}
}

// TestFamily holds the published channels and numbers of blocks.
func TestFamily(t *testing.T) {
	for _, e := range []struct {
		c            Config
		blocks, last int
	}{{Lite0, 16, 320}, {Lite1, 21, 320}, {Lite2, 21, 352}, {Lite3, 24, 384}, {Lite4, 30, 448}} {
		bs := e.c.blocks()
		if len(bs) != e.blocks || bs[len(bs)-1].out != e.last {
			t.Errorf("%s has %d blocks to %d channels, want %d to %d", e.c.Name, len(bs), bs[len(bs)-1].out, e.blocks, e.last)
		}
	}
}

// TestFlops holds the published cost of lite0, 407 million multiply-adds without the stem's padding and the like.
func TestFlops(t *testing.T) {
	if got := float64(Lite0.Flops()) / 2e6; got < 370 || got > 420 {
		t.Errorf("lite0 takes %.0f million multiply-adds", got)
	}
}

func TestMissingTensors(t *testing.T) {
	b := nn.NewBuilder(weights.NewMemory(), nn.BuilderOptions{})
	if _, err := Detect(b); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty checkpoint is detected: %v", err)
	}
	New(b, Lite0)
	if b.Err() == nil {
		t.Error("an empty checkpoint binds")
	}
}

func BenchmarkEncode(b *testing.B) {
	m := checkpoint(b, "lite0")
	for _, compute := range []kernel.DType{kernel.F32, kernel.BF16} {
		for _, batch := range []int{1, 32} {
			b.Run(fmt.Sprintf("%v/batch%d", compute, batch), func(b *testing.B) {
				r := tensor.NewRun(tensor.Options{Compute: compute})
				x := tensor.FromFloats(make([]float32, batch*3*224*224), batch, 3, 224, 224)
				for b.Loop() {
					r.Reset()
					m.Encode(r, x)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/1000/float64(b.N*batch), "ms/picture")
			})
		}
	}
}
