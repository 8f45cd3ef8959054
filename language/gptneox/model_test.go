package gptneox

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// TestHoles compares blocks, logits, loss and gradients with transformers' (tools/oracle/gptneox.py) where a mask has holes: a token's place
// counts those that are not seen. The file calls the head as transformers 5 does.
func TestHoles(t *testing.T) {
	raw, err := os.ReadFile("testdata/tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := ParseConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	file, err := weights.Open("testdata/tiny/pytorch_model.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	b := nn.NewBuilder(file, nn.BuilderOptions{}).Trainable(true)
	m := New(b, cfg)
	if err := b.Err(); err != nil {
		t.Fatal(err)
	}
	want := weightstest.Open(t, "testdata/tiny/expected.safetensors")
	ids, rows, length := want.IDs("input_ids")
	labels, _, _ := want.IDs("labels")
	var targets []int32
	for r := range rows {
		targets = append(targets, labels[r*length+1:(r+1)*length]...)
	}
	got := weightstest.Recorder{}
	run := tensor.NewRun(tensor.Options{Grad: true, Observer: got})
	hidden := m.Forward(run, language.Input{Embeds: m.Embed(run, ids, rows, length), Mask: want.Mask("attention_mask")})
	logits := m.Logits(run, hidden)
	loss := run.CrossEntropy(run.Slice(logits, 1, 0, length-1), targets, 0)
	for _, name := range []string{"gpt_neox.layers.0", "gpt_neox.layers.1"} {
		want.Near(name, got[name], 1e-4, 0)
	}
	want.Near("logits", logits.Data(), 1e-4, 0)
	want.Near("loss", loss.Data(), 1e-4, 0)
	run.Backward(loss, 1)
	for _, p := range b.Params() {
		want.Near("grad."+p.Name(), p.Grad(), 1e-3, 1e-6)
	}
}

// TestStretchedRotation reads a text with rotations slowed, by either spelling of the configuration.
func TestStretchedRotation(t *testing.T) {
	var want []struct {
		Config json.RawMessage
		Logits []float64
	}
	cases, err := os.ReadFile("testdata/tiny/stretched.json")
	if err == nil {
		err = json.Unmarshal(cases, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("testdata/tiny/config.json")
	if err != nil {
		t.Fatal(err)
	}
	file, err := weights.Open("testdata/tiny/pytorch_model.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ids, rows, length := weightstest.Open(t, "testdata/tiny/expected.safetensors").IDs("input_ids")
	for _, c := range want {
		cfg, err := ParseConfig(raw)
		if err != nil {
			t.Fatal(err)
		}
		slowed, err := ParseConfig(c.Config)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Rope = slowed.Rope
		m := New(nn.NewBuilder(file, nn.BuilderOptions{}), cfg)
		run := tensor.NewRun(tensor.Options{})
		got := m.Logits(run, m.Forward(run, language.Input{Embeds: m.Embed(run, ids, rows, length)})).Data()
		for i, v := range got {
			if !(math.Abs(float64(v)-c.Logits[i]) <= 1e-4) {
				t.Fatalf("%s: logit %d is %v, transformers has %v", c.Config, i, v, c.Logits[i])
			}
		}
	}
}
