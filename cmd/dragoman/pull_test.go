package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/internal/fakehub"
)

// call runs the command in this process.
func call(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	status = run(args, strings.NewReader(""), &o, &e)
	return status, o.String(), e.String()
}

// hubFor starts a hub and points the environment to it, and to a cache of its own.
func hubFor(t *testing.T, files map[string]string) *fakehub.Hub {
	t.Helper()
	for _, v := range []string{"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"} {
		t.Setenv(v, "")
	}
	f := fakehub.New(t, files)
	t.Setenv("HF_HOME", t.TempDir())
	t.Setenv("HF_ENDPOINT", f.URL)
	return f
}

// TestPullCommand pulls a model, lists it, uses it by its name and removes it.
func TestPullCommand(t *testing.T) {
	vocab, err := os.ReadFile("../../testdata/blip2-itm/tokenizer.json")
	if err != nil {
		t.Fatal(err)
	}
	hubFor(t, map[string]string{"config.json": "{}", "tokenizer.json": string(vocab), "model.safetensors": strings.Repeat("x", 1000), "README.md": "read me"})

	status, out, errs := call(t, "caption", "--model", fakehub.Model, "x.png")
	if status != exitFailed || out != "" || !strings.Contains(errs, "org/model") || !strings.Contains(errs, "hint: dragoman pull org/model\n") {
		t.Errorf("a model that is not there: %d %q %q", status, out, errs)
	}

	status, out, errs = call(t, "pull", fakehub.Model)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	dir := lines[len(lines)-1]
	if status != exitDone || len(lines) != 1 || filepath.Base(dir) != fakehub.Commit {
		t.Fatalf("pull: %d %q %q", status, out, errs)
	}
	if !strings.Contains(errs, "3/3 files") || strings.Contains(errs, "\r") {
		t.Errorf("progress without a terminal: %q", errs)
	}
	if _, err := os.Stat(filepath.Join(dir, "README.md")); err == nil {
		t.Error("a file was pulled that dragoman does not read")
	}

	status, out, errs = call(t, "pull", "--json", "--offline", fakehub.Model)
	var pulled struct {
		Model, Revision, Commit, Path string
		Files                         []string
		Bytes                         int64
	}
	if err := json.Unmarshal([]byte(out), &pulled); err != nil || status != exitDone || pulled.Path != dir || len(pulled.Files) != 3 ||
		pulled.Bytes != int64(1002+len(vocab)) || pulled.Model != fakehub.Model || errs != "" {
		t.Errorf("pull --json --offline: %d %+v %v %q", status, pulled, err, errs)
	}

	t.Setenv("HF_ENDPOINT", "http://127.0.0.1:1") // no model command asks a network
	status, out, errs = call(t, "tokenize", "--model", fakehub.Model)
	if status != exitDone || errs != "" {
		t.Errorf("a tokenizer by its model's name: %d %q %q", status, out, errs)
	}
	status, out, _ = call(t, "ls")
	if status != exitDone || !strings.HasPrefix(out, "org/model ") || !strings.Contains(out, "main=0123456789ab") || strings.Count(out, "\n") != 1 {
		t.Errorf("ls: %d %q", status, out)
	}
	for _, args := range [][]string{{"__complete", "caption", "--model", ""}, {"__complete", "rm", ""}} {
		if status, out, _ = call(t, args...); status != exitDone || !strings.Contains(out, "org/model\n") {
			t.Errorf("%v: %d %q", args, status, out)
		}
	}
	status, out, errs = call(t, "rm", "org/none", fakehub.Model)
	if status != exitFailed || !strings.HasPrefix(out, "org/model ") || !strings.Contains(errs, "org/none: not in the Hugging Face cache") {
		t.Errorf("rm: %d %q %q", status, out, errs)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the model is still there")
	}
	if status, out, _ = call(t, "ls", "--json"); status != exitDone || out != "" {
		t.Errorf("ls of an empty cache: %d %q", status, out)
	}
}

// TestPullFailures checks the one line, the hint and the object of failures.
func TestPullFailures(t *testing.T) {
	f := hubFor(t, map[string]string{"config.json": "{}"})
	f.Token = "secret"
	status, out, errs := call(t, "pull", fakehub.Model)
	if status != exitFailed || out != "" || !strings.HasPrefix(errs, "dragoman: pull org/model: gated") || !strings.Contains(errs, "\nhint: ") || !strings.Contains(errs, "HF_TOKEN") {
		t.Errorf("gated: %d %q %q", status, out, errs)
	}
	status, out, errs = call(t, "pull", "--json", fakehub.Model)
	var failed struct {
		Model string
		Error itemError
	}
	if err := json.Unmarshal([]byte(out), &failed); err != nil || status != exitFailed || failed.Model != fakehub.Model || failed.Error.Type != "permission_denied" ||
		failed.Error.Hint == "" || errs != "" {
		t.Errorf("gated, as an object: %d %q %q", status, out, errs)
	}
	t.Setenv("HF_TOKEN", "secret\n")
	if status, out, errs = call(t, "pull", "-q", fakehub.Model); status != exitDone || errs != "" {
		t.Errorf("with a token: %d %q %q", status, out, errs)
	}
	f.Misbehave = func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusNotFound)
		return true
	}
	for _, c := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"pull", "org/none"}, exitFailed, "pull org/none: there is no such model"},
		{[]string{"pull", "../x"}, exitFailed, "not the name of a model"},
		{[]string{"pull"}, exitUsage, "pull needs a name"},
		{[]string{"pull", "--offline", "org/none"}, exitFailed, "org/none: not in the Hugging Face cache"},
		{[]string{"pull", "--revision", "", fakehub.Model}, exitUsage, "--revision"},
	} {
		if status, out, errs := call(t, c.args...); status != c.status || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%v: %d %q %q", c.args, status, out, errs)
		}
	}
}

func TestMemoryBytes(t *testing.T) {
	for size, want := range map[string]int64{"auto": -1, "0": 0, "123": 123, "1.5k": 1500, "500M": 500e6, "16GB": 16e9, "2T": 2e12} {
		if got, err := memoryBytes(size); err != nil || got != want {
			t.Errorf("%s: %d, %v", size, got, err)
		}
	}
	for _, size := range []string{"much", "-1", "G", "1X", "NaN", "1e300G"} {
		if _, err := memoryBytes(size); err == nil {
			t.Errorf("%s is a size", size)
		}
	}
}

// TestTooLarge has a model that does not fit: said before it is read, with what would.
func TestTooLarge(t *testing.T) {
	const dir = "../../testdata/blip2-llama"
	status, out, errs := call(t, "caption", "--model", dir, "--dtype", "f32", "--memory", "150k", "x.png")
	if status != exitFailed || out != "" || !strings.Contains(errs, dir) || !strings.Contains(errs, "of memory") || !strings.Contains(errs, "hint: --dtype bf16 takes") {
		t.Errorf("%d %q %q", status, out, errs)
	}
	status, _, errs = call(t, "caption", "--model", dir, "--memory", "1k", "x.png")
	if status != exitFailed || !strings.Contains(errs, "hint: even --dtype q4_0 takes") {
		t.Errorf("%d %q", status, errs)
	}
	if status, _, errs = call(t, "caption", "--model", dir, "--memory", "0", "testdata/pictures/cat.png"); status != exitDone {
		t.Errorf("without a limit: %d %q", status, errs)
	}
	if status, _, _ = call(t, "caption", "--memory", "little", "x.png"); status != exitUsage {
		t.Errorf("a size that is none: %d", status)
	}
}

// TestPullNeeds pulls a released OpenFlamingo, which is a checkpoint.pt and nothing else: the encoder and the language model that it stands
// upon come with it, and together they speak. What is missing from the cache is said with what fetches it.
func TestPullNeeds(t *testing.T) {
	const name = "openflamingo/OpenFlamingo-4B-vitl-rpj3b"
	tiny := "../../model/flamingo/testdata/openflamingo-gptneox/"
	folder := func(path string) map[string]string {
		files := map[string]string{}
		entries, err := os.ReadDir(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			raw, err := os.ReadFile(filepath.Join(path, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			files[e.Name()] = string(raw)
		}
		return files
	}
	checkpoint, err := os.ReadFile(tiny + "checkpoint.pt")
	if err != nil {
		t.Fatal(err)
	}
	models := map[string]map[string]string{
		name:                            {"checkpoint.pt": string(checkpoint), "README.md": "read me"},
		"openai/clip-vit-large-patch14": folder(tiny + "vision"),
		"togethercomputer/RedPajama-INCITE-Base-3B-v1": folder(tiny + "language"),
	}
	f := hubFor(t, nil)
	f.Misbehave = func(_ http.ResponseWriter, r *http.Request) bool {
		for name, files := range models { // each of them is the hub's one model in turn
			if strings.Contains(r.URL.Path, "/"+name) {
				f.Files, r.URL.Path = files, strings.Replace(r.URL.Path, name, fakehub.Model, 1)
			}
		}
		return false
	}
	status, out, errs := call(t, "ask", "--model", name, "testdata/pictures/cat.png", "what?")
	if status != exitFailed || out != "" || !strings.Contains(errs, "hint: dragoman pull "+name+"\n") {
		t.Errorf("before: %d %q %q", status, out, errs)
	}
	status, out, errs = call(t, "pull", name)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if status != exitDone || len(lines) != 3 || !strings.Contains(lines[2], "models--openflamingo--OpenFlamingo-4B-vitl-rpj3b") {
		t.Fatalf("pull: %d %q %q", status, out, errs)
	}
	status, out, errs = call(t, "ask", "--model", name, "--max-tokens", "4", "--prompt", "what?", "testdata/pictures/cat.png")
	if status != exitDone || !strings.HasSuffix(out, "\n") || errs != "" {
		t.Errorf("ask: %d %q %q", status, out, errs)
	}
	if status, out, errs = call(t, "rm", "togethercomputer/RedPajama-INCITE-Base-3B-v1"); status != exitDone {
		t.Fatal(out, errs)
	}
	status, _, errs = call(t, "ask", "--model", name, "testdata/pictures/cat.png", "what?")
	if status != exitFailed || !strings.HasSuffix(errs, "hint: dragoman pull togethercomputer/RedPajama-INCITE-Base-3B-v1\n") || strings.Count(errs, "\n") != 2 {
		t.Errorf("without the language model: %d %q", status, errs)
	}
}
