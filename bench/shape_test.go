package bench

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/vision/vit"
)

// TestUnknownShape: the error lists what there is.
func TestUnknownShape(t *testing.T) {
	err := Run(context.Background(), Options{Shape: "blip3", Parts: []string{"vision"}, Emit: func(Record) {}})
	if err == nil || !strings.Contains(err.Error(), `"blip3"`) || !strings.Contains(err.Error(), "blip2-opt-2.7b") {
		t.Errorf("got %v", err)
	}
}

// TestSeeded: a tensor's bytes follow from its name, whoever makes them, and matrices are rounded as a model's are.
func TestSeeded(t *testing.T) {
	x := seeded{name: "a.weight", init: nn.Init{Kind: nn.Normal}, shape: []int{130, 64}}
	var made [2][]byte
	for i, w := range []kernel.Workers{kernelWorkers{}, tensor.DefaultPool()} {
		made[i] = make([]byte, 130*kernel.Q8_0.RowBytes(64))
		x.encode(w, kernel.Q8_0, made[i])
	}
	if !bytes.Equal(made[0], made[1]) {
		t.Error("the workers' number shows")
	}
	if bytes.Equal(made[0][:68], made[0][68:136]) {
		t.Error("two rows are the same")
	}
	r := &Runner{Options: Options{Engine: kernel.Default()}, Workers: kernelWorkers{}}
	create := r.maker(kernel.Q4_0)
	for name, want := range map[string]kernel.DType{
		"vision_model.encoder.layers.0.mlp.fc1.weight":         kernel.Q4_0,
		"qformer.encoder.layer.0.attention.attention.q.weight": kernel.BF16,
		"language_model.model.decoder.embed_tokens.weight":     kernel.Q8_0,
		"language_model.model.decoder.embed_positions.weight":  kernel.F32,
	} {
		if got := create(name, nn.Init{Kind: nn.Normal}, []int{4, 64}); got.DType() != want || got.NeedsGrad() {
			t.Errorf("%s is %v, want %v", name, got.DType(), want)
		}
	}
	if one := create("vision_model.post_layernorm.weight", nn.Init{Kind: nn.One}, []int{8}); one.Data()[7] != 1 {
		t.Errorf("a norm starts from %v", one.Data())
	}
}

// TestVisionWork: ViT-g/14's operations on one picture of 224 pixels, counted by hand: 257 rows through 39 blocks' four matrices, scores
// and sums of 257 × 257 pairs, and 256 patches of 588 numbers.
func TestVisionWork(t *testing.T) {
	c, err := vit.ParseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	const blocks = 39 * 257 * 2 * (1408*4224 + 1408*1408 + 2*1408*6144)
	const pairs = 39 * 4 * 257 * 257 * 1408
	const patches = 2 * 256 * 588 * 1408
	if got := visionWork(c).flops; got != blocks+pairs+patches {
		t.Errorf("%g operations, want %g", got, float64(blocks+pairs+patches))
	}
}

// TestDrift: what is added to a whole row does not count; a difference counts as a share of the spread.
func TestDrift(t *testing.T) {
	want := []float32{1, -1, 1, -1, 3, 3, 5, 5}
	if got := drift(want, []float32{2, 0, 2, 0, -1, -1, 1, 1}, 4); got != 0 {
		t.Errorf("shifted rows drift by %g", got)
	}
	if got := drift(want, []float32{1.1, -1.1, 1.1, -1.1, 2.9, 2.9, 5.1, 5.1}, 4); math.Abs(got-0.1) > 1e-6 {
		t.Errorf("a tenth more drifts by %g", got)
	}
}

// TestSameIDs: a prompt whose likeliest id differs at one step of sixteen.
func TestSameIDs(t *testing.T) {
	n := &numbers{vocab: 2, logits: make([]float32, 2*agreementTokens*agreementPrompts)}
	for step := range agreementTokens {
		n.ids = append(n.ids, n.likeliest(step))
	}
	other := &numbers{vocab: 2, logits: slices.Clone(n.logits)}
	other.logits[2*(3*agreementPrompts+7)+1] = 1
	likeliest, same := n.sameIDs(other)
	if math.Abs(likeliest-(1-1./(agreementTokens*agreementPrompts))) > 1e-9 || math.Abs(same-0.99) > 1e-9 {
		t.Errorf("likeliest %v, same %v", likeliest, same)
	}
}

// TestAgreement compares a model with itself: rounding to f32 changes nothing, rounding to 4 bits does.
func TestAgreement(t *testing.T) {
	var got []Record
	for _, d := range []kernel.DType{kernel.F32, kernel.Q4_0} {
		r := &Runner{Options: Options{
			Model: "../testdata/blip2-llama", DType: &d, Engine: kernel.Default(), Emit: func(rec Record) { got = append(got, rec) },
		}, Workers: tensor.DefaultPool()}
		if err := agreement(context.Background(), r); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 4 {
		t.Fatalf("%d figures", len(got))
	}
	for i, rec := range got {
		if same := *rec.Drift == 0; same != (i < 2) {
			t.Errorf("%s under %s drifts by %g", rec.What, rec.DType, *rec.Drift)
		}
	}
	if *got[1].Same != 1 {
		t.Errorf("a model says the same as itself after %v of the prompts", *got[1].Same)
	}
}

// TestFresh: a shape's bridge by itself has the shapes of the released one.
func TestFresh(t *testing.T) {
	m, err := (&Runner{Options: Options{Shape: "qformer", Engine: kernel.Default()}, Workers: tensor.DefaultPool()}).fresh(kernel.Q4_0, blip2.Rooms{Bridge: true})
	if err != nil {
		t.Fatal(err)
	}
	if m.FeatureLen() != 257*1408 || m.Bridge.QFormer.Latents.Len() != 32*768 {
		t.Errorf("features of %d, queries of %d", m.FeatureLen(), m.Bridge.QFormer.Latents.Len())
	}
}
