package train

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
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

// TestEpisodes checks what episodes are: that words nobody knows are not to be predicted the first time, that a concept keeps its word, and
// that to say again what was said last is wrong more often than right.
func TestEpisodes(t *testing.T) {
	var pairs []pair
	var members []int
	for i := range 24 {
		pairs = append(pairs, pair{texts: []string{string(rune('a' + i/3))}, in: []membership{
			{set: "others", concept: "nothing"}, {set: "e", concept: string(rune('a' + i/3)), style: string(rune('x' + i%3))},
		}})
		members = append(members, i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	e := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{1, 6}, Nonce: 1})
	again, all := 0, 0
	for range 300 {
		page := e.draw(r)
		if !slices.ContainsFunc(page, func(x example) bool { return x.learn }) {
			t.Fatalf("%+v: nothing is learnt of it", page)
		}
		words := map[string]string{}
		for i, x := range page {
			concept := pairs[x.pair].as("e").concept
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
	plain := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{3, 3}}).draw(r)
	for _, x := range plain {
		if !x.learn || x.text != pairs[x.pair].texts[0] || pairs[x.pair].as("e").style != pairs[plain[0].pair].as("e").style {
			t.Errorf("%+v", plain)
		}
	}
}

// TestAbsent: among words that nobody knows stands, where the recipe says so, one picture of a concept that none of them is of, never the first,
// under its own text, which is learnt.
func TestAbsent(t *testing.T) {
	var pairs []pair
	var members []int
	for i := range 24 {
		concept := string(rune('a' + i/3))
		pairs = append(pairs, pair{texts: []string{concept}, in: []membership{{set: "e", concept: concept}}})
		members = append(members, i)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for share, want := range map[float64][2]int{1: {300, 300}, 0.5: {110, 190}} {
		e := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{1, 6}, Nonce: 1, Absent: share})
		pages, last := 0, 0
		for range 300 {
			page := e.draw(r)
			if len(page) > 6 || !slices.ContainsFunc(page, func(x example) bool { return x.learn }) {
				t.Fatalf("%+v", page)
			}
			count, own := map[string]int{}, -1
			for i, x := range page {
				of := &pairs[x.pair]
				count[of.as("e").concept]++
				if x.text == of.texts[0] {
					if own >= 0 || i == 0 || !x.learn {
						t.Fatalf("%+v", page)
					}
					own = i
				}
			}
			if own < 0 {
				continue
			}
			if pages++; own == len(page)-1 {
				last++
			}
			if count[pairs[page[own].pair].as("e").concept] != 1 {
				t.Errorf("%+v: the concept under its own text has a word, too", page)
			}
		}
		if pages < want[0] || pages > want[1] || last == pages {
			t.Errorf("%v of the pages: %d, at the end in %d", share, pages, last)
		}
	}
}

// TestForms: all texts of a page are in one form, which is not learnt from the first, as nothing tells it there; without a form they are as they are.
func TestForms(t *testing.T) {
	var pairs []pair
	var members []int
	for i := range 24 {
		pairs = append(pairs, pair{texts: []string{string(rune('a' + i/3))}, in: []membership{{set: "e", concept: string(rune('a' + i/3))}}})
		members = append(members, i)
	}
	forms := []string{"{}", "this is {}", "{}!"}
	e := newEpisodes(pairs, members, "e", EpisodeSpec{Pictures: []int{1, 4}, Nonce: 0.3, Repeated: 0.3, Forms: forms})
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[string]int{}
	for range 300 {
		page := e.draw(r)
		form := "{}"
		switch text := page[0].text; {
		case strings.HasPrefix(text, "this is "):
			form = forms[1]
		case strings.HasSuffix(text, "!"):
			form = forms[2]
		}
		seen[form]++
		before, after, _ := strings.Cut(form, "{}")
		for i, x := range page {
			if !strings.HasPrefix(x.text, before) || !strings.HasSuffix(x.text, after) || len(x.text) == len(before+after) {
				t.Fatalf("%q in %+v", form, page)
			}
			if i == 0 && x.learn && form != "{}" {
				t.Fatalf("%q is learnt from %+v", form, page)
			}
		}
		if len(page) > 3 && form != "{}" && !page[len(page)-1].learn && !page[len(page)-2].learn {
			t.Fatalf("nothing is learnt from %+v", page)
		}
	}
	for _, form := range forms {
		if seen[form] < 60 {
			t.Errorf("%q on %d pages of 300", form, seen[form])
		}
	}
}

// TestQuestions: a dataset's questions are asked of rows that have none, one a page, the empty one for a description; a row's own question stays.
func TestQuestions(t *testing.T) {
	const questions = `questions: ["", "what is it?", "what is this?"]`
	r := tinyFlamingo(t, "data.train=[{path: tiny/pairs.jsonl, "+questions+"}, {path: tiny/questions.jsonl, set: own, "+questions+
		"}, {path: tiny/pairs.jsonl, episodes: {pictures: [2, 2]}, "+questions+"}]", "data.max_tokens=64",
		"stages=[{name: pages, kind: pages, steps: 1, batch: 40, lr: 1e-3}]", "report=[]")
	tr := newTrainer(r, Options{})
	defer tr.close()
	if err := tr.begin(context.Background()); err != nil {
		t.Fatal(err)
	}
	g := tr.subject.(*gating)
	l, err := g.learner(&r.Stages[0], false)
	if err != nil {
		t.Fatal(err)
	}
	for n, name := range []string{"pairs", "own", "episodes"} {
		s, err := l.(*gateLearner).draw(n, 0)
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, lesson := range s.lessons {
			text := g.model.Tokenizer.Decode(lesson.IDs, false)
			kinds := 0
			for _, q := range []string{"Question: what is it?", "Question: what is this?", "Question:"} {
				if k := strings.Count(text, q); k > 0 {
					if count[q]++; q != "Question:" {
						if kinds++; k != len(lesson.Pictures) {
							t.Errorf("%s: %q", name, text)
						}
					}
				}
			}
			if kinds > 1 {
				t.Errorf("%s: %q", name, text)
			}
		}
		its, this, any := count["Question: what is it?"], count["Question: what is this?"], count["Question:"]
		if name == "own" && (its+this > 0 || any != len(s.lessons)) || name != "own" && (its < 5 || this < 5 || any > len(s.lessons)-5) {
			t.Errorf("%s: %v of %d", name, count, len(s.lessons))
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

// TestQuestionsAreTaught: what is asked about a picture stands before the answer that is learnt, of pairs and of episodes alike, as ask writes it;
// and a question that has no room does not take its answer's.
func TestQuestionsAreTaught(t *testing.T) {
	picture, err := filepath.Abs("../recipes/tiny/pictures/red-bar.png")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "asked.jsonl")
	var rows strings.Builder
	for _, question := range []string{"what colour is it?", strings.Repeat("what colour is it? ", 15)} {
		fmt.Fprintf(&rows, "{\"image\":%q,\"question\":%q,\"answer\":\"red\"}\n", picture, question)
	}
	if err := os.WriteFile(path, []byte(rows.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := "{path: " + path + "}"
	r := tinyFlamingo(t, "data.train=["+asked+", {path: "+path+", episodes: {pictures: [2, 2]}}]", "data.validation=["+asked+"]", "report=[]", "data.max_tokens=1024")
	g := &gating{trainer: newTrainer(r, Options{})}
	if err := g.openData(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer g.train.close()
	if _, err := g.open(); err != nil {
		t.Fatal(err)
	}
	defer g.model.Close()
	m := g.model
	answer := m.Tokenizer.Encode(" red", false)
	for name, examples := range map[string]int{"pairs": 1, "episodes": 2} {
		st := &Stage{Kind: KindPages, Batch: 4, Sets: []SetSpec{{Name: name, Batch: 4}}}
		l, err := g.learner(st, false)
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.(*gateLearner).draw(0, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, lesson := range s.lessons {
			question := g.train.pairs[s.requests[lesson.Pictures[0]].index].question
			prompt, err := m.Encode(m.Prompt(nil, flamingo.Shot{Pictures: 1, Question: question}))
			if err != nil {
				t.Fatal(err)
			}
			if len(lesson.IDs) < len(prompt) || !slices.Equal(lesson.IDs[:len(prompt)], prompt) {
				t.Errorf("%s: %q does not begin as %q is asked", name, m.Tokenizer.Decode(lesson.IDs, false), question)
			}
			var learnt []int32
			for at, id := range lesson.IDs {
				if lesson.Learn[at] {
					learnt = append(learnt, id)
				}
			}
			want := slices.Concat(slices.Repeat([][]int32{append(slices.Clone(answer), m.StopIDs()[0])}, examples)...)
			if !slices.Equal(learnt, want) {
				t.Errorf("%s: %q is learnt", name, m.Tokenizer.Decode(learnt, false))
			}
		}
		r.Data.MaxTokens = 12
		if s, err = l.(*gateLearner).draw(0, 1); err != nil || len(s.lessons) != 4 {
			t.Fatalf("%s: %d lessons, %v", name, len(s.lessons), err)
		}
		for _, short := range s.lessons {
			if !short.Teaches() || len(short.IDs) > 12 {
				t.Errorf("%s: %q", name, m.Tokenizer.Decode(short.IDs, false))
			}
		}
		r.Data.MaxTokens = 1024
	}
	for i := range g.held {
		if g.held[i].question == "" {
			t.Errorf("%+v", g.held[i])
		}
	}
	r = tinyFlamingo(t, "report=[{name: asked, data: ["+asked+"]}]")
	if err := Run(context.Background(), r, Options{}); err == nil || !strings.Contains(err.Error(), "report.0: ") || !strings.Contains(err.Error(), "asked.jsonl:2: 336 tokens with an answer: longer than the model's context") {
		t.Errorf("%v", err)
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

// TestEpisodesThatTeach: of a page that is cut before anything is to be predicted another is drawn; that there is none such is said.
func TestEpisodesThatTeach(t *testing.T) {
	drawn := func(settings ...string) (*sheet, error) {
		g := &gating{trainer: newTrainer(tinyFlamingo(t, append(settings, "report=[]")...), Options{})}
		defer g.close()
		if err := g.openData(context.Background()); err != nil {
			t.Fatal(err)
		}
		var err error
		if g.system, err = g.open(); err != nil {
			t.Fatal(err)
		}
		l, err := g.learner(&Stage{Kind: KindPages, Batch: 8, Sets: []SetSpec{{Name: episodesName, Batch: 8}}}, false)
		if err != nil {
			t.Fatal(err)
		}
		return l.(*gateLearner).draw(0, 0)
	}
	s, err := drawn("data.train.1.episodes.nonce=0.7", "data.max_tokens=12")
	if err != nil || len(s.lessons) != 8 {
		t.Fatal(len(s.lessons), err)
	}
	for _, lesson := range s.lessons {
		if !lesson.Teaches() {
			t.Error("nothing is learnt of a page")
		}
	}
	if _, err := drawn("data.train.1.episodes={pictures: [3, 4], nonce: 1}", "data.max_tokens=6"); err == nil || !strings.Contains(err.Error(), "episodes: of no page is anything to be predicted") {
		t.Errorf("%v", err)
	}
}

// TestReportOfQuestions: a set of the report whose pictures are asked about is measured by their answers, behind right and exchanged ones, by every
// seed; a set of both kinds is refused before the run begins.
func TestReportOfQuestions(t *testing.T) {
	short := []string{"stages=[{name: pages, kind: pages, steps: 2, batch: 4, lr: 1e-3, sets: [{name: pairs, batch: 4}]}]"}
	r := tinyFlamingo(t, append(short, "report=[{name: asked, data: [{path: tiny/questions.jsonl}], shots: [0, 1], seeds: [1, 2], most: 3, max_tokens: 2}, "+
		"{name: described, data: [{path: tiny/pairs.jsonl}], question: what is it?, most: 3, max_tokens: 2}]")...)
	if err := Run(context.Background(), r, Options{}); err != nil {
		t.Fatal(err)
	}
	var reports []eval.Report
	if err := json.Unmarshal(files(t, r.Output)["report.json"], &reports); err != nil || len(reports) != 2 {
		t.Fatalf("%v, %+v", err, reports)
	}
	asked, described := reports[0].FewShot, reports[1].FewShot
	if len(asked.Shots) != 2 || len(asked.Shots[1].Trials) != 2 || asked.Shots[1].Trials[1].Wrong.Answers == nil || asked.Shots[1].Trials[1].Wrong.Answers.N != 3 {
		t.Errorf("%+v", asked)
	}
	if described.Question != "what is it?" || described.Shots[0].Trials[0].Right.Captions == nil {
		t.Errorf("%+v", described)
	}
	if report := string(files(t, r.Output)["report.md"]); !strings.Contains(report, "exchanged: VQA accuracy") {
		t.Error(report)
	}
	r = tinyFlamingo(t, append(short, "report=[{name: both, data: [{path: tiny/questions.jsonl}, {path: tiny/pairs.jsonl}]}]")...)
	if err := Run(context.Background(), r, Options{}); err == nil || !strings.Contains(err.Error(), "report.0: ") || !strings.Contains(err.Error(), "rows have a question") {
		t.Errorf("%v", err)
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
