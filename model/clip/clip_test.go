package clip

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/model"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/weights"
)

// kinds are the directories that tools/oracle/clip_model.py wrote.
var kinds = []string{"clip", "clip-old", "openclip"}

func openTiny(t *testing.T, kind string, opt Options) *Model {
	t.Helper()
	m, err := Open(filepath.Join("testdata", kind), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func openFile(t *testing.T, path ...string) *weights.File {
	t.Helper()
	f, err := weights.Open(filepath.Join(append([]string{"testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func near(t *testing.T, name string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d values, want %d", name, len(got), len(want))
		return
	}
	var scale, worst float64
	for i := range want {
		scale = max(scale, math.Abs(float64(want[i])))
		worst = max(worst, math.Abs(float64(want[i]-got[i])))
	}
	if !(worst <= tolerance*scale+1e-6) {
		t.Errorf("%s: off by %g of %g", name, worst, scale)
	}
}

// TestReference compares modules' outputs, logits, loss and gradients with transformers', and what open_clip gives with that.
func TestReference(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			m := openTiny(t, kind, Options{Gradients: true})
			in := openFile(t, kind, "inputs.safetensors")
			out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in, Grad: func(string) bool { return true }})
			if err != nil {
				t.Fatal(err)
			}
			seen, want := weights.NewMemory(out...), openFile(t, kind, "expected.safetensors")
			padding, _ := in.Lookup("attention_mask")
			mask, _ := padding.Float32()
			for _, name := range want.Names() {
				w, _ := want.Lookup(name)
				g, ok := seen.Lookup(name)
				if !ok {
					t.Errorf("%s was not traced", name)
					continue
				}
				x, _ := g.Float32()
				y, _ := w.Float32()
				if len(w.Shape) == 3 && slices.Equal(w.Shape[:2], padding.Shape) {
					for i := range x { // what padding becomes is nobody's concern
						x[i] *= mask[i/w.Shape[2]]
					}
				}
				tolerance := 1e-4
				if strings.HasPrefix(name, "grad.") {
					tolerance = 1e-3
				}
				near(t, name, x, y, tolerance)
			}
			plain := openTiny(t, kind, Options{})
			again, err := plain.Trace(tensor.Options{}, model.Trace{Inputs: in, Select: func(name string) bool { return name == "logits_per_image" }})
			if err != nil {
				t.Fatal(err)
			}
			logits, _ := seen.Lookup("logits_per_image")
			if len(again) != 1 || !slices.Equal(again[0].Data, logits.Data) {
				t.Error("being observed changed the logits")
			}
		})
	}
}

// TestTexts compares ids and embeddings of texts with CLIPTokenizer's and get_text_features'.
func TestTexts(t *testing.T) {
	for _, kind := range kinds[:2] {
		raw, err := os.ReadFile(filepath.Join("testdata", kind, "texts.json"))
		if err != nil {
			t.Fatal(err)
		}
		var texts []struct {
			Text              string
			IDs, Whole, Plain []int32
			Decoded           string
			Embedding         []float32
		}
		if err := json.Unmarshal(raw, &texts); err != nil {
			t.Fatal(err)
		}
		m := openTiny(t, kind, Options{})
		for _, x := range texts {
			for special, want := range map[bool][]int32{true: x.Whole, false: x.Plain} {
				if got := m.Tokenizer.Encode(x.Text, special); !slices.Equal(got, want) {
					t.Errorf("%s: %q: %v, want %v", kind, x.Text, got, want)
				}
			}
			if got := m.Tokenizer.Decode(x.Whole, false); got != x.Decoded {
				t.Errorf("%s: %q: decoded to %q, want %q", kind, x.Text, got, x.Decoded)
			}
			ids, err := m.Encode(x.Text)
			if err != nil || !slices.Equal(ids, x.IDs) {
				t.Errorf("%s: %q: cut to %v (%v), want %v", kind, x.Text, ids, err, x.IDs)
				continue
			}
			row, err := m.EmbedText(tensor.NewRun(tensor.Options{}), x.Text)
			if err != nil {
				t.Fatal(err)
			}
			near(t, kind+": "+x.Text, row.Data(), x.Embedding, 1e-4)
		}
	}
}

// TestPicture compares a picture's pixels with CLIPImageProcessorPil's, and its embedding.
func TestPicture(t *testing.T) {
	file, err := os.ReadFile("testdata/picture.png")
	if err != nil {
		t.Fatal(err)
	}
	img, err := picture.Decode(file, picture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range kinds[:2] {
		m := openTiny(t, kind, Options{})
		p := m.Processor()
		pixels := p.Apply(img, nil)
		want := openFile(t, kind, "pixels.safetensors")
		for name, got := range map[string][]float32{
			"pixel_values": pixels,
			"embedding":    m.EmbedPictures(tensor.NewRun(tensor.Options{}), tensor.FromFloats(pixels, 1, 3, p.Size[0], p.Size[1])).Data(),
		} {
			w, _ := want.Lookup(name)
			x, _ := w.Float32()
			near(t, kind+": "+name, got, x, 1e-5)
		}
	}
}

// TestHalves opens each side by itself: a projection as transformers' CLIPVisionModelWithProjection and CLIPTextModelWithProjection give it,
// which is what the whole model scales to length 1.
func TestHalves(t *testing.T) {
	in, want := openFile(t, "clip", "inputs.safetensors"), openFile(t, "clip", "expected.safetensors")
	for name, config := range map[string]string{
		"image": `{"model_type":"clip_vision_model","projection_dim":10,"hidden_size":16,"intermediate_size":24,"num_hidden_layers":3,"num_attention_heads":2,"image_size":15,"patch_size":4}`,
		"text": `{"model_type":"clip_text_model","projection_dim":10,"vocab_size":613,"hidden_size":12,"intermediate_size":20,"num_hidden_layers":2,
			"num_attention_heads":3,"max_position_embeddings":9,"hidden_act":"gelu","eos_token_id":612}`,
	} {
		dir := t.TempDir()
		checkpoint, err := os.ReadFile("testdata/clip/model.safetensors")
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "model.safetensors"), checkpoint, 0o600)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		m, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		own := weights.Memory{}
		for _, n := range in.Names() {
			if (n == "pixel_values") == (name == "image") {
				own[n], _ = in.Lookup(n)
			}
		}
		out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: own})
		if err != nil {
			t.Fatal(err)
		}
		side := map[string]string{"image": "visual_projection", "text": "text_projection"}[name]
		got, _ := weights.NewMemory(out...).Lookup(name + "_embeds")
		w, _ := want.Lookup(side)
		x, _ := got.Float32()
		y, _ := w.Float32()
		near(t, name, x, y, 1e-4)
		if _, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in}); err == nil {
			t.Errorf("%s: what the half does not read is no error", name)
		}
	}
}
