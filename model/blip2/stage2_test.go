package blip2

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
)

// tinyModel is a fresh model over the frozen parts of recipes/tiny, small enough for finite differences.
func tinyModel(t *testing.T, edits ...func(*Config)) *Model {
	t.Helper()
	c := oracleConfig()
	c.QFormer.Width, c.QFormer.Heads, c.QFormer.FeedForward, c.QFormer.Layers = 32, 2, 64, 2
	c.QFormer.InitStd = 0.2
	c.Shared = 16
	c.Extras = Extras{SoftPromptNorm: true, Prompt: "a"}
	for _, edit := range edits {
		edit(&c)
	}
	tiny, err := filepath.Abs("../../recipes/tiny")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Assemble(c, Parts{
		Files: Dir(tiny), Vision: "vision", Language: "language", Text: "text", Seed: 2,
	}, Options{Trainable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// saved is a model that was saved and opened again.
func saved(t *testing.T, m *Model) *Model {
	t.Helper()
	dir := t.TempDir()
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { again.Close() })
	return again
}

func tinyFeatures(m *Model, n int) []float32 {
	raw := make([]float32, n*m.FeatureLen())
	for i := range raw {
		raw[i] = float32(math.Sin(float64(i) * 0.7))
	}
	return raw
}

func (m *Model) testLoss(run *tensor.Run, raw []float32, prompts, captions [][]int32) *tensor.Tensor {
	s := m.SeeFeatures(run, raw)
	return m.Stage2(run, s.Answer, s.View, prompts, captions)
}

// TestStage2Gradients compares gradients through the frozen language model with finite differences: of the queries' soft prompt, and
// of the one without queries.
func TestStage2Gradients(t *testing.T) {
	t.Run(softQueries, func(t *testing.T) { testStage2Gradients(t, tinyModel(t), 8) })
	for kind, least := range withoutQueries {
		t.Run(kind, func(t *testing.T) { testStage2Gradients(t, tinyModel(t, unqueried(kind)), least) })
	}
}

// withoutQueries are the soft prompts that the Q-Former has no part in, and how many of their parameters have a gradient to speak of.
var withoutQueries = map[string]int{softLinear: 3, softResampler: 8, softPerceiver: 8}

// unqueried turns a configuration into one of those.
func unqueried(kind string) func(c *Config) {
	return func(c *Config) {
		c.Extras.SoftPrompt = kind
		c.Extras.Features = []string{kindTokens, kindPooled}
		c.QFormer.FeatureWidth = 12
	}
}

// TestWithoutQueries: what is saved of a soft prompt without queries opens again and gives the same words, and the Q-Former does not
// learn. That the latents see one another makes a difference.
func TestWithoutQueries(t *testing.T) {
	words := map[string][]float32{}
	for kind := range withoutQueries {
		t.Run(kind, func(t *testing.T) { words[kind] = testWithoutQueries(t, kind) })
	}
	if slices.Equal(words[softResampler], words[softPerceiver]) {
		t.Error("the plain Perceiver's words are the resampler's")
	}
}

func testWithoutQueries(t *testing.T, kind string) []float32 {
	m := tinyModel(t, unqueried(kind))
	again := saved(t, m)
	run := tensor.NewRun(tensor.Options{})
	raw := tinyFeatures(m, 2)
	want := slices.Clone(m.Soft(run, m.SeeFeatures(run, raw)).Data())
	got := again.Soft(run, again.SeeFeatures(run, raw))
	if !slices.Equal(want, got.Data()) {
		t.Error("another soft prompt after it was saved")
	}
	if words, queries := got.Dim(1), m.Config.QFormer.Queries; words != queries {
		t.Errorf("%d soft words for %d queries", words, queries)
	}
	for _, p := range m.StageParams(Learns{Second: true}) {
		if !isPrompt(p.Name()) && !strings.HasPrefix(p.Name(), "feature_") {
			t.Errorf("%s would learn", p.Name())
		}
	}
	return want
}

func testStage2Gradients(t *testing.T, m *Model, atLeast int) {
	raw := tinyFeatures(m, 2)
	prompts := [][]int32{{5}, {5, 6}}
	captions := [][]int32{m.AnswerIDs(m.Config.Extras.Prompt, "a red circle", 9), m.AnswerIDs(m.Config.Extras.Prompt, "a bar", 9)}
	params := m.StageParams(Learns{Second: true})
	run := tensor.NewRun(tensor.Options{Grad: true})
	run.Backward(m.testLoss(run, raw, prompts, captions), 1)
	plain := tensor.NewRun(tensor.Options{})
	loss := func() float64 {
		plain.Reset()
		return float64(m.testLoss(plain, raw, prompts, captions).Data()[0])
	}
	checked := 0
	for _, p := range params {
		x, g := p.Data(), p.Grad()
		at := 0
		for i := range g { // where it matters most
			if math.Abs(float64(g[i])) > math.Abs(float64(g[at])) {
				at = i
			}
		}
		if len(g) == 0 || math.Abs(float64(g[at])) < 0.02 {
			continue
		}
		const step = 1e-2
		was := x[at]
		x[at] = was + step
		up := loss()
		x[at] = was - step
		down := loss()
		x[at] = was
		if slope := (up - down) / (2 * step); math.Abs(slope-float64(g[at])) > 0.05*math.Abs(slope)+2e-3 {
			t.Errorf("%s[%d]: gradient %v, slope %v", p.Name(), at, g[at], slope)
		}
		checked++
	}
	if checked < atLeast {
		t.Errorf("only %d parameters have a gradient to speak of", checked)
	}
	for _, p := range m.Params() {
		if isFirst(p.Name()) && p.NeedsGrad() {
			t.Errorf("%s belongs to the first stage and would learn", p.Name())
		}
	}
}

// TestStage2RowsAreAlone: the loss of a batch is the mean over tokens of its rows' losses, whatever their lengths.
func TestStage2RowsAreAlone(t *testing.T) {
	m := tinyModel(t)
	raw := tinyFeatures(m, 2)
	prompts := [][]int32{{5}, {5, 6, 7}}
	captions := [][]int32{m.AnswerIDs(m.Config.Extras.Prompt, "a red circle", 9), m.AnswerIDs(m.Config.Extras.Prompt, "bar", 9)}
	run := tensor.NewRun(tensor.Options{})
	both := float64(m.testLoss(run, raw, prompts, captions).Data()[0])
	var sum float64
	tokens := 0
	for i := range captions {
		n := m.FeatureLen()
		one := float64(m.testLoss(run, raw[i*n:(i+1)*n], prompts[i:i+1], captions[i:i+1]).Data()[0])
		sum += one * float64(len(captions[i]))
		tokens += len(captions[i])
	}
	if want := sum / float64(tokens); math.Abs(both-want) > 1e-4 {
		t.Errorf("together %v, apart %v", both, want)
	}
}

// TestStage2AgreesWithDecoding: the loss is what decoding with a cache gives the same tokens.
func TestStage2AgreesWithDecoding(t *testing.T) {
	m := tinyModel(t)
	raw := tinyFeatures(m, 1)
	run := tensor.NewRun(tensor.Options{})
	s := m.SeeFeatures(run, raw)
	prompts := [][]int32{m.PromptIDs(m.Config.Extras.Prompt)}
	d := language.NewDecoder(m.Language, tensor.Options{Compute: kernel.F32})
	r, err := m.Write(context.Background(), d, m.Soft(run, s), prompts, generate.Options{MaxTokens: 6})
	if err != nil {
		t.Fatal(err)
	}
	var sum float64
	for _, p := range r[0].LogProbs {
		sum -= float64(p)
	}
	want := sum / float64(len(r[0].LogProbs))
	got := float64(m.Stage2(run, s.Answer, s.View, prompts, [][]int32{r[0].Tokens}).Data()[0])
	if math.Abs(got-want) > 1e-3 {
		t.Errorf("the loss is %v, decoding says %v", got, want)
	}
}
