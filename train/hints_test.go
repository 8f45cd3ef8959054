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
	plain := hinting(t, func([]map[string]string) {}, "model.qformer.hints=16")
	turned := hinting(t, func(rows []map[string]string) { // the captions of all even rows, in another order
		var texts []string
		for i := 0; i < len(rows); i += 2 {
			texts = append(texts, rows[i]["text"])
		}
		for i := 0; i < len(rows); i += 2 {
			rows[i]["text"] = texts[(i/2+1)%len(texts)]
		}
	}, "model.qformer.hints=16")
	var odd int
	for row := range plain.suggested {
		was, is := plain.suggested[row].hints, turned.suggested[row].hints
		if len(was) != 16 {
			t.Fatalf("row %d: %d captions are suggested", row, len(was))
		}
		same := slices.Equal(was, is)
		if row%2 == 0 && !same {
			t.Errorf("row %d: its own captions' order changes %q to %q", row, was, is)
		}
		if row%2 == 1 && !same {
			odd++
		}
	}
	if odd == 0 {
		t.Error("the captions of the even rows do not matter to the odd ones")
	}
}

// TestHintsOfFolds: hints are what is suggested, for what is trained on alone, and now and then there are none; all but what is far less
// likely than the first.
func TestHintsOfFolds(t *testing.T) {
	const share = 0.9
	all, l := hinting(t, func([]map[string]string) {}), hinting(t, func([]map[string]string) {}, fmt.Sprintf("model.qformer.hint_share=%v", share))
	rows := len(l.t.train.pairs)
	b := batch{raw: make([]float32, rows*l.t.system.FeatureLen())}
	for row := range rows {
		b.add(row, &l.t.train.pairs[row], lesson{text: l.t.train.pairs[row].texts[0]})
	}
	drawn := 0
	for seed := range uint64(20) {
		b.seed = seed
		for row, hints := range l.hints(b) {
			if hints == nil {
				continue
			}
			drawn++
			if !slices.Equal(hints, l.suggested[row].hints) {
				t.Errorf("row %d: the hints %q, not %q", row, hints, l.suggested[row].hints)
			}
		}
	}
	if n := 20 * rows; drawn == n || drawn < n*8/10 {
		t.Errorf("%d of %d prompts have hints", drawn, n)
	}
	sure := 0
	for row, s := range l.suggested {
		both := all.suggested[row].hints
		if len(both) != 2 || !slices.Equal(s.hints, both[:len(s.hints)]) || len(s.hints) == 0 {
			t.Errorf("row %d: %q of %q", row, s.hints, both)
		}
		if len(s.hints) == 1 {
			sure++
		}
	}
	if sure == 0 || sure == rows {
		t.Errorf("%d of %d rows have one hint", sure, rows)
	}
	b.rows[2] = notTrained
	for row, hints := range l.hints(b) {
		if row != 2 && hints != nil && !slices.Equal(hints, l.suggested[row].hints) {
			return
		}
	}
	t.Error("a batch that is held out is given suggestions of what is trained on")
}

// TestHeadsThatLookAgain: heads see near_views views of each picture, but of a fold none; a head without landmarks has no use for them.
func TestHeadsThatLookAgain(t *testing.T) {
	stages := func(views int) string {
		return fmt.Sprintf("stages=[{kind: warm, name: warm, steps: 0, batch: 4, lr: 1e-3, ridge: 1, near_ridge: 0.01, near_views: %d},"+
			" {kind: stage2, steps: 1, batch: 4, lr: 1e-3, hint_folds: side, ridge: 1, near_ridge: 0.01, near_views: %d}]", views, views)
	}
	once := hinting(t, func([]map[string]string) {}, "views.augment=drawing", stages(0))
	again := hinting(t, func([]map[string]string) {}, "views.augment=drawing", stages(2))
	if slices.Equal(once.t.model.Bridge.Head.Landmarks.Values.Data(), again.t.model.Bridge.Head.Landmarks.Values.Data()) {
		t.Error("the head is what it is without views")
	}
	others := 0
	for row := range once.suggested {
		if !slices.Equal(once.suggested[row].hints, again.suggested[row].hints) {
			others++
		}
	}
	if others == 0 {
		t.Error("a fold's head suggests what it does without views")
	}
	w := &warmer{t: again.t, stage: again.stage, texts: again.t.model.Memory.Texts}
	x, captions, err := again.t.summaries(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.lookAgain(); err != nil {
		t.Fatal(err)
	}
	folds, err := w.folds("side", captions)
	if err != nil {
		t.Fatal(err)
	}
	before, err := w.fit(x, captions, folds[0])
	if err != nil {
		t.Fatal(err)
	}
	each := len(w.views) / len(captions)
	for _, i := range folds[0].without {
		clear(w.views[i*each : (i+1)*each])
	}
	if after, err := w.fit(x, captions, folds[0]); err != nil || !slices.Equal(before.Landmarks.Values.Data(), after.Landmarks.Values.Data()) {
		t.Errorf("the views of a fold's own pictures count (%v)", err)
	}
	again.t.model.Bridge.Head.Landmarks = nil
	if err := w.lookAgain(); err == nil || !strings.Contains(err.Error(), "no landmarks") {
		t.Error(err)
	}
}

// TestHintsBesideQuestions: a row's own question has hints before it as the model will be asked, and a guess is not taken for its answer.
func TestHintsBesideQuestions(t *testing.T) {
	l := hinting(t, func([]map[string]string) {})
	b := batch{raw: make([]float32, 2*l.t.system.FeatureLen())}
	l.t.train.pairs[1].question = "How many?"
	for row := range 2 {
		l.suggested[row] = suggested{[]string{"one or two", "one or two"}, true}
		b.add(row, &l.t.train.pairs[row], l.t.train.pairs[row].lesson(l.t.model, rng(1, "lesson")))
	}
	got := l.asked(b)
	const hints = "Hints: one or two; one or two\n"
	if want := hints + "Caption:"; *got[0].prompt != want || got[0].text != "one or two" {
		t.Errorf("%q is to be learnt behind %q", got[0].text, *got[0].prompt)
	}
	if want := hints + "Question: How many? Answer:"; *got[1].prompt != want || got[1].text != b.lessons[1].text {
		t.Errorf("%q is to be learnt behind %q", got[1].text, *got[1].prompt)
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
		said := l.suggested[row].hints[0]
		if !l.suggested[row].guess && slices.IndexFunc(l.t.train.pairs, func(p pair) bool { return p.texts[0] == said })%2 == row%2 {
			t.Errorf("row %d: all pictures of %q are of its own fold, and it is no guess", row, said)
		}
		switch {
		case !strings.HasPrefix(*s.prompt, "Hints: "):
			bare++
			fallthrough
		case !l.suggested[row].guess:
			if s.text != b.lessons[row].text {
				t.Errorf("row %d, which is no guess, learns to say %q", row, s.text)
			}
		case !strings.HasPrefix(*s.prompt, "Hints: "+said+"; "+said+"\n") || s.text != said:
			t.Errorf("row %d, a guess (%q), learns to say %q behind %q", row, said, s.text, *s.prompt)
		case !strings.Contains(said, "shape") || !strings.Contains(said, "a "):
			t.Errorf("row %d: the guess %q", row, said)
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
