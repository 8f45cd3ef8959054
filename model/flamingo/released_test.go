package flamingo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/internal/hint"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// cached lays folders into a Hugging Face cache of the test's own, and returns where that of a model is.
func cached(t *testing.T, folders map[string]string) func(name string) string {
	t.Helper()
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	const commit = "0123456789abcdef0123456789abcdef01234567"
	at := func(name string) string {
		return filepath.Join(cache, "models--"+strings.ReplaceAll(name, "/", "--"), "snapshots", commit)
	}
	for name, from := range folders {
		repo := filepath.Dir(filepath.Dir(at(name)))
		if err := os.MkdirAll(filepath.Join(repo, "refs"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(repo, "refs", "main"), []byte(commit), 0o600); err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(from) != "" { // one file
			raw, err := os.ReadFile(from)
			if err == nil {
				err = os.MkdirAll(at(name), 0o755)
			}
			if err == nil {
				err = os.WriteFile(filepath.Join(at(name), filepath.Base(from)), raw, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		} else if err := os.CopyFS(at(name), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

// TestReleased opens released checkpoints as a cache has them, a checkpoint.pt and nothing else, upon frozen parts in the same cache: they
// are known by their names, and give what upstream gives.
func TestReleased(t *testing.T) {
	for name, c := range map[string]struct{ kind, language string }{
		"OpenFlamingo-3B-vitl-mpt1b":              {"openflamingo-mosaic", "anas-awadalla/mpt-1b-redpajama-200b"},
		"OpenFlamingo-3B-vitl-mpt1b-langinstruct": {"openflamingo-mosaic", "mosaicml/mpt-1b-redpajama-200b-dolly"}, // whose copy it is
		"OpenFlamingo-4B-vitl-rpj3b":              {"openflamingo-gptneox", "togethercomputer/RedPajama-INCITE-Base-3B-v1"},
		"OpenFlamingo-4B-vitl-rpj3b-langinstruct": {"openflamingo-gptneox", "togethercomputer/RedPajama-INCITE-Instruct-3B-v1"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := "testdata/" + c.kind
			at := cached(t, map[string]string{
				"openflamingo/" + name: dir + "/checkpoint.pt", "openai/clip-vit-large-patch14": dir + "/vision", c.language: dir + "/language",
			})
			if !Is(at("openflamingo/" + name)) {
				t.Fatal("it is not known")
			}
			m, err := Open(at("openflamingo/"+name), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			in, want := openFile(t, dir+"/inputs.safetensors"), openFile(t, dir+"/expected.safetensors")
			out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in, Select: func(name string) bool { return name == "logits" }})
			if err != nil {
				t.Fatal(err)
			}
			logits, _ := want.Lookup("logits")
			weightstest.Traced(t, out, weights.NewMemory(logits), in, 1e-7)
		})
	}
}

// TestReleasedOther: a checkpoint that is not what its name says, here one with a block before every second layer where the 9B has them before
// every fourth, is an error, as one upon another language model is.
func TestReleasedOther(t *testing.T) {
	const name = "openflamingo/OpenFlamingo-9B-vitl-mpt7b"
	for language, want := range map[string]string{
		"openflamingo-mpt":    "blocks.1.gated_cross_attn_layer",
		"openflamingo-mosaic": "gated_cross_attn_layer",
		"openflamingo-opt":    "not in the checkpoint",
	} {
		at := cached(t, map[string]string{
			name: "testdata/openflamingo-mpt/checkpoint.pt", "openai/clip-vit-large-patch14": "testdata/openflamingo-mpt/vision",
			"mosaicml/mpt-7b": "testdata/" + language + "/language",
		})
		if _, err := Open(at(name), Options{}); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("upon %s: %v", language, err)
		}
	}
}

// TestReleasedIncomplete says in one line what is missing, and what fetches it all.
func TestReleasedIncomplete(t *testing.T) {
	const name = "openflamingo/OpenFlamingo-3B-vitl-mpt1b"
	at := cached(t, map[string]string{name: "testdata/openflamingo-mosaic/checkpoint.pt"})
	_, err := Open(at(name), Options{})
	if err == nil || !strings.Contains(err.Error(), "clip_vision_encoder_path: no such path here, and openai/clip-vit-large-patch14: not in the Hugging Face cache") {
		t.Errorf("without its parts: %v", err)
	}
	if got := hint.Of(err); got != "dragoman pull openai/clip-vit-large-patch14 && dragoman pull anas-awadalla/mpt-1b-redpajama-200b" {
		t.Errorf("hint %q", got)
	}
	at = cached(t, map[string]string{name: "testdata/openflamingo-mosaic/checkpoint.pt", "openai/clip-vit-large-patch14": "testdata/openflamingo-mosaic/vision"})
	_, err = Open(at(name), Options{})
	if err == nil || !strings.Contains(err.Error(), "lang_encoder_path: ") || hint.Of(err) != "dragoman pull anas-awadalla/mpt-1b-redpajama-200b" {
		t.Errorf("without its language model: %v; %q", err, hint.Of(err))
	}
	if got := Needs(name); !slices.Equal(got, []string{"openai/clip-vit-large-patch14", "anas-awadalla/mpt-1b-redpajama-200b"}) || Needs("org/OpenFlamingo-3B-vitl-mpt1b") != nil {
		t.Errorf("it needs %v", got)
	}
}

// TestReleasedFolder knows a checkpoint by the folder that it was put into, and no other folder by its file.
func TestReleasedFolder(t *testing.T) {
	for name, want := range map[string]bool{"OpenFlamingo-9B-vitl-mpt7b": true, "OpenFlamingo-9B": false} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, checkpointName), []byte("PK"), 0o600); err != nil {
			t.Fatal(err)
		}
		if Is(dir) != want {
			t.Errorf("%s: known %v", name, !want)
		}
	}
}
