package picture

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestProcessorAgainstTransformers compares every float, by hash, with transformers' PIL processors.
func TestProcessorAgainstTransformers(t *testing.T) {
	var cases []struct {
		Name   string
		Config json.RawMessage
		W, H   int
		Shape  [3]int
		At     []int
		Values []float32
		SHA256 string
	}
	readJSON(t, "processor.json", &cases)
	for _, c := range cases {
		nested := []byte(`{"processor_class":"P","image_processor":` + string(c.Config) + `}`)
		for _, config := range [][]byte{c.Config, nested} {
			p, err := ParseProcessor(config)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			if got := p.SizeOf(c.W, c.H); got != [2]int{c.Shape[1], c.Shape[2]} {
				t.Fatalf("%s: size %v, want %v", c.Name, got, c.Shape)
			}
			got := p.Apply(noiseImage(c.W, c.H, uint64(c.W)), twoHalves)
			for i, at := range c.At {
				if math.Abs(float64(got[at]-c.Values[i])) > 1e-6 {
					t.Fatalf("%s of %d×%d: value %d is %v, want %v", c.Name, c.W, c.H, at, got[at], c.Values[i])
				}
			}
			raw := make([]byte, 0, 4*len(got))
			for _, v := range got {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
			if hash(raw) != c.SHA256 {
				t.Errorf("%s of %d×%d: some float differs from transformers", c.Name, c.W, c.H)
			}
		}
	}
}

func TestProcessorConfigs(t *testing.T) {
	for _, c := range []struct {
		json, wantErr string
		check         func(Processor) bool
	}{
		{`{"image_processor_type":"BlipImageProcessor"}`, "", func(p Processor) bool { return p.Size == [2]int{384, 384} && p.Fit == Squash }},
		{`{"feature_extractor_type":"CLIPFeatureExtractor","size":336,"crop_size":336}`, "", func(p Processor) bool { return p.Size == [2]int{336, 336} && p.Fit == Crop && p.Edge == 336 }},
		{`{"image_processor_type":"IdeficsImageProcessor","image_size":224,"image_mean":[0.5,0.5,0.5]}`, "", func(p Processor) bool { return p.Size == [2]int{224, 224} && p.Fit == Squash && p.Mean[1] == 0.5 }},
		{`{"image_processor_type":"IdeficsImageProcessor","image_size":20,"size":{"height":30,"width":30}}`, "", func(p Processor) bool { return p.Size == [2]int{20, 20} }},
		{`{"image_processor_type":"IdeficsImageProcessor","image_size":null,"size":{"height":30,"width":30}}`, "", func(p Processor) bool { return p.Size == [2]int{30, 30} }},
		{`{"image_processor_type":"IdeficsImageProcessor"}`, "", func(p Processor) bool { return p.Size == [2]int{224, 224} && p.Fit == Squash }},
		{`{"image_processor_type":"BitImageProcessor","size":24}`, "", func(p Processor) bool { return p.Fit == Crop && p.Edge == 24 && p.Size == [2]int{224, 224} }},
		{`{"image_processor_type":"BitImageProcessorFast","size":24,"do_center_crop":false}`, "", func(p Processor) bool { return p.SizeOf(10, 30) == [2]int{72, 24} }},
		{`{"image_processor_type":"EfficientNetImageProcessor"}`, "", func(p Processor) bool { return p.Size == [2]int{346, 346} && p.Mean[0] == 0.5 && p.Std[2] == 0.25 }},
		{`{"image_processor_type":"EfficientNetImageProcessor","size":20,"do_center_crop":true,"include_top":false,"rescale_offset":true,"rescale_factor":0.01,"image_mean":0.25,"image_std":0.5}`, "", func(p Processor) bool {
			return p.Squashed == [2]int{20, 20} && p.Size == [2]int{289, 289} && p.Mean[1] == 1.25 && p.Std[1] == 0.5
		}},
		{`{"image_processor_type":"EfficientNetImageProcessor","do_normalize":false,"image_std":[0.5,0.25,0.5]}`, "", func(p Processor) bool { return p.Mean[1] == 0 && p.Std[1] == 0.25 }},
		{`{"image_processor_type":"EfficientNetImageProcessor","do_normalize":false,"image_std":0}`, "not above 0", nil},
		{`{"image_processor_type":"X","size":{"height":8,"width":9},"do_normalize":false,"do_rescale":false}`, "", func(p Processor) bool { return p.Rescale == 1 && p.Std == [3]float32{1, 1, 1} && p.Mean[0] == 0 }},
		{`{"image_processor_type":"BlipImageProcessor","do_resize":false}`, "", func(p Processor) bool {
			return p.Size == [2]int{} && p.SizeOf(9, 7) == [2]int{7, 9} && p.Check(9, 7) != nil
		}},
		{`{"image_processor_type":"BlipImageProcessor","size":{"shortest_edge":5,"longest_edge":9}}`, "longest_edge", nil},
		{`{"image_processor_type":"BlipImageProcessor","size":[5]}`, "neither height", nil},
		{`{"size":{"height":0,"width":9}}`, "neither height", nil},
		{`{"size":1000000000}`, "more than", nil},
		{`{"size":-3}`, "not a size", nil},
		{`{"size":"big"}`, "size", nil},
		{`{"size":224,"resample":17}`, "no filter", nil},
		{`{"size":224,"image_std":[0,1,1]}`, "not above 0", nil},
		{`{"size":224,"image_mean":[1]}`, "not 3", nil},
		{`{"tokenizer":1}`, "no image processor", nil},
		{`[]`, "a list stands where", nil},
		{`{"size":`, "unexpected end", nil},
	} {
		p, err := ParseProcessor([]byte(c.json))
		switch {
		case c.wantErr != "":
			if err == nil || !strings.Contains(err.Error(), c.wantErr) {
				t.Errorf("%s: error %v, want %q in it", c.json, err, c.wantErr)
			}
		case err != nil:
			t.Errorf("%s: %v", c.json, err)
		case !c.check(p):
			t.Errorf("%s: read as %+v", c.json, p)
		}
	}
}

func TestLoadProcessor(t *testing.T) {
	dir := t.TempDir()
	if _, err := LoadProcessor(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Fatalf("empty folder: %v", err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("processor_config.json", `{"image_processor":{"image_processor_type":"BlipImageProcessor","size":{"height":30,"width":40}},"num_query_tokens":32}`)
	p, err := LoadProcessor(dir)
	if err != nil || p.Size != [2]int{30, 40} {
		t.Fatalf("nested: %v %v", p.Size, err)
	}
	// The other file is older, and read where the first says nothing of pictures; a broken one is not passed over.
	write("preprocessor_config.json", `{"size":{"height":3,"width":4}}`)
	if p, err := LoadProcessor(dir); err != nil || p.Size != [2]int{30, 40} {
		t.Fatalf("both: %v %v", p.Size, err)
	}
	write("processor_config.json", `{"num_query_tokens":32}`)
	if p, err := LoadProcessor(dir); err != nil || p.Size != [2]int{3, 4} {
		t.Fatalf("the older: %v %v", p.Size, err)
	}
	write("preprocessor_config.json", `{"size":`)
	if _, err := LoadProcessor(dir); err == nil || !strings.Contains(err.Error(), "preprocessor_config.json") {
		t.Fatalf("broken file: %v", err)
	}
}

// TestFits checks the ways to a fixed size on shapes that tempt to divide by zero or to allocate without end.
func TestFits(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {1, 5000}, {5000, 1}, {2, 3}, {224, 224}, {500, 20}} {
		m := noiseImage(size[0], size[1], 9)
		for _, fit := range []Fit{Squash, Crop, Pad} {
			p := EfficientNetLiteProcessor(224)
			p.Fit, p.Edge = fit, 256
			for i, v := range p.Apply(m, nil) {
				if v < -1 || v > 1 {
					t.Fatalf("%v by fit %d: value %d is %v", size, fit, i, v)
				}
			}
		}
	}
}

// TestPadIsCentredOnWhite checks that a black bar stays a bar of its own shape.
func TestPadIsCentredOnWhite(t *testing.T) {
	p := EfficientNetLiteProcessor(100)
	p.Stretch = 1
	m := p.FitTo(New(50, 10), nil)
	for y := range 100 {
		r, _, _ := m.At(50, y)
		if inside := y >= 40 && y < 60; inside != (r == 0) || !inside && r != 255 {
			t.Fatalf("row %d is %d", y, r)
		}
	}
}

// TestPadMayStretch: the picture's size inside a square of 120 by its shape and the factor.
func TestPadMayStretch(t *testing.T) {
	for _, c := range []struct {
		w, h, wantW, wantH int
		stretch            float64
	}{
		{60, 60, 120, 120, 1.5},
		{60, 40, 120, 120, 1.5},
		{40, 60, 120, 120, 1.5},
		{80, 40, 120, 90, 1.5},
		{40, 80, 90, 120, 1.5},
		{80, 40, 120, 60, 0},
		{1, 9000, 1, 120, 1.5},
	} {
		p := EfficientNetLiteProcessor(120)
		p.Stretch = c.stretch
		if w, h := p.padded(c.w, c.h); w != c.wantW || h != c.wantH {
			t.Errorf("%d×%d by %v becomes %d×%d, want %d×%d", c.w, c.h, c.stretch, w, h, c.wantW, c.wantH)
		}
	}
}
