package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/data"
	"dragoman/kernel"
	"dragoman/tensor"
)

// rowsOf writes rows about the tiny pictures: picture, text, question.
func rowsOf(t *testing.T, rows [][3]string) string {
	t.Helper()
	var b strings.Builder
	for _, r := range rows {
		path, err := filepath.Abs("../recipes/tiny/pictures/" + r[0] + ".png")
		if err != nil {
			t.Fatal(err)
		}
		question := ""
		if r[2] != "" {
			question = fmt.Sprintf(",\"question\":%q", r[2])
		}
		fmt.Fprintf(&b, "{\"image\":%q,\"text\":%q%s}\n", path, r[1], question)
	}
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestHoldHoldsPictures: a picture that is held out is held out with all of its rows, or it would have been trained on; and where every
// row has a picture of its own, those are held that an order of the rows says.
func TestHoldHoldsPictures(t *testing.T) {
	var pairs []pair
	for i := range 300 {
		pairs = append(pairs, pair{picture: i % 100, row: i})
	}
	train, held := hold(pairs, 0.1, 7)
	if len(held) != 30 || len(train) != 270 {
		t.Fatalf("%d to train on, %d held", len(train), len(held))
	}
	shown := map[int]bool{}
	for _, p := range train {
		shown[p.picture] = true
	}
	for _, p := range held {
		if shown[p.picture] {
			t.Errorf("picture %d is held and trained on", p.picture)
		}
	}
	_, want := data.Split(100, 0.1, mix(7, "hold"))
	_, held = hold(pairs[:100], 0.1, 7)
	var got []int
	for _, p := range held {
		got = append(got, p.row)
	}
	if !slices.Equal(got, want) {
		t.Errorf("of pictures with a row each %v are held, not %v", got, want)
	}
}

// TestHoldLeavesSourcesOut: pictures of a source with `hold: false` change nothing of what others hold out, and are held out with them.
func TestHoldLeavesSourcesOut(t *testing.T) {
	var pairs []pair
	for i := range 50 {
		pairs = append(pairs, pair{picture: i, row: i})
	}
	_, before := hold(pairs, 0.2, 7)
	more := slices.Clone(pairs)
	for i := range 100 {
		more = append(more, pair{picture: i, row: 1000 + i, kept: true}) // half of them of the same pictures
	}
	train, held := hold(more, 0.2, 7)
	if len(before) != 10 || len(held) != 20 || len(train) != 130 {
		t.Fatalf("%d held before, then %d, and %d to train on", len(before), len(held), len(train))
	}
	for i, p := range before {
		if held[i].row != p.row || held[10+i].row != 1000+p.picture {
			t.Errorf("held are rows %d and %d for row %d", held[i].row, held[10+i].row, p.row)
		}
	}

	rows, drawn := rowsOf(t, [][3]string{{"red-bar", "a bar", ""}, {"blue-bar", "a blue bar", ""}}), rowsOf(t, [][3]string{{"green-bar", "a green bar", ""}})
	r := tinyFlamingo(t, "data={train: [{path: "+rows+"}, {path: "+drawn+", hold: false}], hold: 0.3, max_tokens: 32}", "report=[]")
	g := &gating{trainer: newTrainer(r, Options{})}
	defer g.close()
	if err := g.openData(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(g.held) != 1 || g.held[0].kept || len(g.train.pairs) != 2 || !g.train.pairs[1].kept {
		t.Errorf("held %v of %v", g.held, g.train.pairs)
	}
}

// TestCacheHasPicturesOnce: however many rows speak of a picture, it is encoded once, and is not flipped if one of them would be wrong then.
func TestCacheHasPicturesOnce(t *testing.T) {
	path := rowsOf(t, [][3]string{{"red-bar", "a bar", ""}, {"blue-bar", "a blue bar", ""}, {"red-bar", "red", "what colour is the bar on the left?"}})
	cache := t.TempDir()
	r := tinyFlamingo(t, "data={train: [{path: "+path+"}], max_tokens: 32}", "views={augment: drawing, cached: 2, cache: "+cache+"}", "report=[]")
	g := &gating{trainer: newTrainer(r, Options{})}
	defer g.close()
	if err := g.openData(context.Background()); err != nil {
		t.Fatal(err)
	}
	g.compute, g.run = kernel.F32, tensor.NewRun(tensor.Options{})
	var err error
	if g.system, err = g.open(); err != nil {
		t.Fatal(err)
	}
	g.views = newViews(g.system, r, g.compute)
	encoded := 0
	if err := g.views.fill(context.Background(), r, g.train, func(done, all int) { encoded = all }); err != nil {
		t.Fatal(err)
	}
	if encoded != 2 {
		t.Errorf("%d pictures were encoded, not 2", encoded)
	}
	reqs, _ := different(g.train.pairs)
	if reqs[0].pair.mayFlip || !reqs[1].pair.mayFlip || !g.train.pairs[0].mayFlip {
		t.Error("the red bar may be flipped, or the blue one may not, or the row itself was changed")
	}
	for view := range uint64(2) {
		var seen [][]float32
		for i := range g.train.pairs {
			f, err := g.views.features([]request{{pair: &g.train.pairs[i], index: i, view: view}})
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, f)
		}
		if !slices.Equal(seen[0], seen[2]) {
			t.Errorf("view %d of one picture differs from row to row", view)
		}
		if slices.Equal(seen[0], seen[1]) {
			t.Errorf("view %d of two pictures is the same", view)
		}
	}
}

// TestValidationByDataset: where several datasets are validated on, the loss of each is told beside that of all, and is what it is alone.
func TestValidationByDataset(t *testing.T) {
	described := rowsOf(t, [][3]string{{"red-bar", "a red bar", ""}, {"blue-bar", "a blue bar", ""}, {"green-bar", "a green bar", ""}})
	asked := rowsOf(t, [][3]string{{"red-bar", "yes", "is it red?"}, {"blue-bar", "no", "is it red?"}})
	validation := func(sources string) map[string]float64 {
		r := tinyFlamingo(
			t, "data.validation=["+sources+"]", "report=[]",
			"stages=[{name: pages, kind: pages, sets: [{name: episodes, batch: 2}], batch: 2, steps: 1, lr: 1e-3}]",
		)
		if err := Run(context.Background(), r, Options{}); err != nil {
			t.Fatal(err)
		}
		log := metricsOf(t, r)
		for _, rec := range log.records {
			if rec.Validation != nil {
				return rec.Validation
			}
		}
		t.Fatal("nothing was validated")
		return nil
	}
	first, second := "{path: "+described+"}", "{path: "+asked+", set: asked}"
	one, other, both := validation(first), validation(second), validation(first+", "+second)
	if len(one) != 1 || len(other) != 1 || len(both) != 3 {
		t.Fatalf("%v, %v, together %v", one, other, both)
	}
	for name, want := range map[string]float64{"loss.pairs": one["loss"], "loss.asked": other["loss"], "loss": (3*one["loss"] + 2*other["loss"]) / 5} {
		if got := both[name]; math.Abs(got-want) > 1e-5*want {
			t.Errorf("%s is %v, not %v", name, got, want)
		}
	}
	if math.Abs(one["loss"]-other["loss"]) < 1e-3 {
		t.Errorf("both losses are %v: nothing is told apart", one["loss"])
	}
}

// TestHoldSeed: a recipe with another seed holds what the recipe before it held, where it says by what that was drawn.
func TestHoldSeed(t *testing.T) {
	held := func(settings ...string) (rows []int) {
		r := tinyFlamingo(t, append([]string{"data={train: [{path: tiny/pairs.jsonl}], hold: 0.2, max_tokens: 32}", "report=[]"}, settings...)...)
		g := &gating{trainer: newTrainer(r, Options{})}
		if err := g.openData(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer g.train.close()
		for _, p := range g.held {
			rows = append(rows, p.row)
		}
		return rows
	}
	first := held()
	if len(first) < 3 {
		t.Fatalf("rows %v are held", first)
	}
	if other := held("seed=6"); slices.Equal(other, first) {
		t.Errorf("rows %v are held under either seed", other)
	}
	if same := held("seed=6", "data.hold_seed=1"); !slices.Equal(same, first) {
		t.Errorf("rows %v are held, not %v", same, first)
	}
}

// TestStagesSeeOtherViews: a stage does not begin with the views of the stage before it, where two are cached either.
func TestStagesSeeOtherViews(t *testing.T) {
	run := trainer{}
	first := run.view(0)
	run.state.Stage = 1
	if second := run.view(0); second == first || second%2 == first%2 {
		t.Errorf("both begin with view %d", first)
	}
}
