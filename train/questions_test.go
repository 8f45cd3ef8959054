package train

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/eval"
	"dragoman/model/flamingo"
)

// TestQuestions: a dataset's questions are asked of rows that have none, one a page, the empty one for a description; a row's own question stays.
func TestQuestions(t *testing.T) {
	const questions = `questions: ["", "what is it?", "what is this?"]`
	r := tinyFlamingo(t, "data.train=[{path: tiny/pairs.jsonl, "+questions+"}, {path: tiny/questions.jsonl, set: own, "+questions+
		"}, {path: tiny/pairs.jsonl, episodes: {pictures: [2, 2]}, "+questions+"}]", "data.max_tokens=64",
		"stages=[{name: pages, kind: pages, steps: 1, batch: 40, lr: 1e-3}]", "report=[]")
	tr := begun(t, r)
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
