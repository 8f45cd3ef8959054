package nn

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/tensor"
	"dragoman/weights"
)

func checkpoint() weights.Source {
	values := make([]float32, 2*64)
	for i := range values {
		values[i] = float32(i) / 16
	}
	half := make([]byte, 2*64*2)
	kernel.Encode(kernel.BF16, half, values)
	return weights.NewMemory(
		weights.FromFloat32("block.0.dense.weight", []int{2, 64}, values),
		weights.Tensor{Name: "block.0.half.weight", Type: weights.BF16, Shape: []int{2, 64}, Data: half},
		weights.FromFloat32("block.0.dense.bias", []int{2}, []float32{1, 2}),
		weights.FromFloat32("bad", []int{2}, []float32{1, float32(math.NaN())}),
		weights.FromFloat32("left.over", []int{1}, []float32{1}),
	)
}

func TestBinding(t *testing.T) {
	b := NewBuilder(checkpoint(), BuilderOptions{})
	block := b.Sub("block", 0)
	if got := block.Path(); got != "block.0" {
		t.Errorf("path %q", got)
	}
	dense := block.Sub("dense")
	frozen := dense.Tensor("weight", Init{}, 2, 64)
	if frozen.NeedsGrad() || frozen.DType() != kernel.F32 || frozen.Name() != "block.0.dense.weight" || frozen.Data()[17] != 17./16 {
		t.Errorf("frozen weight %v, %v", frozen, frozen.Data()[17])
	}
	if again := dense.Tensor("weight", Init{}, 2, 64); again != frozen {
		t.Error("a name asked for twice is two tensors")
	}
	half := block.Tensor("half.weight", Init{}, 2, 64)
	if half.DType() != kernel.BF16 || half.Data() != nil {
		t.Errorf("a frozen bf16 weight became %v", half)
	}
	if !b.Has("bad") || b.Has("worse") || b.Optional("worse", 1) != nil {
		t.Error("Has or Optional is wrong about what there is")
	}
	bias := dense.Trainable(true).Tensor("bias", Init{}, 2)
	if !bias.NeedsGrad() || bias.Data()[1] != 2 {
		t.Errorf("trainable bias %v", bias)
	}
	bias.Data()[1] = 3 // its own memory
	if err := b.Err(); err != nil {
		t.Error(err)
	}
	if got := b.Params(); !slices.Equal(got, []*tensor.Tensor{bias}) {
		t.Errorf("parameters %v", got)
	}
	if got := b.Unused(); !slices.Equal(got, []string{"bad", "left.over"}) {
		t.Errorf("unused %v", got)
	}
}

func TestTrainableIsACopy(t *testing.T) {
	source := checkpoint()
	b := NewBuilder(source, BuilderOptions{}).Trainable(true)
	for _, name := range []string{"block.0.dense.weight", "block.0.half.weight"} {
		p := b.Tensor(name, Init{}, 2, 64)
		before, _ := source.Lookup(name)
		bytes := slices.Clone(before.Data)
		for i := range p.Data() {
			p.Data()[i] = -1
		}
		if after, _ := source.Lookup(name); !slices.Equal(after.Data, bytes) {
			t.Errorf("training %s writes into the checkpoint", name)
		}
	}
}

func TestStore(t *testing.T) {
	var asked []string
	b := NewBuilder(checkpoint(), BuilderOptions{Store: func(t weights.Tensor) (kernel.DType, bool) {
		asked = append(asked, t.Name)
		return kernel.Q8_0, !strings.Contains(t.Name, "dense")
	}})
	if w := b.Tensor("block.0.half.weight", Init{}, 2, 64); w.DType() != kernel.Q8_0 {
		t.Errorf("stored as %v", w.DType())
	}
	if w := b.Tensor("block.0.dense.weight", Init{}, 2, 64); w.DType() != kernel.F32 {
		t.Errorf("what was to stay is stored as %v", w.DType())
	}
	if bias := b.Tensor("block.0.dense.bias", Init{}, 2); bias.DType() != kernel.F32 {
		t.Errorf("a bias is stored as %v", bias.DType())
	}
	if !slices.Equal(asked, []string{"block.0.half.weight", "block.0.dense.weight"}) {
		t.Errorf("asked about %v", asked)
	}
	b = NewBuilder(checkpoint(), b.shared.opt).Trainable(true)
	if w := b.Tensor("block.0.half.weight", Init{}, 2, 64); w.DType() != kernel.F32 {
		t.Errorf("a parameter is stored as %v", w.DType())
	}
}

func TestErrors(t *testing.T) {
	b := NewBuilder(checkpoint(), BuilderOptions{Finite: true})
	missing := b.Tensor("missing", Init{}, 3, 4)
	if missing.Len() != 12 {
		t.Errorf("a missing tensor stands in as %v", missing.Shape())
	}
	b.Tensor("block.0.dense.bias", Init{}, 3)
	b.Tensor("bad", Init{}, 2)
	b.Tensor("huge", Init{}, math.MaxInt, 3)
	b.Tensor("negative", Init{}, -1)
	err := b.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"missing: not in the checkpoint", "block.0.dense.bias: shape [2] in the checkpoint, want [3]", "bad: element 1 is NaN",
		"huge: a shape of", "negative: a shape of",
	} {
		all := err.(interface{ Unwrap() []error }).Unwrap()
		if !slices.ContainsFunc(all, func(err error) bool { return strings.Contains(err.Error(), want) }) {
			t.Errorf("%v\n lacks %q", all, want)
		}
	}
	if !strings.Contains(err.Error(), "bad: element 1 is NaN; and 2 more") {
		t.Errorf("the text is %q", err)
	}
	for range 100 {
		b.Tensor(strings.Repeat("x", len(b.shared.errs)), Init{}, 1)
	}
	if text := b.Err().Error(); strings.Contains(text, "\n") || len(text) > 1000 || !strings.HasSuffix(text, "and 102 more") {
		t.Errorf("the text of many errors is %q", text)
	}
}

func TestFreshParametersDependOnSeedAndName(t *testing.T) {
	start := func(seed uint64, names ...string) []float32 {
		b := NewBuilder(nil, BuilderOptions{Seed: seed}).Trainable(true)
		var last *tensor.Tensor
		for _, name := range names {
			last = b.Tensor(name, Init{Kind: Normal, Std: 0.02}, 40, 50)
		}
		return last.Data()
	}
	a := start(1, "a")
	if !slices.Equal(a, start(1, "b", "c", "a")) {
		t.Error("a parameter depends on what was made before it")
	}
	if slices.Equal(a, start(2, "a")) || slices.Equal(a, start(1, "b")) {
		t.Error("the seed or the name does not matter")
	}
	var square float64
	for _, v := range a {
		square += float64(v) * float64(v)
	}
	if std := math.Sqrt(square / float64(len(a))); math.Abs(std-0.02) > 0.002 {
		t.Errorf("standard deviation %g, want 0.02", std)
	}
}

func TestTorchLinear(t *testing.T) {
	b := NewBuilder(nil, BuilderOptions{}).Trainable(true).Sub("dense")
	w := b.Tensor("weight", Init{Kind: TorchLinear}, 300, 100)
	bias := b.Tensor("bias", Init{Kind: TorchLinear}, 300)
	for _, p := range []*tensor.Tensor{w, bias} {
		low, high := slices.Min(p.Data()), slices.Max(p.Data())
		if high > 0.1 || low < -0.1 || high < 0.095 || low > -0.095 {
			t.Errorf("%v lies in %g…%g, want ±0.1", p, low, high)
		}
	}
	if one := b.Tensor("norm.weight", Init{Kind: One}, 3); one.Data()[2] != 1 {
		t.Error("One is not one")
	}
	if zero := b.Trainable(false).Tensor("still", Init{}, 3); zero.NeedsGrad() || len(b.Params()) != 3 {
		t.Error("a frozen tensor is among the parameters")
	}
}

func TestFreshWhereTheCheckpointLacksIt(t *testing.T) {
	b := NewBuilder(checkpoint(), BuilderOptions{Fresh: true}).Trainable(true)
	bias, temp := b.Tensor("block.0.dense.bias", Init{Kind: One}, 2), b.Tensor("temp", Init{Kind: One})
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	if bias.Data()[1] != 2 || temp.Data()[0] != 1 {
		t.Errorf("of the checkpoint: %v, fresh: %v", bias.Data(), temp.Data())
	}
}

// TestCount: a constructor that asks for more layers than there are stops asking.
func TestCount(t *testing.T) {
	layers := func(b *Builder, n int) int {
		asked := 0
		for i := range b.Count(n) {
			b.Sub("layer", i).Tensor("weight", Init{}, 1<<16, 1<<10)
			asked++
		}
		return asked
	}
	b := NewBuilder(checkpoint(), BuilderOptions{})
	if n := layers(b, 1<<30); n != hopeless {
		t.Errorf("asked for %d layers that are not there", n)
	}
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), "layer.0.weight: not in the checkpoint") {
		t.Errorf("the error is %v", err)
	}
	if n := layers(NewBuilder(checkpoint(), BuilderOptions{}), 3); n != 3 {
		t.Errorf("asked for %d layers of 3", n)
	}
}

// TestMost refuses fresh parameters for which there is no memory, and makes none of those behind them.
func TestMost(t *testing.T) {
	b := NewBuilder(nil, BuilderOptions{Most: 100}).Trainable(true)
	b.Tensor("a", Init{}, 8, 8)
	b.Tensor("b", Init{}, 36)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	b.Tensor("c", Init{}, 1)
	b.Tensor("d", Init{}, 1<<15, 1<<15)
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), "c: as [1] it would be the parameter with which") || strings.Contains(err.Error(), "d:") {
		t.Error(err)
	}
}

// TestMissingInFile: an error about what a checkpoint lacks names the file that it is, where it is one.
func TestMissingInFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := weights.WriteSafetensors(path, []weights.Tensor{weights.FromFloat32("here", []int{1}, []float32{1})}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for want, src := range map[string]weights.Source{
		"bind tensor gone: model.safetensors: not in the checkpoint": f,
		"bind tensor gone: not in the checkpoint":                    weights.Merge(f, weights.NewMemory(weights.FromFloat32("made", []int{1}, []float32{1}))),
	} {
		b := NewBuilder(src, BuilderOptions{})
		b.Tensor("gone", Init{}, 1)
		if err := b.Err(); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
