package train

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// hinting is a learner whose hints come of folds, on recipes/tiny's pairs, of which change may say something else.
func hinting(t *testing.T, change func(rows []map[string]string)) *bridgeLearner {
	t.Helper()
	raw, err := os.ReadFile("../recipes/tiny/pairs.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for line := range bytes.Lines(raw) {
		row := map[string]string{}
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		if row["image"], err = filepath.Abs(filepath.Join("../recipes/tiny", row["image"])); err != nil {
			t.Fatal(err)
		}
		row["side"] = "even"
		if len(rows)%2 == 1 {
			row["side"] = "odd"
		}
		rows = append(rows, row)
	}
	change(rows)
	var out bytes.Buffer
	for _, row := range rows {
		line, err := json.Marshal(row)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", line)
	}
	path := filepath.Join(t.TempDir(), "pairs.jsonl")
	if err := os.WriteFile(path, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	r := tiny(t,
		"model.qformer={hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64, num_query_tokens: 4,"+
			" image_text_hidden_size: 32, encoder_hidden_size: 32, text_pooling: mean, identity_text_projection: true,"+
			" features: [tokens, pooled], picture_head: 16, picture_landmarks: 36, picture_axes: 8, prompt: 'Caption:', hints: 2}",
		"data.train=[{path: "+path+"}]", "data.hold=0", "report=[]",
		"stages=[{kind: stage2, steps: 1, batch: 4, lr: 1e-3, hint_folds: side, ridge: 1, near_ridge: 0.01}]")
	made, err := begun(t, r).subject.learner(&r.Stages[0], false)
	if err != nil {
		t.Fatal(err)
	}
	return made.(*bridgeLearner)
}

// TestSuggestedByStrangers: what a fold's pictures are said to show hangs on the captions of the others alone.
func TestSuggestedByStrangers(t *testing.T) {
	plain := hinting(t, func([]map[string]string) {})
	turned := hinting(t, func(rows []map[string]string) { // the captions of all even rows, in another order
		var texts []string
		for i := 0; i < len(rows); i += 2 {
			texts = append(texts, rows[i]["text"])
		}
		for i := 0; i < len(rows); i += 2 {
			rows[i]["text"] = texts[(i/2+1)%len(texts)]
		}
	})
	named := func(l *bridgeLearner, row int) map[string]float32 {
		out := map[string]float32{}
		for _, s := range l.suggested[row] {
			out[l.t.labels.texts[s.caption]] = s.cosine
		}
		return out
	}
	var odd int
	for row := range plain.suggested {
		if n := len(plain.suggested[row]); n != hintsDrawn {
			t.Fatalf("row %d: %d captions are suggested", row, n)
		}
		same := reflect.DeepEqual(named(plain, row), named(turned, row))
		if row%2 == 0 && !same {
			t.Errorf("row %d: its own captions' order changes %v to %v", row, named(plain, row), named(turned, row))
		}
		if row%2 == 1 && !same {
			odd++
		}
	}
	if odd == 0 {
		t.Error("the captions of the even rows do not matter to the odd ones")
	}
}

// TestHintsOfFolds: hints are drawn from what is suggested, for what is trained on alone.
func TestHintsOfFolds(t *testing.T) {
	l := hinting(t, func([]map[string]string) {})
	b := batch{raw: make([]float32, 4*l.t.system.FeatureLen())}
	for row := range 4 {
		b.add(row, &l.t.train.pairs[row], lesson{text: l.t.train.pairs[row].texts[0]})
	}
	suggested := func(row int, hint string) bool {
		return slices.ContainsFunc(l.suggested[row], func(s suggestion) bool { return l.t.labels.texts[s.caption] == hint })
	}
	var drawn, first int
	for seed := range uint64(20) {
		b.seed = seed
		for row, prompt := range l.hinted(b, 2) {
			line, _, hinted := strings.Cut(strings.TrimPrefix(prompt, "Hints: "), "\n")
			if !hinted {
				continue
			}
			hints := strings.Split(line, "; ")
			for _, h := range hints {
				if !suggested(row, h) {
					t.Errorf("row %d: the hint %q was not suggested", row, h)
				}
			}
			if drawn++; hints[0] == l.t.labels.texts[l.suggested[row][0].caption] {
				first++
			}
		}
	}
	if drawn < 50 || first == drawn || first < drawn/8 {
		t.Errorf("of %d prompts with hints, %d begin with what fits best", drawn, first)
	}
	b.rows[2] = notTrained
	if got := l.scores(b); slices.Contains(got, -1) {
		t.Error("a batch that is held out is given suggestions of what is trained on")
	}
}
