package train

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/eval"
	"dragoman/model/flamingo"
)

func tinyFlamingo(t *testing.T, settings ...string) *Recipe {
	t.Helper()
	r, err := ReadRecipe("../recipes/tiny-flamingo.yaml", append([]string{"output=" + filepath.Join(t.TempDir(), "run")}, settings...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFlamingoLearns runs the tiny recipe: losses fall, the frozen files stay as they are, and the result opens and is measured.
func TestFlamingoLearns(t *testing.T) {
	r := tinyFlamingo(t)
	before := files(t, "../recipes/tiny")
	if err := Run(context.Background(), r, Options{}); err != nil {
		t.Fatal(err)
	}
	for name, b := range before {
		if after := files(t, "../recipes/tiny")[name]; !bytes.Equal(b, after) {
			t.Errorf("%s was changed", name)
		}
	}
	log := metricsOf(t, r)
	first, last := map[string]Record{}, map[string]Record{}
	for _, rec := range log.records {
		if rec.Losses == nil {
			continue
		}
		if _, ok := first[rec.Stage]; !ok {
			first[rec.Stage] = rec
		}
		last[rec.Stage] = rec
	}
	for stage, sets := range map[string][]string{"words": {"pairs"}, "pages": {"pairs", "episodes", "pages"}} {
		for _, set := range append(sets, "loss") {
			if a, b := first[stage].Losses[set], last[stage].Losses[set]; !(b < 0.9*a) {
				t.Errorf("%s: the loss of %s went from %v to %v", stage, set, a, b)
			}
		}
	}
	m, err := flamingo.Open(filepath.Join(r.Output, "model"), flamingo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var reports []eval.Report
	if err := json.Unmarshal(files(t, r.Output)["report.json"], &reports); err != nil || len(reports) != 1 || len(reports[0].FewShot.Shots) != 2 {
		t.Errorf("%v, %+v", err, reports)
	}
}

// TestGroupsOfNothing: a rate for parameters that there are none of is told of, and the run goes on.
func TestGroupsOfNothing(t *testing.T) {
	var notices []string
	if _, err := DryRun(context.Background(), tinyFlamingo(t, "stages.1.lr_groups=[{match: _gate, scale: 2}, {match: perciever, scale: 0.3}]"), Options{
		Notice: func(line string) { notices = append(notices, line) },
	}); err != nil {
		t.Fatal(err)
	}
	if want := []string{`stage pages: lr_groups: "perciever" is in the name of no parameter that learns`}; !slices.Equal(notices, want) {
		t.Errorf("%q", notices)
	}
}

// TestFlamingoRecipeErrors refuses what cannot be trained.
func TestFlamingoRecipeErrors(t *testing.T) {
	raw, err := os.ReadFile("../recipes/tiny-flamingo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"model.system=flamenco":                 "model.system",
		"model.system=blip2":                    "are for model.system: flamingo",
		"stages.0.kind=stage1":                  "does not train",
		"data.train.1.episodes.pictures=[4]":    "episodes",
		"data.train.2.pages.window=2":           "window",
		"stages.1.sets=[{name: pairs}]":         "batch",
		"model.flamingo.resampler.widht=1":      "there is no such key",
		"data.train.1.episodes.nonce=2":         "episodes",
		"data.train.1.episodes.absent=1.5":      "absent: 1.5",
		"data.train.1.episodes.renamed=-1":      "renamed: -1",
		"data.train.1.episodes.related=2":       "related: 2",
		"data.train.1.episodes.forms=[here]":    "forms: \"here\" is no form",
		"data.train.2.questions=[a]":            "questions: a source of pages",
		"data.validation.0.questions=[a]":       "data.validation.0: questions",
		"stages.1.ridge=1":                      "ridge: a stage of kind pages has no use for it",
		"stages.1.gain=1":                       "gain: a stage of kind pages",
		"stages.0.gain=1":                       "ridge is missing",
		"stages.1.itc=1":                        "itc: a stage of kind pages",
		"data.prompts=[a]":                      "prompts: a model.system of flamingo has no use for it",
		"data.max_prompt_tokens=64":             "max_prompt_tokens",
		"data.train.0.prompts=[a]":              "prompts: a source of pairs for a model.system of flamingo",
		"data.train.0.pages={pictures: 3}":      "window",
		"data.train.1.share=0.5":                "share: a source of episodes",
		"data.train.0.share=1.5":                "share: 1.5",
		"data.train.1.episodes.pictures=[1, 2]": "teaches no word",
		"data.train.1.set=pairs":                "made otherwise by data.train.0",
		"data.train.2.set=pairs":                "made otherwise by data.train.0",
		"data.train=[{path: a, episodes: {pictures: [2, 4]}}, {path: b, episodes: {pictures: [2, 5]}}]": "made otherwise by data.train.0",
		"data.validation.0.share=0.5":                                      "data.validation.0: share: what is held out",
		"data.validation.0.pages.window=48":                                "data.validation.0: pages",
		"data.validation.0.prompts=[a]":                                    "data.validation.0: prompts",
		"report.0.data.0.pages.window=48":                                  "report.0.data.0: pages",
		"report.0.beams=3":                                                 "report.0: beams: a report on a model.system of flamingo",
		"report.0.rerank=3":                                                "report.0: rerank",
		"stages.1.sets=[{name: pairs, batch: 2, weight: 0}]":               "weight 0",
		"stages.1.dropout=1":                                               "dropout: 1 is out of range",
		"data.train.2.pages.p_next=.nan":                                   "p_next",
		"data.train.1.episodes.nonce=.nan":                                 "shares",
		"stages.1.sets=[{name: pairs, batch: 2}, {name: pairs, batch: 1}]": "twice",
		"model.cut_words=true":                                             "nothing else",
	} {
		if _, err := ParseRecipe(raw, []string{setting}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	r := tinyFlamingo(t, "stages.1.sets=[{name: paris, batch: 2}]")
	if err := Run(context.Background(), r, Options{}); err == nil || !strings.Contains(err.Error(), "paris") {
		t.Errorf("%v", err)
	}
	r = tinyFlamingo(t, "stages.0.sets=[{name: episodes, batch: 4}]")
	if err := Run(context.Background(), r, Options{}); err == nil || !strings.Contains(err.Error(), "words are learnt from pairs") {
		t.Errorf("%v", err)
	}
	r = tinyFlamingo(t, "model.flamingo.gated.from_first_layer=false", "model.flamingo.gated.cross_attn_every_n_layers=2")
	if err := Run(context.Background(), r, Options{}); err == nil || !strings.Contains(err.Error(), "from_first_layer") {
		t.Errorf("%v", err)
	}
}

// TestHeldOutIsNotCached: what is held out is validated on as itself, whether or not the pictures that are trained on lie in the cache,
// where others stand at the same places.
func TestHeldOutIsNotCached(t *testing.T) {
	short := []string{"stages.0.every=80", "stages.1.steps=10", "stages.1.every=10", "report=[]"}
	validation := func(settings ...string) map[string]float64 {
		r := tinyFlamingo(t, append(settings, short...)...)
		if err := Run(context.Background(), r, Options{}); err != nil {
			t.Fatal(err)
		}
		log := metricsOf(t, r)
		seen := map[string]float64{}
		for _, rec := range log.records {
			if rec.Validation != nil {
				seen[rec.Stage] = rec.Validation["loss"]
			}
		}
		return seen
	}
	fresh := validation()
	if len(fresh) != 2 {
		t.Fatalf("validated in %v", fresh)
	}
	cached := validation("views={cached: 1, cache: " + t.TempDir() + "}")
	for stage, want := range fresh {
		if got := cached[stage]; math.Abs(got-want) > 0.02*want { // the cache keeps 16 bits of what is trained on
			t.Errorf("%s: the loss of what is held out is %v with a cache, %v without", stage, got, want)
		}
	}
}

// TestRegressionOfAllSets: the regression that a stage begins with is one on all of its datasets, each pair once.
func TestRegressionOfAllSets(t *testing.T) {
	const held, train = "{path: tiny/pairs.jsonl, where: {split: held}, set: few}", "{path: tiny/pairs.jsonl, where: {split: train}}"
	r := tinyFlamingo(t, "data.train=["+held+", "+train+"]", "data.validation=[]", "report=[]",
		"model.flamingo.resampler={hidden_size: 32, num_latents: 4, num_hidden_layers: 1, num_attention_heads: 2, head_dim: 16}",
		"stages=[{kind: words, steps: 0, batch: 4, lr: 1e-3, ridge: 1}]")
	seen := 0
	if err := Run(context.Background(), r, Options{Progress: func(p Progress) {
		if p.Doing == "summing pictures up" {
			seen = p.Done
		}
	}}); err != nil {
		t.Fatal(err)
	}
	if seen != 36 {
		t.Errorf("%d pictures were summed up", seen)
	}
}

// TestWordsNeedPairs: a stage that learns words says so where no source has pairs, or none that is read.
func TestWordsNeedPairs(t *testing.T) {
	for _, setting := range []string{"data.train=[{path: tiny/pages.jsonl, pages: {window: 48}}]", "data.train.0.share=0"} {
		r := tinyFlamingo(t, "stages=[{kind: words, steps: 1, batch: 2, lr: 1e-3}]", setting)
		if err := Run(context.Background(), r, Options{}); err == nil || !strings.Contains(err.Error(), "words are learnt from pairs, and no source") {
			t.Errorf("%s: %v", setting, err)
		}
	}
}
