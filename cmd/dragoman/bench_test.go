package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/bench"
)

// TestBenchOfNoModel: what is wrong with the model that is to be measured is said before the peaks are, and not behind them; a model that
// no part measures is refused.
func TestBenchOfNoModel(t *testing.T) {
	empty := fileWith(t, "empty.gguf", "")
	cut := fileWith(t, "cut.pth", "PK\x03\x04")
	for args, want := range map[string]struct {
		status int
		says   string
	}{
		"--model " + photo:                                      {exitFailed, "part qformer: open model: open weights: " + photo},
		"--model no/such":                                       {exitFailed, "opening a model: no/such: no such model here"},
		"--part prefill --model " + clipFolder:                  {exitFailed, "part prefill: the model has none"},
		"--part text":                                           {exitFailed, "part text: only a CLIP has a text encoder"},
		"--part load --model " + photo:                          {exitFailed, "part load: open model: open weights: " + photo},
		"--part resampler --model " + captions:                  {exitFailed, "part resampler: the model has none"},
		"--part qformer --model " + idefics:                     {exitFailed, "part qformer: the model has none"},
		"--part caption --model ../../testdata/blip2-itm":       {exitFailed, "part caption: the model has none"},
		"--part vision --model ../../language/t5/testdata/flan": {exitFailed, "part vision: the model has none"},
		"--model " + empty:                                      {exitFailed, "part prefill: "},
		"--model " + cut:                                        {exitFailed, "part vision: "},
		"--part decode --model " + empty:                        {exitFailed, "part decode: "},
		"--part vision --model " + empty:                        {exitFailed, "part vision: no file to measure: a .pth file"},
		"--part agreement --model " + photo:                     {exitFailed, "part agreement: "},
		"--part agreement --model ../../testdata/blip2-itm":     {exitFailed, "part agreement: the model has no language model"},
		"--part train-pages --model " + empty:                   {exitFailed, "part train-pages: "},
		"--part train-pages --model ../../testdata/blip2-opt":   {exitFailed, "part train-pages: "},
		"--part linear --model mini":                            {exitUsage, "--model is about none of the parts"},
		"--shape qformer --model mini":                          {exitUsage, "--model and --shape exclude each other"},
	} {
		if status, out, errs := call(t, append([]string{"bench"}, strings.Fields(args)...)...); status != want.status || out != "" || !strings.HasPrefix(errs, "dragoman: "+want.says) {
			t.Errorf("bench %s: %d: %s%s", args, status, out, errs)
		}
	}
}

// full is a disk.
type full struct{ writes int }

func (f *full) Write([]byte) (int, error) {
	f.writes++
	return 0, os.ErrInvalid
}

// TestBenchEndsWhereNobodyReads: a figure that cannot be written is the last that is measured. "peak" is a part of every run, and by itself
// of none more.
func TestBenchEndsWhereNobodyReads(t *testing.T) {
	var out full
	var errs bytes.Buffer
	if status := run([]string{"bench", "--part", "peak"}, strings.NewReader(""), &out, &errs); status != exitFailed || out.writes != 1 ||
		errs.String() != "dragoman: writing the result: standard output: invalid argument\n" {
		t.Errorf("%d after %d writes: %s", status, out.writes, errs.String())
	}
	status, lines, said := call(t, "bench", "--part", "peak", "--json")
	if status != exitDone || said != "" || strings.Count(lines, "\n") != strings.Count(lines, `"part":"peak"`) {
		t.Errorf("%d: %s%s", status, lines, said)
	}
}

// TestBenchTable: a figure is a line with the time of the best run, its rate, the spread, and the share; of a single run there is no spread.
func TestBenchTable(t *testing.T) {
	for want, r := range map[string]bench.Record{
		"linear           bf16   avx2        257×1408×6144        10.432 ms       426 Gflop/s  +2.6 %  90.0 % of compute": {
			Part: "linear", DType: "bf16", ISA: "avx2", Shape: []int{257, 1408, 6144}, Seconds: 0.010432, Spread: 0.026, FlopsPerS: 426e9, Bound: "compute", ShareOfPeak: 0.9,
		},
		"peak read                                                 73.0 GB/s +12.5 %": {Part: "peak", What: "read", BytesPerS: 73e9, Spread: 0.125},
		"load                                                    250.000 ms":          {Part: "load", Seconds: 0.25},
	} {
		if got := describeRecord(r); got != want {
			t.Errorf("%q\nwant %q", got, want)
		}
	}
}

// TestNamesOnOneLine: a picture or a text whose name has a line break is on one line all the same, and what is said of a name has nothing
// in it that a terminal obeys.
func TestNamesOnOneLine(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a\nb\x1b[31m.png")
	content, err := os.ReadFile(photo)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Skip("names have no line breaks here")
	}
	for _, args := range [][]string{{"match", "--model", clipFolder, name, "--text", "a\nb"}, {"embed", "--model", clipFolder, name}, {"embed", "--model", clipFolder, "--text", "a\nb"}} {
		if status, out, errs := call(t, args...); status != exitDone || strings.Count(out, "\n") != 1 || errs != "" {
			t.Errorf("%s: %d: %s%s", args[0], status, out, errs)
		}
	}
	for _, args := range [][]string{
		{"caption", "--model", idefics, name + "\x9b"},
		{"caption", "--model", name, photo},
		{"match", "--model", clipFolder, name, "--classes", "a,b"},
		{"inspect", "--model", idefics, "--out", filepath.Dir(name), name},
	} {
		if _, _, errs := call(t, args...); strings.Contains(errs, "\x9b") || !strings.Contains(errs, `\x1b[31m`) || strings.Contains(errs, "\x1b") || strings.Contains(errs, "a\nb") {
			t.Errorf("%s: %s", args[0], errs)
		}
	}
}
