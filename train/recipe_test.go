package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/internal/hint"
)

const least = `
output: out
model: {vision: v}
data: {train: [{path: p}]}
stages: [{kind: stage1, steps: 10, batch: 2, lr: 1e-3}]
`

func TestRecipeDefaults(t *testing.T) {
	r, err := ParseRecipe([]byte(least), []string{"stages.0.lr=2e-3", "seed=7", "model.qformer.hidden_size=8"})
	if err != nil {
		t.Fatal(err)
	}
	s := r.Stages[0]
	if s.LR != 2e-3 || r.Seed != 7 || r.Model.QFormer.Width != 8 || s.Name != "stage1" || s.ITC != 1 || s.ITG != 1 || s.Beta2 != 0.999 || s.Every != 1 {
		t.Errorf("%+v %+v", r, s)
	}
}

func TestRecipeErrors(t *testing.T) {
	for _, c := range []struct{ name, recipe, setting, want string }{
		{"misspelt", strings.Replace(least, "batch", "bach", 1), "", "line 5: stages.0.bach: there is no such key (did you mean batch?)"},
		{"misspelt above", strings.Replace(least, "model:", "modle:", 1), "", "modle: there is no such key (did you mean model?)"},
		{"unlike anything", strings.Replace(least, "output:", "zzzzzzzz:", 1), "", "zzzzzzzz: there is no such key"},
		{"kind", strings.Replace(least, "stage1", "stage3", 1), "", `kind: "stage3" is none of warm, stage1, stage2, words, pages (did you mean stage`},
		{"no data", strings.Replace(least, "[{path: p}]", "[]", 1), "", "data.train: there is nothing to train on"},
		{"type", strings.Replace(least, "steps: 10", "steps: many", 1), "", `line 5: stages.0.steps: "many" stands where a whole number belongs`},
		{"part of a step", least, "stages.0.steps=1.5", `stages.0.steps: "1.5" stands where a whole number belongs`},
		{"too many steps", least, "stages.0.steps=99999999999999999999", `stages.0.steps: "99999999999999999999" stands where a whole number belongs`},
		{"a seed below nothing", least, "seed=-1", `seed: "-1" stands where a whole number, not negative, belongs`},
		{"a word for a rate", least, "stages.0.lr=fast", `stages.0.lr: "fast" stands where a number belongs`},
		{"a word for yes", least, "stages.0.bank=maybe", `stages.0.bank: "maybe" stands where true or false belongs`},
		{"a list for a text", least, "output=[x]", "output: a list stands where a text belongs"},
		{"a list for a group", least, "data.train.0.where=[a]", "data.train.0.where: a list stands where a group of keys and values belongs"},
		{"a list for a field", least, "data.train.0.where={a: [1]}", "data.train.0.where.a: a list stands where a text belongs"},
		{"a word for a share", least, "data.train.0.share=all", `data.train.0.share: "all" stands where a number belongs`},
		{"shares of nothing", least, "data.train=[{path: p, share: 0}, {path: q, share: 0.0}]", "data.train.0.share: it is 0, as of every source"},
		{"a number for stages", least, "stages=3", `stages: "3" stands where a list belongs`},
		{"a zero for a default", least + "dtype: f32\n", "stages.0.beta1=0", `stages.0.beta1: "0" would stand for the default, 0.9: give another value, or leave it out`},
		{"no loss", least, "stages=[{kind: stage1, steps: 1, batch: 1, lr: 1, itc: 0}]", `stages.0.itc: "0" would stand for the default, 1`},
		{"a limit of none", strings.Replace(least, "data: {", "data: {validation_limit: 0, ", 1), "", `line 4: data.validation_limit: "0" would stand for the default, 512`},
		{"a cache of nothing", least, "views.cache=x", "views.cache: nothing is kept there: views.cached"},
		{"not yaml", "a: [", "", "not YAML: line 2: "},
		{"a byte that no text has", "a\x03", "", "not YAML: control characters are not allowed"},
		{"a comment", "# a\n", "", "there is nothing in it"},
		{"a key of two lines", "\"a\\nb\": 1\n" + least, "", "line 1: a b: there is no such key"},
		{"a setting of two lines", least, "a\nb.c=1", "a b: there is no such key"},
		{"a setting below nothing", "g", "a\nb=1", "there is nothing below"},
		{"a setting without a value", least, "output=", "output: the run's folder is missing"},
		{"a setting that is not yaml", least, "output=[", "--set output=[: not YAML: "},
		{"empty", "", "", "empty"},
		{"scalar for a mapping", strings.Replace(least, "{vision: v}", "v", 1), "", `line 3: model: "v" stands where a group of keys and values belongs`},
		{"a list for a recipe", "[]", "", "line 1: the recipe: a list stands where a group of keys and values belongs"},
		{"held out of nothing", least, "data={hold: 0.1, train: [{path: p, hold: false}]}", "data.hold: there is nothing to hold out of"},
		{"held out of what is not read", least, "data={hold: 0.1, train: [{path: p, share: 0}, {path: q, hold: false}]}", "data.hold: there is nothing to hold out of"},
		{"nothing held", least, "data.train.0.hold=false", "data.train.0.hold: nothing is held out of the others"},
		{"setting", least, "stages.3.lr=1", `the list has no entry "3"`},
		{"setting misspelt", least, "seeed=1", "seeed: there is no such key (did you mean seed?)"},
		{"setting without value", least, "seed", "it is not key=value"},
		{"a source's dataset", least, "data.train.0.set=a", "data.train.0: set: a source of pairs for a model.system of blip2 has no use for it"},
		{"episodes", least, "data.train.0.episodes.pictures=[2, 3]", "episodes are for model.system: flamingo"},
		{"a report's shots", least, "report=[{name: a, data: [{path: p}], shots: [1]}]", "report.0: shots: a report on a model.system of blip2 has no use for it"},
		{"a report's prompts", least, "report=[{name: a, data: [{path: p, prompts: [b]}]}]", "report.0.data.0: prompts"},
		{"a stage's noise", least, "stages.0.noise=0.1", "stages.0: noise: a stage of kind stage1 has no use for it"},
		{"folds of hints without a regression", least, "stages=[{kind: stage2, steps: 1, batch: 1, lr: 1, hint_folds: style}]", "ridge is missing"},
		{"views of no regression", least, "stages=[{kind: warm, steps: 1, batch: 1, lr: 1, near_views: 2}]", "near_views: they are for a regression"},
		{"more views than there are", strings.Replace(least, "data: {", "views: {cached: 2}\ndata: {", 1), "stages=[{kind: warm, steps: 1, batch: 1, lr: 1, ridge: 1, near_views: 3}]", "stages.0.near_views: 3, and views.cached keeps 2"},
		{"a regression of no use", least, "stages=[{kind: stage2, steps: 1, batch: 1, lr: 1, ridge: 1}]", "hint_folds, which is missing"},
		{"folds without a regression", least, "stages=[{kind: warm, steps: 1, batch: 1, lr: 1, folds: style}]", "ridge is missing"},
		{"no number", least, "stages.0.lr=.nan", "stages.0: lr: NaN is out of range"},
		{"a rate below nothing", least, "stages.0.lr=-1", "lr: -1 is out of range"},
		{"decay", least, "stages.0.weight_decay=.inf", "weight_decay: +Inf is out of range"},
		{"beta", least, "stages.0.beta2=1", "beta2: 1 is out of range"},
		{"smoothing", least, "stages.0.smoothing=-0.1", "smoothing: -0.1"},
		{"a group's scale", least, "stages.0.lr_groups=[{match: a, scale: -2}]", "lr_groups: a: -2 is out of range"},
		{"a crowd of queries", least, "model.qformer.num_query_tokens=5000", "model.qformer.num_query_tokens: 5000 is more than 4096"},
		{"a tower of layers", least, "model.qformer.num_hidden_layers=1000000", "model.qformer.num_hidden_layers: 1000000 is more than 512"},
		{"fewer pixels than none", least, "data.max_pixels=-1", "max_pixels is -1"},
		{"a huge batch", least, "stages.0.batch=1000000000000", "batch: 1000000000000 is more than 65536"},
		{"steps without end", least, "stages.0.steps=9223372036854775807", "steps: 9223372036854775807 is more than 1073741824"},
		{"batches without end", least, "stages.0.accumulate=100000", "accumulate: 100000 is more than 65536"},
		{"a name that no folder has", least, "stages.0.name=" + strings.Repeat("a", 240), "cannot be a part of a folder's name"},
		{"a bridge of no queries", least, "model.qformer.num_query_tokens=0", `model.qformer.num_query_tokens: "0" would stand for the default`},
		{"a resampler of no latents", least, "model.flamingo={resampler: {num_latents: 0}}", `model.flamingo.resampler.num_latents: "0" would stand for the default`},
		{"a dropout of everything", least, "model.qformer.hidden_dropout_prob=1", "model.qformer.hidden_dropout_prob: 1 is out of range"},
		{"a dropout of no number", least, "model.qformer.attention_probs_dropout_prob=.nan", "model.qformer.attention_probs_dropout_prob: NaN is out of range"},
		{"data from nowhere", least, "data.train.0.path=", "data.train.0.path: it is missing"},
		{"validation from nowhere", least, "data.validation=[{where: {a: b}}]", "data.validation.0.path: it is missing"},
		{"a report on nothing", least, "report=[{name: a}]", "report.0.data: there is nothing to measure on"},
		{"a report from nowhere", least, "report=[{name: a, data: [{}]}]", "report.0.data.0.path: it is missing"},
		{"a share of no number", least, "data.train.0.share=.nan", "share: NaN"},
		{"what is held", least, "data.hold=.nan", "data.hold: NaN"},
		{"a seed of nothing", least, "data.hold_seed=3", "data.hold_seed: nothing is drawn by it"},
		{"held out twice", least, "data={train: [{path: p}], validation: [{path: p}], hold: 0.1}", "data.hold: data.validation says"},
		{"steps", least, "stages.0.steps=-1", "steps: -1 is not positive"},
		{"two of a name", least, "stages=[{kind: stage1, steps: 1, batch: 1, lr: 1}, {kind: stage1, steps: 1, batch: 1, lr: 1}]", "two stages called"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var settings []string
			if c.setting != "" {
				settings = append(settings, c.setting)
			}
			_, err := ParseRecipe([]byte(c.recipe), settings)
			if err == nil {
				t.Fatal("no error")
			}
			if strings.Contains(err.Error(), "line 0") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q does not say %q in one line", err, c.want)
			}
		})
	}
}

func TestRate(t *testing.T) {
	s := Stage{LR: 1, MinLR: 0.1, Warmup: 4, Steps: 104}
	for step, want := range map[int]float64{0: 0.25, 3: 1, 4: 1, 54: 0.55, 104: 0.1} {
		if got := s.rate(step); got < want-1e-9 || got > want+1e-9 {
			t.Errorf("step %d: %v, want %v", step, got, want)
		}
	}
}

// TestFindModel names parts of a model by path, as they are built in, and as a hub has them.
func TestFindModel(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("HF_HUB_CACHE", cache)
	const commit = "0123456789abcdef0123456789abcdef01234567"
	snapshot := filepath.Join(cache, "models--org--llm", "snapshots", commit)
	r := &Recipe{dir: t.TempDir()}
	for _, dir := range []string{snapshot, filepath.Join(cache, "models--org--llm", "refs"), filepath.Join(r.dir, "own", "llm")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(cache, "models--org--llm", "refs", "main"), []byte(commit), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"org/llm": snapshot, "org/llm@" + commit: snapshot, "own/llm": filepath.Join(r.dir, "own", "llm"), "": "", "mini:llm": "mini:llm", "/a/b": "/a/b",
	} {
		if got, err := r.findModel("language", name); err != nil || got != want {
			t.Errorf("%q is at %q, %v; want %q", name, got, err, want)
		}
	}
	_, err := r.findModel("language", "org/other")
	if err == nil || !strings.Contains(err.Error(), "model.language: ") || hint.Of(err) != "dragoman pull org/other" {
		t.Errorf("one that is nowhere: %v, hint %q", err, hint.Of(err))
	}
}
