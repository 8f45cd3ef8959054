package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWhatCobraBrings: help and completion refuse what they do not know, as every other command does.
func TestWhatCobraBrings(t *testing.T) {
	for args, want := range map[string]string{
		"help nosuch": `help: there is no command "nosuch"`, "help caption x": `help: there is no command "caption x"`,
		"completion": "completion needs a shell: bash, fish, powershell, zsh", "completion tcsh": `completion: "tcsh" is none of the shells bash`,
		"completion bash x": "unknown command",
	} {
		if status, out, errs := call(t, strings.Fields(args)...); status != exitUsage || out != "" || !strings.HasPrefix(errs, "dragoman: "+want) {
			t.Errorf("%s: %d: %s%s", args, status, out, errs)
		}
	}
	for args, want := range map[string]string{
		"help": "Available Commands:", "help caption": "caption [--prompt TEXT]", "help completion": "powershell", "help completion bash": "bash", "completion bash": "bash completion",
		"completion --help": "completion SHELL",
	} {
		if status, out, errs := call(t, strings.Fields(args)...); status != exitDone || !strings.Contains(out, want) || errs != "" {
			t.Errorf("%s: %d: %s%s", args, status, out, errs)
		}
	}
}

// TestCompletedValues: a shell offers the values of every option that has few.
func TestCompletedValues(t *testing.T) {
	for args, want := range map[string]string{
		"caption --isa": "avx2", "caption --alpha": "drop", "caption --dtype": "q8_0", "trace --head": "itm", "trace --loss": "stage1", "eval --examples": "similar",
		"pages --format": "html", "bench --part": "decode", "bench --shape": "qformer", "ask --model": "mini-flamingo",
	} {
		if status, out, _ := call(t, append(append([]string{"__complete"}, strings.Fields(args)...), "")...); status != exitDone || !strings.Contains("\n"+out, "\n"+want+"\n") {
			t.Errorf("%s: %d: %s", args, status, out)
		}
	}
}

// TestVariableIsNamed: what is wrong with a value says where it stands, which may be the environment.
func TestVariableIsNamed(t *testing.T) {
	for name, value := range map[string]string{"DRAGOMAN_DTYPE": "q9", "DRAGOMAN_MEMORY": "much", "DRAGOMAN_ISA": "mmx", "DRAGOMAN_THREADS": "-1", "DRAGOMAN_SEED": "x"} {
		t.Setenv(name, value)
		if status, _, errs := call(t, "caption", photo); status != exitUsage || !strings.HasPrefix(errs, "dragoman: "+name) {
			t.Errorf("%s=%s: %d: %s", name, value, status, errs)
		}
		option := "--" + strings.ToLower(strings.TrimPrefix(name, "DRAGOMAN_"))
		if status, _, errs := call(t, "caption", option, value, photo); status != exitUsage || !strings.HasPrefix(errs, "dragoman: "+option) {
			t.Errorf("%s %s: %d: %s", option, value, status, errs)
		}
		t.Setenv(name, "")
	}
}

// TestBrokenDataURL: the error of a picture that is its own address says how the address begins, and not all of it.
func TestBrokenDataURL(t *testing.T) {
	url := "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("no picture", 9999)))
	for _, args := range [][]string{{"caption", "--model", captions, url}, {"trace", "--model", captions, "--image", url, "--out", "x.safetensors"}} {
		status, _, errs := call(t, args...)
		if status != exitFailed || !strings.HasPrefix(errs, "dragoman: reading a picture: "+url[:32]+"…: not a picture") || len(errs) > 200 {
			t.Errorf("%s: %d: %.300s", args[0], status, errs)
		}
	}
	status, out, _ := call(t, "caption", "--json", "--model", captions, url)
	if status != exitFailed || !strings.Contains(out, `"image":"`+url+`"`) || strings.Count(out, url) != 1 {
		t.Errorf("--json: %d: %.300s", status, out)
	}
}

// captions is a small model that captions.
const captions = "../../testdata/blip2-llama"

// TestListOfEveryTrace: --list names what a pass writes, needs no tokenizer, and a head that a model lacks is called one.
func TestListOfEveryTrace(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.safetensors")
	status, list, errs := call(t, "trace", "--model", "mini-flamingo", "--list")
	for _, want := range []string{"lang_encoder.model.embed_tokens\t[1 2 576]", "lang_encoder.lm_head\t[1 2 49154]", "lang_encoder\t[1 2 49154]", "logits\t[1 2 49154]"} {
		if status != exitDone || !strings.Contains(list, "\n"+want+"\n") {
			t.Errorf("%d: no %s\n%s", status, want, errs)
		}
	}
	if status, list, errs := call(t, "trace", "--model", "../../language/gptneox/testdata/tiny", "--list"); status != exitDone || !strings.Contains(list, "logits\t") {
		t.Errorf("without a tokenizer: %d: %s%s", status, list, errs)
	}
	status, _, errs = call(t, "trace", "--model", captions, "--head", "itm", "--image", photo, "--prompt", "a", "--out", out)
	if status != exitFailed || !strings.Contains(errs, "heads of a matching model") {
		t.Errorf("--head: %d: %s", status, errs)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is a file of nothing")
	}
}
