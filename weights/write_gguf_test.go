package weights

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dragoman/kernel"
)

// TestWriteGGUF checks that what is written is read again, types, shapes, bytes and metadata, and that writing twice gives the
// same bytes.
func TestWriteGGUF(t *testing.T) {
	values := make([]float32, 3*64)
	for i := range values {
		values[i] = float32(i%17) - 8
	}
	q := make([]byte, 3*kernel.Q8_0.RowBytes(64))
	kernel.Encode(kernel.Q8_0, q, values)
	tensors := []Tensor{
		FromFloat32("a.bias", []int{5}, values[:5]),
		{Name: "a.weight", Type: Q8_0, Shape: []int{3, 64}, Data: q},
		FromFloat32("one", nil, values[:1]),
	}
	meta := Meta{
		"general.architecture": "test", "n": uint64(7), "m": int64(-7), "x": 0.5, "on": true, "names": []string{"a", "", "ü"},
		"bools": []bool{true, false}, "ns": []uint64{1, 1 << 40}, "ms": []int64{-1, 2}, "xs": []float64{0.25, -1}, "none": []string{},
	}
	dir := t.TempDir()
	path, again := filepath.Join(dir, "a.gguf"), filepath.Join(dir, "b.gguf")
	for _, p := range []string{path, again} {
		if err := WriteGGUF(p, tensors, meta); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := os.ReadFile(path)
	second, _ := os.ReadFile(again)
	if !cmp.Equal(first, second) {
		t.Error("two files of the same differ")
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, want := range tensors {
		got, ok := f.Lookup(want.Name)
		if !ok || got.Type != want.Type || !cmp.Equal(got.Data, want.Data) || got.Len() != want.Len() {
			t.Errorf("%s: read %v %v", want.Name, got.Type, got.Shape)
		}
	}
	meta["general.alignment"], meta[sizeKey] = uint64(ggufAlign), uint64(len(first))
	if d := cmp.Diff(meta, f.Meta); d != "" {
		t.Error(d)
	}
	for n := range first {
		if _, err := OpenBytes("cut", first[:n]); err == nil {
			t.Fatalf("a file cut after %d of %d bytes opens", n, len(first))
		}
	}
	for name, bad := range map[string][]Tensor{
		"twice":   {tensors[0], tensors[0]},
		"no type": {{Name: "b", Type: Bool, Shape: []int{1}, Data: []byte{1}}},
		"short":   {{Name: "b", Type: F32, Shape: []int{2}, Data: []byte{1}}},
	} {
		if err := WriteGGUF(path, bad, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, n := range map[string]int{"short": 7, "long": 9} {
		out := []Output{{Name: "x", Type: F32, Shape: []int{2}, Write: func(w io.Writer) error {
			_, err := w.Write(make([]byte, n))
			return err
		}}}
		if err := StreamGGUF(path, out, nil); err == nil {
			t.Errorf("a tensor that writes itself too %s: no error", name)
		}
	}
	if _, err := Open(path); err != nil {
		t.Errorf("a failed write lost the file: %v", err)
	}
}
