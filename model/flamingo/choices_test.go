package flamingo

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/tensor"
)

// readPage has a decoder read a page of pages.json, and returns its parts.
func readPage(t *testing.T, m *Model, d *language.Decoder, kind string, i int, p page) []Part {
	t.Helper()
	var parts []Part
	count := 0
	for _, text := range p.Page {
		if text == nil {
			parts = append(parts, Part{Picture: true})
			count++
		} else {
			parts = append(parts, Part{Text: *text})
		}
	}
	w, _ := openFile(t, "testdata/"+kind+"/pictures.safetensors").Lookup(fmt.Sprint(i))
	x, err := w.Float32()
	if err != nil {
		t.Fatal(err)
	}
	d.Reset()
	var pixels *tensor.Tensor
	if count > 0 {
		pixels = tensor.FromFloats(x, count, 3, w.Shape[2], w.Shape[3])
	}
	if err := m.Read(d, p.IDs, m.Look(d.Run(), pixels, 1)); err != nil {
		t.Fatal(err)
	}
	return parts
}

// TestChoices scores texts behind pages as transformers and open_flamingo do (tools/oracle/choices.py): the same ids, and their
// log-probabilities.
func TestChoices(t *testing.T) {
	files, err := filepath.Glob("testdata/*/choices.json")
	if err != nil || len(files) < 7 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		kind := filepath.Base(filepath.Dir(file))
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var want [][]struct {
			Text     string    `json:"text"`
			IDs      []int32   `json:"ids"`
			LogProbs []float64 `json:"logprobs"`
		}
		if err := json.Unmarshal(raw, &want); err != nil {
			t.Fatal(err)
		}
		m := openTiny(t, kind, Options{})
		d := language.NewDecoder(m.Language, tensor.Options{Compute: kernel.F32})
		for i, p := range pages(t, kind) {
			parts := readPage(t, m, d, kind, i, p)
			for _, w := range want[i] {
				ids := m.ChoiceIDs(parts, w.Text)
				if !slices.Equal(ids, w.IDs) {
					t.Errorf("%s: page %d: %q is %v, want %v", kind, i, w.Text, ids, w.IDs)
					continue
				}
				got, err := d.Score([][]int32{ids, ids[:1]})
				if err != nil {
					t.Fatal(err)
				}
				for k, x := range w.LogProbs {
					if math.Abs(float64(got[0][k])-x) > 1e-4 {
						t.Errorf("%s: page %d: %q: log-probability %d is %v, want %v", kind, i, w.Text, k, got[0][k], x)
					}
				}
				if got[1][0] != got[0][0] {
					t.Errorf("%s: page %d: the first token's log-probability is %v, then %v", kind, i, got[0][0], got[1][0])
				}
			}
		}
	}
}
