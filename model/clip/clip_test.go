package clip

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dragoman/model"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
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

func openFile(t *testing.T, path ...string) weightstest.Golden {
	t.Helper()
	return weightstest.Open(t, filepath.Join(append([]string{"testdata"}, path...)...))
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
			weightstest.Traced(t, out, openFile(t, kind, "expected.safetensors"), in, 1e-6)
			plain := openTiny(t, kind, Options{})
			again, err := plain.Trace(tensor.Options{}, model.Trace{Inputs: in, Select: func(name string) bool { return name == "logits_per_image" }})
			if err != nil {
				t.Fatal(err)
			}
			logits, _ := weights.NewMemory(out...).Lookup("logits_per_image")
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
			weightstest.Near(t, kind+": "+x.Text, row.Data(), x.Embedding, 1e-4, 1e-6)
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
			weightstest.Near(t, kind+": "+name, got, x, 1e-5, 1e-6)
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
		weightstest.Near(t, name, x, y, 1e-4, 1e-6)
		if _, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in}); err == nil {
			t.Errorf("%s: what the half does not read is no error", name)
		}
	}
}

// TestEmbeddingsShown: what words and places become is shown before it is added.
func TestEmbeddingsShown(t *testing.T) {
	m := openTiny(t, "clip", Options{})
	out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: openFile(t, "clip", "inputs.safetensors")})
	if err != nil {
		t.Fatal(err)
	}
	shown := func(name string) []float32 {
		w, ok := weights.NewMemory(out...).Lookup("text_model.embeddings" + name)
		if !ok {
			t.Fatalf("%s is not shown", name)
		}
		x, _ := w.Float32()
		return x
	}
	sum, words, places := shown(""), shown(".token_embedding"), shown(".position_embedding")
	for i, v := range sum {
		if v != words[i]+places[i%len(places)] {
			t.Fatalf("value %d: %v of %v and %v", i, v, words[i], places[i%len(places)])
		}
	}
}
