package train

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	log, err := openMetrics(r.Output, int64(len(files(t, r.Output)["metrics.jsonl"])))
	if err != nil {
		t.Fatal(err)
	}
	defer log.close()
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
	if err := json.Unmarshal(files(t, r.Output)["report.json"], &reports); err != nil || len(reports) != 1 || len(reports[0].Shots) != 2 {
		t.Errorf("%v, %+v", err, reports)
	}
}

// TestEpisodes checks what episodes are: that words nobody knows are not to be predicted the first time, that a concept keeps its word, and
// that to say again what was said last is wrong more often than right.
func TestEpisodes(t *testing.T) {
	var pairs []pair
	var members []int
	for i := range 24 {
		pairs = append(pairs, pair{texts: []string{string(rune('a' + i/3))}, concept: string(rune('a' + i/3)), style: string(rune('x' + i%3))})
		members = append(members, i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	e := newEpisodes(pairs, members, EpisodeSpec{Pictures: []int{4, 6}, Nonce: 1})
	again, all := 0, 0
	for range 300 {
		page := e.draw(r)
		words := map[string]string{}
		for i, x := range page {
			concept := pairs[x.pair].concept
			if word, shown := words[concept]; shown != x.learn || shown && word != x.text {
				t.Fatalf("%+v: %q of %s", page, x.text, concept)
			}
			words[concept] = x.text
			if i > 0 {
				all++
				if x.text == page[i-1].text {
					again++
				}
			}
		}
	}
	if again*2 > all {
		t.Errorf("what was said last is right in %d of %d", again, all)
	}
	plain := newEpisodes(pairs, members, EpisodeSpec{Pictures: []int{3, 3}}).draw(r)
	for _, x := range plain {
		if !x.learn || x.text != pairs[x.pair].texts[0] || pairs[x.pair].style != pairs[plain[0].pair].style {
			t.Errorf("%+v", plain)
		}
	}
}

// TestFlamingoRecipeErrors refuses what cannot be trained.
func TestFlamingoRecipeErrors(t *testing.T) {
	raw, err := os.ReadFile("../recipes/tiny-flamingo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"model.system=flamenco":              "model.system",
		"model.system=blip2":                 "pages are for",
		"stages.0.kind=stage1":               "does not train",
		"data.train.1.episodes.pictures=[4]": "episodes",
		"data.train.2.pages.window=2":        "window",
		"stages.1.sets=[{name: pairs}]":      "batch",
		"model.flamingo.resampler.widht=1":   "there is no such key",
		"data.train.1.episodes.nonce=2":      "episodes",
		"stages.1.ridge=1":                   "does not begin with a regression",
		"model.cut_words=true":               "nothing else",
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
		log, err := openMetrics(r.Output, int64(len(files(t, r.Output)["metrics.jsonl"])))
		if err != nil {
			t.Fatal(err)
		}
		defer log.close()
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
