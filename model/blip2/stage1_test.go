package blip2

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"dragoman/bridge/qformer"
	"dragoman/kernel"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
)

// oracleConfig is the shape that tools/oracle/stage1.py uses.
func oracleConfig() Config {
	return Config{
		QFormer: qformer.Config{
			Width: 16, Layers: 3, Heads: 4, FeedForward: 32, Queries: 3, CrossEvery: 2, FeatureWidth: 12,
			Act: kernel.GELU, Eps: 1e-12, InitStd: 0.02, Text: true, Vocab: 41, Positions: 9,
		},
		Shared: 8, ImageID: -1,
	}
}

type oracle struct {
	t    *testing.T
	file *weights.File
}

func openOracle(t *testing.T) oracle {
	t.Helper()
	f, err := weights.Open("testdata/stage1.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return oracle{t, f}
}

func (o oracle) floats(name string) []float32 {
	o.t.Helper()
	x, ok := o.file.Lookup(name)
	if !ok {
		o.t.Fatalf("the oracle's file has no %s", name)
	}
	v, err := x.Float32()
	if err != nil {
		o.t.Fatal(err)
	}
	return v
}

func (o oracle) ints(name string) []int32 {
	var out []int32
	for _, v := range o.floats(name) {
		out = append(out, int32(v))
	}
	return out
}

func (o oracle) pairs() Pairs {
	var mask []uint8
	for _, v := range o.ints("input.attention_mask") {
		mask = append(mask, uint8(v))
	}
	return Pairs{
		View:           View{Tokens: tensor.FromFloats(o.floats("input.features"), 4, 5, 12)},
		Text:           qformer.Text{IDs: o.ints("input.input_ids"), Mask: mask, Len: 6},
		NegativeImages: o.ints("input.itm_negative_images"),
		NegativeTexts:  o.ints("input.itm_negative_texts"),
	}
}

func (o oracle) bridge() (*Bridge, []*tensor.Tensor) {
	o.t.Helper()
	b := nn.NewBuilder(o.file, nn.BuilderOptions{}).Trainable(true)
	br := NewBridge(b, oracleConfig(), nil, Want{})
	if err := b.Err(); err != nil {
		o.t.Fatal(err)
	}
	return br, b.Params()
}

// near compares values relative to the largest of those wanted, or to 1e-3 where all are smaller: the gradient of a key's bias
// is zero but for rounding, since a softmax does not change when all scores do.
func near(t *testing.T, name string, got, want []float32, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", name, len(got), len(want))
	}
	var scale, worst float64
	for i, w := range want {
		scale = max(scale, math.Abs(float64(w)))
		d := math.Abs(float64(got[i]) - float64(w))
		if !(d <= worst) {
			worst = d
		}
	}
	if !(worst <= tolerance*max(scale, 1e-3)) {
		t.Errorf("%s: off by %.3g where the largest is %.3g", name, worst, scale)
	}
}

func TestStage1AgainstPyTorch(t *testing.T) {
	for _, engine := range kernel.Engines() {
		t.Run(engine.Family().String(), func(t *testing.T) {
			o := openOracle(t)
			br, params := o.bridge()
			run := tensor.NewRun(tensor.Options{Grad: true, Engine: engine})
			l := br.Stage1(run, o.pairs(), PaperObjective())
			near(t, "itc", l.ITC.Data(), o.floats("loss.itc"), 1e-5)
			near(t, "itm", l.ITM.Data(), o.floats("loss.itm"), 1e-5)
			near(t, "itg", l.ITG.Data(), o.floats("loss.itg"), 1e-5)
			near(t, "loss", l.Total.Data(), o.floats("loss.loss"), 1e-5)
			near(t, "similarity", l.Similarity.Data(), o.floats("output.i2t"), 1e-5)
			near(t, "matching logits", l.MatchLogits.Data(), o.floats("output.itm_logits"), 1e-4)
			run.Backward(l.Total, 1)
			seen := 0
			for _, name := range o.file.Names() {
				if strings.HasPrefix(name, "grad.") {
					seen++
				}
			}
			if seen != len(params) {
				t.Errorf("%d parameters, PyTorch has gradients of %d", len(params), seen)
			}
			for _, p := range params {
				near(t, "gradient of "+p.Name(), p.Grad(), o.floats("grad."+p.Name()), 1e-3)
			}
		})
	}
}

// TestPaddingIsNotPredicted: the words before padding do not see it, so that the generation's loss is the same without a mask.
func TestPaddingIsNotPredicted(t *testing.T) {
	o := openOracle(t)
	br, _ := o.bridge()
	p := o.pairs()
	p.Text.Mask = nil
	l := br.Stage1(tensor.NewRun(tensor.Options{}), p, Objective{Generation: 1, Smoothing: 0.1})
	near(t, "itg", l.ITG.Data(), o.floats("loss.itg"), 1e-5)
}

// TestNegativesOfOneKind: where only pictures or only texts are given that do not fit, the others are drawn and these are kept.
func TestNegativesOfOneKind(t *testing.T) {
	o := openOracle(t)
	br, _ := o.bridge()
	want := o.floats("output.itm_logits")
	part := len(want) / 3
	for kind := range 2 {
		p := o.pairs()
		p.Rand = rand.New(rand.NewPCG(1, 2))
		if kind == 0 {
			p.NegativeTexts = nil
		} else {
			p.NegativeImages = nil
		}
		for _, objective := range []Objective{PaperObjective(), {Matching: 1}} {
			l := br.Stage1(tensor.NewRun(tensor.Options{}), p, objective)
			from := part * (1 + kind)
			near(t, "matching logits of negatives that are given", l.MatchLogits.Data()[from:from+part], want[from:from+part], 1e-4)
		}
	}
}

// TestObservingChangesNothing compares every loss bit by bit with and without somebody looking.
func TestObservingChangesNothing(t *testing.T) {
	o := openOracle(t)
	br, _ := o.bridge()
	plain := tensor.NewRun(tensor.Options{})
	watched := tensor.NewRun(tensor.Options{Observer: &watcher{}})
	a := br.Stage1(plain, o.pairs(), PaperObjective()).Total.Data()[0]
	b := br.Stage1(watched, o.pairs(), PaperObjective()).Total.Data()[0]
	if math.Float32bits(a) != math.Float32bits(b) {
		t.Errorf("the loss is %v unobserved and %v observed", a, b)
	}
	w := watched.Options().Observer.(*watcher)
	if w.modules["qformer.encoder.layer.2.crossattention"] == 0 || w.maps["qformer.encoder.layer.0.attention.attention_probs"] == nil {
		t.Errorf("modules %v and maps %v were seen", w.modules, w.maps)
	}
	// The last pass that attends in both streams is matching: queries and text, each over both.
	if got, want := w.joined, [4]int{12, 4, 9, 9}; got != want {
		t.Errorf("matching's map is %v, not %v", got, want)
	}
}

type watcher struct {
	modules map[string]int
	maps    map[string][]int
	joined  [4]int
}

func (w *watcher) Module(path string, _ *tensor.Tensor) {
	if w.modules == nil {
		w.modules = map[string]int{}
	}
	w.modules[path]++
}
func (w *watcher) WantsModule(string) bool { return true }
func (w *watcher) WantsMap(string) bool    { return true }
func (w *watcher) Map(path string, probs *tensor.Tensor) {
	if w.maps == nil {
		w.maps = map[string][]int{}
	}
	w.maps[path] = probs.Shape()
	if s := probs.Shape(); s[0] == 12 && s[3] == 9 {
		w.joined = [4]int(s)
	}
}

func TestEqualCaptionsArePositives(t *testing.T) {
	targets := sharedTargets([]int32{7, 3, 7, 9}, 0.1)
	want := []float32{
		0.475, 0.025, 0.475, 0.025,
		0.025, 0.925, 0.025, 0.025,
		0.475, 0.025, 0.475, 0.025,
		0.025, 0.025, 0.025, 0.925,
	}
	near(t, "targets", targets, want, 1e-6)
}

func TestNegativesAreStrangers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	same := []int32{0, 1, 0, 2}
	s := tensor.FromFloats([]float32{
		50, 1, 90, 2,
		1, 50, 1, 8,
		90, 1, 50, 2,
		2, 30, 2, 50,
	}, 4, 4)
	counts := map[[2]int32]int{}
	for range 400 {
		images, texts := drawNegatives(s, 4, same, false, rng)
		for i := range int32(4) {
			for _, other := range []int32{images[i], texts[i]} {
				if same[other] == same[i] {
					t.Fatalf("pair %d got a negative of its own caption: %d", i, other)
				}
			}
			counts[[2]int32{i, texts[i]}]++
		}
	}
	if hard, easy := counts[[2]int32{1, 3}], counts[[2]int32{1, 0}]; hard < 350 || easy > 50 {
		t.Errorf("the text of similarity 8 was drawn %d times, that of 1 %d times", hard, easy)
	}
	if images, _ := drawNegatives(nil, 2, []int32{5, 5}, true, rng); images[0] != 1 || images[1] != 0 {
		t.Errorf("a batch of one caption drew %v", images)
	}
}
