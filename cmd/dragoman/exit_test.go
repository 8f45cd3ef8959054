package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestGenerateFlags refuses what is out of range, and what is not a number, before anything is opened.
func TestGenerateFlags(t *testing.T) {
	for _, flag := range []string{
		"--max-tokens=0", "--max-tokens=-3", "--max-tokens=many", "--min-tokens=-1", "--min-tokens=21", "--beams=0", "--beams=65",
		"--beams=1.5", "--length-penalty=NaN", "--length-penalty=+Inf", "--length-penalty=long", "--repetition-penalty=0",
		"--repetition-penalty=-1", "--repetition-penalty=NaN", "--repetition-penalty=Inf", "--temperature=-0.1", "--temperature=NaN",
		"--temperature=Inf", "--temperature=hot", "--top-k=-1", "--top-k=few", "--top-p=0", "--top-p=1.1", "--top-p=-1", "--top-p=NaN",
		"--stop=", "--beams=2 --temperature=1",
	} {
		for _, call := range [][]string{{"caption", "x.png"}, {"ask", "x.png", "what?"}} {
			var out, errs bytes.Buffer
			args := append(append([]string{call[0], "--model", "/does/not/exist"}, strings.Fields(flag)...), call[1:]...)
			if got := run(args, strings.NewReader(""), &out, &errs); got != exitUsage {
				t.Errorf("%s %s: status %d, want %d", call[0], flag, got, exitUsage)
			}
			name, _, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
			if !strings.HasPrefix(errs.String(), "dragoman: ") || !strings.Contains(errs.String(), name) || out.Len() > 0 {
				t.Errorf("%s %s: says %q", call[0], flag, errs.String())
			}
		}
	}
}

// TestPlainErrors: what a person did wrong is said without the words of who found out.
func TestPlainErrors(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DRAGOMAN_THREADS", "")
	for args, want := range map[string]string{
		"caption --seed -1 x.png":                                    `--seed takes a whole number from 0 on: "-1"`,
		"caption --threads x x.png":                                  `--threads takes a whole number: "x"`,
		"caption --threads 99999999999999999999 x":                   `--threads: "99999999999999999999" is out of range`,
		"caption --temperature hot x.png":                            `--temperature takes a number: "hot"`,
		"caption --json=maybe x.png":                                 `--json takes true or false: "maybe"`,
		"eval --shots-n a,b x":                                       `--shots-n takes whole numbers with commas between: "a,b"`,
		"match --model ../../testdata/blip2-llama --text a " + photo: "matching: " + photo + ": the model has no such part: ",
		"caption --model ../../testdata/blip2-itm data:,a x.png":     "dragoman: reading a picture: x.png: no such file or directory\n",
		"eval --where a=1 --where a=2 x":                             "--where: a is given twice: FIELD=VALUE|VALUE takes either",
		`match --classes "a x.png`:                                   `--classes: "\"a": parse error`,
		"captoin x.png":                                              "dragoman: unknown command \"captoin\"\nhint: did you mean caption? ",
		photo:                                                        "dragoman: unknown command \"" + photo + "\"\nhint: a command stands before a picture: dragoman caption " + photo,
		"caption --promt a x":                                        "dragoman: unknown flag: --promt\nhint: did you mean --prompt? dragoman caption --help ",
		"caption --Json x":                                           "hint: did you mean --json? ",
		"caption --unheard-of x":                                     "dragoman: unknown flag: --unheard-of\nhint: dragoman --help ",
		"eval --seeds -1 x":                                          `--seeds takes whole numbers from 0 on with commas between: "-1"`,
		"train /none.yaml":                                           "recipe: /none.yaml: no such file or directory",
		"caption --model " + dir + " x":                              "opening a model: " + dir + ": no such model: there is no config.json in it\nhint: built in: mini, mini-flamingo; give a directory with a config.json",
		"bench --model /none":                                        "opening a model: /none: no such model\nhint: ",
		"eval /none.jsonl":                                           "open data: /none.jsonl: no such file or directory",
		"trace --inputs /none --out x.safetensors":                   "/none: no such file or directory",
		"caption --json --model mini /none.png":                      `"message":"reading a picture: /none.png: no such file or directory"`,
	} {
		_, out, errs := call(t, strings.Fields(args)...)
		if said := out + errs; !strings.Contains(said, want) || strings.Contains(said, "strconv") || strings.Contains(said, "stat ") || strings.Contains(said, "open /") {
			t.Errorf("%s: %s", args, said)
		}
	}
	t.Setenv("DRAGOMAN_THREADS", "many")
	if status, _, errs := call(t, "caption", "x.png"); status != exitUsage || !strings.Contains(errs, `DRAGOMAN_THREADS takes a whole number: "many"`) {
		t.Errorf("%d: %s", status, errs)
	}
}

// TestExitStatus checks the statuses that scripts rely on: 0 done, 1 it failed, 2 the call was wrong.
func TestExitStatus(t *testing.T) {
	for _, tt := range []struct {
		args string
		want int
	}{
		{"--help", exitDone},
		{"version", exitDone},
		{"caption", exitUsage},
		{"nonsense", exitUsage},
		{"caption --beams 0 x.png", exitUsage},
		{"caption --dtype f13 x.png", exitUsage},
		{"eval --length-penalty NaN pairs.jsonl", exitUsage},
		{"ask ../../recipes/tiny/pictures/red-square.png ../../recipes/tiny/pictures/red-bar.png", exitUsage}, // the second stands in the place of the question
		{"caption /does/not/exist.png", exitFailed},
		{"eval --forgetting ../../recipes/tiny/pictures/red-bar.png", exitFailed},
		{"caption --model /does/not/exist x.png", exitFailed},
		{"train /does/not/exist.yaml", exitFailed},
	} {
		var out, errs bytes.Buffer
		if got := run(strings.Fields(tt.args), strings.NewReader(""), &out, &errs); got != tt.want {
			t.Errorf("dragoman %s: status %d, want %d\n%s", tt.args, got, tt.want, errs.String())
		}
		if tt.want != exitDone {
			if out.Len() > 0 {
				t.Errorf("dragoman %s: wrote to standard output: %s", tt.args, out.String())
			}
			if !strings.HasPrefix(errs.String(), "dragoman: ") || strings.Count(errs.String(), "\n") > 2 {
				t.Errorf("dragoman %s: not one line and a hint:\n%s", tt.args, errs.String())
			}
		}
	}
}

// TestSignalNobodyAsks stops work that does not ask whether to stop: the process ends with the signal's status, and what was being written
// is gone. Work that returns by itself is left to do so.
func TestSignalNobodyAsks(t *testing.T) {
	for signal, want := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		ctx, cancel := context.WithCancelCause(context.Background())
		signals, returned, exited := make(chan os.Signal, 1), make(chan struct{}), make(chan int, 1)
		signals <- signal
		stopOn(signals, cancel, returned, time.Millisecond, func(status int) { exited <- status })
		if got := <-exited; got != want || ctx.Err() == nil {
			t.Errorf("%v: status %d, want %d; %v", signal, got, want, ctx.Err())
		}
		close(returned)
		signals <- signal
		stopOn(signals, cancel, returned, time.Hour, func(status int) { t.Errorf("status %d of work that returned", status) })
	}
}

// TestSignalWithEndOfInput: a signal that comes together with the end of a pipe, as Ctrl-C does that stops all of a pipeline, counts, be it seen second.
// What ends by itself ends.
func TestSignalWithEndOfInput(t *testing.T) {
	stop := &interrupted{os.Interrupt}
	for _, signalled := range []bool{true, false} {
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		writer.Close()
		want := io.EOF
		if signalled {
			want = stop
			time.AfterFunc(time.Millisecond, func() { cancel(stop) })
		}
		if _, err := (interruptible{ctx, reader}).Read(make([]byte, 1)); !errors.Is(err, want) {
			t.Errorf("the end of a pipe is %v, want %v", err, want)
		}
	}
}
