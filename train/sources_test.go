package train

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"dragoman/data"
)

// sources is an open list of sources, whose YAML is laid over the tiny recipe's.
func sources(t *testing.T, settings ...string) *pairSet {
	t.Helper()
	r := tinyFlamingo(t, settings...)
	s, err := openPairs(r.dir, r.Data.Train, r.Data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	if err := s.listPictures(); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestOrderOfSources: a row that is a pair and part of episodes is the same pair, with the same share, whichever source comes first; and each
// dataset has its own word for what it shows.
func TestOrderOfSources(t *testing.T) {
	const plain, some, styled = "{path: tiny/pairs.jsonl, where: {split: held}, share: 0.25}",
		"{path: tiny/pairs.jsonl, where: {split: held}, episodes: {pictures: [2, 3], concept: split}}",
		"{path: tiny/pairs.jsonl, where: {split: held}, set: styled, episodes: {pictures: [2, 3], style: split}}"
	for _, order := range [][]string{{plain, some, styled}, {some, plain, styled}, {styled, some, plain}} {
		s := sources(t, "data.train=["+strings.Join(order, ", ")+"]")
		if len(s.pairs) != 6 {
			t.Fatalf("%d pairs", len(s.pairs))
		}
		for i := range s.pairs {
			p := &s.pairs[i]
			if p.share != 0.25 || len(p.in) != 3 {
				t.Errorf("share %v, in %+v", p.share, p.in)
			}
			want := []membership{{"pairs", false, "", ""}, {"episodes", true, "held", ""}, {"styled", true, p.texts[0], "held"}}
			for _, m := range want {
				if got := p.as(m.set); got == nil || *got != m {
					t.Errorf("%s: %+v, not %+v", m.set, got, m)
				}
			}
		}
	}
	if none := sources(t, "data.train=["+some+", {path: tiny/pairs.jsonl, share: 0, set: more}]"); len(none.pairs) != 6 {
		t.Errorf("%d pairs, of a source with a share of 0 as well", len(none.pairs))
	}
	two := sources(t, "data.train=["+plain+", "+strings.Replace(plain, "share: 0.25", "share: 0.5, set: more", 1)+"]")
	if len(two.pairs) != 12 || two.pairs[0].share != 0.25 || two.pairs[6].share != 0.5 {
		t.Errorf("two sources of pairs have %d", len(two.pairs))
	}
}

// TestSourcesOfPages: what a source says of pages counts for its own: which of them are wanted, how many an epoch has, how long a window is,
// and what a picture must be.
func TestSourcesOfPages(t *testing.T) {
	dir := t.TempDir()
	pictures, err := filepath.Abs("../recipes/tiny/pictures")
	if err != nil {
		t.Fatal(err)
	}
	page := func(kind, colour string) string {
		return `{"kind":"` + kind + `","parts":[{"image":"` + colour + `-ring.png"},{"text":"a ` + colour + ` ring that is followed by many a word more, and more"}]}` + "\n"
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.jsonl", page("good", "red")+page("bad", "green")+page("good", "blue"))
	write("b.jsonl", page("good", "yellow"))
	const folder = ", folder: "
	s := sources(t, "data.train=[{path: "+dir+"/a.jsonl, where: {kind: good}, share: 0, pages: {window: 8"+folder+pictures+"}},"+
		"{path: "+dir+"/b.jsonl, pages: {window: 16"+folder+pictures+"}}]")
	if n := s.pagesOf(pagesName); n != 1 || len(s.pictures) != 1 {
		t.Fatalf("%d pages with %d pictures", n, len(s.pictures))
	}
	r := tinyFlamingo(t)
	g := &gating{trainer: newTrainer(r, Options{})}
	g.train = s
	if _, err := g.open(); err != nil {
		t.Fatal(err)
	}
	defer g.model.Close()
	w := newWoven(s, pagesName, g.model, 1)
	for k := range uint64(6) { // of the first source nothing is read
		lesson, _, err := w.draw(k)
		if err != nil || len(lesson.IDs) != 16 {
			t.Errorf("a window of %d tokens, %v", len(lesson.IDs), err)
		}
	}
	w = newWoven(sources(t, "data.train=[{path: "+dir+"/a.jsonl, pages: {window: 8"+folder+pictures+"}}]"), pagesName, g.model, 1)
	if lesson, _, err := w.draw(0); err != nil || len(lesson.IDs) != 8 {
		t.Errorf("a window of %d tokens, %v", len(lesson.IDs), err)
	}
	_, err = openPairs("", []Source{{Path: dir + "/a.jsonl", Pages: PageSpec{Window: 8, Folder: pictures, MinSide: 1000}}}, DataSpec{})
	if err == nil || !strings.Contains(err.Error(), "no usable page") {
		t.Errorf("pictures of 1000 pixels and more: %v", err)
	}
}

// TestPageOptionsReachData: a PageSpec has each of package data's options by which a source is read, under its name there or one that says
// what it is for.
func TestPageOptionsReachData(t *testing.T) {
	names := map[string]string{"Pictures": "Folder", "MaxPixels": "", "Stills": "", "Skip": "", "Fetch": "", "Stdin": ""} // what every run says, and those who list pages
	o := reflect.TypeFor[data.PageOptions]()
	for i := range o.NumField() {
		name := o.Field(i).Name
		if other, ok := names[name]; ok {
			name = other
		}
		if name == "" {
			continue
		}
		if _, ok := reflect.TypeFor[PageSpec]().FieldByName(name); !ok {
			t.Errorf("a recipe cannot say %s", name)
		}
	}
}

// TestPlanOfPages: a step has as many samples as the datasets of its stage, and an epoch as many as their rows.
func TestPlanOfPages(t *testing.T) {
	p, err := DryRun(context.Background(), tinyFlamingo(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	words, pages := p.Stages[0], p.Stages[1]
	if words.Samples != 80*15 || words.Epochs != 80*15/30. || pages.Samples != 60*(15+4+4) || p.Encode != 0 || p.CacheBytes != 0 {
		t.Errorf("%+v", p)
	}
	if rows := float64(pages.Samples) / pages.Epochs; rows != float64(30+30+pagesIn(t)) {
		t.Errorf("an epoch of %v", rows)
	}
	if p.Train != 30 || p.Pages != pagesIn(t) {
		t.Errorf("%d pairs, %d pages", p.Train, p.Pages)
	}
	m := newMeter(23)
	m.since = m.since.Add(-time.Second)
	if at := m.at(&Stage{Batch: 15, Accumulate: 1, Steps: 2}, 1, nil); at.SamplesPerSecond < 15 || at.SamplesPerSecond != 23*m.speed {
		t.Errorf("%+v", at)
	}
}

// pagesIn counts the tiny recipe's pages.
func pagesIn(t *testing.T) int {
	t.Helper()
	raw, err := os.ReadFile("../recipes/tiny/pages.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(raw), "\n")
}

// TestFieldsOfNoRow: a concept, a style, or what is wanted of rows and pages, by a field that none has is an error before the run begins, not a run
// without.
func TestFieldsOfNoRow(t *testing.T) {
	for setting, want := range map[string]string{
		"data.train.1.episodes={pictures: [2, 4], concept: splt}": `tiny/pairs.jsonl: episodes: no row has the field "splt"`,
		"data.train.1.episodes={pictures: [2, 4], style: kind}":   `tiny/pairs.jsonl: episodes: no row has the field "kind"`,
		"data.train.0.where={splt: train}":                        `tiny/pairs.jsonl: where: no row has the field "splt"`,
		"data.train.0.where={split: train, spllt: '!held'}":       `tiny/pairs.jsonl: where: no row has the field "spllt"`,
		"data.train.2.where={split: train}":                       `tiny/pages.jsonl: where: no row has the field "split"`,
		"data.validation.0.where={splt: held}":                    `tiny/pairs.jsonl: where: no row has the field "splt"`,
		"report.0.concept=splt":                                   `report.0: concept: no row has the field "splt"`,
	} {
		if _, err := DryRun(t.Context(), tinyFlamingo(t, setting), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", setting, err)
		}
	}
	if _, err := DryRun(t.Context(), tinyFlamingo(t, "data.train.1.episodes={pictures: [2, 4], concept: split}", "report.0.concept=split"), Options{}); err != nil {
		t.Error(err)
	}
}
