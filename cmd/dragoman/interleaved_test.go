package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/picture"
)

// TestPages shows HTML pages, and reads again what it shows.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	var picture64 bytes.Buffer
	if err := picture.New(64, 64).WritePNG(&picture64); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"a.png": picture64.String(), "good.html": `<p>one<img src="a.png"><p>two<img src="https://example.org/b.png">`, "bad.html": `one<img src="none.png">`,
		"empty.html": "one",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	call := func(args ...string) (stdout, stderr string, status int) {
		var out, err bytes.Buffer
		status = run(append([]string{"pages"}, args...), strings.NewReader(""), &out, &err)
		return out.String(), err.String(), status
	}
	out, errs, status := call(dir)
	if status != 0 || errs != "" {
		t.Fatalf("status %d: %s", status, errs)
	}
	for _, want := range []string{
		"bad.html: skipped: ", "none.png: no such file", "empty.html: skipped: it has no pictures\n", "good.html: 1 picture, 2 words; left out: 1 on the network\n",
		": 1 page with 1 picture (1 on the network: left out); 2 pages skipped (1 no pictures, 1 not found), the first: ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %s", want, out)
		}
	}
	out, errs, status = call("--json", dir)
	var page struct {
		Page    string
		Parts   []struct{ Image, Text string }
		LeftOut []struct{ Image, Why string } `json:"left_out"`
	}
	if err := json.Unmarshal([]byte(out), &page); err != nil || status != 0 || !strings.Contains(errs, "bad.html: skipped: ") {
		t.Fatalf("status %d: %s%s: %v", status, out, errs, err)
	}
	if len(page.Parts) != 3 || page.Parts[1].Image != filepath.Join(dir, "a.png") || page.Parts[2].Text != "two" || page.LeftOut[0].Why != "on the network" {
		t.Errorf("page %+v", page)
	}
	again := filepath.Join(dir, "pages.jsonl")
	if err := os.WriteFile(again, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, status := call(again); status != 0 || !strings.Contains(out, ": 1 page with 1 picture\n") {
		t.Errorf("status %d: %s", status, out)
	}
	// What cannot be opened is said in its place, and the others are shown.
	out, errs, status = call(filepath.Join(dir, "empty.html"), filepath.Join(dir, "none.html"), again)
	if status != 1 || strings.Count(errs, "dragoman: open pages: ") != 2 || !strings.Contains(out, ": 1 page with 1 picture\n") {
		t.Errorf("status %d: %s%s", status, errs, out)
	}
	if out, _, status := call("--json", filepath.Join(dir, "none.html")); status != 1 || !strings.Contains(out, `"error":{"message":"open pages: `) {
		t.Errorf("status %d: %s", status, out)
	}
}
