package blip2

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"dragoman/language"
	"dragoman/tensor"

	"gonum.org/v1/gonum/mat"
)

// readingModel is a tiny model whose language model reads texts too.
func readingModel(t *testing.T, edits ...func(*Config)) *Model {
	return tinyModel(t, append([]func(*Config){func(c *Config) {
		c.Shared = c.QFormer.Width
		c.Extras.TextReading, c.Extras.TextPooling = "a {text} is", "mean"
	}}, edits...)...)
}

var readTexts = []string{"a red circle", "a blue bar", "a green bar", "a bar", "a circle", "red", "blue circle", "a red bar", "a purple ring", "black square"}

// TestReadings compares the language model's states behind texts, read together, with those of each text by itself.
func TestReadings(t *testing.T) {
	m := readingModel(t)
	run := tensor.NewRun(tensor.Options{})
	together := m.Readings(run, readTexts)
	if got, want := together.Shape(), []int{len(readTexts), m.Language.Config().Width}; !slices.Equal(got, want) {
		t.Fatalf("states %v, want %v", got, want)
	}
	for i, text := range readTexts {
		ids := m.Tokenizer.Encode("a "+text+" is", true)
		if other := slices.Concat(m.Tokenizer.Encode("a "+text, true), m.Tokenizer.Encode(" is", false)); !slices.Equal(ids, other) {
			t.Fatalf("%q is other tokens in pieces: %v, %v", text, ids, other)
		}
		alone := tensor.NewRun(tensor.Options{})
		h := m.Language.Forward(alone, language.Input{Embeds: m.Language.Embed(alone, ids, 1, len(ids))})
		w := h.Dim(-1)
		near(t, text, together.Data()[i*w:(i+1)*w], h.Data()[(len(ids)-1)*w:], 1e-5)
	}
	many := slices.Repeat(readTexts, 13)
	run.Reset()
	again := m.Readings(run, many)
	near(t, "many texts", again.Data()[:len(readTexts)*again.Dim(1)], m.Readings(tensor.NewRun(tensor.Options{}), readTexts).Data(), 1e-5)
	near(t, "the last of many texts", again.Data()[(len(many)-1)*again.Dim(1):], m.Readings(tensor.NewRun(tensor.Options{}), many[len(many)-1:]).Data(), 1e-5)
	long := strings.Repeat("a red circle ", readTokens)
	if got := m.Readings(tensor.NewRun(tensor.Options{}), []string{long}); !finiteAll(got.Data()) {
		t.Error("a long text's state is not finite")
	}
}

func finiteAll(x []float32) bool {
	return !slices.ContainsFunc(x, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) })
}

// TestReadingStartsAtNothing: a fresh bridge embeds texts as one does that nobody reads for.
func TestReadingStartsAtNothing(t *testing.T) {
	with, without := readingModel(t), readingModel(t, func(c *Config) { c.Extras.TextReading = "" })
	if without.Bridge.Reading != nil || with.Bridge.Reading == nil {
		t.Fatal("who reads is not as the configuration says")
	}
	run := tensor.NewRun(tensor.Options{})
	a, b := with.EmbedTexts(run, readTexts), without.EmbedTexts(run, readTexts)
	if !slices.Equal(a, b) {
		t.Error("zeros change what texts are embedded as")
	}
}

// TestTurnTogether: the directions that are kept have nothing in common, the first vary least, and no direction that is left out varies more.
func TestTurnTogether(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const n, wide, more, kept = 40, 6, 9, 5
	x, y := make([]float32, n*wide), make([]float32, n*more)
	for i := range x {
		x[i] = float32(random.NormFloat64()) * float32(1+i%wide)
	}
	for i := range y {
		y[i] = float32(random.NormFloat64()) + x[i/more*wide+i%wide]
	}
	a, err := whiten(x, wide, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	b, err := whiten(y, more, 0.5)
	if err != nil {
		t.Fatal(err)
	}
	a.spread(1)
	b.spread(readingShare)
	if got := mat.Norm(b.spreadOut(), 2); math.Abs(got-readingShare*math.Sqrt(n)) > 1e-9 {
		t.Errorf("rows spread to %v", got)
	}
	ofA, ofB, err := turnTogether(a, b, kept, 0)
	if err != nil {
		t.Fatal(err)
	}
	var z, w, covariance mat.Dense
	z.Mul(a.rows, ofA.T())
	w.Mul(b.rows, ofB.T())
	z.Add(&z, &w)
	covariance.Mul(z.T(), &z)
	var sum float64
	for i := range kept {
		sum += covariance.At(i, i)
		for j := range i {
			if math.Abs(covariance.At(i, j)) > 1e-9 || covariance.At(i, i) < covariance.At(j, j) {
				t.Fatalf("directions %d and %d: %v of %v and %v", j, i, covariance.At(i, j), covariance.At(j, j), covariance.At(i, i))
			}
		}
	}
	if all := float64(n) * (1 + readingShare*readingShare); sum < all*kept/(wide+more) || sum > all {
		t.Errorf("%v of %v is kept", sum, all)
	}
}

// TestWhitenReadings: behind the projections texts have no mean, and no rotation would bring them nearer to where the text stream alone has
// them: what both have in common is a symmetric matrix without a negative eigenvalue. What is saved opens again.
func TestWhitenReadings(t *testing.T) {
	m, alone := readingModel(t), readingModel(t, func(c *Config) { c.Extras.TextReading = "" })
	for _, m := range []*Model{m, alone} {
		if err := m.WhitenTexts(readTexts, 0.5); err != nil {
			t.Fatal(err)
		}
	}
	run := tensor.NewRun(tensor.Options{})
	n, width := len(readTexts), m.Config.Shared
	x := run.Add(
		m.Bridge.Heads.Text.Forward(run, m.Bridge.poolTexts(run, m.Texts(readTexts, 64))),
		run.MatMul(m.Readings(run, readTexts), m.Bridge.Reading, true)).Data()
	for j := range width {
		var mean float64
		for i := range n {
			mean += float64(x[i*width+j]) / float64(n)
		}
		if math.Abs(mean) > 1e-4 {
			t.Fatalf("direction %d has a mean of %v", j, mean)
		}
	}
	a, b := alone.EmbedTexts(run, readTexts), m.EmbedTexts(run, readTexts)
	cross := mat.NewSymDense(width, nil)
	for j := range width {
		for k := range width {
			var one, other float64
			for i := range n {
				one += float64(a[i*width+j]) * float64(b[i*width+k])
				other += float64(a[i*width+k]) * float64(b[i*width+j])
			}
			if math.Abs(one-other) > 1e-3 {
				t.Fatalf("directions %d and %d: %v, %v", j, k, one, other)
			}
			cross.SetSym(j, k, one)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(cross, false) || eigen.Values(nil)[0] < -1e-3 || mat.Trace(cross) < float64(n)/4 {
		t.Errorf("eigenvalues from %v, in all %v of %d", eigen.Values(nil)[0], mat.Trace(cross), n)
	}
	var read float64
	for _, v := range m.Bridge.Reading.Data() {
		read += float64(v) * float64(v)
	}
	if read == 0 {
		t.Error("what the language model reads does not count")
	}
	again := saved(t, m)
	near(t, "embedded texts", again.EmbedTexts(run, readTexts), m.EmbedTexts(run, readTexts), 1e-6)
}

// TestContrastWithReadings: the contrast's gradient reaches the reading's projection, as finite differences have it; the second stage leaves it.
func TestContrastWithReadings(t *testing.T) {
	m := readingModel(t)
	if err := m.WhitenTexts(readTexts, 0.5); err != nil {
		t.Fatal(err)
	}
	loss := func(run *tensor.Run) *tensor.Tensor {
		p := Pairs{View: m.Features(run, tinyFeatures(m, 3)), Text: m.Texts(readTexts[:3], 64), Reading: m.Readings(run, readTexts[:3])}
		return m.Bridge.Stage1(run, p, Objective{Contrast: 1}).Total
	}
	if learns := m.StageParams(Learns{Second: true}); slices.Contains(learns, m.Bridge.Reading) {
		t.Error("the caption's loss does not reach the projection")
	}
	if learns := m.StageParams(Learns{First: true}); !slices.Contains(learns, m.Bridge.Reading) {
		t.Fatal("the projection does not learn")
	}
	run := tensor.NewRun(tensor.Options{Grad: true})
	run.Backward(loss(run), 1)
	grad := slices.Clone(m.Bridge.Reading.Grad())
	at := 0
	for i, g := range grad {
		if math.Abs(float64(g)) > math.Abs(float64(grad[at])) {
			at = i
		}
	}
	const step = 1e-3
	value := &m.Bridge.Reading.Data()[at]
	was := *value
	*value = was + step
	up := loss(tensor.NewRun(tensor.Options{})).Data()[0]
	*value = was - step
	down := loss(tensor.NewRun(tensor.Options{})).Data()[0]
	*value = was
	if got, want := float64(grad[at]), float64(up-down)/(2*step); want == 0 || math.Abs(got-want) > 0.02*math.Abs(want) {
		t.Errorf("gradient %v, by differences %v", got, want)
	}
}

// TestReadingIsRefused: a configuration that nobody could read texts by.
func TestReadingIsRefused(t *testing.T) {
	c := oracleConfig()
	c.Language.Type = "llama"
	for template, want := range map[string]string{"a {text}": "", "a": "{text} among them", "{text} {text}": "{text} among them", " {text}": "not words"} {
		c.Extras.TextReading = template
		if err := c.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", template, err)
		}
	}
	c.Extras.TextReading, c.Language.Type = "a {text}", ""
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "no language model") {
		t.Errorf("without a language model: %v", err)
	}
}

// TestKeepReadings: what is kept is what is read, and is not read again; other texts still are.
func TestKeepReadings(t *testing.T) {
	m := readingModel(t)
	run := tensor.NewRun(tensor.Options{})
	want := slices.Clone(m.Readings(run, readTexts).Data())
	m.KeepReadings(readTexts)
	if got := m.Readings(run, readTexts).Data(); !slices.Equal(got, want) {
		t.Error("what was kept is another reading")
	}
	some := []string{readTexts[7], readTexts[2]}
	w := m.Bridge.Reading.Dim(1)
	m.kept.states.Data()[2*w]++
	got := m.Readings(run, some).Data()
	if want[2*w]+1 != got[w] || !slices.Equal(got[:w], want[7*w:8*w]) {
		t.Error("texts that were kept are read again")
	}
	other := slices.Clone(m.Readings(run, []string{readTexts[2], "a white cross"}).Data())
	near(t, "beside a text that was not kept", other[:w], want[2*w:3*w], 1e-5)
	m.KeepReadings([]string{"a white cross"})
	near(t, "kept anew", m.Readings(run, readTexts[:1]).Data(), want[:w], 1e-5)
}
