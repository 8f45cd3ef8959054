package main

import (
	"bytes"
	"encoding/json"
	"math"
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
