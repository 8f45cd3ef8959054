package blip2

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/weights"
)

const instructed = "../../testdata/instructblip"

// TestInstructStops: the configuration has 0 and 1 for a text's begin and end, the tokenizer 2 for both.
func TestInstructStops(t *testing.T) {
	m, err := Open(instructed, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	stops := slices.Sorted(slices.Values(m.StopIDs()))
	if !slices.Equal(stops, []int32{0, 1, 2}) || m.endID() != 2 {
		t.Errorf("a text ends with %v, one to learn from with %d", stops, m.endID())
	}
	other, err := Open("../../testdata/blip2-opt", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if !slices.Equal(other.StopIDs(), []int32{202}) {
		t.Errorf("BLIP-2 ends a text with %v", other.StopIDs())
	}
}

// TestInstructStopsAgreed: where tokenizer and configuration agree on how a text begins, it ends as they say.
func TestInstructStopsAgreed(t *testing.T) {
	m, err := Open(instructed, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	m.Tokenizer = agreeing{m.Tokenizer}
	if stops := m.StopIDs(); !slices.Equal(stops, []int32{1}) {
		t.Errorf("a text ends with %v", stops)
	}
}

type agreeing struct{ tokenizer.Tokenizer }

func (a agreeing) Special() tokenizer.Special {
	s := a.Tokenizer.Special()
	s.BOS = 0
	return s
}

// TestInstructLearns: the second stage reaches the text stream, which BLIP-2's does not.
func TestInstructLearns(t *testing.T) {
	m, err := Open(instructed, Options{Trainable: true})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if n := len(m.StageParams(Learns{Second: true})); n != len(m.Params()) {
		t.Errorf("%d of %d parameters learn", n, len(m.Params()))
	}
}

// TestInstructRefuses lacks what the queries read an instruction with.
func TestInstructRefuses(t *testing.T) {
	m, err := Open(instructed, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in := openFile(t, instructed+"/inputs.safetensors")
	without := weights.NewMemory()
	for _, name := range []string{"pixel_values", "input_ids"} {
		without[name], _ = in.Lookup(name)
	}
	if _, err := m.Trace(tensor.Options{}, Trace{Inputs: without}); err == nil || !strings.Contains(err.Error(), "qformer_input_ids") {
		t.Errorf("without an instruction: %v", err)
	}
	one := weights.FromFloat32("qformer_input_ids", []int{1, 2}, []float32{2, 3})
	if _, err := m.Trace(tensor.Options{}, Trace{Inputs: weights.Merge(weights.NewMemory(one), without)}); err == nil || !strings.Contains(err.Error(), "qformer_input_ids") {
		t.Errorf("one instruction for two pictures: %v", err)
	}
	dir := t.TempDir()
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} {
		b, err := os.ReadFile(filepath.Join(instructed, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "qformer_tokenizer") {
		t.Errorf("without the queries' tokenizer: %v", err)
	}
}
