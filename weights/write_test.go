package weights

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWriteSafetensors(t *testing.T) {
	source := open(t, testdata("types.safetensors"))
	var tensors []Tensor
	for _, name := range source.Names() {
		tensor, _ := source.Lookup(name)
		tensors = append(tensors, tensor)
	}
	// A one-byte type first: the writer moves what must be aligned before it.
	slices.SortStableFunc(tensors, func(a, b Tensor) int { return a.Type.BlockBytes() - b.Type.BlockBytes() })
	path := filepath.Join(t.TempDir(), "out.safetensors")
	meta := map[string]string{"format": "pt", "note": "<ü>"}
	if err := WriteSafetensors(path, tensors, meta); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteSafetensors(path, tensors, meta); err != nil {
		t.Fatal(err)
	}
	if second, _ := os.ReadFile(path); !slices.Equal(first, second) {
		t.Error("equal tensors gave different bytes")
	}
	if begin := 8 + binary.LittleEndian.Uint64(first); begin%headerAlign != 0 {
		t.Errorf("the data begins at byte %d", begin)
	}
	f := open(t, path)
	if diff := cmp.Diff(Meta{"format": "pt", "note": "<ü>"}, f.Meta); diff != "" {
		t.Error(diff)
	}
	if len(f.Names()) != len(tensors) {
		t.Errorf("%d tensors, want %d", len(f.Names()), len(tensors))
	}
	at := 0
	for _, name := range f.Names() {
		got, _ := f.Lookup(name)
		want, _ := source.Lookup(name)
		if diff := cmp.Diff(want.Data, got.Data); diff != "" || got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) {
			t.Errorf("%s: %v %v became %v %v: %s", name, want.Type, want.Shape, got.Type, got.Shape, diff)
		}
		if at%got.Type.BlockBytes() != 0 {
			t.Errorf("%s: %v at byte %d of the data", name, got.Type, at)
		}
		at += len(got.Data)
	}
}

// TestWriteTorch reads what was written, with members where PyTorch has them, and the same bytes each time.
func TestWriteTorch(t *testing.T) {
	tensors := []Tensor{numbered("b", 2, 3), numbered("a.weight", 5), numbered("scalar"), {Name: "half", Type: F16, Shape: []int{3}, Data: []byte{1, 2, 3, 4, 5, 6}}, numbered("none", 0, 4)}
	path := filepath.Join(t.TempDir(), "checkpoint.pt")
	var before []byte
	for range 2 {
		if err := WriteTorch(path, tensors); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if before != nil && !bytes.Equal(before, data) {
			t.Error("the same tensors give other bytes")
		}
		before = data
	}
	archive, err := zip.NewReader(bytes.NewReader(before), int64(len(before)))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range archive.File {
		if at, err := m.DataOffset(); err != nil || at%64 != 0 || m.Method != zip.Store {
			t.Errorf("%s lies at %d, %v", m.Name, at, err)
		}
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(f.Names()) != len(tensors) {
		t.Errorf("there are %v", f.Names())
	}
	for _, want := range tensors {
		if got, ok := f.Lookup(want.Name); !ok || got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%s is %+v", want.Name, got)
		}
	}
	for name, bad := range map[string][]Tensor{
		"twice": {numbered("a", 1), numbered("a", 1)}, "a type": {{Name: "q", Type: Q8_0, Shape: []int{32}, Data: make([]byte, 34)}}, "no name": {numbered("", 1)},
	} {
		if err := WriteTorch(path, bad); err == nil || !strings.HasPrefix(err.Error(), "write checkpoint: "+path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWriteSafetensorsErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.safetensors")
	if err := WriteSafetensors(path, []Tensor{numbered("kept", 1)}, nil); err != nil {
		t.Fatal(err)
	}
	for want, tensors := range map[string][]Tensor{
		"name is taken":  {numbered("a", 1), numbered("a", 2)},
		"has 4":          {{Name: "a", Type: F32, Shape: []int{2}, Data: make([]byte, 4)}},
		"no Q8_0":        {{Name: "a", Type: Q8_0, Shape: []int{32}, Data: make([]byte, 34)}},
		"without a name": {{Type: U8, Shape: []int{1}, Data: []byte{0}}},
		"negative":       {{Name: "a", Type: F32, Shape: []int{-1}}},
	} {
		if err := WriteSafetensors(path, tensors, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	wantTensor(t, open(t, path), "kept", []int{1}, []float32{0})
}
