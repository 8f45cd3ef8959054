package flamingo

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// kinds are the directories that tools/oracle/idefics.py wrote, openFlamingos those of tools/oracle/openflamingo.py.
var (
	kinds         = []string{"idefics", "idefics-plain"}
	openFlamingos = []string{"openflamingo-opt", "openflamingo-opt350", "openflamingo-llama", "openflamingo-gptneox", "openflamingo-pythia", "openflamingo-mpt", "openflamingo-mosaic"}
)

func openTiny(t *testing.T, kind string, opt Options) *Model {
	t.Helper()
	m, err := Open("testdata/"+kind, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func openFile(t *testing.T, path string) *weights.File {
	t.Helper()
	return weightstest.Open(t, path).File
}

// TestIDEFICS compares modules' outputs, logits, loss and gradients with transformers'.
func TestIDEFICS(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			m := openTiny(t, kind, Options{Gradients: true})
			in := openFile(t, "testdata/"+kind+"/inputs.safetensors")
			out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in, Grad: func(string) bool { return true }})
			if err != nil {
				t.Fatal(err)
			}
			weightstest.Traced(t, out, openFile(t, "testdata/"+kind+"/expected.safetensors"), in, 1e-7)
			// The mask follows from the tokens.
			var rest []weights.Tensor
			for _, name := range in.Names() {
				if w, _ := in.Lookup(name); name != "image_attention_mask" {
					rest = append(rest, w)
				}
			}
			again, err := m.Trace(tensor.Options{}, model.Trace{Inputs: weights.NewMemory(rest...), Select: func(name string) bool { return name == "logits" }})
			if err != nil {
				t.Fatal(err)
			}
			logits, _ := weights.NewMemory(out...).Lookup("logits")
			if len(again) != 1 || !slices.Equal(again[0].Data, logits.Data) {
				t.Error("logits differ without image_attention_mask")
			}
		})
	}
}

// TestIDEFICSWithoutTokenizer: numbers need none, but then must say which token sees what.
func TestIDEFICSWithoutTokenizer(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors"} {
		b, err := os.ReadFile("testdata/idefics/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, Options{}); !errors.Is(err, tokenizer.ErrNoFiles) {
		t.Errorf("without a tokenizer: %v", err)
	}
	m, err := Open(dir, Options{Pixels: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in := openFile(t, "testdata/idefics/inputs.safetensors")
	out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in, Select: func(name string) bool { return name == "logits" }})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := out[0].Float32()
	w, _ := openFile(t, "testdata/idefics/expected.safetensors").Lookup("logits")
	want, _ := w.Float32()
	weightstest.Near(t, "logits", got, want, 1e-4, 0)
	ids, _ := in.Lookup("input_ids")
	pixels, _ := in.Lookup("pixel_values")
	if _, err := m.Trace(tensor.Options{}, model.Trace{Inputs: weights.NewMemory(ids, pixels)}); err == nil || !strings.Contains(err.Error(), "image_attention_mask") {
		t.Errorf("without a mask: %v", err)
	}
}

// page is one of pages.json; a nil part is a picture.
type page struct {
	Page      []*string `json:"page"`
	IDs       []int32   `json:"ids"`
	Generated []int32   `json:"generated"`
	Beams     []int32   `json:"beams"`
}

func pages(t *testing.T, kind string) []page {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + kind + "/pages.json")
	if err != nil {
		t.Fatal(err)
	}
	var p []page
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPages writes pages as the reference's processor does, and continues them as it does, greedily and with beams.
func TestPages(t *testing.T) {
	for _, kind := range slices.Concat(kinds, openFlamingos) {
		m := openTiny(t, kind, Options{})
		for i, p := range pages(t, kind) {
			d := language.NewDecoder(m.Language, tensor.Options{Compute: kernel.F32})
			parts := readPage(t, m, d, kind, i, p)
			ids, err := m.Encode(parts)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(ids, p.IDs) {
				t.Errorf("%s: page %d is %v, want %v", kind, i, ids, p.IDs)
			}
			for _, c := range []struct {
				options generate.Options
				want    []int32
			}{{generate.Options{MaxTokens: len(p.Generated)}, p.Generated}, {generate.Options{MaxTokens: 6, Beams: 3}, p.Beams}} {
				readPage(t, m, d, kind, i, p)
				c.options.StopIDs, c.options.NeverIDs = m.StopIDs(), m.NeverIDs()
				if strings.HasPrefix(kind, "idefics") {
					c.options.StopIDs = m.Language.Config().EOS // what transformers was asked for
				}
				results, err := generate.Run(context.Background(), d, [][]int32{ids}, c.options)
				if err != nil {
					t.Fatal(err)
				}
				if got := results[0].Tokens; !slices.Equal(got, c.want) {
					t.Errorf("%s: page %d with %d beams goes on with %v, want %v", kind, i, c.options.Beams, got, c.want)
				}
			}
		}
	}
}

// TestBadPages refuses what does not fit together in one line.
func TestBadPages(t *testing.T) {
	m := openTiny(t, "idefics", Options{})
	if _, err := m.Encode([]Part{{Picture: true}, {Text: "<image>"}}); err == nil || !strings.Contains(err.Error(), "1 picture for 2 picture tokens") {
		t.Errorf("a picture token too many: %v", err)
	}
	d := language.NewDecoder(m.Language, tensor.Options{})
	if err := m.Read(d, []int32{1, m.dialect.image()}, nil); err == nil {
		t.Error("a picture token without a picture is read")
	}
	ids := weights.FromFloat32("input_ids", []int{1, 3}, []float32{1, 65, 65})
	if _, err := m.Trace(tensor.Options{}, model.Trace{Inputs: weights.NewMemory(ids)}); err == nil || !strings.Contains(err.Error(), "2 picture tokens for 0 pictures") {
		t.Errorf("picture tokens without pictures: %v", err)
	}
	// Rotations know no last position: what the model was made for is said, not held to.
	long := weights.FromFloat32("input_ids", []int{1, 129}, make([]float32, 129))
	if _, err := m.Trace(tensor.Options{}, model.Trace{Inputs: weights.NewMemory(long)}); err != nil {
		t.Errorf("more tokens than the context has: %v", err)
	}
	for name, in := range map[string]weights.Memory{
		"nothing":             weights.NewMemory(),
		"an unknown token":    weights.NewMemory(weights.FromFloat32("input_ids", []int{1, 1}, []float32{99})),
		"pictures of a size":  weights.NewMemory(weights.FromFloat32("input_ids", []int{1, 1}, []float32{1}), weights.FromFloat32("pixel_values", []int{1, 1, 3, 7, 7}, make([]float32, 147))),
		"a mask of a size":    weights.NewMemory(weights.FromFloat32("input_ids", []int{1, 2}, []float32{1, 1}), weights.FromFloat32("attention_mask", []int{1, 1}, []float32{1})),
		"labels of a size":    weights.NewMemory(weights.FromFloat32("input_ids", []int{1, 2}, []float32{1, 1}), weights.FromFloat32("labels", []int{1, 1}, []float32{1})),
		"a label that is not": weights.NewMemory(weights.FromFloat32("input_ids", []int{1, 2}, []float32{1, 1}), weights.FromFloat32("labels", []int{1, 2}, []float32{1, 99})),
	} {
		if _, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in}); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestIDEFICSConfigs refuses what a config.json cannot mean.
func TestIDEFICSConfigs(t *testing.T) {
	for _, c := range []string{
		`[]`, `{"alpha_type":"matrix"}`, `{"cross_layer_interval":0}`, `{"num_hidden_layers":5,"cross_layer_interval":2}`, `{"num_attention_heads":7}`,
	} {
		if _, err := parseIDEFICS([]byte(c)); err == nil {
			t.Errorf("%s: no error", c)
		}
	}
}

// TestImageSize reads pictures of another size, as IDEFICS can and OpenFlamingo cannot.
func TestImageSize(t *testing.T) {
	m := openTiny(t, "idefics", Options{ImageSize: 42})
	if p := m.Processor(); p.Size != [2]int{42, 42} {
		t.Errorf("pictures become %v", p.Size)
	}
	run := tensor.NewRun(tensor.Options{})
	pixels := tensor.FromFloats(make([]float32, 2*3*42*42), 2, 3, 42, 42)
	if media := m.Look(run, pixels, 1); media.Dim(1) != 2 || media.Dim(2) != m.Resampler.Config.Latents {
		t.Errorf("two pictures are %v", media.Shape())
	}
	for kind, want := range map[string]string{"idefics": "can be brought to sizes from", "openflamingo-opt": "reads its own size alone, 14×14"} {
		if _, err := Open("testdata/"+kind, Options{ImageSize: 3}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}
