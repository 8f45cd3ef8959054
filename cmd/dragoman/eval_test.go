package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"dragoman/eval"
)

const tinyPairs = "../../recipes/tiny/pairs.jsonl"

// TestEvalForgetting writes perplexities of a text, as a table and as an object.
func TestEvalForgetting(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("a cat and 3 dogs. ", 20)), 0o600); err != nil {
		t.Fatal(err)
	}
	status, out, errs := call(t, "eval", "-q", "--forgetting", "--model", idefics, text, "--window", "32")
	if status != 0 || !strings.Contains(out, "gates shut: the same bits") || !strings.Contains(out, "a grey picture") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	_, out, _ = call(t, "eval", "-q", "--forgetting", "--json", "--model", idefics, "--image", photo, text)
	var f eval.Forgetting
	if err := json.Unmarshal([]byte(out), &f); err != nil || f.SameBits == nil || !*f.SameBits || f.Tokens != 359 || f.Size < 100 || f.Picture == nil {
		t.Errorf("%s: %+v (%v)", out, f, err)
	}
	status, out, _ = call(t, "eval", "-q", "--forgetting", "--model", "../../testdata/blip2-opt", text)
	if status != 0 || !strings.Contains(out, "changes nothing in it") || strings.Contains(out, "gates") {
		t.Errorf("%d: %s", status, out)
	}
	for _, bad := range [][]string{{"--window", "-1"}, {"--window", "4", "--stride", "4"}, {"--window", "4000"}} {
		if status, out, errs := call(t, append([]string{"eval", "-q", "--forgetting", "--model", idefics, text}, bad...)...); status == 0 || errs == "" || status == exitFailed && !strings.Contains(errs, text+": ") {
			t.Errorf("%v: %s%s", bad, out, errs)
		}
	}
}

// TestEvalShots measures a model behind examples, and writes what it said.
func TestEvalShots(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said.jsonl")
	model := "../../model/flamingo/testdata/idefics-plain"
	status, out, errs := call(t, "eval", "-q", "--model", model, "--json", "--shots-n", "0,1", "--seeds", "1,2", "--support", tinyPairs, "--where", "split=held", "--max-tokens", "2", "--said", said, tinyPairs)
	var r eval.ShotReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != 0 || r.N != 6 || r.Measure != eval.MeasureCIDEr || len(r.Shots) != 2 || len(r.Shots[0].Trials) != 1 || len(r.Shots[1].Trials) != 2 {
		t.Errorf("%d: %s%s (%v)", status, out, errs, err)
	}
	lines, err := os.ReadFile(said)
	if err != nil || bytes.Count(lines, []byte("\n")) != 18 || !bytes.Contains(lines, []byte(`"shots":1,"seed":2`)) {
		t.Errorf("said %s (%v)", lines, err)
	}
	status, out, _ = call(t, "eval", "-q", "--model", model, "--classes", "--shots-n", "1", "--examples", "similar", "--support", tinyPairs, "--support-where", "split=train", "--where", "split=held", tinyPairs)
	if status != 0 || !strings.Contains(out, "| accuracy | 6 | similar |") {
		t.Errorf("%d: %s", status, out)
	}
	for bad, want := range map[string]int{
		"--shots-n 4": 2, "--shots-n 0,0 --support x": 2, "--shots-n -1 --support x": 2, "--seeds 1,1": 2, "--examples any": 2, "--examples similar": 2,
		"--classes --choices a": 2, "--permutations 2": 2, "--support none.jsonl": 1, "--support-where split=train": 2, "--support-where split=none --shots-n 1 --support " + tinyPairs: 1, "--shots-n 99 --support " + tinyPairs: 1, "--rerank 3": 2,
	} {
		if status, out, errs := call(t, append([]string{"eval", "-q", "--model", model, tinyPairs}, strings.Fields(bad)...)...); status != want || strings.Count(errs, "\n") > 2 {
			t.Errorf("%s: %d: %s%s", bad, status, out, errs)
		}
	}
	if status, _, errs := call(t, "eval", "-q", "--model", "../../testdata/blip2-opt", "--shots-n", "0", tinyPairs); status != 1 || !strings.Contains(errs, "pages") {
		t.Errorf("a model that reads no pages: %d: %s", status, errs)
	}
}

// TestEvalOfMany: a set that is not there, or that cannot be measured, is an error in its place, and the others are measured; of no set
// there is no table, and nothing that was said.
func TestEvalOfMany(t *testing.T) {
	const captions, pages = "../../testdata/blip2-opt", "../../model/flamingo/testdata/idefics-plain"
	text, none := fileWith(t, "text.txt", strings.Repeat("a cat and 3 dogs. ", 20)), "none.jsonl"
	for _, args := range [][]string{
		{"--max-tokens", "1", "--where", "split=held", "--model", captions, tinyPairs, none, tinyPairs},
		{"--max-tokens", "1", "--where", "split=held", "--model", pages, tinyPairs, none, tinyPairs},
		{"--forgetting", "--window", "32", "--model", idefics, text, none, text},
	} {
		call1 := append([]string{"eval", "-q"}, args...)
		status, out, errs := call(t, append(call1, "--json")...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if status != exitFailed || errs != "" || len(lines) != 3 || lines[0] != lines[2] || !strings.HasPrefix(lines[1], `{"error":{"message":"`) || !strings.HasSuffix(lines[1], `"name":"none.jsonl"}`) {
			t.Errorf("%v: %d: %s%s", args, status, out, errs)
		}
		status, out, errs = call(t, call1...)
		if status != exitFailed || strings.Count(errs, "none.jsonl: no such file") != 1 || !strings.Contains(out, "|---|") {
			t.Errorf("%v: %d: %s%s", args, status, out, errs)
		}
	}
	said := filepath.Join(t.TempDir(), "said.jsonl")
	if status, out, errs := call(t, "eval", "-q", "--model", captions, "--said", said, none); status != exitFailed || out != "" || !strings.HasPrefix(errs, "dragoman: open data: none.jsonl: ") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if _, err := os.Stat(said); err == nil {
		t.Error("what was said of nothing is written")
	}
}

// TestEvalOfRowsOfOnePicture: retrieval is the same whether a picture's captions stand in one row or in several, behind each other or apart.
func TestEvalOfRowsOfOnePicture(t *testing.T) {
	pictures, err := filepath.Abs("../../recipes/tiny/pictures")
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"a cat", "a dog", "red boat", "the sea", "two cats", "on the boat", "a red dog", "cat on sea", "the dog .", "boat", "running", "red"}
	var list, first, second strings.Builder
	for i, name := range []string{"red-circle", "blue-bar", "green-ring", "black-cross", "red-bar", "blue-square"} {
		row, one, other := filepath.Join(pictures, name+".png"), words[2*i], words[2*i+1]
		fmt.Fprintf(&list, "{\"image\": %q, \"texts\": [%q, %q]}\n", row, one, other)
		fmt.Fprintf(&first, "%s,%s\n", row, one)
		fmt.Fprintf(&second, "%s,%s\n", row, other)
	}
	type report struct {
		N        int             `json:"n"`
		Pictures int             `json:"pictures"`
		Text     *eval.Retrieval `json:"image_to_text"`
		Image    *eval.Retrieval `json:"text_to_image"`
	}
	var reports [2]report
	for i, path := range []string{fileWith(t, "list.jsonl", list.String()), fileWith(t, "rows.csv", "image,text\n"+first.String()+second.String())} {
		status, out, errs := call(t, "eval", "-q", "--json", "--rerank", "3", "--model", "../../testdata/blip2-itm", path)
		if status != 0 {
			t.Fatalf("%d: %s", status, errs)
		}
		if err := json.Unmarshal([]byte(out), &reports[i]); err != nil {
			t.Fatal(err)
		}
	}
	whole, rows := reports[0], reports[1]
	if whole.N != 6 || whole.Pictures != 0 || rows.N != 12 || rows.Pictures != 6 {
		t.Errorf("%+v, %+v", whole, rows)
	}
	if !reflect.DeepEqual(rows.Text, whole.Text) || !reflect.DeepEqual(rows.Image, whole.Image) {
		t.Errorf("in one row each: %+v %+v, in several: %+v %+v", whole.Text, whole.Image, rows.Text, rows.Image)
	}
}

// TestEvalWhereOfNoRow: a misspelt field of which nothing is left is told, with the one that was meant.
func TestEvalWhereOfNoRow(t *testing.T) {
	status, out, errs := call(t, "eval", "-q", "--where", "splti=held", "--model", "../../testdata/blip2-opt", tinyPairs)
	if want := "no row has the field \"splti\"\nhint: did you mean split?\n"; status != exitFailed || out != "" || !strings.HasSuffix(errs, want) {
		t.Errorf("%d: %s%s", status, out, errs)
	}
}

// TestEvalSaidNowhere: what was measured is shown even where what was said cannot be written.
func TestEvalSaidNowhere(t *testing.T) {
	status, out, errs := call(t, "eval", "-q", "--max-tokens", "1", "--model", "../../testdata/blip2-opt", "--said", filepath.Join(photo, "x"), tinyPairs)
	if status != exitFailed || !strings.Contains(out, "| 36 |") || !strings.Contains(errs, "not a directory") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
}

// TestEvalOfNothing: where nothing can be measured, the call fails and says why; pictures that do not count are counted.
func TestEvalOfNothing(t *testing.T) {
	const pages, captions, matching = "../../model/flamingo/testdata/idefics-plain", "../../testdata/blip2-opt", "../../testdata/blip2-itm"
	dir := t.TempDir()
	whole, err := filepath.Abs(photo)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"broken.png": "broken", "broken.jsonl": `{"image":"broken.png","text":"a"}`,
		"half.jsonl": `{"image":"broken.png","text":"a"}` + "\n" + `{"image":"` + whole + `","text":"a"}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const inside = "../../data/testdata/hf.parquet" // of its rows the third has no picture
	broken, half := filepath.Join(dir, "broken.jsonl"), filepath.Join(dir, "half.jsonl")
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"--model " + captions + " " + broken, exitFailed, "none of 1 picture can be read, the first: " + broken + ":1: "},
		{"--model " + pages + " " + broken, exitFailed, "none of 1 picture can be read, the first: " + broken + ":1: "},
		{"--max-tokens 2 --model " + captions + " " + half, exitFailed, "1 of 2 rows cannot be read"},
		{"--max-tokens 2 --model " + pages + " " + half, exitFailed, "1 of 2 rows cannot be read"},
		{"--max-tokens 2 --model " + captions + " " + inside, exitFailed, "1 of 4 rows cannot be read"},
		{"--max-tokens 2 --model " + pages + " " + inside, exitFailed, inside + ":3: "},
		{"--no-captions --model " + captions + " " + tinyPairs, exitFailed, "there is nothing to measure"},
		{"--labels " + tinyPairs + " --model " + captions + " " + tinyPairs, exitUsage, "--labels"},
		{"--said x.jsonl --model " + matching + " " + tinyPairs, exitUsage, "--said"},
	} {
		status, out, errs := call(t, append([]string{"eval"}, strings.Fields(c.args)...)...)
		if status != c.status || !strings.Contains(errs, c.want) || (out != "") != strings.Contains(errs, "do not count") {
			t.Errorf("%s: %d: %s%s", c.args, status, out, errs)
		}
	}
}

// TestEvalFewShot measures the second built-in model behind other pictures of the set, with a seed's figures apart, and refuses what goes with other
// ways of measuring.
func TestEvalFewShot(t *testing.T) {
	few := []string{"eval", "-q", "--model", "mini-flamingo", "--few-shot", "--most", "2", "--max-tokens", "3", "--where", "split=held"}
	status, out, errs := call(t, append(few, "--json", "--shots-n", "0,2", "--seeds", "1,2", "--name", "shapes", tinyPairs)...)
	var r eval.FewShotReport
	if err := json.Unmarshal([]byte(out), &r); err != nil || status != 0 || r.Name != "shapes" || r.N != 6 || len(r.Shots) != 2 || len(r.Shots[1].Trials) != 2 {
		t.Errorf("%d: %s%s (%v)", status, out, errs, err)
	}
	if r.Shots[1].Trials[1].Seed != 2 || r.Shots[1].Trials[0].Word != nil {
		t.Errorf("%+v", r.Shots[1])
	}
	status, out, errs = call(t, append(few, "--shots-n", "1", "--question", "what is it?", "--concept", "split", tinyPairs)...)
	if status != 0 || !strings.Contains(out, "| 1 | 2 |") {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	few[1] = "--threads=0" // loudly
	const tooFew = tinyPairs + ": there are 5 other pictures to show for 6 examples: some are shown more than once\n"
	if status, out, errs := call(t, append(few, "--shots-n", "1,6", "--most", "1", tinyPairs)...); status != 0 || !strings.Contains(errs, tooFew) {
		t.Errorf("%d: %s%s", status, out, errs)
	}
	if status, _, errs := call(t, append(few, "--concept", "splt", tinyPairs)...); status != 1 || errs != "dragoman: reading pairs: "+tinyPairs+": --concept: no row has the field \"splt\"\nhint: did you mean split?\n" {
		t.Errorf("%d: %s", status, errs)
	}
	for _, bad := range []string{"--support " + tinyPairs, "--classes", "--beams 2", "--said x", "--most -1", "--rerank 2", "--seeds 1,1"} {
		if status, out, errs := call(t, append(few, append(strings.Fields(bad), tinyPairs)...)...); status != 2 || strings.Count(errs, "\n") > 2 {
			t.Errorf("%s: %d: %s%s", bad, status, out, errs)
		}
	}
	for model, want := range map[string]int{"../../model/flamingo/testdata/idefics-plain": 1, "../../testdata/blip2-opt": 1} {
		if status, out, errs := call(t, "eval", "-q", "--model", model, "--few-shot", tinyPairs); status != want || strings.Count(errs, "\n") > 2 {
			t.Errorf("%s: %d: %s%s", model, status, out, errs)
		}
	}
	if status, _, errs := call(t, "eval", "-q", "--most", "2", tinyPairs); status != 2 || !strings.Contains(errs, "--few-shot") {
		t.Errorf("%d: %s", status, errs)
	}
}
