package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	clipFolder = "../../model/clip/testdata/clip"
	plain      = "../../model/flamingo/testdata/idefics-plain" // its text looks at the encoder's features themselves
)

// TestUnusedFlags: an option that would do nothing is refused, by its name, before anything is opened.
func TestUnusedFlags(t *testing.T) {
	for _, args := range []string{
		"inspect --words 3 a.png b.png", "inspect --npy x.npy a.png b.png --out x", "inspect --npy x.npy ../../recipes/tiny/pictures",
		"inspect --page page.json --npy x.npy", "inspect --page page.json --words 3", "inspect --page page.json --without=false",
		"ask --page page.json --shots-n 3", "ask --page page.json --support-where a=b", "ask --page page.json --features x.safetensors",
		"ask --page page.json --choices a,b --permutations 3", "ask --choices a,b --permutations 3 a.png what",
		"ask --beams 5 --choices a,b a.png what", "ask --temperature 0.7 --choice a --choice b a.png what", "ask --max-tokens 3 --choices a,b --page page.json",
		"ask --stop x --choices a,b a.png what", "eval --beams 3 --choices a,b pairs.jsonl", "eval --max-tokens 3 --classes pairs.jsonl",
		"eval --forgetting --beams 3 text.txt", "eval --forgetting --where a=b text.txt", "eval --forgetting --said x text.txt",
		"eval --forgetting --shots-n 0 text.txt", "eval --forgetting --choices a,b text.txt", "eval --window 32 pairs.jsonl", "eval --image a.png pairs.jsonl",
		"eval --no-captions --said x pairs.jsonl", "eval --no-captions --max-tokens 3 pairs.jsonl",
		"trace --list --out x.safetensors", "trace --list --head itm", "trace --prompt a --out x --head itm --loss stage1",
		"tokenize --check", "preprocess --memory 1k a.png --out x", "convert --check --out x.gguf", "bench --memory 1k",
		"embed --text --size 32 a", "embed --text --allow-net a",
		"match --classes a,,b x.png", "match --classes a,b,a x.png",
	} {
		fields := strings.Fields(args)
		status, out, errs := call(t, append(fields, "--model", "/does/not/exist")...)
		named := false
		for _, f := range fields {
			f, _, _ = strings.Cut(f, "=")
			said := strings.TrimPrefix(errs, "dragoman: "+f)
			named = named || strings.HasPrefix(f, "--") && said != errs && strings.ContainsRune(" :", rune(said[0]))
		}
		if status != exitUsage || out != "" || !named {
			t.Errorf("%s: %d: %s%s", args, status, out, errs)
		}
	}
	for _, command := range []string{"ask", "eval"} {
		if status, _, errs := call(t, command, "--model", "../../testdata/blip2-opt", "--fps", "3", photo, "what"); status != exitUsage || !strings.HasPrefix(errs, "dragoman: --fps is about videos") {
			t.Errorf("%s: %d: %s", command, status, errs)
		}
	}
	if status, _, errs := call(t, "inspect", "--model", idefics, "--words", "3", photo); status != exitUsage || !strings.HasPrefix(errs, "dragoman: --words ") {
		t.Errorf("words of latents: %d: %s", status, errs)
	}
}

// TestMemoryOfEveryModel: each kind of model heeds --memory; --extra is refused where nothing reads it.
func TestMemoryOfEveryModel(t *testing.T) {
	for _, model := range []string{clipFolder, idefics, "mini", "mini-flamingo"} {
		if status, _, errs := call(t, "embed", "--model", model, "--memory", "1k", photo); status != exitFailed || !strings.Contains(errs, "the limit that was set") {
			t.Errorf("%s: %d: %s", model, status, errs)
		}
	}
	for _, model := range []string{clipFolder, idefics, "../../language/llama/testdata/tiny"} {
		if status, _, errs := call(t, "trace", "--list", "--model", model, "--extra", "../../testdata/blip2-opt/model.safetensors"); status != exitFailed || !strings.Contains(errs, "tensors from another file") {
			t.Errorf("%s: %d: %s", model, status, errs)
		}
	}
}

// TestInspectMany averages over pictures, writes their pages where it is asked to, and says so where nothing looks at them.
func TestInspectMany(t *testing.T) {
	dir := t.TempDir()
	if status, out, errs := call(t, "inspect", "-q", "--model", idefics, "--out", dir, photo, photo); status != exitDone || !strings.HasPrefix(out, "2 pictures, 3 queries") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	for _, name := range []string{"picture.inspect.html", "picture.inspect-2.html", "picture.inspect-2.png"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	for _, ending := range []string{"html", "png"} {
		taken := t.TempDir()
		file := filepath.Join(taken, "picture.inspect."+ending)
		if err := os.Mkdir(file, 0o700); err != nil {
			t.Fatal(err)
		}
		want := "dragoman: inspecting: " + photo + ": writing: " + file + ": "
		if status, _, errs := call(t, "inspect", "-q", "--model", idefics, "--out", taken, photo); status != exitFailed || !strings.HasPrefix(errs, want) {
			t.Errorf("%d: %s", status, errs)
		}
	}
	if status, out, errs := call(t, "inspect", "--model", plain, photo, photo); status != exitFailed || out != "" || strings.Count(errs, "learned queries") != 2 {
		t.Errorf("%d: %s%s", status, out, errs)
	}
}
