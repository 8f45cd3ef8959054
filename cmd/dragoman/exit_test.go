package main

import (
	"bytes"
	"strings"
	"testing"
)

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
		{"caption /does/not/exist.png", exitFailed},
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
