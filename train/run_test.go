package train

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dragoman/model/blip2"
)

// tiny is recipes/tiny.yaml, into a folder of the test's.
func tiny(t *testing.T, settings ...string) *Recipe {
	t.Helper()
	out := filepath.Join(t.TempDir(), "run")
	r, err := ReadRecipe("../recipes/tiny.yaml", append([]string{"output=" + out}, settings...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// begun is a recipe's trainer, which has read and made what it trains.
func begun(t *testing.T, r *Recipe) *trainer {
	t.Helper()
	tr := newTrainer(r, Options{})
	t.Cleanup(func() { tr.close() })
	if err := tr.begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	return tr
}

// TestTinyRecipe trains both stages to their ends and looks whether anything was learnt.
func TestTinyRecipe(t *testing.T) {
	r := tiny(t)
	if err := Run(context.Background(), r, Options{Notice: func(s string) { t.Log(s) }}); err != nil {
		t.Fatal(err)
	}
	log := metricsOf(t, r)
	first, last := map[string]float64{}, map[string]float64{}
	for _, rec := range log.records {
		for name, v := range rec.Losses {
			if _, ok := first[name]; !ok {
				first[name] = v
			}
			last[name] = v
		}
	}
	for name, most := range map[string]float64{"itc": 0.8, "itg": 0.6, "lm": 0.95} {
		if !(last[name] < most*first[name]) {
			t.Errorf("%s went from %.3f to %.3f", name, first[name], last[name])
		}
	}
	for _, name := range []string{"recipe.yaml", "curves.svg", "report.json", "report.md", "model/config.json", "best/model.safetensors"} {
		if size(t, filepath.Join(r.Output, name)) == 0 {
			t.Errorf("%s is empty", name)
		}
	}
	m, err := blip2.Open(filepath.Join(r.Output, "model"), blip2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// TestBehindAnEncoderDecoder trains the second stage with a language model that reads the soft prompt and writes the caption, and opens
// what that made.
func TestBehindAnEncoderDecoder(t *testing.T) {
	r := tiny(t, "model.language=../language/t5/testdata/flan", "stages.align.steps=1", "stages.prompt.steps=60")
	if err := Run(context.Background(), r, Options{}); err != nil {
		t.Fatal(err)
	}
	log := metricsOf(t, r)
	var losses []float64
	for _, rec := range log.records {
		if v, ok := rec.Losses["lm"]; ok {
			losses = append(losses, v)
		}
	}
	if n := len(losses); n < 2 || !(losses[n-1] < 0.9*losses[0]) {
		t.Errorf("the caption's loss went through %v", losses)
	}
	m, err := blip2.Open(filepath.Join(r.Output, "model"), blip2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Language.Config().Architecture; got != "t5" {
		t.Errorf("behind the bridge there is %q", got)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestFrozenPartsAreUntouched compares the files of the frozen parts before and after.
func TestFrozenPartsAreUntouched(t *testing.T) {
	before := files(t, "../recipes/tiny")
	r := tiny(t, "stages.align.steps=3", "stages.prompt.steps=3")
	model, err := makeModel(r, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer model.Close()
	hash := model.FrozenHash()
	if err := Run(context.Background(), r, Options{}); err != nil {
		t.Fatal(err)
	}
	after := files(t, "../recipes/tiny")
	for name, b := range before {
		if !bytes.Equal(b, after[name]) {
			t.Errorf("%s was changed", name)
		}
	}
	trained, err := blip2.Open(filepath.Join(r.Output, "model"), blip2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer trained.Close()
	if got := model.FrozenHash(); got != hash {
		t.Errorf("the frozen parts' hash was %s and is %s", hash, got)
	}
}

// TestNotANumber puts a NaN into the encoder: every step is skipped, and the run stops with a clear line.
func TestNotANumber(t *testing.T) {
	r := tiny(t, "stages.align.lr=1e-3")
	var notices []string
	tr := newTrainer(r, Options{Notice: func(s string) { notices = append(notices, s) }})
	defer tr.close()
	if err := tr.begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	st := &r.Stages[0]
	params := tr.subject.params(st)
	before := params[3].Data()[0]
	params[0].Data()[0] = float32(math.NaN())
	tr.state.Skipped = 2
	err := tr.stage(context.Background(), st)
	if !errors.Is(err, ErrDiverged) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "step 5") {
		t.Errorf("%v", err)
	}
	if tr.state.Skipped != 2+patience || len(notices) != patience {
		t.Errorf("%d steps skipped, %d notices", tr.state.Skipped, len(notices))
	}
	if params[3].Data()[0] != before {
		t.Error("a skipped step changed a parameter")
	}
}

// TestValidationIsNotANumber: a run whose parameters are lost just before a checkpoint is validated without a number, and ends as any that diverges.
func TestValidationIsNotANumber(t *testing.T) {
	r := tiny(t, "stages.align.lr=10", "stages.align.weight_decay=1e38", "stages.align.warmup=0", "stages.align.every=1")
	var notices []string
	err := Run(context.Background(), r, Options{Notice: func(s string) { notices = append(notices, s) }})
	if !errors.Is(err, ErrDiverged) || len(notices) != 1+2*patience-1 || notices[0] != "stage align: after step 1 the validation's loss is not a number" {
		t.Errorf("%v: %q", err, notices)
	}
	for _, rec := range metricsOf(t, r).records {
		if len(rec.Validation) > 0 && !finite(rec.Validation["loss"]) {
			t.Errorf("%+v", rec)
		}
	}
	if _, err := os.Stat(filepath.Join(r.Output, "curves.svg")); err != nil {
		t.Error(err)
	}
	if best, err := (folder{r.Output}).any(bestPrefix); err != nil || best != "" {
		t.Errorf("%q: %v", best, err)
	}
}

func TestBrokenPicturesAreLeftOut(t *testing.T) {
	dir := t.TempDir()
	lines := `{"image":"good.png","text":"a red circle"}
{"image":"good.png","text":"a red ring"}
{"image":"bad.png","text":"a blue bar"}
{"image":"gone.png","text":"a blue ring"}
`
	good, err := os.ReadFile("../recipes/tiny/pictures/red-circle.png")
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"good.png": good, "bad.png": good[:60], "pairs.jsonl": []byte(lines)} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := tiny(t, "stages.align.steps=2", "stages.prompt.steps=2", "stages.align.batch=2", "stages.prompt.batch=2",
		"data.train=[{path: "+filepath.Join(dir, "pairs.jsonl")+"}]")
	var notices []string
	if err := Run(context.Background(), r, Options{Notice: func(s string) { notices = append(notices, s) }}); err != nil {
		t.Fatal(err)
	}
	if len(notices) != 1 || !strings.Contains(notices[0], "2 rows, 2 left out") || !strings.Contains(notices[0], "pairs.jsonl:") {
		t.Errorf("%q", notices)
	}
}

// TestBrokenRowsOfColumns: that a row of a parquet file has no picture shows only when it is read; it is named and counted all the same.
func TestBrokenRowsOfColumns(t *testing.T) {
	rows := "[{path: ../data/testdata/hf.parquet}]"
	p, err := DryRun(context.Background(), tiny(t, "data.train="+rows, "data.validation="+rows), Options{})
	if err != nil || p.Train != 3 || p.Report.Broken != 1 || !strings.Contains(p.Report.String(), "1 left out, the first: ../data/testdata/hf.parquet:3: ") {
		t.Errorf("%v (%v)", p.Report, err)
	}
}

// TestNothingHeldOut: what is to be validated with, or measured on in the end, is looked for before anything is learnt.
func TestNothingHeldOut(t *testing.T) {
	for setting, want := range map[string]string{
		"report.0.data.0.path=nowhere.jsonl":   "report.0: open data: ",
		"report.0.data.0.where.split=nobody":   "report.0: no row is left to measure on",
		"data.validation.0.where.split=nobody": "data.validation: no row is left to validate with",
		"data.validation.0.path=nowhere.jsonl": "nowhere.jsonl",
	} {
		r := tiny(t, setting)
		_, err := DryRun(t.Context(), r, Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a dry run with %s: %v", setting, err)
		}
		if err := Run(t.Context(), r, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a run with %s: %v", setting, err)
		}
		if _, err := os.Stat(r.Output); err == nil {
			t.Errorf("a run with %s has begun", setting)
		}
	}
}

// TestNothingLeft says why no row is left to train on.
func TestNothingLeft(t *testing.T) {
	_, err := DryRun(context.Background(), tiny(t, "data.max_pixels=1"), Options{})
	if err == nil || !strings.Contains(err.Error(), "no row is left to train on: 30 left out, the first: ") || !strings.Contains(err.Error(), "more pixels than the limit of 1") {
		t.Error(err)
	}
}

func TestDryRun(t *testing.T) {
	r := tiny(t)
	p, err := DryRun(context.Background(), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if p.Train != 30 || p.Validation != 6 || p.Captions != 36 || len(p.Stages) != 2 || p.Stages[0].Samples != 1800 || p.Stages[0].Epochs != 60 {
		t.Errorf("%+v", p)
	}
	if p.Time() <= 0 || p.MemoryBytes <= 0 || p.Parameters <= p.Trained[1] || p.Trained[1] <= 0 {
		t.Errorf("%+v", p)
	}
	if _, err := os.Stat(r.Output); err == nil {
		t.Error("a dry run wrote something")
	}
}

// TestDryRunOfLargeSteps: a step may take more samples than an epoch has. Of the batches that it gathers one is tried, which the time foreseen
// is many of.
func TestDryRunOfLargeSteps(t *testing.T) {
	r := tiny(t, "stages.prompt.accumulate=5000", "stages.align.accumulate=5000")
	var tried []string
	p, err := DryRun(context.Background(), r, Options{Progress: func(p Progress) {
		if p.Part > 0 {
			t.Error("a batch of a step that gathers them was run")
		}
		if strings.HasPrefix(p.Doing, "trying") {
			tried = append(tried, p.Doing)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if p.Stages[0].Samples != 120*15*5000 || p.Stages[0].Time < 120*5000*10*time.Microsecond {
		t.Errorf("%+v", p)
	}
	if want := []string{"trying stage align", "trying stage prompt"}; !slices.Equal(tried, want) {
		t.Errorf("%q", tried)
	}
}

// TestBatchesOfAStep: a step that gathers batches tells of each, and stops between two.
func TestBatchesOfAStep(t *testing.T) {
	r := tiny(t, "stages.align.accumulate=4")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var parts []int
	err := Run(ctx, r, Options{Progress: func(p Progress) {
		if p.Part == 0 {
			return
		}
		parts = append(parts, p.Part)
		if p.Step != 0 || p.Parts != 4 || p.SamplesPerSecond <= 0 || p.Left <= 0 {
			t.Errorf("%+v", p)
		}
		if p.Part == 2 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !slices.Equal(parts, []int{1, 2}) {
		t.Errorf("%v after batches %v", err, parts)
	}
}

// TestWarm trains the picture's head alone: pooled features are missing in the tiny encoder, so a fresh model must say so.
func TestWarmNeedsAHead(t *testing.T) {
	r := tiny(t, "stages.0.kind=warm", "stages.0.smoothing=0")
	if err := Run(context.Background(), r, Options{}); !errors.Is(err, errNoHead) {
		t.Errorf("%v", err)
	}
}

// TestLongRuns: what would take longer than a duration can say takes the longest of all.
func TestLongRuns(t *testing.T) {
	const longest = time.Duration(math.MaxInt64)
	for _, c := range []struct {
		d    time.Duration
		n    int
		want time.Duration
	}{{time.Second, 3, 3 * time.Second}, {time.Second, 0, 0}, {0, 1 << 60, 0}, {time.Hour, mostSteps * mostBatch, longest}} {
		if got := times(c.d, c.n); got != c.want {
			t.Errorf("%v, %d times: %v", c.d, c.n, got)
		}
	}
	p := Plan{Encode: time.Hour, Stages: []StagePlan{{Time: time.Hour}, {Time: longest - time.Minute}, {Time: time.Hour}}}
	if got := p.Time(); got != longest {
		t.Errorf("the sum of all is %v", got)
	}
}

// metricsOf is what a run wrote of itself.
func metricsOf(t *testing.T, r *Recipe) *metricsLog {
	t.Helper()
	log, err := openMetrics(r.Output, size(t, filepath.Join(r.Output, "metrics.jsonl")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.close() })
	return log
}
