package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStreamForAFile: "-" is standard input wherever a file is read, and no file is looked for, or made, under that name.
func TestStreamForAFile(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	picture, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.ReadFile("testdata/pictures/cat.png")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	const pairs, others = `{"image":"a.png","text":"a cat"}` + "\n", `{"image":"b.png","text":"a dog"}` + "\n"
	for name, content := range map[string]string{"a.png": string(picture), "b.png": string(other), "a.jsonl": pairs} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	model, pagesModel := filepath.Join(root, "testdata/blip2-llama"), filepath.Join(root, "model/flamingo/testdata/idefics")
	recipe, err := os.ReadFile(filepath.Join(root, "recipes/tiny.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	here := strings.ReplaceAll(string(recipe), "tiny/", root+"/recipes/tiny/")
	for _, c := range []struct {
		args, stdin, want string
	}{
		{"eval -q --model " + model + " -", pairs, "| - | 1 |"},
		{"eval -q --json --model " + model + " --said - -", pairs, `"references":["a cat"]}`},
		{"eval -q --model " + pagesModel + " --support - --shots-n 1 a.jsonl", others, "a.jsonl | CIDEr-D | 1"},
		{"ask --model " + pagesModel + " --max-tokens 2 --json --support - --shots-n 1 a.png", pairs, `"shots":["a.png"]`},
		{"ask --model " + pagesModel + " --max-tokens 2 --json --shot -=b a.png", string(picture), `"image":"a.png","text":`},
		{"chat --model " + pagesModel + " --max-tokens 2 --json --image - b", string(picture), `{"text":`},
		{"pages -", `{"parts":[{"image":"a.png"},{"text":"a cat"}]}` + "\n", "-:1: 1 picture, 2 words"},
		{"pages --format json -", `{"parts":[{"image":"a.png"},{"text":"a cat"}]}`, "-:1: 1 picture, 2 words"},
		{"train -q --dry-run --set output=run -", here, "30 pairs to train on"},
	} {
		var out, errs bytes.Buffer
		if status := run(strings.Fields(c.args), strings.NewReader(c.stdin), &out, &errs); status != exitDone || !strings.Contains(out.String(), c.want) {
			t.Errorf("%s: %d: %s%s", c.args, status, out.String(), errs.String())
		}
	}
	for args, stdin := range map[string]string{ // what was read already isn't empty
		"eval -q --model " + model + " - -": pairs,
		"pages - -":                         `{"parts":[{"image":"a.png"},{"text":"a cat"}]}` + "\n",
		"ask --model " + pagesModel + " --max-tokens 2 --shots - -":   `{"image":"a.png","text":"b"}`,
		"ask --model " + pagesModel + " --max-tokens 2 --shot -=b -":  string(picture),
		"ask -q --model " + pagesModel + " --support - --shots-n 1 -": pairs,
		"ask --model " + model + " --choices-file - a.png - c":        "b\n",
	} {
		var out, errs bytes.Buffer
		if status := run(strings.Fields(args), strings.NewReader(stdin), &out, &errs); status != exitFailed || !strings.Contains(errs.String(), "-: standard input can be read only once\n") {
			t.Errorf("%s: %d: %s%s", args, status, out.String(), errs.String())
		}
	}
	var out, errs bytes.Buffer
	if status := run([]string{"inspect", "--model", model, "--out", "maps", "--npy", "-", "a.png"}, strings.NewReader(""), &out, &errs); status != exitDone || !strings.HasPrefix(out.String(), "\x93NUMPY") || (out.Len()-128)%4 != 0 {
		t.Errorf("--npy -: %d: %.200q%s", status, out.String(), errs.String())
	}
	errs.Reset()
	if status := run([]string{"inspect", "--model", model, "--out", "seen", "-"}, bytes.NewReader(picture), new(bytes.Buffer), &errs); status != exitDone || !strings.Contains(errs.String(), "picture.inspect.html") {
		t.Errorf("inspect -: %d: %s", status, errs.String())
	}
	for args, want := range map[string]string{
		"convert --dtype q8_0 --out - --model " + model: "--out -", "inspect --out - a.png --model " + model: "--out -", "chat --image - --model " + pagesModel: "chat --image - TEXT", "pages --format html -": "jsonl or json", "eval --model " + model + " - -": "no usable row",
	} {
		if status, out, errs := call(t, strings.Fields(args)...); status == exitDone || !strings.Contains(out+errs, want) {
			t.Errorf("%s: %d: %s%s", args, status, out, errs)
		}
	}
	if _, err := os.Lstat(stream); err == nil {
		t.Error("there is a file of that name")
	}
}

// TestAddressIsOnePicture: what stands behind an address is fetched once, be it looked at twice, and a question mark there is no pattern's.
func TestAddressIsOnePicture(t *testing.T) {
	picture, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	fetched := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetched++
		w.Write(picture)
	}))
	defer server.Close()
	dir := t.TempDir()
	status, out, errs := call(t, "inspect", "--model", "../../testdata/blip2-llama", "--allow-net", "--out", dir, server.URL+"/a.png?b=1")
	if status != exitDone || fetched != 1 || !strings.Contains(out, "query 3") || !strings.Contains(errs, ".inspect.html") {
		t.Errorf("%d, fetched %d times: %s%s", status, fetched, out, errs)
	}
}
