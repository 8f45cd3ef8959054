package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func fileWith(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestWrongPages: what is wrong with a page is said in JSON's words, in the page's place, with what to do about it.
func TestWrongPages(t *testing.T) {
	for _, c := range []struct{ name, content, message, hint string }{
		{"a.json", `{"parts":"a"}`, "parts: a text stands where a list belongs", ""},
		{"a.json", `{"parts":[{"image":1}]}`, "parts.image: a number stands where a text belongs", ""},
		{"a.jsonl", "{\"parts\":[{\"text\":\"a\"}]}\n{\"parts\":[]}\n", "line 2: more stands behind it", "one line"},
		{"a.html", "<p>one", "line 1: invalid character '<'", "dragoman pages --json"},
		{"a.json", "", "it is empty", ""},
		{"a.json", `{"parts":[{"image":""}]}`, "part 1: the name of its file is empty", ""},
	} {
		path := fileWith(t, c.name, c.content)
		for _, call1 := range [][]string{{"ask", "--page", path}, {"inspect", "--page", path}} {
			status, out, errs := call(t, append(call1, "--model", idefics)...)
			if status != exitFailed || out != "" || !strings.Contains(errs, c.message) || strings.Contains(errs, "main.") || !strings.Contains(errs, c.hint) {
				t.Errorf("%s: %d: %s%s", c.content, status, out, errs)
			}
			status, out, errs = call(t, append(call1, "--json", "--model", idefics)...)
			var got struct {
				Image, Page string
				Error       itemError
			}
			if err := json.Unmarshal([]byte(out), &got); err != nil || status != exitFailed || errs != "" || got.Image+got.Page != path || !strings.Contains(got.Error.Message, c.message) {
				t.Errorf("%s: %d: %s%s", c.content, status, out, errs)
			}
		}
	}
}

// TestShotsOfNothing: a file of examples that holds none is an error, and no call without examples; addresses say what allows them.
func TestShotsOfNothing(t *testing.T) {
	for shots, want := range map[string]string{
		"--shots=" + fileWith(t, "shots.jsonl", "\n \n"):                           "it has none",
		"--shots=" + fileWith(t, "shots.jsonl", `{"image":["a"],"text":"b"}`):      "line 1: image: a list stands where a text belongs",
		"--shots=" + fileWith(t, "shots.jsonl", `{"images":[""],"text":"b"}`):      "line 1: the name of its file is empty",
		"--shots=" + fileWith(t, "shots.jsonl", `{"image":"none.png","text":"b"}`): "line 1: reading a picture: none.png: no such file",
		"--shot=none.png=b":                 "dragoman: reading examples: --shot none.png=b: reading a picture: none.png: no such file",
		"--shot=http://127.0.0.1:1/a.png=b": "--allow-net",
		"--shots=" + fileWith(t, "shots.jsonl", `{"image":"http://127.0.0.1:1/a.png","text":"b"}`): "--allow-net",
	} {
		if status, out, errs := call(t, "ask", "--model", idefics, shots, photo); status != exitFailed || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: %d: %s%s", shots, status, out, errs)
		}
	}
}

// TestMisspeltModels: built-in names are listed, and suggested.
func TestMisspeltModels(t *testing.T) {
	t.Setenv("HF_HOME", t.TempDir())
	for name, want := range map[string]string{
		"mini-flamigo": "hint: did you mean mini-flamingo? built in: mini, mini-flamingo\n",
		"gpt2":         "hint: built in: mini, mini-flamingo; dragoman pull gpt2\n",
		"./model":      "hint: built in: mini, mini-flamingo; give a directory",
		"a/b":          "hint: dragoman pull a/b\n",
	} {
		if status, _, errs := call(t, "caption", "--model", name, photo); status != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("%s: %d: %s", name, status, errs)
		}
	}
}

// TestMatchSaysWhichWasChosen: of classes the likeliest, beside the lines that scripts read; on a terminal the columns are named.
func TestMatchSaysWhichWasChosen(t *testing.T) {
	args := []string{"match", "--model", clipFolder, photo, "--classes", "cat,dog,boat"}
	_, plain, errs := call(t, args...)
	lines := strings.Split(strings.TrimSpace(plain), "\n")
	best := lines[0]
	for _, l := range lines {
		best = max(best, l) // they begin with shares of the same length
	}
	chosen := best[strings.LastIndex(best, "\t")+1:]
	if len(lines) != 3 || errs != photo+": "+chosen+"\n" {
		t.Errorf("%s%s", plain, errs)
	}
	_, out, errs := call(t, append(args, "--json")...)
	if strings.Count(out, `"chosen":true`) != 1 || !strings.Contains(out, `"text":"`+chosen+`"`) || errs != "" {
		t.Errorf("%s%s", out, errs)
	}
	if _, out, errs := call(t, "match", "--model", clipFolder, photo, "--text", "cat"); strings.Contains(out, "chosen") || errs != "" {
		t.Errorf("texts: %s%s", out, errs)
	}
	var screen, beside bytes.Buffer
	c := newCLI(strings.NewReader(""), &screen, &beside)
	c.onTerminal = true
	root := c.root()
	root.SetArgs(args)
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if screen.String() != "share\tcosine\tpicture\ttext\n"+plain {
		t.Errorf("on a terminal: %s", screen.String())
	}
}

// TestWrittenFilesAreNamed: what is in a file that was written stands on standard error.
func TestWrittenFilesAreNamed(t *testing.T) {
	out := filepath.Join(t.TempDir(), "a.npy")
	if status, _, errs := call(t, "embed", "--model", clipFolder, photo, photo, "--out", out); status != exitDone || !strings.HasPrefix(errs, out+": embeddings [2 1 ") || !strings.HasSuffix(errs, "] of 2 items\n") {
		t.Errorf("%d: %s", status, errs)
	}
}

// TestLastProgress: how far work came at last is written, whenever that was, and once.
func TestLastProgress(t *testing.T) {
	for _, c := range []struct {
		steps int
		want  string
	}{{1, "1 of 1\n"}, {3, "1 of 3\n3 of 3\n"}} {
		var errs bytes.Buffer
		cli := newCLI(strings.NewReader(""), &bytes.Buffer{}, &errs)
		for i := range c.steps {
			cli.progress("%d of %d", i+1, c.steps)
		}
		cli.progressDone()
		cli.progressDone()
		if errs.String() != c.want {
			t.Errorf("%d steps: %q", c.steps, errs.String())
		}
	}
}

// TestCallsWithoutArguments says what is missing.
func TestCallsWithoutArguments(t *testing.T) {
	for args, want := range map[string]string{
		"caption": "caption needs a picture: caption [--prompt TEXT] IMAGE…", "embed": "embed needs a picture", "inspect": "inspect needs a picture", "eval": "eval needs pairs",
		"pages": "pages needs pages", "rm": "rm needs a name", "pull": "pull needs a name", "train": "train needs a recipe", "train a.yaml b.yaml": "train takes one recipe, not 2",
		"tokenize x": `tokenize takes options alone, and there is "x": tokenize`, "version y": "version takes options alone", "trace z": "trace takes options alone",
		"chat a b": "chat takes one text, not 2", "bench linear": `bench takes options alone, and there is "linear"`,
	} {
		if status, out, errs := call(t, strings.Fields(args)...); status != exitUsage || out != "" || !strings.HasPrefix(errs, "dragoman: "+want) {
			t.Errorf("%s: %d: %s%s", args, status, out, errs)
		}
	}
}

// TestTraceOfNothing: a pattern that fits nothing is an error, and no empty file.
func TestTraceOfNothing(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.safetensors")
	status, _, errs := call(t, "trace", "--model", clipFolder, "--image", photo, "--select", "no.such*", "--out", out)
	if _, err := os.Stat(out); err == nil || status != exitFailed || !strings.Contains(errs, "no.such*") || !strings.Contains(errs, "--list") {
		t.Errorf("%d: %s", status, errs)
	}
}

// TestFewerExamples: fewer examples than were asked for are shown, and that is said; of a number that nobody gave it is not.
func TestFewerExamples(t *testing.T) {
	whole, err := filepath.Abs(photo)
	if err != nil {
		t.Fatal(err)
	}
	support := fileWith(t, "support.jsonl", `{"image":"`+filepath.ToSlash(whole)+`","text":"a cat"}`+"\n")
	for n, said := range map[string]bool{"--shots-n=3": true, "--shots-n=1": false, "--temperature=0": false} {
		status, out, errs := call(t, "ask", "--model", idefics, "--max-tokens", "2", "--support", support, n, photo, "w?")
		if status != exitDone || out == "" || strings.Contains(errs, "--shots-n asks for") != said || said && !strings.Contains(errs, "it has 1 of the 3 examples that --shots-n asks for") {
			t.Errorf("%s: %d: %s%s", n, status, out, errs)
		}
	}
}
