package main

import (
	"bytes"
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"
)

// TestMatchClasses lets a CLIP choose between classes: every object has itm, which is null, and the probabilities sum to 1.
func TestMatchClasses(t *testing.T) {
	const folder = "../../model/clip/testdata/"
	var out, errs bytes.Buffer
	call := []string{"match", "--json", "--model", folder + "clip", folder + "picture.png", "--classes", "cat,dog,boat", "--template", "a {}", "--template", "the {}"}
	if status := run(call, strings.NewReader(""), &out, &errs); status != exitDone {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	sum := 0.0
	for i, name := range []string{"cat", "dog", "boat"} {
		var got map[string]any
		if i >= len(lines) || json.Unmarshal([]byte(lines[i]), &got) != nil {
			t.Fatalf("%d lines: %s", len(lines), out.String())
		}
		itm, has := got["itm"]
		p, _ := got["probability"].(float64)
		cosine, _ := got["itc"].(float64)
		if got["text"] != name || got["image"] != folder+"picture.png" || !has || itm != nil || p <= 0 || math.Abs(cosine) > 1 {
			t.Errorf("%s", lines[i])
		}
		sum += p
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("the probabilities sum to %v", sum)
	}
	for _, wrong := range [][]string{{"match", "a.png", "--classes", "cat", "--template", "no place"}, {"match", "a.png"}, {"match", "--classes", "cat"}} {
		if status := run(wrong, strings.NewReader(""), &out, &errs); status != exitUsage {
			t.Errorf("%v: status %d", wrong, status)
		}
	}
}

// TestUntaughtMatching: a bridge that learnt by contrast alone says that it has no matching head, until a recipe that goes on with it teaches one.
func TestUntaughtMatching(t *testing.T) {
	dir := t.TempDir()
	recipe := func(name, from, losses string) string {
		out := filepath.Join(dir, name)
		args := []string{"train", "-q", "../../recipes/tiny.yaml", "--set", "output=" + out, "--set", "report=[]", "--set", "stages=[{kind: stage1, steps: 2, batch: 6, lr: 1e-3, " + losses + "}]"}
		if from != "" {
			args = append(args, "--set", "model={from: "+from+"}")
		}
		if status, _, errs := call(t, args...); status != exitDone {
			t.Fatalf("%s: %d: %s", name, status, errs)
		}
		return filepath.Join(out, "model")
	}
	match := func(model string) map[string]any {
		status, out, errs := call(t, "match", "--json", "--model", model, photo, "--text", "a red ring", "--text", "a blue bar")
		line, _, _ := strings.Cut(out, "\n")
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil || status != exitDone || strings.Count(out, "\n") != 2 {
			t.Fatalf("%s: %d: %s%s", model, status, out, errs)
		}
		return got
	}
	alone := recipe("alone", "", "itc: 1")
	if got := match(alone); got["itm"] != nil || got["probability"] == nil || got["itc"] == nil {
		t.Errorf("taught by contrast alone: %v", got)
	}
	if status, _, errs := call(t, "eval", "--model", alone, "--rerank", "3", tinyPairs); status != exitUsage || !strings.Contains(errs, "--rerank") {
		t.Errorf("reranking without a matching head: %d: %s", status, errs)
	}
	if got := match(recipe("taught", alone, "itc: 1, itm: 1")); got["itm"] == nil || got["probability"] != nil {
		t.Errorf("taught both: %v", got)
	}
	if got := match(recipe("again", alone, "itc: 1")); got["itm"] != nil {
		t.Errorf("taught by contrast twice: %v", got)
	}
}
