package dragoman_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"dragoman"
	"dragoman/kernel"
	"dragoman/weights"
)

// said is everything that the tests' models can say of a picture, times left out.
type said struct {
	text    *dragoman.Text
	scores  []dragoman.Score
	prompts [][]float32
}

func say(t *testing.T, path string, opts ...dragoman.Option) (all said) {
	t.Helper()
	m, err := dragoman.Open(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx, img := context.Background(), dragoman.ImageBytes(drawing(t, 3))
	if all.text, err = m.Answer(ctx, img, "w7", &dragoman.Generate{MaxTokens: 8}); err == nil {
		all.text.Seconds = dragoman.Seconds{}
	}
	all.scores, _ = m.Match(ctx, img, "w1 w2", "w3")
	all.prompts, _ = m.EmbedImage(ctx, img)
	if all.text == nil && all.scores == nil {
		t.Fatalf("%s says nothing: %v", path, err)
	}
	return all
}

// converted are the whole models, of each family, that are converted besides the two that all tests use.
func converted() []string {
	return []string{"testdata/blip2-opt", "testdata/blip2-opt-legacy", "testdata/blip2-t5", "testdata/instructblip", "testdata/instructblip-t5"}
}

// TestConvertedFile: what is converted without rounding says the same to the last bit, from one file as from a directory, and a file
// that is converted again is the same file.
func TestConvertedFile(t *testing.T) {
	for _, from := range append(converted(), captioner, matcher) {
		dir := t.TempDir()
		out, again := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "b.gguf")
		if err := dragoman.Convert(from, out, "f32"); err != nil {
			t.Fatal(err)
		}
		if err := dragoman.Convert(out, again, "auto"); err != nil {
			t.Fatal(err)
		}
		first, _ := os.ReadFile(out)
		second, _ := os.ReadFile(again)
		if string(first) != string(second) {
			t.Errorf("%s: converting the file once more changes it", from)
		}
		for _, dtype := range []string{"f32", "auto"} {
			if want, got := say(t, from, dragoman.WithDType(dtype)), say(t, out, dragoman.WithDType(dtype)); !reflect.DeepEqual(want, got) {
				t.Errorf("%s as one file under %s: %+v became %+v", from, dtype, want, got)
			}
		}
		if _, err := dragoman.OpenTokenizer(out); err != nil {
			t.Errorf("%s: its tokenizer: %v", from, err)
		}
		if _, err := dragoman.OpenProcessor(out); err != nil {
			t.Errorf("%s: its processor: %v", from, err)
		}
	}
}

// TestConvertedIntoFolder: a folder with the bridge of a directory that has everything in it, quantised or not, finds its frozen parts and
// its small files from anywhere; what fails leaves no folder.
func TestConvertedIntoFolder(t *testing.T) {
	for _, from := range append(converted(), captioner, matcher) {
		out := filepath.Join(t.TempDir(), "above", "folder")
		if err := dragoman.Convert(from, out, "f32"); err == nil {
			t.Errorf("%s: nothing was to be rounded", from)
		}
		if err := dragoman.Convert(from, out, "f16", "*=f7"); err == nil {
			t.Errorf("%s: f7", from)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: a folder of nothing", from)
		}
		if err := dragoman.Convert(from, out, "f16"); err != nil {
			t.Fatal(err)
		}
		want, got := say(t, from, dragoman.WithDType("f32")), say(t, out, dragoman.WithDType("f32"))
		if want.text != nil && want.text.Text != got.text.Text || len(want.scores) != len(got.scores) {
			t.Errorf("%s: %+v became %+v", from, want, got)
		}
		for i, s := range want.scores {
			if math.Abs(s.ITM-got.scores[i].ITM) > 1e-3 || math.Abs(s.ITC-got.scores[i].ITC) > 1e-3 {
				t.Errorf("%s: %+v became %+v", from, s, got.scores[i])
			}
		}
		was, err := dragoman.OpenProcessor(from)
		if err != nil {
			t.Fatal(err)
		}
		if is, err := dragoman.OpenProcessor(out); err != nil || !reflect.DeepEqual(was, is) {
			t.Errorf("%s: the processor %+v became %+v, %v", from, was, is, err)
		}
		if err := dragoman.Convert(out, filepath.Join(t.TempDir(), "a.gguf"), "f32"); err != nil {
			t.Errorf("%s: into one file from there: %v", from, err)
		}
	}
}

// TestConvertedOutOfOneFile: a bridge is not taken out of one file, into a folder that would look for its parts beside it.
func TestConvertedOutOfOneFile(t *testing.T) {
	file, out := filepath.Join(t.TempDir(), "a.gguf"), filepath.Join(t.TempDir(), "folder")
	if err := dragoman.Convert(captioner, file, "f32"); err != nil {
		t.Fatal(err)
	}
	if err := dragoman.Convert(file, out, "q8_0"); err == nil || !strings.Contains(err.Error(), "in one file") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a folder of nothing")
	}
}

// TestConvertedLanguageModel: a language model by itself becomes one file too, which chats as the directory does, and so does that file
// converted once more.
func TestConvertedLanguageModel(t *testing.T) {
	const from = "language/opt/testdata/before"
	dir := t.TempDir()
	out, again := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "b.gguf")
	for _, c := range [][2]string{{from, out}, {out, again}} {
		if err := dragoman.Convert(c[0], c[1], "q8_0"); err != nil {
			t.Fatal(err)
		}
	}
	chat := func(path string) *dragoman.Text {
		m, err := dragoman.Open(path, dragoman.WithDType("q8_0"))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		text, err := m.Chat(context.Background(), []dragoman.Message{{Role: "user", Content: "w1"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		text.Seconds = dragoman.Seconds{}
		return text
	}
	want := chat(from)
	for _, path := range []string{out, again} {
		if got := chat(path); !reflect.DeepEqual(want, got) {
			t.Errorf("%+v became %+v", want, got)
		}
	}
}

// TestConvertRounds: rounding when a file is written and rounding when a directory is loaded are the same. What is rounded while it loads may lie
// otherwise than what is mapped, and be summed in another order: not in plain Go.
func TestConvertRounds(t *testing.T) {
	family := kernel.Default().Family().String()
	if err := kernel.Use("generic"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := kernel.Use(family); err != nil {
			t.Error(err)
		}
	}()
	for _, dtype := range []string{"f16", "bf16", "q8_0", "q4_0", "q4_1"} {
		out := filepath.Join(t.TempDir(), "a.gguf")
		if err := dragoman.Convert(captioner, out, dtype); err != nil {
			t.Fatal(err)
		}
		if want, got := say(t, captioner, dragoman.WithDType(dtype)), say(t, out, dragoman.WithDType(dtype)); !reflect.DeepEqual(want, got) {
			t.Errorf("%s: %+v when loaded, %+v when converted", dtype, want.text, got.text)
		}
		f, err := weights.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		rounded := 0
		for _, name := range f.Names() {
			if w, _ := f.Lookup(name); len(w.Shape) == 2 && w.Type != weights.F32 {
				rounded++
			}
		}
		if rounded < 20 {
			t.Errorf("%s: %d matrices are rounded", dtype, rounded)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestConvertedFileCut cuts the file in many places: no cut opens, and each error is one line with the file's name.
func TestConvertedFileCut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "whole.gguf")
	if err := dragoman.Convert(captioner, path, "f32"); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.gguf")
	for n := 0; n < len(whole); n += max(1, min(n/8, 997)) {
		for _, size := range []int{n, len(whole) - 1 - n} {
			if err := os.WriteFile(cut, whole[:size], 0o666); err != nil {
				t.Fatal(err)
			}
			err := try(t, fmt.Sprintf("cut after %d of %d bytes", size, len(whole)), cut)
			if err == nil || !strings.Contains(err.Error(), "cut.gguf") {
				t.Errorf("cut after %d of %d bytes: %v", size, len(whole), err)
			}
		}
	}
}

// TestConvertedFileWithout takes a tensor or a file out: the error names what is missing.
func TestConvertedFileWithout(t *testing.T) {
	dir := t.TempDir()
	path, less := filepath.Join(dir, "whole.gguf"), filepath.Join(dir, "less.gguf")
	if err := dragoman.Convert(captioner, path, "f32"); err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, missing := range []string{
		"vision_model.post_layernorm.weight", "qformer.layernorm.weight", "query_tokens", "language_projection.weight",
		"language_model.model.norm.weight", "config.json", "tokenizer.json",
	} {
		var tensors []weights.Tensor
		for _, name := range f.Names() {
			if w, _ := f.Lookup(name); name != missing {
				tensors = append(tensors, w)
			}
		}
		meta := weights.Meta{}
		for key, value := range f.Meta {
			if key != "dragoman.file."+missing {
				meta[key] = value
			}
		}
		if err := weights.WriteGGUF(less, tensors, meta); err != nil {
			t.Fatal(err)
		}
		err := try(t, "without "+missing, less)
		if err == nil || !strings.Contains(err.Error(), "less.gguf") || !strings.Contains(err.Error(), missing) && missing != "config.json" {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}
