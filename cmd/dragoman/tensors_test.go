package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/weights"
)

// callWith is a call that reads what it is given.
func callWith(t *testing.T, stdin []byte, args ...string) (status int, out []byte, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = run(args, bytes.NewReader(stdin), &stdout, &stderr)
	return status, stdout.Bytes(), stderr.String()
}

// TestStreams: - is standard input or output wherever tensors and pictures are read or written, in the bytes of a file.
func TestStreams(t *testing.T) {
	photo, err := filepath.Abs(photo)
	if err != nil {
		t.Fatal(err)
	}
	matching, err := filepath.Abs("../../testdata/blip2-itm")
	if err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Chdir(dir) // where a file of that name would come to be
	for _, c := range []struct{ file, streamed []string }{
		{[]string{"preprocess", photo}, []string{"preprocess", "-"}},
		{[]string{"embed", photo}, []string{"embed", photo}},
		{[]string{"trace", "--image", photo, "--head", "itc", "--prompt", "a"}, []string{"trace", "--image", "-", "--head", "itc", "--prompt", "a"}},
	} {
		file := filepath.Join(dir, c.file[0]+".safetensors")
		if status, out, errs := callWith(t, nil, append(c.file, "--model", matching, "--out", file)...); status != exitDone || len(out) > 0 {
			t.Fatalf("%v: %d: %s%s", c.file, status, out, errs)
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		status, got, errs := callWith(t, picture, append(c.streamed, "--model", matching, "--out", "-")...)
		if status != exitDone || !bytes.Equal(got, want) {
			t.Errorf("%v: %d: %d bytes, not the file's %d: %s", c.streamed, status, len(got), len(want), errs)
		}
	}
	inputs, err := os.ReadFile(filepath.Join(matching, "inputs.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	status, out, errs := callWith(t, inputs, "trace", "--model", matching, "--head", "itc", "--inputs", "-", "--out", "-")
	if f, err := weights.OpenBytes("out", out); status != exitDone || err != nil || f.Close() != nil {
		t.Errorf("inputs from standard input: %d, %v: %s", status, err, errs)
	}
	status, out, errs = callWith(t, nil, "preprocess", "--json", "--model", matching, photo, "nope.png", "--out", "-")
	if f, err := weights.OpenBytes("out", out); status != exitFailed || err != nil || f.Close() != nil || !strings.Contains(errs, "nope.png") {
		t.Errorf("an error beside tensors: %d, %v: %s", status, err, errs)
	}
	if _, err := os.Lstat(stream); err == nil {
		t.Error("a file has the name -")
	}
}

// TestTraceManyImages: what a shell makes of --image *.png is pictures.
func TestTraceManyImages(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.safetensors")
	args := []string{"trace", "--model", "../../testdata/blip2-itm", "--select", "pixel_values", "--prompt", "a", "--head", "itc", "--out", out}
	if status, _, errs := callWith(t, nil, append(args, "--image", photo, photo)...); status != exitDone {
		t.Fatalf("%d: %s", status, errs)
	}
	f, err := weights.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if px, ok := f.Lookup("pixel_values"); !ok || px.Shape[0] != 2 {
		t.Errorf("pixel_values: %v %v", px.Shape, ok)
	}
	if status, _, errs := callWith(t, nil, append(args, photo)...); status != exitUsage || strings.Contains(errs, "panic") {
		t.Errorf("pictures that are none's: %d: %s", status, errs)
	}
}

// TestTokenizeLines: a line that is no JSON string is an error in its place, and the others are done; null is none.
func TestTokenizeLines(t *testing.T) {
	status, out, errs := callWith(t, []byte("\"a\\nb\"\nnull\n{\n\"c\""), "tokenize", "--json", "--model", "../../testdata/blip2-itm")
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if status != exitFailed || errs != "" || len(lines) != 4 {
		t.Fatalf("%d: %s%s", status, out, errs)
	}
	for i, want := range []struct{ text, message string }{{"a\nb", ""}, {"null", "standard input:2: not a JSON string"}, {"{", "standard input:3: not a JSON string"}, {"c", ""}} {
		var got struct {
			Text  string
			IDs   []int32
			Error itemError
		}
		if err := json.Unmarshal([]byte(lines[i]), &got); err != nil || got.Text != want.text || !strings.Contains(got.Error.Message, want.message) || (got.IDs == nil) == (want.message == "") {
			t.Errorf("line %d: %s, %v", i+1, lines[i], err)
		}
	}
}

// TestTokenizeBrokenText: the text is what was encoded, with one U+FFFD where a character is cut short, not one for each of its bytes.
func TestTokenizeBrokenText(t *testing.T) {
	status, out, errs := callWith(t, []byte("a\xf0\x9f\x98 b\xff\n"), "tokenize", "--model", "../../testdata/blip2-opt")
	var got struct{ Text, Decoded string }
	if err := json.Unmarshal(out, &got); status != exitDone || err != nil || got.Text != "a\ufffd b\ufffd" || got.Decoded != got.Text {
		t.Errorf("%d: %s%s, %v", status, out, errs, err)
	}
}

// TestTokenizeLongLine: a line without end does not take memory without end; what cannot be read is no end.
func TestTokenizeLongLine(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := run([]string{"tokenize", "--model", "../../testdata/blip2-itm"}, io.MultiReader(strings.NewReader("a b\r\n"), zeros{}), &stdout, &stderr)
	if lines := strings.Count(stdout.String(), "\n"); status != exitFailed || lines != 1 || !strings.Contains(stderr.String(), "standard input:2: the line is longer than") {
		t.Errorf("%d: %d lines: %s", status, lines, stderr.String())
	}
	folder, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	stderr.Reset()
	if status := run([]string{"tokenize", "--model", "../../testdata/blip2-itm"}, folder, io.Discard, &stderr); status != exitFailed || !strings.Contains(stderr.String(), "reading a line: standard input:1: ") {
		t.Errorf("a folder: %d: %s", status, stderr.String())
	}
}

// zeros has bytes without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// TestEmbedErrors: an item's error has its item where its embedding would have, and as every picture's error its image.
func TestEmbedErrors(t *testing.T) {
	status, out, _ := callWith(t, nil, "embed", "--json", "--model", "../../testdata/blip2-itm", "/none.png")
	var got map[string]any
	if err := json.Unmarshal(out, &got); err != nil || status != exitFailed || got["item"] != "/none.png" || got["image"] != "/none.png" || got["error"] == nil {
		t.Errorf("%d: %s", status, out)
	}
}

// TestTraceErrors: a picture that fails is an object in its place, and the pass is over the others.
func TestTraceErrors(t *testing.T) {
	out := filepath.Join(t.TempDir(), "o.safetensors")
	status, said, errs := call(t, "trace", "--json", "--model", captions, "--image", "/none.png", "--image", photo, "--prompt", "a", "--select", "pixel_values", "--out", out)
	var got map[string]any
	if err := json.Unmarshal([]byte(said), &got); err != nil || status != exitFailed || got["image"] != "/none.png" || got["error"] == nil {
		t.Errorf("%d: %s%s", status, said, errs)
	}
	f, err := weights.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if w, ok := f.Lookup("pixel_values"); !ok || w.Shape[0] != 1 {
		t.Errorf("pixel_values %v", w.Shape)
	}
}

// TestFullOutput: nothing is said of tensors that could not be written.
func TestFullOutput(t *testing.T) {
	var errs strings.Builder
	status := run([]string{"embed", "--model", "../../testdata/blip2-itm", "--out", "-", photo}, strings.NewReader(""), &full{}, &errs)
	if want := "dragoman: writing the result: standard output: invalid argument\n"; status != exitFailed || errs.String() != want {
		t.Errorf("%d: %s", status, errs.String())
	}
}

// TestOddName: a name with a line break is named once, on one line.
func TestOddName(t *testing.T) {
	if _, _, errs := call(t, "preprocess", "a\nb.png", "--out", "x"); errs != "dragoman: reading a picture: a b.png: no such file or directory\n" {
		t.Error(errs)
	}
}

// TestMissingPage: a file that is not there is named as it was given, without the system's call.
func TestMissingPage(t *testing.T) {
	for _, args := range [][]string{{"--page", "nope.json"}, {"--shots", "nope.json", photo}} {
		if status, _, errs := call(t, append([]string{"ask", "--model", idefics}, args...)...); status != exitFailed || !strings.Contains(errs, ": nope.json: no such file") {
			t.Errorf("%v: %d: %s", args, status, errs)
		}
	}
}

// TestWrongCalls: what is wrong with a call's options is said before anything is done, with status 2; what is wrong with a file is not the call's fault.
func TestWrongCalls(t *testing.T) {
	recipe, none := "../../recipes/tiny.yaml", filepath.Join(t.TempDir(), "none.safetensors")
	if err := weights.WriteSafetensors(none, []weights.Tensor{weights.FromFloat32("x", []int{1}, []float32{1})}, nil); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"train", recipe, "--set", "bogus=1"}, exitUsage, "dragoman: --set"},
		{[]string{"train", recipe, "--set", "stages.0.lr=x"}, exitUsage, "dragoman: --set"},
		{[]string{"train", recipe, "--set", "output"}, exitUsage, "dragoman: --set"},
		{[]string{"train", fileWith(t, "r.yaml", "bogus: 1\n"), "--set", "seed=1"}, exitFailed, "dragoman: recipe"},
		{[]string{"trace", "--head", "x", "--prompt", "a", "--out", "x"}, exitUsage, "dragoman: --head"},
		{[]string{"trace", "--loss", "x", "--prompt", "a", "--out", "x"}, exitUsage, "dragoman: --loss"},
		{[]string{"trace", "--select", "a[", "--prompt", "a", "--out", "x"}, exitUsage, "dragoman: --select a[: "},
		{[]string{"trace", "--prompt", "a", "--out", "x.npy"}, exitUsage, "dragoman: --out x.npy: a .npy holds one tensor"},
		{[]string{"trace", "--grad", "a[", "--prompt", "a", "--out", "x"}, exitUsage, "dragoman: --grad a[: "},
		{[]string{"trace", "--model", "../../testdata/blip2-itm", "--head", "itc", "--inputs", none, "--out", "x"}, exitFailed, "dragoman: tracing: " + none + ": none of its tensors "},
		{[]string{"embed", "--model", "../../testdata/blip2-itm", photo, "--out", "/none/x.npy"}, exitFailed, "dragoman: writing: /none/x.npy: no such file"},
		{[]string{"ask", "--model", idefics, "--shot", "nope.png=a", photo}, exitFailed, "reading a picture: nope.png: no such file"},
		{[]string{"trace", "--model", "../../testdata/blip2-opt", "--inputs", "../../testdata/blip2-opt/inputs.safetensors", "--grad", "nope*", "--out", filepath.Join(t.TempDir(), "o.safetensors")}, exitDone, "no parameter fits --grad nope*"},
		{[]string{"convert", "--model", "../../testdata/blip2-opt", "--dtype", "q8_0", "--out", "x.GGUF"}, exitUsage, "dragoman: --out x.GGUF: "},
		{[]string{"convert", "--model", "../../testdata/blip2-opt", "--out", "x.pt"}, exitFailed, "only what was trained of an OpenFlamingo"},
		{[]string{"convert", "--model", "../../testdata/blip2-opt", "--dtype", "q8_0", "--out", "x.safetensors"}, exitUsage, "dragoman: --out x.safetensors: "},
		{[]string{"convert", "--model", "../../testdata/blip2-opt", "--dtype", "q8_0", "--except", "a=b", "--out", "x"}, exitUsage, "dragoman: --except: "},
		{[]string{"convert", "--model", "../../testdata/blip2-opt", "--dtype", "q8_0", "--out", "tensors_test.go"}, exitFailed, "tensors_test.go: not a directory"},
		{[]string{"convert", "--model", "../../testdata/blip2-opt", "--dtype", "q8_0", "--out", filepath.Dir(fileWith(t, "notes.txt", "a"))}, exitFailed, ": there are files in this folder"},
		{[]string{"preprocess", "--model", t.TempDir(), photo, "--out", "x"}, exitFailed, ": neither processor_config.json nor preprocessor_config.json there "},
		{[]string{"trace", "--model", "../../testdata/blip2-itm", "--loss", "stage1", "--image", photo, "--prompt", "a", "--out", filepath.Join(t.TempDir(), "o.safetensors")}, exitFailed, "hint: --extra"},
	} {
		if status, out, errs := call(t, c.args...); status != c.status || out != "" || !strings.Contains(errs, c.says) {
			t.Errorf("%v: %d: %s%s", c.args, status, out, errs)
		}
	}
}

// TestPreprocessNPY: numpy's file holds the numbers that the safetensors file does.
func TestPreprocessNPY(t *testing.T) {
	written := func(name string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), name)
		if status, out, errs := call(t, "preprocess", "--model", "../../testdata/blip2-itm", photo, photo, "--out", path); status != exitDone || out != "" {
			t.Fatalf("%s: %d: %s%s", name, status, out, errs)
		}
		return path
	}
	f, err := weights.Open(written("x.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	want, _ := f.Lookup("pixel_values")
	for _, name := range []string{"x.npy", "X.NPY"} {
		raw, err := os.ReadFile(written(name))
		if err != nil {
			t.Fatal(err)
		}
		header, values, _ := bytes.Cut(raw, []byte("\n"))
		if shape := fmt.Sprintf("'shape': (2, 3, %d, %d,)", want.Shape[2], want.Shape[3]); !bytes.Contains(header, []byte(shape)) || !bytes.Equal(values, want.Data) {
			t.Errorf("%s: %d bytes behind %q, not %d of %s", name, len(values), header, len(want.Data), shape)
		}
	}
}

// TestUnreadInputs: an input that the model does not have, a misspelt mask say, is named.
func TestUnreadInputs(t *testing.T) {
	const model = "../../testdata/blip2-opt"
	in, err := weights.Open(model + "/inputs.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	all := []weights.Tensor{weights.FromFloat32("atention_mask", []int{1, 1}, []float32{1})}
	for _, name := range in.Names() {
		w, _ := in.Lookup(name)
		all = append(all, w)
	}
	path, out := filepath.Join(t.TempDir(), "in.safetensors"), filepath.Join(t.TempDir(), "out.safetensors")
	if err := weights.WriteSafetensors(path, all, nil); err != nil {
		t.Fatal(err)
	}
	for inputs, want := range map[string]string{path: path + `: the model has no input "atention_mask"` + "\n", model + "/inputs.safetensors": ""} {
		status, _, errs := call(t, "trace", "--model", model, "--select", "logits", "--inputs", inputs, "--out", out)
		if status != exitDone || errs != want+out+": 1 tensor\n" {
			t.Errorf("%s: %d: %s", inputs, status, errs)
		}
	}
}
