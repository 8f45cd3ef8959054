package train

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/weights"
)

// againstTransformers is a recipe whose every step is a batch of all rows that tools/oracle/finetune.py learnt from.
func againstTransformers(t *testing.T, model string) *Recipe {
	t.Helper()
	path := "testdata/finetune/" + model + ".jsonl"
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var sources []string
	var seen []string
	rows := 0
	for lines := bufio.NewScanner(f); lines.Scan(); rows++ {
		var row struct {
			Prompt string `json:"prompt"`
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(seen, row.Prompt) {
			seen = append(seen, row.Prompt)
			sources = append(sources, fmt.Sprintf("{path: %s, where: {prompt: %q}, prompts: [%q]}", path, row.Prompt, row.Prompt))
		}
	}
	r, err := ParseRecipe(fmt.Appendf(nil, `
output: %s
dtype: f32
model: {from: ../testdata/%s}
data: {train: [%s], max_tokens: 64}
stages: [{name: tune, kind: stage2, steps: 3, batch: %d, lr: 1e-2, min_lr: 1e-2, weight_decay: 0.05, log: 1}]
`, filepath.Join(t.TempDir(), "run"), model, strings.Join(sources, ", "), rows), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.dir = "."
	return r
}

// TestFirstStepsAgainstTransformers fine-tunes a model of each family through a recipe, and compares the losses of the first steps, and
// the gradients of everything that learns, with transformers' (tools/oracle/finetune.py): several prompts, captions and answers of
// different lengths, padding.
func TestFirstStepsAgainstTransformers(t *testing.T) {
	for _, model := range []string{"blip2-opt", "blip2-t5", "instructblip"} {
		t.Run(model, func(t *testing.T) {
			want := tensorsOf(t, "testdata/finetune/"+model+".safetensors")
			r := againstTransformers(t, model)
			compareGradients(t, r, want)
			if err := Run(context.Background(), r, Options{}); err != nil {
				t.Fatal(err)
			}
			log := metricsOf(t, r)
			losses, err := want["loss"].Float32()
			if err != nil || len(losses) != len(log.records) {
				t.Fatalf("%d losses, transformers has %d: %v", len(log.records), len(losses), err)
			}
			for i, rec := range log.records {
				if got := rec.Losses["lm"]; math.Abs(got-float64(losses[i])) > 1e-4*got {
					t.Errorf("step %d: %v, transformers has %v", i+1, got, losses[i])
				}
			}
		})
	}
}

// compareGradients computes the first step's, in a folder of its own.
func compareGradients(t *testing.T, r *Recipe, want map[string]weights.Tensor) {
	t.Helper()
	other := *r
	other.Output = filepath.Join(t.TempDir(), "gradients")
	tr := begun(t, &other)
	st := &r.Stages[0]
	params := tr.subject.params(st)
	l, err := tr.subject.learner(st, false)
	if err != nil {
		t.Fatal(err)
	}
	_, total, err := l.losses(0)
	if err != nil {
		t.Fatal(err)
	}
	tr.run.Backward(total, 1)
	if gradients := len(want) - 1; len(params) != gradients { // the other tensor is the losses
		t.Errorf("%d parameters learn, transformers has gradients of %d", len(params), gradients)
	}
	for _, p := range params {
		w, ok := want["grad."+p.Name()]
		if !ok {
			t.Errorf("transformers has no gradient of %s", p.Name())
			continue
		}
		expected, err := w.Float32()
		if err != nil {
			t.Fatal(err)
		}
		got := p.Grad()
		if got == nil {
			got = make([]float32, len(expected))
		}
		var scale, worst float64
		for i, e := range expected {
			scale = max(scale, math.Abs(float64(e)))
			worst = max(worst, math.Abs(float64(got[i]-e)))
		}
		// The gradient of a key's bias is rounding: a softmax does not see what its scores have in common.
		if !(worst <= 1e-3*max(scale, 1e-4)) {
			t.Errorf("gradient of %s: off by %.3g where the largest is %.3g", p.Name(), worst, scale)
		}
	}
}
