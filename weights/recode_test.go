package weights

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"

	"dragoman/internal/rss"
	"dragoman/kernel"
)

// alone does all the work itself.
type alone struct{}

func (alone) Size() int { return 1 }
func (alone) Do(n int, f func(task, worker int)) {
	for i := range n {
		f(i, 0)
	}
}

// TestRecode: a tensor that is read from its file piece by piece becomes what its values become when encoded at once, also where it is a
// view of some rows, and a write in pieces gives the same bytes.
func TestRecode(t *testing.T) {
	const rows, cols = 3, 5 * pieceElems / 8 / 64 * 64 // rows end inside of pieces
	random := rand.New(rand.NewPCG(1, 2))
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(random.NormFloat64())
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := WriteSafetensors(path, []Tensor{FromFloat32("a", []int{3}, values[:3]), FromFloat32("x", []int{rows, cols}, values)}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	split, err := SplitRows(f, Split{"x", []Part{{"first", 1}, {"rest", 2}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		src  Source
		name string
		from []float32
	}{{f, "x", values}, {split, "rest", values[cols:]}, {NewMemory(FromFloat32("m", []int{rows, cols}, values)), "m", values}} {
		x, _ := c.src.Lookup(c.name)
		if _, inFile := x.in.offset(x.Data); inFile != (c.name != "m") {
			t.Fatalf("%s: in its file: %v", c.name, inFile)
		}
		for _, d := range []kernel.DType{kernel.F32, kernel.F16, kernel.BF16, kernel.Q8_0, kernel.Q4_0, kernel.Q4_1} {
			want := make([]byte, d.RowBytes(len(c.from)))
			kernel.Encode(d, want, c.from)
			got, err := x.Recode(alone{}, d)
			if err != nil {
				t.Fatal(err)
			}
			if got.Type != TypeOf(d) || !slices.Equal(got.Shape, x.Shape) || !bytes.Equal(got.Data, want) {
				t.Errorf("%s as %v: %v of %d bytes differs", c.name, d, got.Shape, len(got.Data))
			}
			var written bytes.Buffer
			if err := x.WriteAs(&written, alone{}, TypeOf(d)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(written.Bytes(), want) {
				t.Errorf("%s written as %v differs", c.name, d)
			}
		}
	}
}

// TestRecodeRefuses: rows that are no whole blocks, and types without an encoder, are errors.
func TestRecodeRefuses(t *testing.T) {
	x := FromFloat32("x", []int{2, 33}, make([]float32, 66))
	if _, err := x.Recode(alone{}, kernel.Q8_0); err == nil {
		t.Error("rows of 33 become blocks of 32")
	}
	if err := x.WriteAs(&bytes.Buffer{}, alone{}, Q4_0); err == nil {
		t.Error("rows of 33 are written as blocks of 32")
	}
	if err := x.WriteAs(&bytes.Buffer{}, alone{}, Q6_K); err == nil {
		t.Error("a type without an encoder is written")
	}
}

// TestRecodeMemory: the process grows by the result, not by what is read.
func TestRecodeMemory(t *testing.T) {
	const rows, cols = 1 << 10, 1 << 14 // 64 MB as float32
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := WriteSafetensors(path, []Tensor{{Name: "x", Type: F32, Shape: []int{rows, cols}, Data: make([]byte, 4*rows*cols)}}, nil); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	debug.FreeOSMemory()
	rss.Reset()
	before := rss.Peak()
	if before == 0 {
		t.Skip("the system does not say how much memory the process has")
	}
	x, _ := f.Lookup("x")
	half, err := x.Recode(alone{}, kernel.BF16)
	if err != nil {
		t.Fatal(err)
	}
	if grown, most := rss.Peak()-before, int64(len(half.Data))*11/10+4<<20; grown > most {
		t.Errorf("the process grew by %d bytes for a result of %d", grown, len(half.Data))
	}
}
