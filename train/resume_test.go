package train

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"dragoman/internal/filelock"
)

// childEnv names the run's folder to a copy of the test's program that is there to be killed.
const childEnv = "DRAGOMAN_TRAIN_CHILD"

// killWithin is how long a step takes at least behind what a run is killed for.
const killWithin = 100 * time.Millisecond

func TestMain(m *testing.M) {
	if out := os.Getenv(childEnv); out != "" {
		run := shortRuns[os.Getenv(childEnv+"_KIND")]
		r, err := ReadRecipe(run.recipe, run.settings(out))
		if err == nil {
			until := filepath.Join(out, os.Getenv(childEnv+"_UNTIL"))
			err = Run(context.Background(), r, Options{Resume: true, Progress: func(Progress) {
				if _, err := os.Stat(until); err == nil { // on a loaded machine it would be over before anybody looks
					time.Sleep(killWithin)
				}
			}})
		}
		if err != nil {
			os.Stderr.WriteString(err.Error() + "\n")
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// shortRuns are settings under which a tiny recipe has everything to lose and takes a second, and what is to be seen in the run's
// folder before each kill: dropout, several stages and checkpoints; features drawn anew, or cached, with a picture's head, a bank of
// captions and hints; a directory of transformers' that is gone on with.
var shortRuns = map[string]struct {
	recipe   string
	settings func(out string) []string
	until    []string
}{
	"paper": {"../recipes/tiny.yaml", func(out string) []string {
		return []string{
			"output=" + out, "stages.align.steps=24", "stages.align.every=5", "stages.prompt.steps=16", "stages.prompt.every=5",
			"stages.align.accumulate=2", "model.qformer.hidden_dropout_prob=0.1", "views.augment=drawing",
		}
	}, bothStages},
	"mini": {"../recipes/tiny.yaml", func(out string) []string {
		return []string{
			"output=" + out, "views.augment=drawing", "views.cached=2", "views.cache=" + filepath.Join(filepath.Dir(out), "cache"),
			"model.cut_words=true",
			"model.qformer={hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64, num_query_tokens: 4," +
				" image_text_hidden_size: 32, encoder_hidden_size: 32, text_pooling: mean, text_reading: 'a {text} is', identity_text_projection: true," +
				" features: [tokens, pooled], picture_head: 16, picture_landmarks: 32, picture_axes: 8, soft_prompt_norm: true, prompt: 'Caption:', hints: 2}",
			"data.train=[{path: tiny/pairs.jsonl}]", // one for each landmark
			"stages=[{name: align0, kind: warm, steps: 20, batch: 15, lr: 1e-2, whiten: 0.5, ridge: 1, folds: split, noise: 0.3, dropout: 0.1, neighbours: 0.3, every: 8}," +
				" {name: align, kind: stage1, steps: 24, batch: 10, lr: 1e-3, smoothing: 0.1, bank: true, neighbours: 0.3, itm_pairs: 5, random_negatives: 7, every: 5}," +
				" {name: prompt, kind: stage2, steps: 16, batch: 10, lr: 1e-3, hint_folds: split, ridge: 1, every: 5, lr_groups: [{match: picture_head, scale: 0}]}]",
		}
	}, bothStages},
	"finetune": {"../recipes/finetune-tiny.yaml", func(out string) []string {
		return []string{"output=" + out, "model.from=" + withDropout(filepath.Join(filepath.Dir(out), "source")), "stages.tune.steps=40", "stages.tune.every=5", "views.augment=drawing"}
	}, []string{"checkpoint-tune-000010", "best-tune-000020", "checkpoint-tune-000035", "report.json"}},
	"flamingo": {"../recipes/tiny-flamingo.yaml", func(out string) []string {
		return []string{
			"output=" + out, "views.augment=drawing", "views.cached=2", "views.cache=" + filepath.Join(filepath.Dir(out), "cache"),
			"stages.words.steps=24", "stages.words.every=5", "stages.words.ridge=10", "stages.words.dropout=0.1", "stages.pages.steps=16", "stages.pages.every=5",
			"model.flamingo.resampler.hidden_size=32", "data.train.1.episodes.similar=0.3",
		}
	}, []string{"checkpoint-words-000010", "checkpoint-words-000024", "checkpoint-pages-000005", "report.json"}},
}

var bothStages = []string{"checkpoint-align-000010", "checkpoint-align-000024", "checkpoint-prompt-000005", "report.json"}

// withDropout copies a model to dir, if it is not there yet, with dropout in its configuration.
func withDropout(dir string) string {
	const source = "../testdata/blip2-opt"
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	err := os.CopyFS(dir, os.DirFS(source))
	raw, readErr := os.ReadFile(filepath.Join(source, "config.json"))
	changed := bytes.ReplaceAll(raw, []byte(`_dropout_prob": 0.0`), []byte(`_dropout_prob": 0.2`))
	if err = errors.Join(err, readErr, os.WriteFile(filepath.Join(dir, "config.json"), changed, 0o600)); err != nil || bytes.Equal(raw, changed) {
		panic(fmt.Sprint("no dropout: ", err))
	}
	return dir
}

// files are the contents of a folder by relative path.
func files(t *testing.T, root string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(root, path)
		out[rel] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestKilledAndResumed kills a run several times, each time without warning, and compares what it ends in with a run that nobody
// disturbed.
func TestKilledAndResumed(t *testing.T) {
	for kind := range shortRuns {
		t.Run(kind, func(t *testing.T) { killAndResume(t, kind) })
	}
}

func killAndResume(t *testing.T, kind string) {
	short := shortRuns[kind]
	whole, broken := filepath.Join(t.TempDir(), "run"), filepath.Join(t.TempDir(), "run")
	r, err := ReadRecipe(short.recipe, short.settings(whole))
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(context.Background(), r, Options{}); err != nil {
		t.Fatal(err)
	}
	want := files(t, whole)

	kills := 0
	for _, until := range short.until {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), childEnv+"="+broken, childEnv+"_KIND="+kind, childEnv+"_UNTIL="+until)
		var said strings.Builder
		child.Stderr = &said
		if err := child.Start(); errors.Is(err, syscall.ENOEXEC) {
			t.Skip("under emulation a test cannot start itself again: nothing was killed")
		} else if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- child.Wait() }()
		deadline := time.After(2 * time.Minute)
	wait:
		for {
			select {
			case err := <-ended:
				if err != nil {
					t.Fatalf("the run failed by itself: %v: %s", err, said.String())
				}
				break wait
			case <-deadline:
				t.Fatal("the run does not come to " + until)
			case <-time.After(time.Millisecond):
				if _, err := os.Stat(filepath.Join(broken, until)); err == nil {
					time.Sleep(rand.N(3 * killWithin / 2)) // in the middle of a step, or of its rest
					if child.Process.Kill() == nil {
						kills++
					}
					<-ended
					break wait
				}
			}
		}
	}
	if kills < 3 {
		t.Fatalf("the run was killed %d times only", kills)
	}
	// What a kill in the middle of writing a file leaves, whether or not one of the above did.
	if err := os.WriteFile(filepath.Join(broken, ".curves.svg.1234.tmp"), []byte("<svg"), 0o666); err != nil {
		t.Fatal(err)
	}
	again, err := ReadRecipe(short.recipe, short.settings(broken))
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(context.Background(), again, Options{Resume: true}); err != nil {
		t.Fatal(err)
	}
	got := files(t, broken)
	for name, b := range want {
		switch g, ok := got[name]; {
		case !ok:
			t.Errorf("%s is missing after the kills", name)
		case name != "recipe.yaml" && !bytes.Equal(b, g):
			t.Errorf("%s differs after the kills%s", name, firstDifference(b, g))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is left over after the kills", name)
		}
	}
}

// firstDifference is the first line that two texts do not share; nothing for what is not text.
func firstDifference(a, b []byte) string {
	la, lb := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range min(len(la), len(lb)) {
		if la[i] != lb[i] && len(la[i]) < 1000 {
			return ": " + la[i] + " and " + lb[i]
		}
	}
	return ""
}

func TestUsedFolder(t *testing.T) {
	r := tiny(t, "stages.align.steps=2", "stages.prompt.steps=2")
	if err := os.MkdirAll(r.Output, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.Output, "notes.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	err := Run(context.Background(), r, Options{})
	if err == nil || !strings.Contains(err.Error(), "there is a run in this folder") {
		t.Errorf("a used folder: %v", err)
	}
}

// TestTwoRunsInAFolder: a run that goes on with one that is under way, or that began in the same folder at the same moment, is refused,
// and does it no harm.
func TestTwoRunsInAFolder(t *testing.T) {
	f, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.Try(f); err != nil {
		t.Skip("there are no locks on folders here")
	}
	f.Close()
	r := tiny(t, "stages.align.steps=6", "stages.align.every=1", "stages.prompt.steps=2")
	seen := 0
	err = Run(t.Context(), r, Options{Progress: func(p Progress) {
		if p.Step != 3 {
			return
		}
		seen++
		if err := Run(t.Context(), r, Options{Resume: true}); err == nil || !strings.Contains(err.Error(), r.Output+": another process is training") {
			t.Errorf("a second run: %v", err)
		}
	}})
	if err != nil || seen != 1 {
		t.Errorf("the first run, after %d others: %v", seen, err)
	}

	r = tiny(t)
	early := false
	err = Run(t.Context(), r, Options{Progress: func(p Progress) {
		if early {
			return
		}
		early = true // pictures are being checked: the folder is still empty
		if err := Run(t.Context(), tiny(t, "output="+r.Output, "stages.align.steps=2", "stages.prompt.steps=2"), Options{}); err != nil {
			t.Error(err)
		}
	}})
	if err == nil || !strings.Contains(err.Error(), "there is a run in this folder") {
		t.Errorf("a run that finds another where there was nothing: %v", err)
	}
}

func TestResumeWantsTheSameRecipeAndFamily(t *testing.T) {
	r := tiny(t, "stages.align.steps=4", "stages.align.every=2")
	ctx, cancel := context.WithCancel(context.Background())
	err := Run(ctx, r, Options{Progress: func(p Progress) {
		if p.Doing == "align" && p.Step == 3 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled run: %v", err)
	}
	other := *r
	other.Seed++
	if err := Run(context.Background(), &other, Options{Resume: true}); err == nil || !strings.Contains(err.Error(), "the recipe is not the one") {
		t.Errorf("another recipe: %v", err)
	}
	path := filepath.Join(r.Output, "checkpoint-align-000002", "trainer.json")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(raw), `"kernel_family": "`) + len(`"kernel_family": "`)
	changed := string(raw[:at]) + "abacus" + string(raw[at+strings.Index(string(raw[at:]), `"`):])
	if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Run(context.Background(), r, Options{Resume: true}); err == nil || !strings.Contains(err.Error(), "abacus") {
		t.Errorf("another kernel family: %v", err)
	}
	if err := Run(context.Background(), r, Options{Resume: true, Force: true}); err != nil {
		t.Errorf("another kernel family, forced: %v", err)
	}
}

// TestResumeWantsTheSameData: a run does not go on with rows that came, went or changed since its checkpoint, unless it is told to.
func TestResumeWantsTheSameData(t *testing.T) {
	dir := t.TempDir()
	raw, err := os.ReadFile("../recipes/tiny/pairs.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	pictures, err := filepath.Abs("../recipes/tiny/pictures")
	if err != nil {
		t.Fatal(err)
	}
	whole := bytes.ReplaceAll(raw, []byte(`"pictures/`), []byte(`"`+filepath.ToSlash(pictures)+`/`))
	path := filepath.Join(dir, "pairs.jsonl")
	write := func(b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(whole)
	r := tiny(t, "data.train.0.path="+path, "stages.align.steps=4", "stages.align.every=2", "stages.prompt.steps=2")
	ctx, cancel := context.WithCancel(t.Context())
	if err := Run(ctx, r, Options{Progress: func(p Progress) {
		if p.Doing == "align" && p.Step == 3 {
			cancel()
		}
	}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled run: %v", err)
	}
	first, rest, _ := bytes.Cut(whole, []byte("\n"))
	for name, b := range map[string][]byte{
		"a row less": rest, "a row more": append(append(bytes.Clone(first), '\n'), whole...), "another text": bytes.Replace(whole, []byte("circle"), []byte("disc"), 1),
	} {
		write(b)
		if err := Run(t.Context(), r, Options{Resume: true}); err == nil || !strings.Contains(err.Error(), "the data are not those") {
			t.Errorf("%s: %v", name, err)
		}
	}
	write(whole)
	if err := Run(t.Context(), r, Options{Resume: true}); err != nil {
		t.Errorf("the same data: %v", err)
	}
}

// TestResumeFromNowhere refuses a checkpoint of a place where no run has been.
func TestResumeFromNowhere(t *testing.T) {
	stages := []Stage{{Steps: 4}, {Steps: 2}}
	for _, c := range []struct {
		s    state
		good bool
	}{
		{state{Step: 4}, true},
		{state{Stage: 1, Step: 2}, true},
		{state{Stage: 2}, true},
		{state{Stage: -1}, false},
		{state{Stage: 3}, false},
		{state{Stage: 2, Step: 1}, false},
		{state{Step: 5}, false},
		{state{Step: -1}, false},
		{state{Metrics: -1}, false},
		{state{Updates: -1}, false},
	} {
		if err := c.s.check(stages); (err == nil) != c.good {
			t.Errorf("%+v: %v", c.s, err)
		}
	}
}

// TestResumeBeforeACheckpoint: what a run began with is known before it has a checkpoint, and once it is finished.
func TestResumeBeforeACheckpoint(t *testing.T) {
	r := tiny(t, "stages.align.steps=2", "stages.prompt.steps=2")
	ctx, cancel := context.WithCancel(context.Background())
	if err := Run(ctx, r, Options{Progress: func(p Progress) {
		if p.Doing == "align" {
			cancel()
		}
	}}); !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled run: %v", err)
	}
	other := *r
	other.Seed++
	asAnother := func(when string) {
		if err := Run(context.Background(), &other, Options{Resume: true}); err == nil || !strings.Contains(err.Error(), "the recipe is not the one") {
			t.Errorf("another recipe, %s: %v", when, err)
		}
	}
	asAnother("before a checkpoint")
	path := filepath.Join(r.Output, "recipe.yaml")
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(raw), "the kernels for ", "the kernels for abacus", 1)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Run(context.Background(), r, Options{Resume: true}); err == nil || !strings.Contains(err.Error(), "abacus") {
		t.Errorf("another kernel family: %v", err)
	}
	if err := Run(context.Background(), r, Options{Resume: true, Force: true}); err != nil {
		t.Errorf("another kernel family, forced: %v", err)
	}
	if again, err := os.ReadFile(path); err != nil || string(again) != string(raw) {
		t.Errorf("%v: %s", err, again)
	}
	asAnother("finished")
	if err := Run(context.Background(), r, Options{Resume: true}); err != nil {
		t.Errorf("the finished run: %v", err)
	}
}

// TestRemovedWhole checks that a checkpoint whose removal is cut short is not taken for one: it loses its name first.
func TestRemovedWhole(t *testing.T) {
	f := folder{t.TempDir()}
	for _, name := range []string{"checkpoint-a-000001", "checkpoint-a-000002"} {
		err := f.writeDir(name, func(dir string) error {
			return writeJSON(filepath.Join(dir, "trainer.json"), state{Step: int(name[len(name)-1] - '0')})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.remove("checkpoint-a-000001"); err != nil {
		t.Fatal(err)
	}
	// What a kill in the middle of a removal leaves behind.
	if err := os.MkdirAll(f.at("checkpoint-a-000003"+partSuffix, "qformer_tokenizer"), 0o755); err != nil {
		t.Fatal(err)
	}
	name, s, ok, err := f.latest()
	if err != nil || !ok || name != "checkpoint-a-000002" || s.Step != 2 {
		t.Fatalf("the last checkpoint is %q at step %d: %v, %v", name, s.Step, ok, err)
	}
	if err := f.tidy("checkpoint-a-000002"); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(f.path)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}
