package blip2

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// TestTraceAgainstTransformers runs checkpoints that transformers wrote (tools/oracle/blip2.py) and compares what goes through them,
// losses and gradients included, on every kernel family.
func TestTraceAgainstTransformers(t *testing.T) {
	for _, tt := range []struct {
		dir   string
		heads []string
		grad  bool
	}{
		{"blip2-itm", []string{"itc", "itm"}, false},
		{"blip2-llama", []string{""}, true},
		{"blip2-t5", []string{""}, true},
		{"blip2-opt", []string{""}, true},
		{"instructblip", []string{""}, true},
		{"instructblip-t5", []string{""}, true},
	} {
		dir := "../../testdata/" + tt.dir
		m, err := Open(dir, Options{Trainable: true, All: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		in, want := openFile(t, dir+"/inputs.safetensors"), openFile(t, dir+"/expected.safetensors")
		for _, e := range kernel.Engines() {
			t.Run(tt.dir+"/"+e.Family().String(), func(t *testing.T) {
				got := map[string]weights.Tensor{}
				for _, head := range tt.heads {
					request := Trace{Inputs: in, Head: head, Maps: true}
					if tt.grad {
						request.Grad = func(string) bool { return true }
					}
					out, err := m.Trace(tensor.Options{Engine: e}, request)
					if err != nil {
						t.Fatal(err)
					}
					for _, w := range out {
						// Modules are those of the matching pass; logits_per_image is the contrast's in the expected file.
						if head != "itm" || w.Name != "logits_per_image" {
							got[w.Name] = w
						}
					}
				}
				compared := 0
				for _, name := range want.Names() {
					if strings.HasPrefix(name, "generated") {
						continue
					}
					w, _ := want.Lookup(name)
					g, ok := got[name]
					if !ok {
						t.Errorf("%s is not among what was traced", name)
						continue
					}
					a, _ := g.Float32()
					b, _ := w.Float32()
					tolerance := 1e-4
					if strings.HasPrefix(name, "grad.") {
						tolerance = 1e-3
					}
					if isRounding(name) {
						continue
					}
					near(t, name, a, b, tolerance)
					compared++
				}
				if compared < 7 {
					t.Errorf("compared %d tensors only", compared)
				}
			})
		}
	}
}

// isRounding says whether a value is nothing but rounding: the gradient of a bias of keys, since a softmax does not see what its scores
// have in common.
func isRounding(name string) bool {
	return strings.HasPrefix(name, "grad.") && (strings.HasSuffix(name, ".k_proj.bias") || strings.HasSuffix(name, ".key.bias"))
}

// TestTraceLegacy opens the model of blip2-opt as a directory of the first releases: no image token, so that input_ids is text alone, an
// old vocabulary size and keys that mean nothing, pickled shards with the head spelt out.
func TestTraceLegacy(t *testing.T) {
	const dir, queries = "../../testdata/blip2-opt", 4
	m, err := Open(dir+"-legacy", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in, want := openFile(t, dir+"/inputs.safetensors"), openFile(t, dir+"/expected.safetensors")
	text := func(name string) weights.Tensor {
		w, _ := in.Lookup(name)
		x, err := w.Float32()
		if err != nil {
			t.Fatal(err)
		}
		return weights.FromFloat32(name, []int{w.Shape[0], w.Shape[1] - queries}, cutColumns(x, w.Shape[0], w.Shape[1], queries))
	}
	alone := weights.Merge(weights.NewMemory(text("input_ids"), text("attention_mask")), in)
	out, err := m.Trace(tensor.Options{Compute: kernel.F32}, Trace{Inputs: alone})
	if err != nil {
		t.Fatal(err)
	}
	sameAsRecorded(t, "", out, want, 27)
}

// sameAsRecorded compares what was traced with those of its values that were recorded, of which there are at least so many: gradients to a
// thousandth of their scale, else to 1e-4.
func sameAsRecorded(t *testing.T, prefix string, got []weights.Tensor, want weights.Source, least int) {
	t.Helper()
	compared := 0
	for _, g := range got {
		w, ok := want.Lookup(g.Name)
		if !ok {
			continue
		}
		a, _ := g.Float32()
		b, _ := w.Float32()
		tolerance := 1e-4
		if strings.HasPrefix(g.Name, "grad.") {
			tolerance = 1e-3
		}
		near(t, prefix+g.Name, a, b, tolerance)
		compared++
	}
	if compared < least {
		t.Errorf("%scompared %d tensors only", prefix, compared)
	}
}

// TestTracePadding compares, without a mask, texts in which the padding's id is a word: its embedding learns nothing from them. Each row has
// as many pictures as it has placeholders for. None of it needs a tokenizer.
func TestTracePadding(t *testing.T) {
	for _, name := range []string{"blip2-llama", "blip2-opt", "instructblip"} {
		from := "../../testdata/" + name
		dir := variant(t, from, func(map[string]any) {}, "tokenizer.json", "tokenizer_config.json")
		if _, err := Open(dir, Options{}); !errors.Is(err, tokenizer.ErrNoFiles) && !errors.Is(err, errNoWords) {
			t.Errorf("%s: without a tokenizer: %v", name, err)
		}
		m, err := Open(dir, Options{Trainable: true, All: true, Pixels: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		want := openFile(t, from+"/padding.safetensors")
		out, err := m.Trace(tensor.Options{Compute: kernel.F32}, Trace{Inputs: want, Grad: func(string) bool { return true }})
		if err != nil {
			t.Fatal(err)
		}
		out = slices.DeleteFunc(out, func(g weights.Tensor) bool { return g.Name == "pixel_values" }) // which goes in
		sameAsRecorded(t, name+": ", out, want, 3)
	}
}

// TestTraceLarger reads a picture that is larger than the encoder's, and compares with transformers' interpolate_pos_encoding; unasked, it
// is refused.
func TestTraceLarger(t *testing.T) {
	const dir = "../../testdata/blip2-opt"
	want := openFile(t, dir+"/larger.safetensors")
	for size, compare := range map[int]bool{38: true, 0: false, 14: false} {
		m, err := Open(dir, Options{ImageSize: size})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		out, err := m.Trace(tensor.Options{Compute: kernel.F32}, Trace{Inputs: want})
		if !compare {
			if err == nil || !strings.Contains(err.Error(), "pixel_values: [1 3 38 38]") {
				t.Errorf("at size %d: %v", size, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		sameAsRecorded(t, "", out, want, 5)
	}
	if _, err := Open(dir, Options{ImageSize: 5}); err == nil || !strings.Contains(err.Error(), "5×5") {
		t.Errorf("pictures smaller than a patch: %v", err)
	}
}

// TestTraceLanguage traces a language model by itself, and compares all that transformers computes with it (tools/oracle/opt.py).
func TestTraceLanguage(t *testing.T) {
	const dir = "../../language/opt/testdata/before"
	traceLanguage(t, "../../language/t5/testdata/flan")
	m := traceLanguage(t, dir)
	long := weights.FromFloat32("input_ids", []int{1, 25}, make([]float32, 25))
	if _, err := m.Trace(tensor.Options{}, Trace{Inputs: weights.NewMemory(long)}); !errors.Is(err, language.ErrContext) {
		t.Errorf("25 tokens in a context of 24: %v", err)
	}
	pixels := weights.FromFloat32("pixel_values", []int{1, 3, 2, 2}, make([]float32, 12))
	if _, err := m.Trace(tensor.Options{}, Trace{Inputs: weights.NewMemory(pixels)}); err == nil {
		t.Error("a language model reads a picture")
	}
}

// traceLanguage compares all that goes through a language model by itself, and every gradient, with what its oracle recorded.
func traceLanguage(t *testing.T, dir string) *Model {
	t.Helper()
	m, err := OpenLanguage(dir, Options{Trainable: true, All: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	want := openFile(t, dir+"/expected.safetensors")
	out, err := m.Trace(tensor.Options{Compute: kernel.F32}, Trace{Inputs: want, Grad: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, g := range out {
		w, ok := want.Lookup(g.Name)
		if !ok {
			if strings.HasPrefix(g.Name, "grad.") {
				t.Errorf("%s is not a parameter", g.Name)
			}
			continue
		}
		if isRounding(g.Name) {
			continue
		}
		a, _ := g.Float32()
		b, _ := w.Float32()
		near(t, g.Name, a, b, 1e-4)
		compared++
	}
	if compared < 40 {
		t.Errorf("compared %d tensors only", compared)
	}
	return m
}

// TestTraceWriteRefuses gives an encoder-decoder model what it cannot write.
func TestTraceWriteRefuses(t *testing.T) {
	m, err := OpenLanguage("../../language/t5/testdata/flan", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	matrix := func(name string, rows int, v ...float32) weights.Tensor {
		return weights.FromFloat32(name, []int{rows, len(v) / rows}, v)
	}
	ids := matrix("input_ids", 2, 5, 6, 7, 8)
	for want, in := range map[string][]weights.Tensor{
		"decoder_input_ids: language: token 40": {matrix("decoder_input_ids", 2, 0, 40, 0, 5)},
		"decoder_input_ids: 2 tokens in 1":      {matrix("decoder_input_ids", 1, 0, 5)},
		"decoder_input_ids: 4 tokens":           {matrix("decoder_input_ids", 2, 0, 5, 0, 5), matrix("labels", 2, 1, 2, 3, 4, 5, 6)},
		"labels: 3 values for 2 rows":           {matrix("labels", 1, 1, 2, 3)},
		"labels: 40 is not among":               {matrix("labels", 2, 40, 1)},
	} {
		if _, err := m.Trace(tensor.Options{}, Trace{Inputs: weights.NewMemory(append(in, ids)...)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// TestTraceRefuses checks that inputs that do not fit are an error.
func TestTraceRefuses(t *testing.T) {
	m, err := Open("../../testdata/blip2-itm", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	pixels := weights.FromFloat32("pixel_values", []int{1, 3, 28, 28}, make([]float32, 3*28*28))
	ids := func(v ...float32) weights.Tensor { return weights.FromFloat32("input_ids", []int{1, len(v)}, v) }
	for name, request := range map[string]Trace{
		"nothing":        {Inputs: weights.NewMemory(), Head: "itm"},
		"another size":   {Inputs: weights.NewMemory(weights.FromFloat32("pixel_values", []int{1, 3, 14, 14}, make([]float32, 3*14*14)))},
		"unknown word":   {Inputs: weights.NewMemory(pixels, ids(2, 999)), Head: "itm"},
		"half a word":    {Inputs: weights.NewMemory(pixels, ids(2, 0.5)), Head: "itm"},
		"too long":       {Inputs: weights.NewMemory(pixels, ids(make([]float32, 50)...)), Head: "itc"},
		"unknown head":   {Inputs: weights.NewMemory(pixels, ids(2)), Head: "tail"},
		"unknown loss":   {Inputs: weights.NewMemory(pixels, ids(2)), Loss: "stage9"},
		"lacks heads":    {Inputs: weights.NewMemory(pixels, ids(2, 5, 3)), Loss: "stage1"},
		"grad, no loss":  {Inputs: weights.NewMemory(pixels, ids(2, 5, 3)), Head: "itm", Grad: func(string) bool { return true }},
		"mask too short": {Inputs: weights.NewMemory(pixels, ids(2, 5, 3), weights.FromFloat32("attention_mask", []int{1, 1}, []float32{1})), Head: "itm"},
	} {
		if _, err := m.Trace(tensor.Options{}, request); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func openFile(t *testing.T, path string) *weights.File {
	t.Helper()
	return weightstest.Open(t, path).File
}

// TestTraceBeyondContext: rotations know no last position, a table of them does.
func TestTraceBeyondContext(t *testing.T) {
	const length = 65 // both were made for 64
	ids := make([]float32, length)
	for i := range ids {
		ids[i] = 3
	}
	for dir, bounded := range map[string]bool{"blip2-llama": false, "blip2-opt": true} {
		m, err := Open("../../testdata/"+dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		_, err = m.Trace(tensor.Options{}, Trace{Inputs: weights.NewMemory(weights.FromFloat32("input_ids", []int{1, length}, ids))})
		if errors.Is(err, language.ErrContext) != bounded || err != nil != bounded {
			t.Errorf("%s: %v", dir, err)
		}
	}
}
