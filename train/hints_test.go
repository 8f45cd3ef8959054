package train

import (
	"bytes"
	"context"
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
func hinting(t *testing.T, change func(rows []map[string]string), settings ...string) *bridgeLearner {
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
	r := tiny(t, append([]string{
		"model.qformer={hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64, num_query_tokens: 4," +
			" image_text_hidden_size: 32, encoder_hidden_size: 32, text_pooling: mean, identity_text_projection: true," +
			" features: [tokens, pooled], picture_head: 16, picture_landmarks: 36, picture_axes: 8, prompt: 'Caption:', hints: 2}",
		"data.train=[{path: " + path + "}]", "data.hold=0", "report=[]",
		"stages=[{kind: warm, name: warm, steps: 0, batch: 4, lr: 1e-3, ridge: 1, near_ridge: 0.01}," +
			" {kind: stage2, steps: 1, batch: 4, lr: 1e-3, hint_folds: side, ridge: 1, near_ridge: 0.01}]",
	}, settings...)...)
	subject := begun(t, r).subject
	for i := range r.Stages { // the first fits the head
		made, err := subject.learner(&r.Stages[i], false)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			return made.(*bridgeLearner)
		}
	}
	return nil
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
		for _, s := range l.suggested[row].captions {
			out[l.t.labels.texts[s.caption]] = s.cosine
		}
		return out
	}
	var odd int
	for row := range plain.suggested {
		if n := len(plain.suggested[row].captions); n != hintsDrawn {
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
		return slices.ContainsFunc(l.suggested[row].captions, func(s suggestion) bool { return l.t.labels.texts[s.caption] == hint })
	}
	var drawn, first int
	for seed := range uint64(20) {
		b.seed = seed
		for row, hints := range l.hints(b, 2) {
			if hints == nil {
				continue
			}
			for _, h := range hints {
				if !suggested(row, h) {
					t.Errorf("row %d: the hint %q was not suggested", row, h)
				}
			}
			if drawn++; hints[0] == l.t.labels.texts[l.suggested[row].captions[0].caption] {
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

// TestGuessesOfFolds: where the pictures of a caption are all far, its hints are said as a guess, and that is what is to be learnt.
func TestGuessesOfFolds(t *testing.T) {
	dir := t.TempDir()
	written := func(name string, lines ...string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var classes []string
	for i := range 7 {
		classes = append(classes, fmt.Sprintf(`{"names": ["class %d", "other"], "kinds": ["shape"]}`, i))
	}
	l := hinting(t, func([]map[string]string) {}, "model.vision=../vision/nfnet/testdata/tiny",
		"model.class_names="+written("classes.jsonl", classes...),
		"model.caption_kinds="+written("kinds.jsonl", `{"text": "a red circle", "kinds": ["circle", "shape"]}`))
	if got := l.t.model.Memory.Kinds[l.t.labels.of("a red circle")]; got != "circle, shape" {
		t.Errorf("a red circle is of the kinds %q", got)
	}
	b := batch{raw: make([]float32, len(l.suggested)*l.t.system.FeatureLen())}
	for row := range l.suggested {
		b.add(row, &l.t.train.pairs[row], lesson{text: l.t.train.pairs[row].texts[0]})
	}
	var guesses, bare int
	for row, s := range l.asked(b) {
		guess := l.suggested[row].guess
		hints := "Hints: " + guess + "; " + guess + "\n"
		first := l.t.labels.texts[l.suggested[row].captions[0].caption]
		own := slices.IndexFunc(l.t.train.pairs, func(p pair) bool { return p.texts[0] == first })
		if own%2 == row%2 && guess == "" {
			t.Errorf("row %d: all pictures of %q are of its own fold, and it is no guess", row, first)
		}
		switch {
		case !strings.HasPrefix(*s.prompt, "Hints: "):
			bare++
			fallthrough
		case guess == "":
			if s.text != b.lessons[row].text {
				t.Errorf("row %d, which is no guess, learns to say %q", row, s.text)
			}
		case !strings.HasPrefix(*s.prompt, hints) || s.text != guess:
			t.Errorf("row %d, a guess (%q), learns to say %q behind %q", row, guess, s.text, *s.prompt)
		case !strings.Contains(guess, first) || !strings.Contains(guess, "shape"):
			t.Errorf("row %d: the guess %q does not say %q", row, guess, first)
		default:
			guesses++
		}
	}
	if guesses == 0 || guesses+bare == len(l.suggested) || bare > len(l.suggested)/2 {
		t.Errorf("of %d rows, %d are guesses, %d have no hints", len(l.suggested), guesses, bare)
	}
	if err := l.t.rememberPictures(); err != nil {
		t.Fatal(err)
	}
	if m := l.t.model.Memory; len(m.Landmarks) == 0 || len(m.Classes) != 7 || len(m.Kinds) != len(m.Captions) {
		t.Errorf("in the end the model remembers the captions of %d landmarks, %d classes, kinds of %d captions", len(m.Landmarks), len(m.Classes), len(m.Kinds))
	}
	if k := kindsOf(l.t.model.Memory); !reflect.DeepEqual(k.classes, l.t.kinds.classes) || !slices.Equal(k.of(l.t.labels.texts), l.t.kinds.of(l.t.labels.texts)) {
		t.Errorf("who goes on with the model has the kinds %v", k)
	}
	b.rows[3] = notTrained
	if s := l.asked(b)[3]; s.text != b.lessons[3].text {
		t.Errorf("a pair that is held out is to say %q", s.text)
	}
}

// TestKindsThatDoNotFit: what is wrong with the files of kinds is said by its key.
func TestKindsThatDoNotFit(t *testing.T) {
	dir := t.TempDir()
	classes := func(lines string) string {
		path := filepath.Join(dir, fmt.Sprintf("%d.jsonl", len(lines)))
		if err := os.WriteFile(path, []byte(lines), 0o600); err != nil {
			t.Fatal(err)
		}
		return "model.class_names=" + path
	}
	some := "model.caption_kinds=" + strings.TrimPrefix(classes(`{"text": "a", "kinds": ["b"]}`+"\n"), "model.class_names=")
	for want, settings := range map[string][]string{
		"model.caption_kinds: class_names is missing":                       {some},
		"model.class_names: 1 classes, the encoder tells 0 apart":           {some, classes(`{"names": ["a"]}` + "\n")},
		".jsonl:2: the class has no name":                                   {some, classes(`{"names": ["a"]}` + "\n{}\n")},
		"model.caption_kinds: open " + filepath.Join(dir, "none") + ": no ": {classes(`{"names": ["ab"]}` + "\n"), "model.caption_kinds=" + filepath.Join(dir, "none")},
	} {
		tr := newTrainer(tiny(t, settings...), Options{})
		if err := tr.begin(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", settings, err, want)
		}
		tr.close()
	}
}
