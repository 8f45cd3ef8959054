package flamingo

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// pageShape is the bridge that tools/oracle/pages.py computes.
var pageShape = Shape{
	Features:  []string{"tokens", "pooled"},
	Resampler: ResamplerShape{Width: 24, Latents: 4, Layers: 2, Heads: 2, HeadDim: 16, Act: "squared_relu"},
	Gated:     GatedShape{First: true, Heads: 2, HeadDim: 16},
}

func assembled(t *testing.T, s Shape) *Model {
	t.Helper()
	parts, err := filepath.Abs("../../recipes/tiny") // what is saved elsewhere names them
	if err != nil {
		t.Fatal(err)
	}
	m, err := Assemble(s, Parts{Vision: filepath.Join(parts, "vision"), Language: filepath.Join(parts, "language"), Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestPageLoss compares the loss of pages, and its gradient for all that learns, with torch's.
func TestPageLoss(t *testing.T) {
	m := assembled(t, pageShape)
	in, want := openFile(t, "testdata/pages/inputs.safetensors"), openFile(t, "testdata/pages/expected.safetensors")
	for _, p := range m.Params() {
		w, ok := in.Lookup(p.Name())
		if !ok {
			t.Fatalf("%s is not in torch's bridge", p.Name())
		}
		x, err := w.Float32()
		if err != nil || len(x) != p.Len() {
			t.Fatalf("%s: %v, want %v (%v)", p.Name(), w.Shape, p.Shape(), err)
		}
		copy(p.Data(), x)
	}
	whole := func(name string) ([]int32, int) {
		x, rows, err := model.Ints(in, name)
		if err != nil {
			t.Fatal(err)
		}
		return x, len(x) / rows
	}
	ids, length := whole("ids")
	labels, _ := whole("labels")
	mask, _ := whole("mask")
	pictures, most := whole("pictures")
	var lessons []Lesson
	for r := range len(ids) / length {
		row := ids[r*length : (r+1)*length]
		end := length
		for end > 0 && mask[r*length+end-1] == 0 {
			end--
		}
		var at []int
		for _, p := range pictures[r*most : (r+1)*most] {
			if p >= 0 {
				at = append(at, int(p))
			}
		}
		l := m.teach(row[:end], make([]bool, end), at)
		for i, learn := range l.Learn {
			if learn != (labels[r*length+i] >= 0) {
				t.Errorf("row %d: token %d is to be predicted: %v", r, i, learn)
			}
		}
		lessons = append(lessons, l)
	}
	f, _ := in.Lookup("features")
	raw, err := f.Float32()
	if err != nil {
		t.Fatal(err)
	}
	run := tensor.NewRun(tensor.Options{Compute: kernel.F32, Grad: true})
	loss := m.Loss(run, m.Media(run, raw), lessons)
	run.Backward(loss, 1)
	out := []weights.Tensor{weights.FromFloat32("loss", []int{1}, slices.Clone(loss.Data()))}
	for _, p := range m.Params() {
		out = append(out, weights.FromFloat32("grad."+p.Name(), p.Shape(), slices.Clone(p.Grad())))
	}
	weightstest.Traced(t, out, want, in, 1e-7)
}

// TestPagesInParts: pages of unlike lengths are read in parts when a run trains, with the same loss and gradients.
func TestPagesInParts(t *testing.T) {
	m := assembled(t, pageShape)
	for _, p := range m.Params() { // gates too
		for i := range p.Data() {
			p.Data()[i] += float32((i+1)%7) * 0.02
		}
	}
	var lessons []Lesson
	var lengths []int
	picture := 0
	for _, n := range []int{1, 20, 2, 18, 1} { // pictures of pages
		var parts []Part
		var at []int
		for k := range n {
			parts = append(parts, m.Example("", []string{"a cat", "a red dog", "two birds"}[(k+n)%3])...)
			at, picture = append(at, picture%4), picture+1
		}
		l, err := m.Teach(parts, at, 1000)
		if err != nil {
			t.Fatal(err)
		}
		lessons, lengths = append(lessons, l), append(lengths, len(l.IDs))
	}
	raw := make([]float32, 4*m.FeatureLen())
	for i := range raw {
		raw[i] = float32(i%7) - 3
	}
	var losses []float32
	var grads [][]float32
	for _, train := range []bool{false, true} {
		run := tensor.NewRun(tensor.Options{Compute: kernel.F32, Grad: true, Train: train})
		if parts := language.Parts(run, lengths); (len(parts) > 1) != train {
			t.Fatalf("training %v: pages of %d tokens are read as %d", train, lengths, parts)
		}
		loss := m.Loss(run, m.Media(run, raw), lessons)
		run.Backward(loss, 1)
		losses = append(losses, loss.Data()[0])
		for k, p := range m.Params() {
			if !train {
				grads = append(grads, slices.Clone(p.Grad()))
			} else {
				weightstest.Near(t, p.Name(), p.Grad(), grads[k], 1e-4, 1e-7)
			}
			p.ZeroGrad()
		}
	}
	weightstest.Near(t, "loss", losses[1:], losses[:1], 1e-6, 0)
}

// TestPictureIDs: what a page begins with, be it the tokenizer's own beginning or another token, is no part of a picture.
func TestPictureIDs(t *testing.T) {
	shape := pageShape
	m := assembled(t, shape)
	shape.Begin = endOfChunk                             // not the token that the tokenizer begins with
	for _, m := range []*Model{m, assembled(t, shape)} { // the tokenizer begins with nothing; pages begin with a token
		page, err := m.Encode([]Part{{Picture: true}})
		if err != nil {
			t.Fatal(err)
		}
		ids, begin := m.PictureIDs()
		want := ids
		if begin >= 0 {
			want = append([]int32{begin}, ids...)
		}
		if len(ids) != 1 || !slices.Equal(page, want) || (begin >= 0) != (m.own.config.Begin != "") {
			t.Errorf("a page of a picture is %v, the picture %v behind %d", page, ids, begin)
		}
	}
}

// TestSaved checks that what was put together, saved and opened again is the same, and that converting it keeps what it says nearly.
func TestSaved(t *testing.T) {
	m := assembled(t, pageShape)
	for _, p := range m.Params() { // gates too
		for i := range p.Data() {
			p.Data()[i] += float32((i+1)%7) * 0.02
		}
	}
	dir := t.TempDir()
	if err := m.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, Options{Trainable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	copied := t.TempDir()
	if err := again.Save(copied); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", trainedName} {
		a, err := os.ReadFile(filepath.Join(dir, name))
		b, err2 := os.ReadFile(filepath.Join(copied, name))
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs (%v, %v)", name, err, err2)
		}
	}
	small := t.TempDir()
	if err := again.Convert(small, kernel.F16); err != nil {
		t.Fatal(err)
	}
	coarse, err := Open(small, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer coarse.Close()
	if a, b := said(t, m), said(t, coarse); !near(a, b, 0.02) {
		t.Error("what was converted says something else")
	}
	if err := m.Restore(dir); err != nil {
		t.Error(err)
	}
	if m.FrozenHash() != again.FrozenHash() || m.EncodingHash() != again.EncodingHash() {
		t.Error("the frozen parts differ")
	}
}

// said is the logits behind a page of two pictures.
func said(t *testing.T, m *Model) []float32 {
	t.Helper()
	return saidOf(t, m, idsOf(t, m))
}

func idsOf(t *testing.T, m *Model) []int32 {
	t.Helper()
	ids, err := m.Encode(append(m.Example("", "a red circle"), Part{Picture: true}))
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func saidOf(t *testing.T, m *Model, ids []int32) []float32 {
	t.Helper()
	p := m.Processor()
	x := make([]float32, 2*p.Len())
	for i := range x {
		x[i] = float32(i%11) / 5
	}
	out, err := m.Trace(tensor.Options{Compute: kernel.F32}, model.Trace{
		Inputs: m.TraceInputs(ids, tensor.FromFloats(x, 2, 3, p.Size[0], p.Size[1])), Select: func(name string) bool { return name == "logits" },
	})
	if err != nil {
		t.Fatal(err)
	}
	y, err := out[0].Float32()
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func near(a, b []float32, tolerance float32) bool {
	var scale, worst float32
	for i := range a {
		scale, worst = max(scale, a[i], -a[i]), max(worst, a[i]-b[i], b[i]-a[i])
	}
	return worst <= tolerance*scale
}

// TestShutGatesOfOurs checks that a fresh system says what its language model says, to the bit, whatever it sees.
func TestShutGatesOfOurs(t *testing.T) {
	m := assembled(t, pageShape)
	ids := []int32{20, 21, 22, m.dialect.image(), 23, 24}
	run := tensor.NewRun(tensor.Options{Compute: kernel.F32})
	embeds := m.Language.Embed(run, ids, 1, len(ids))
	plain := slices.Clone(m.Language.Logits(run, m.Language.Forward(run, language.Input{Embeds: embeds})).Data())
	media := make([]float32, m.FeatureLen())
	for i := range media {
		media[i] = float32(i%5) - 2
	}
	sight := m.Gates.See(run, run.Reshape(m.Media(run, media), 1, 1, 4, 24), 1, false)
	sight.Show(m.dialect.seen(ids, 1), len(ids))
	got := m.Language.Logits(run, m.Language.Forward(run, language.Input{Embeds: embeds, Hook: sight.Hook})).Data()
	if !slices.Equal(got, plain) {
		t.Error("shut gates change what the language model says")
	}
	for _, p := range m.Params() {
		if filepath.Ext(p.Name()) == ".attn_gate" {
			p.Data()[0] = 1
		}
	}
	got = m.Language.Logits(run, m.Language.Forward(run, language.Input{Embeds: embeds, Hook: sight.Hook})).Data()
	vocab := m.Language.Config().Vocab
	if slices.Equal(got, plain) || !slices.Equal(got[:3*vocab], plain[:3*vocab]) {
		t.Error("open gates change nothing, or text before any picture too")
	}
}

// TestAnyParts puts a bridge between CLIP and each kind of language model that open_flamingo wrote: fresh it changes nothing, and it learns.
func TestAnyParts(t *testing.T) {
	for _, kind := range openFlamingos {
		t.Run(kind, func(t *testing.T) {
			m, err := Assemble(Shape{Resampler: ResamplerShape{Latents: 3, Layers: 1, Heads: 2, HeadDim: 4}, Gated: GatedShape{Every: 2, Heads: 2, HeadDim: 4}},
				Parts{Vision: "testdata/" + kind + "/vision", Language: "testdata/" + kind + "/language", Seed: 5})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			var parts []Part
			for _, text := range []string{"a cat", "a dog"} {
				parts = append(parts, m.Example("", text)...)
			}
			lesson, err := m.Teach(parts, []int{0, 1}, 100)
			if err != nil {
				t.Fatal(err)
			}
			raw := make([]float32, 2*m.FeatureLen())
			for i := range raw {
				raw[i] = float32(i%7) - 3
			}
			run := tensor.NewRun(tensor.Options{Compute: kernel.F32, Grad: true})
			first := m.Loss(run, m.Media(run, raw), []Lesson{lesson})
			shut := first.Data()[0]
			run.Backward(first, 1)
			learns := 0
			for _, p := range m.Params() {
				for i, g := range p.Grad() {
					if g != 0 {
						learns++
					}
					p.Data()[i] -= 0.1 * g
				}
				p.ZeroGrad()
			}
			run.Reset()
			loss := m.Loss(run, m.Media(run, raw), []Lesson{lesson}).Data()[0]
			if learns == 0 || !(loss < shut) {
				t.Errorf("the loss was %v and is %v, %d numbers learn", shut, loss, learns)
			}
		})
	}
}

// TestUpstream saves a system that OpenFlamingo's project has too, and opens it as that project's: it says the same.
func TestUpstream(t *testing.T) {
	for _, kind := range openFlamingos {
		t.Run(kind, func(t *testing.T) {
			parts := t.TempDir()
			if err := os.CopyFS(parts, os.DirFS("testdata/"+kind)); err != nil {
				t.Fatal(err)
			}
			set(t, filepath.Join(parts, "language", "config.json"), "logit_scale", 0.25) // where a language model knows such a thing
			set(t, filepath.Join(parts, "language", "tokenizer_config.json"), "pad_token", "</s>")
			m, err := Assemble(Shape{Resampler: ResamplerShape{Latents: 3, Layers: 2, Heads: 1}, Gated: GatedShape{Every: 2, Heads: 1, TouchText: true}},
				Parts{Vision: filepath.Join(parts, "vision"), Language: filepath.Join(parts, "language"), Seed: 5})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			for _, p := range m.Params() {
				for i := range p.Data() {
					p.Data()[i] += float32((i+1)%7) * 0.05 // gates too
				}
			}
			dir := t.TempDir()
			if err := m.Save(dir); err != nil {
				t.Fatal(err)
			}
			theirs, err := Open(filepath.Join(dir, upstreamDir), Options{Gradients: true})
			if err != nil {
				t.Fatal(err)
			}
			defer theirs.Close()
			ids := idsOf(t, m)
			a, b := saidOf(t, m, ids), saidOf(t, theirs, ids)
			vocab, wide := m.Language.Config().Vocab, theirs.Language.Config().Vocab
			for i := range len(a) / vocab {
				if !near(a[i*vocab:(i+1)*vocab], b[i*wide:i*wide+vocab], 1e-5) {
					t.Fatalf("token %d: they say something else", i)
				}
			}
			ours, err := Open(dir, Options{Gradients: true})
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			got, want := gradients(t, ours, ids), gradients(t, theirs, ids)
			words, seen, read := tables[ours.own.kind], 0, 0
			for name, g := range got {
				of := strings.Replace(name, model.VisionModule+".", visionModule+".", 1)
				if w, ok := want[of]; ok && len(w) == len(g) {
					if !near(w, g, 1e-3) && !strings.HasSuffix(name, "k_proj.bias") { // which is nothing but rounding
						t.Errorf("%s: they have other gradients", name)
					}
					if strings.Contains(name, "vision") {
						seen++
					} else if strings.Contains(name, ".decoder_layer.") {
						read++
					}
				} else if !strings.Contains(name, "new_words.") && !slices.Contains(words[:], strings.TrimPrefix(name, "grad."+languageOf+".")) {
					t.Errorf("%s: they have none such", name)
				}
			}
			if seen == 0 || read == 0 {
				t.Errorf("%d and %d tensors of the frozen parts have gradients", seen, read)
			}
		})
	}
}

// set writes a value into a JSON file.
func set(t *testing.T, path, key string, value any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	if err := json.Unmarshal(raw, &c); err != nil {
		t.Fatal(err)
	}
	c[key] = value
	if raw, err = json.Marshal(c); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// gradients are those of all parameters by the loss on a page of two pictures.
func gradients(t *testing.T, m *Model, ids []int32) map[string][]float32 {
	t.Helper()
	p := m.Processor()
	x, labels := make([]float32, 2*p.Len()), make([]float32, len(ids))
	for i := range x {
		x[i] = float32(i%11) / 5
	}
	for i, id := range ids {
		if labels[i] = float32(id); id == m.dialect.image() {
			labels[i] = -100
		}
	}
	in := weights.Merge(m.TraceInputs(ids, tensor.FromFloats(x, 2, 3, p.Size[0], p.Size[1])), weights.NewMemory(weights.FromFloat32("labels", []int{1, len(ids)}, labels)))
	out, err := m.Trace(tensor.Options{Compute: kernel.F32}, model.Trace{
		Inputs: in, Select: func(string) bool { return false }, Grad: func(string) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]float32{}
	for _, g := range out {
		if all[g.Name], err = g.Float32(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestOwnConfig refuses what a config.json cannot mean.
func TestOwnConfig(t *testing.T) {
	for name, s := range map[string]Shape{
		"features":   {Features: []string{"tokens", "tokens"}},
		"kind":       {Features: []string{"smell"}},
		"activation": {Gated: GatedShape{Act: "tan"}},
		"sizes":      {Resampler: ResamplerShape{Latents: -1}},
		"every":      {Gated: GatedShape{Every: 1 << 30}},
	} {
		if m, err := Assemble(s, Parts{Vision: "../../recipes/tiny/vision", Language: "../../recipes/tiny/language"}); err == nil {
			m.Close()
			t.Errorf("%s: no error", name)
		}
	}
}
