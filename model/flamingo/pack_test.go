package flamingo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/internal/hint"
	"dragoman/kernel"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
)

// logitsOf are what a model gives for a directory's inputs.
func logitsOf(t *testing.T, path string, opt Options, in weights.Source) []byte {
	t.Helper()
	m, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Encode([]Part{{Picture: true}, {Text: "a cat"}}); err != nil {
		t.Errorf("%s: its tokenizer: %v", path, err)
	}
	out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in, Select: func(name string) bool { return name == "logits" }})
	if err != nil || len(out) != 1 {
		t.Fatal(path, err)
	}
	return out[0].Data
}

// TestPack: one file gives what the directory gives, to the byte, rounded or not; and so does what is packed of it again.
func TestPack(t *testing.T) {
	for _, kind := range slices.Concat(kinds, openFlamingos) {
		in := openFile(t, "testdata/"+kind+"/inputs.safetensors")
		for _, p := range []model.Precision{{}, {Some: true, Matrices: kernel.BF16}, {Some: true, Matrices: kernel.Q8_0}} {
			want := logitsOf(t, "testdata/"+kind, Options{Precision: p}, in)
			path, rounds := "testdata/"+kind, 1
			if p.Matrices == kernel.Q8_0 {
				rounds = 2
			}
			for _, name := range []string{"one.gguf", "two.gguf"}[:rounds] {
				out := filepath.Join(t.TempDir(), name)
				if err := Pack(path, out, p); err != nil {
					t.Fatal(kind, err)
				}
				if !Is(out) {
					t.Errorf("%s: the file is not known", kind)
				}
				if got := logitsOf(t, out, Options{}, in); !slices.Equal(got, want) {
					t.Errorf("%s as %v: %s gives other logits", kind, p.Matrices, name)
				}
				path = out
			}
		}
	}
}

// TestWriteCheckpoint: what was trained, written as the project publishes it out of a directory or out of one file, is what was published, and
// stands upon the same parts as that did.
func TestWriteCheckpoint(t *testing.T) {
	for _, kind := range openFlamingos {
		from := "testdata/" + kind
		in := openFile(t, from+"/inputs.safetensors")
		was := openFile(t, from+"/"+checkpointName)
		packed := filepath.Join(t.TempDir(), "one.gguf")
		if err := Pack(from, packed, model.Precision{}); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{from, packed} {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, checkpointName)
			if err := WriteCheckpoint(path, out, model.Precision{}); err != nil {
				t.Fatal(err)
			}
			if got := logitsOf(t, dir, Options{}, in); !slices.Equal(got, logitsOf(t, from, Options{}, in)) {
				t.Errorf("%s: its checkpoint gives other logits", path)
			}
			is := openFile(t, out)
			for _, name := range is.Names() {
				a, published := was.Lookup(name)
				if b, _ := is.Lookup(name); published && !slices.Equal(a.Shape, b.Shape) {
					t.Errorf("%s: %s became %v", path, name, b.Shape)
				}
				if !published && !(path == packed && name == "lang_encoder.lm_head.weight") { // which nothing there tells from one that was trained
					t.Errorf("%s: %s was not trained", path, name)
				}
			}
		}
	}
	for path, says := range map[string]string{"testdata/idefics": "only an OpenFlamingo", "testdata/" + openFlamingos[0]: "cannot say q8_0"} {
		p := model.Precision{Some: says != "only an OpenFlamingo", Matrices: kernel.Q8_0}
		if err := WriteCheckpoint(path, filepath.Join(t.TempDir(), "x.pt"), p); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestWrite: a directory of everything gives what the model gives, also written from the one file; its parts are directories by themselves.
func TestWrite(t *testing.T) {
	for _, kind := range slices.Concat(kinds, openFlamingos) {
		in := openFile(t, "testdata/"+kind+"/inputs.safetensors")
		for _, p := range []model.Precision{{}, {Some: true, Matrices: kernel.BF16}} {
			want := logitsOf(t, "testdata/"+kind, Options{Precision: p}, in)
			dir := filepath.Join(t.TempDir(), "out")
			if err := Write("testdata/"+kind, dir, p); err != nil {
				t.Fatal(kind, err)
			}
			if got := logitsOf(t, dir, Options{}, in); !slices.Equal(got, want) {
				t.Errorf("%s as %v: the directory gives other logits", kind, p.Matrices)
			}
			if !strings.HasPrefix(kind, "openflamingo") {
				continue
			}
			was, is := openFile(t, "testdata/"+kind+"/language"), openFile(t, dir+"/language")
			for _, name := range was.Names() {
				if strings.HasSuffix(name, ".inv_freq") {
					continue
				}
				a, _ := was.Lookup(name)
				if b, ok := is.Lookup(name); !ok || !slices.Equal(a.Shape, b.Shape) {
					t.Errorf("%s: %s of the language model became %v", kind, name, b.Shape)
				}
			}
		}
	}
	if err := Write("testdata/idefics", t.TempDir(), model.Precision{Some: true, Matrices: kernel.Q8_0}); err == nil || !strings.Contains(err.Error(), "q8_0") {
		t.Errorf("q8_0 in a directory: %v", err)
	}
}

// TestRoom: a model that is larger than the memory is refused before it is bound, with what would fit.
func TestRoom(t *testing.T) {
	for _, kind := range []string{"idefics", "openflamingo-mosaic"} {
		_, err := Open("testdata/"+kind, Options{Room: model.Room{Bytes: 50000, By: "a test"}})
		if err == nil || !strings.Contains(err.Error(), "are all that a test allows") || !strings.Contains(hint.Of(err), "--dtype") {
			t.Errorf("%s: %v, hint %q", kind, err, hint.Of(err))
		}
		m, err := Open("testdata/"+kind, Options{Room: model.Room{Bytes: 5_000_000, By: "a test"}})
		if err != nil {
			t.Fatal(err)
		}
		m.Close()
	}
}
