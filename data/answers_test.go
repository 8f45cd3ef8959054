package data

import (
	"archive/tar"
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asked is a question's row as tests compare it.
type asked struct {
	Question string
	Answers  []string
	Weights  []float64
}

func questions(t *testing.T, path string) ([]asked, Report) {
	t.Helper()
	d, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var out []asked
	for i := range d.Len() {
		r, err := d.Row(i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, asked{r.Question, r.Texts, r.Weights})
	}
	return out, d.Report()
}

func TestQuestions(t *testing.T) {
	dir := tree(t, map[string]string{
		"a.png": string(red),
		"rows.jsonl": strings.Join([]string{
			`{"image":"a.png","question":"What is this?","answer":"a cat"}`,
			`{"image":"a.png","question":" How many? ","answers":["2","two","2",""]}`,
			`{"image":"a.png","question":"How many?","answers":["2","","two"],"weights":[0.75,0.5,0.25]}`,
			`{"image":"a.png","question":"Is it?","answers":{"yes":0.9,"no":0.1}}`,
			`{"image":"a.png","question":"Is it?","answers":[{"answer":"yes","answer_id":1},{"answer":"no","answer_id":2}]}`,
			`{"image":"a.png","question":"How many?","answer":3}`,
			`{"image":"a.png","question":"What?","text":"a dog"}`,
			`{"image":"a.png","question":"What?"}`,
			`{"image":"a.png","question":"What?","answers":[]}`,
			`{"image":"a.png","question":"What?","answers":["a","b"],"weights":[1]}`,
			`{"image":"a.png","question":"What?","answers":["a","b"],"weights":[1,-1]}`,
			`{"image":"a.png","question":"What?","answers":["a","b"],"weights":[0,0]}`,
			`{"image":"a.png","question":["What?","Why?"],"answer":"a"}`,
			`{"image":"a.png","question":7,"answer":"a"}`,
			`{"image":"gone.png","question":"What?","answer":"a"}`,
		}, "\n"),
	})
	got, report := questions(t, filepath.Join(dir, "rows.jsonl"))
	want := []asked{
		{"What is this?", []string{"a cat"}, nil},
		{"How many?", []string{"2", "two", "2"}, nil},
		{"How many?", []string{"2", "two"}, []float64{0.75, 0.25}},
		{"Is it?", []string{"no", "yes"}, []float64{0.1, 0.9}},
		{"Is it?", []string{"yes", "no"}, nil},
		{"How many?", []string{"3"}, nil},
		{"What?", []string{"a dog"}, nil},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	reasons := []string{"no answer", "answer is empty", "1 weight for 2 answers", "a weight is -1", "all weights are 0", "a row has one", "not a text", "gone.png"}
	if report.Broken != len(reasons) {
		t.Fatalf("%d rows are broken, not %d", report.Broken, len(reasons))
	}
	for i, want := range reasons {
		if got := report.Examples[i].Error(); !strings.Contains(got, want) || !strings.Contains(got, "rows.jsonl:") {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}

// TestListsInTables: a cell holds several texts, or answers with weights, as JSON.
func TestListsInTables(t *testing.T) {
	dir := tree(t, map[string]string{
		"a.png": string(red),
		"vqa.csv": "image,question,answers,weights\n" +
			"a.png,What?,\"[\"\"cat\"\", \"\"dog\"\"]\",\"[3, 1]\"\n" +
			"a.png,What?,cat,1\n" +
			"a.png,What?,\"{\"\"cat\"\": 2}\",\n",
		"captions.tsv": "image\ttext\na.png\t[\"a cat\", \"a red cat\"]\na.png\t[sic] a cat\na.png\t[7]\n",
	})
	got, report := questions(t, filepath.Join(dir, "vqa.csv"))
	if diff := cmp.Diff([]asked{
		{"What?", []string{"cat", "dog"}, []float64{3, 1}},
		{"What?", []string{"cat"}, []float64{1}},
		{"What?", []string{"cat"}, []float64{2}},
	}, got); diff != "" || report.Broken != 0 {
		t.Errorf("%s %v", diff, report)
	}
	got, _ = questions(t, filepath.Join(dir, "captions.tsv"))
	if diff := cmp.Diff([]asked{
		{"", []string{"a cat", "a red cat"}, nil},
		{"", []string{"[sic] a cat"}, nil},
		{"", []string{"[7]"}, nil},
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestQuestionsInShards(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range []struct{ name, text string }{
		{"1.png", string(red)},
		{"1.json", `{"question":"What?","answers":["cat","cat","dog"]}`},
		{"2.png", string(red)},
		{"2.json", `{"question":"What?"}`},
		{"2.txt", "a dog"},
	} {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o600, Size: int64(len(f.text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(f.text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got, _ := questions(t, filepath.Join(tree(t, map[string]string{"s.tar": b.String()}), "s.tar"))
	if diff := cmp.Diff([]asked{
		{"What?", []string{"cat", "cat", "dog"}, nil},
		{"What?", []string{"a dog"}, nil},
	}, got); diff != "" {
		t.Error(diff)
	}
}

func TestClean(t *testing.T) {
	long := strings.Repeat("w ", 60)
	for _, c := range []struct{ in, caption, question string }{
		{"A Dog (brown); \"Rex\"!", "a dog brown rex", "a dog brown rex"},
		{"What's this, e.g. a U.S.A. flag?\n", "what's this, e g a u s a flag?", "what's this, eg a usa flag?"},
		{"  two   spaces #1 ", "two spaces 1", "two spaces 1"},
		{long, strings.TrimSpace(long[:100]), strings.TrimSpace(long[:100])},
	} {
		if got := CleanCaption(c.in); got != c.caption {
			t.Errorf("caption %q: %q", c.in, got)
		}
		if got := CleanQuestion(c.in); got != c.question {
			t.Errorf("question %q: %q", c.in, got)
		}
	}
}
