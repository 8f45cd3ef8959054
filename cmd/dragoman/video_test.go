package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/model/flamingotest"
	"dragoman/picture"
)

// TestVideos: what moves is looked at as a video wherever a model tells frames apart, at one frame a second unless the call says otherwise.
func TestVideos(t *testing.T) {
	const clip = "../../picture/testdata/frames/02.gif"
	model := flamingotest.Framed(t, "../../model/flamingo/testdata/openflamingo-llama", 4)
	raw, err := os.ReadFile(clip)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := picture.DecodeFrames(raw, picture.Options{}, picture.Sampling{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, m *picture.RGBA) string {
		path := filepath.Join(dir, name)
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := m.Flatten(picture.AlphaWhite).WritePNG(f); err != nil {
			t.Fatal(err)
		}
		return path
	}
	first := write("first.png", frames[0])
	if err := os.Mkdir(filepath.Join(dir, "video"), 0o750); err != nil {
		t.Fatal(err)
	}
	for i, m := range frames {
		write(fmt.Sprintf("video/%d.png", i), m)
	}
	said := func(args ...string) string {
		t.Helper()
		status, out, errs := call(t, append([]string{"ask", "--json", "--model", model, "--max-tokens", "3"}, args...)...)
		_, out, _ = strings.Cut(out, `"logprobs"`)
		out, _, _ = strings.Cut(out, `"finish"`)
		if status != exitDone || out == "" {
			t.Fatalf("%v: %d: %s", args, status, errs)
		}
		return out
	}
	for _, asked := range [][]string{{"--prompt", "a"}, {"--shot", first + "=b", "a"}} {
		with := func(args ...string) []string { return slices.Concat(args, asked) }
		if said(with("--fps", "0", clip)...) == said(with(first)...) {
			t.Errorf("%v: a GIF's later frames do not count", asked)
		}
	}
	rows := func(image string) string {
		path := filepath.Join(dir, filepath.Base(image)+".jsonl")
		line, _ := json.Marshal(map[string]string{"image": image, "text": "a"})
		if err := os.WriteFile(path, append(line, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	whole, err := filepath.Abs(clip)
	if err != nil {
		t.Fatal(err)
	}
	support := []string{"--fps", "0", "--shots-n", "1", first, "w?", "--support"}
	if said(append(support, rows(whole))...) == said(append(support, rows(first))...) {
		t.Error("--support: a GIF's later frames do not count")
	}
	evaluated := func(name string) string {
		t.Helper()
		path := filepath.Join(dir, "said.jsonl")
		if status, _, errs := call(t, "eval", "-q", "--model", model, "--fps", "0", "--max-tokens", "9", "--said", path, rows(name)); status != exitDone {
			t.Fatal(errs)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var line saidLine
		if err := json.Unmarshal(raw, &line); err != nil || line.Text == "" {
			t.Fatalf("%s: %v", raw, err)
		}
		return line.Text
	}
	if evaluated(whole) == evaluated(first) {
		t.Error("eval: a GIF's later frames do not count")
	}
	page := filepath.Join(dir, "page.json")
	if err := os.WriteFile(page, []byte(`{"parts":[{"video":"video","fps":100},{"text":"a"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for flags, want := range map[string]int{"": 0, "--fps=0": 4, "--fps=0 --frames=3": 3} {
		status, out, errs := call(t, append(strings.Fields("inspect -q --json --out= --model "+model+" --page "+page), strings.Fields(flags)...)...)
		var in struct {
			Pictures []struct{ Frames []float32 }
		}
		if err := json.Unmarshal([]byte(out), &in); err != nil || status != exitDone || len(in.Pictures) != 1 || len(in.Pictures[0].Frames) != want {
			t.Errorf("%q: %d: %d frames, want %d: %.200s%s", flags, status, len(in.Pictures[0].Frames), want, out, errs)
		}
	}
	if status, _, errs := call(t, "eval", "--model", "../../testdata/blip2-opt", "--fps", "3", rows(first)); status != exitUsage || !strings.HasPrefix(errs, "dragoman: --fps ") {
		t.Errorf("%d: %s", status, errs)
	}
	if status, _, errs := call(t, "inspect", "--fps", "3", photo); status != exitUsage || !strings.HasPrefix(errs, "dragoman: --fps ") {
		t.Errorf("%d: %s", status, errs)
	}
}
