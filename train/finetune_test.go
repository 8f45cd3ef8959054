package train

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/eval"
	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/weights"
)

// finetune is a short recipe that goes on with one of testdata's models, on eight pictures, questions with answers, and captions of
// two texts each, in words that its tokenizer has.
func finetune(t *testing.T, model string, settings ...string) *Recipe {
	t.Helper()
	dir := t.TempDir()
	pictures, err := filepath.Abs("../recipes/tiny/pictures")
	if err != nil {
		t.Fatal(err)
	}
	words := func(i int) string { return fmt.Sprintf("w%d w%d", 3+i, 12+i) }
	if model == "blip2-itm" {
		words = func(i int) string { return strings.Fields("a cat dog red boat on the sea")[i] + " running" }
	}
	var rows strings.Builder
	for i, name := range []string{"red-circle", "red-bar", "red-ring", "blue-bar", "blue-circle", "black-bar", "black-cross", "green-ring"} {
		fmt.Fprintf(&rows, "{\"image\":%q,\"texts\":[%q,%q]}\n", filepath.Join(pictures, name+".png"), words(i), words(7-i))
		if model != "blip2-itm" {
			fmt.Fprintf(&rows, "{\"image\":%q,\"question\":%q,\"answers\":{%q:3,%q:1}}\n", filepath.Join(pictures, name+".png"), words(i), words(i/2), words(i/4))
		}
	}
	data := filepath.Join(dir, "rows.jsonl")
	if err := os.WriteFile(data, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	stage := "{name: tune, kind: stage2, steps: 6, batch: 4, lr: 1e-2, every: 3}"
	if model == "blip2-itm" {
		stage = "{name: tune, kind: stage1, itc: 1, itm: 1, steps: 6, batch: 4, lr: 1e-2, every: 3}"
	}
	recipe := fmt.Sprintf("output: %s\nmodel: {from: %s}\ndata: {train: [{path: %s}]}\nstages: [%s]\n",
		filepath.Join(dir, "run"), "../testdata/"+model, data, stage)
	r, err := ParseRecipe([]byte(recipe), settings)
	if err != nil {
		t.Fatal(err)
	}
	r.dir = "."
	return r
}

// tensorsOf are a directory's tensors by name.
func tensorsOf(t *testing.T, path string) map[string]weights.Tensor {
	t.Helper()
	f, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	out := map[string]weights.Tensor{}
	for _, name := range f.Names() {
		out[name], _ = f.Lookup(name)
	}
	return out
}

// TestFineTuning goes on with a model of each family and looks at the directory that comes out: the frozen tensors are the bytes that
// came in, what learns is float32 and has moved, no name is new, config.json and the small files are those that came in.
func TestFineTuning(t *testing.T) {
	for model, learning := range map[string]int{"blip2-opt": 40, "blip2-opt-legacy": 40, "blip2-t5": 60, "blip2-llama": 60, "instructblip": 40, "blip2-itm": 60} {
		t.Run(model, func(t *testing.T) {
			source := filepath.Join("..", "testdata", model)
			before := files(t, source)
			r := finetune(t, model)
			if err := Run(context.Background(), r, Options{}); err != nil {
				t.Fatal(err)
			}
			for name, b := range files(t, source) {
				if !bytes.Equal(b, before[name]) {
					t.Errorf("%s was changed", name)
				}
			}
			result := filepath.Join(r.Output, "model")
			was, is := tensorsOf(t, source), tensorsOf(t, result)
			moved := 0
			for name, a := range is {
				b, ok := was[name]
				switch frozen := strings.HasPrefix(name, "vision_model.") || strings.HasPrefix(name, "language_model."); {
				case !ok:
					t.Errorf("%s is new", name)
				case frozen && (a.Type != b.Type || !bytes.Equal(a.Data, b.Data)):
					t.Errorf("%s is frozen and differs", name)
				case !frozen && a.Type != weights.F32:
					t.Errorf("%s is %v", name, a.Type)
				case !frozen && !bytes.Equal(a.Data, b.Data):
					moved++
				}
			}
			if moved < learning {
				t.Errorf("only %d tensors have learnt", moved)
			}
			for name := range was {
				if _, ok := is[name]; !ok && !strings.HasSuffix(name, "lm_head.weight") { // which OPT's first releases spelt out
					t.Errorf("%s is missing", name)
				}
			}
			for name, b := range files(t, result) {
				if !weights.IsFile(name) && !strings.HasSuffix(name, ".index.json") && !bytes.Equal(b, before[name]) {
					t.Errorf("%s is not as it came in", name)
				}
			}
			m, err := blip2.Open(result, blip2.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFrozenShardIsShared: checkpoints hold everything, and the frozen parts are on the disk once.
func TestFrozenShardIsShared(t *testing.T) {
	r := finetune(t, "blip2-opt", "data.hold=0.3")
	ctx, cancel := context.WithCancel(context.Background())
	_ = Run(ctx, r, Options{Progress: func(p Progress) {
		if p.Doing == "tune" && p.Step == 5 {
			cancel()
		}
	}})
	checkpoint, best := filepath.Join(r.Output, "checkpoint-tune-000003"), filepath.Join(r.Output, "best-tune-000003")
	m, err := blip2.Open(checkpoint, blip2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	const shard = "model-00002-of-00002.safetensors"
	a, err := os.Stat(filepath.Join(checkpoint, shard))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Stat(filepath.Join(best, shard))
	if err != nil || !os.SameFile(a, b) {
		t.Errorf("the frozen parts are stored twice: %v", err)
	}
}

// TestFirstStageOfAReleasedModel: the temperature, which no released model has, begins afresh, is kept beside what transformers
// reads, and is gone on with.
func TestFirstStageOfAReleasedModel(t *testing.T) {
	r := finetune(t, "blip2-itm")
	if err := Run(context.Background(), r, Options{}); err != nil {
		t.Fatal(err)
	}
	result := filepath.Join(r.Output, "model")
	learnt := tensorsOf(t, filepath.Join(result, "first_stage.safetensors"))
	temp, err := learnt["temp"].Float32()
	if err != nil || len(learnt) != 1 || temp[0] == firstTemperature {
		t.Fatalf("%v: %v", learnt, err)
	}
	m, err := blip2.Open(result, blip2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := m.Bridge.Temperature(); got != temp[0] {
		t.Errorf("the temperature is %v, not %v", got, temp[0])
	}
}

// TestLossesThatCannotBe: what a model lacks for a loss is said before anything is trained.
func TestLossesThatCannotBe(t *testing.T) {
	for model, c := range map[string]struct{ stage, want string }{
		"blip2-itm": {"{kind: stage1, steps: 1, batch: 2, lr: 1e-3}", "itg: the model lacks cls.predictions"},
		"blip2-t5":  {"{kind: stage1, steps: 1, batch: 2, lr: 1e-3}", "no text stream"},
	} {
		err := Run(context.Background(), finetune(t, model, "stages=["+c.stage+"]"), Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", model, err)
		}
	}
	err := Run(context.Background(), finetune(t, "blip2-itm", "stages=[{kind: stage2, steps: 1, batch: 2, lr: 1e-3}]"), Options{})
	if err == nil || !strings.Contains(err.Error(), "lm: the model lacks a language model") {
		t.Errorf("a matching model with the second stage: %v", err)
	}
}

// TestTinyFineTuning runs recipes/finetune-tiny.yaml to its end.
func TestTinyFineTuning(t *testing.T) {
	r, err := ReadRecipe("../recipes/finetune-tiny.yaml", []string{"output=" + filepath.Join(t.TempDir(), "run")})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := DryRun(context.Background(), r, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if plan.Train != 60 || plan.Validation != 6 || plan.Time() <= 0 || plan.MemoryBytes <= 0 || plan.Trained[0] != plan.Parameters {
		t.Errorf("%+v", plan)
	}
	if err := Run(context.Background(), r, Options{}); err != nil {
		t.Fatal(err)
	}
	log := metricsOf(t, r)
	first, last := log.records[0].Losses["lm"], log.records[len(log.records)-2].Losses["lm"]
	if !(last < first-0.05) {
		t.Errorf("the loss went from %.3f to %.3f", first, last)
	}
	raw, err := os.ReadFile(filepath.Join(r.Output, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var reports []eval.Report
	if err := json.Unmarshal(raw, &reports); err != nil {
		t.Fatal(err)
	}
	if len(reports) != 2 || reports[0].Captions.N != 6 || reports[0].Answers != nil || reports[1].Answers.N != 6 || reports[1].Captions != nil {
		t.Errorf("the report is %s", raw)
	}
	m, err := blip2.Open(filepath.Join(r.Output, "model"), blip2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if x := m.Config.Extras; x.Prompt != "a photo of" || m.Question("why?") != "Question: why? Answer:" || x.QuestionPrompt == "" {
		t.Errorf("the model would be asked with %+v", x)
	}
}

func TestLessons(t *testing.T) {
	p := pair{texts: []string{"a", "b", "c"}, weights: []float64{0, 3, 1}, question: "why?", prompts: []string{"Q: {question}", "{question} A:"}}
	counts := map[string]int{}
	random := rng(1, "test")
	for range 400 {
		l := p.lesson(nil, random)
		counts[l.text]++
		counts[*l.prompt]++
	}
	if counts["a"] != 0 || counts["b"] < 260 || counts["c"] < 60 || counts["Q: why?"] < 150 || counts["why? A:"] < 150 {
		t.Errorf("%v", counts)
	}
	if l := p.plain(nil); l.text != "b" || *l.prompt != "Q: why?" {
		t.Errorf("%+v", l)
	}
	if ten := (&pair{question: "?", texts: []string{"no", "yes", "no", "maybe", "yes", "yes"}}); ten.texts[ten.likeliest()] != "yes" {
		t.Errorf("the likeliest answer is %s", ten.texts[ten.likeliest()])
	}
	bare := pair{texts: []string{"a"}}
	if err := bare.prompted(nil, p.prompts, cleanNone); err == nil {
		t.Error("a question's prompt for a caption")
	}
	if err := bare.prompted([]string{}, p.prompts, cleanNone); err != nil || len(bare.prompts) != 0 {
		t.Errorf("a source without prompts of its own: %v", err)
	}
}

// TestLongQuestions: of a prompt that the language model has no room for, the end counts, in training and in the report.
func TestLongQuestions(t *testing.T) {
	picture, err := filepath.Abs("../recipes/tiny/pictures/red-bar.png")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "long.jsonl")
	row := fmt.Sprintf("{\"image\":%q,\"question\":%q,\"answer\":%q}\n", picture, strings.Repeat("why ", 300), strings.Repeat("so ", 60))
	if err := os.WriteFile(path, []byte(row), 0o600); err != nil {
		t.Fatal(err)
	}
	data := fmt.Sprintf("data={train: [{path: %s}], max_tokens: 30}", path)
	for _, most := range []string{"30", "300"} {
		r := finetune(t, "blip2-opt", data, "data.max_tokens="+most, fmt.Sprintf("report=[{name: long, data: [{path: %s}], max_tokens: 30}]", path), "stages.0.batch=1")
		if err := Run(context.Background(), r, Options{}); err != nil {
			t.Errorf("answers of %s tokens: %v", most, err)
		}
	}
}

// TestSamePictureIsNoNegative: captions of one picture, and pictures of one caption, belong together.
func TestSamePictureIsNoNegative(t *testing.T) {
	b := batch{labels: []int32{5, 6, 7, 5, 8}, pictures: []int{1, 2, 2, 3, 4}}
	if got := b.same(); !slices.Equal(got, []int32{0, 1, 1, 0, 4}) {
		t.Errorf("%v", got)
	}
}

// TestSamePictureIsNoNegativeOfABank: what is contrasted with all captions draws its negatives by the same rule, and from no caption that
// another row, or another text of the row, says of the picture.
func TestSamePictureIsNoNegativeOfABank(t *testing.T) {
	r := finetune(t, "blip2-itm", "stages=[{kind: stage1, itc: 1, itm: 1, steps: 1, batch: 3, lr: 1e-3, bank: true}]")
	path := r.Data.Train[0].Path
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n") // of which "a running" and "sea running" are said
	again := strings.Replace(first, "sea running", "sea", 1)
	if err := os.WriteFile(path, []byte(string(raw)+again+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tr := begun(t, r)
	made, err := tr.subject.learner(&r.Stages[0], false)
	if err != nil {
		t.Fatal(err)
	}
	l := made.(*bridgeLearner)
	b := batch{raw: make([]float32, 3*tr.system.FeatureLen())}
	for _, c := range []struct {
		pair int
		text string
	}{{0, "sea running"}, {1, "cat running"}, {8, "sea"}} {
		b.add(c.pair, &tr.train.pairs[c.pair], lesson{text: c.text})
		b.labels = append(b.labels, l.t.labels.of(c.text))
	}
	p := l.pairs(b)
	for i, picture := range b.pictures {
		for j, other := range b.pictures {
			if (p.Same[i] == p.Same[j]) != (picture == other) {
				t.Errorf("pairs of pictures %v are the same as %v", b.pictures, p.Same)
			}
		}
		want := []string{"a running", "sea", "sea running"}
		if picture != tr.train.pairs[0].picture {
			want = []string{"cat running", "the running"}
		}
		var fit []string
		for _, c := range p.Fits[i] {
			fit = append(fit, l.t.labels.texts[c])
		}
		if slices.Sort(fit); !slices.Equal(fit, want) {
			t.Errorf("captions that fit picture %d: %q, want %q", picture, fit, want)
		}
		if own := l.t.labels.texts[p.Captions[i]]; own != b.lessons[i].text {
			t.Errorf("the caption of pair %d is %q", i, own)
		}
	}
}

// TestRecipesAreRead: every recipe in the repository says something that a run can begin with.
func TestRecipesAreRead(t *testing.T) {
	paths, err := filepath.Glob("../recipes/*.yaml")
	more, err2 := filepath.Glob("../recipes/*/*.yaml")
	if err != nil || err2 != nil || len(paths) < 6 || len(more) == 0 {
		t.Fatalf("%v, %v: %v, %v", paths, more, err, err2)
	}
	for _, p := range append(paths, more...) {
		if _, err := ReadRecipe(p, nil); err != nil {
			t.Error(err)
		}
	}
}

// half copies a model of testdata whose tensors are all stored as bf16.
func half(t *testing.T, model string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), model)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "testdata", model))); err != nil {
		t.Fatal(err)
	}
	var tensors []weights.Tensor
	all := tensorsOf(t, dir)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		x, err := all[name].Float32()
		if err != nil {
			t.Fatal(err)
		}
		w := weights.Tensor{Name: name, Type: weights.BF16, Shape: all[name].Shape, Data: make([]byte, 2*len(x))}
		kernel.Encode(kernel.BF16, w.Data, x)
		tensors = append(tensors, w)
	}
	if err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), tensors, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMixedPrecision: a model of 16 bits learns in float32 over frozen parts that stay as they are stored, and whose bytes come out as
// they came in, also where they are rounded more while the run lasts.
func TestMixedPrecision(t *testing.T) {
	source := half(t, "blip2-t5")
	was := tensorsOf(t, source)
	for _, frozen := range []string{"stored", "q8_0"} {
		r := finetune(t, "blip2-t5", "model.from="+source, "model.frozen="+frozen, "dtype=bf16")
		if err := Run(context.Background(), r, Options{}); err != nil {
			t.Fatal(err)
		}
		moved := 0
		for name, a := range tensorsOf(t, filepath.Join(r.Output, "model")) {
			switch b := was[name]; {
			case strings.HasPrefix(name, "vision_model.") || strings.HasPrefix(name, "language_model."):
				if a.Type != weights.BF16 || !bytes.Equal(a.Data, b.Data) {
					t.Errorf("%s: %s is frozen, and not as it came in", frozen, name)
				}
			case a.Type != weights.F32:
				t.Errorf("%s: %s learns as %v", frozen, name, a.Type)
			default:
				x, _ := a.Float32()
				if y, _ := b.Float32(); !slices.Equal(x, y) {
					moved++
				}
			}
		}
		if moved < 60 {
			t.Errorf("%s: only %d tensors have learnt", frozen, moved)
		}
	}
}
