package weights

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dragoman/kernel"
)

// expected is what tools/oracle/weights.py recorded of a tensor.
type expected struct {
	Shape []int    `json:"shape"`
	Bits  []uint32 `json:"bits"`
}

func testdata(name string) string { return filepath.Join("testdata", name) }

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// compare checks a tensor against recorded bits; NaNs are equal to each other.
func compare(t *testing.T, src Source, name string, want expected) {
	t.Helper()
	tensor, ok := src.Lookup(name)
	if !ok {
		t.Errorf("%s: not found", name)
		return
	}
	if tensor.Name != name {
		t.Errorf("%s: is called %s", name, tensor.Name)
	}
	if !slices.Equal(tensor.Shape, want.Shape) {
		t.Errorf("%s: shape %v, want %v", name, tensor.Shape, want.Shape)
		return
	}
	got, err := tensor.Float32()
	if err != nil {
		t.Error(err)
		return
	}
	for i, bits := range want.Bits {
		w := math.Float32frombits(bits)
		if math.Float32bits(got[i]) != bits && !(got[i] != got[i] && w != w) {
			t.Errorf("%s: element %d is %v, want %v", name, i, got[i], w)
			return
		}
	}
}

// TestAgainstPython reads what PyTorch and the safetensors package wrote: every
// plain type, scalars, empty tensors, non-contiguous and expanded views, shared
// and tied storages, parameters, and a state dict inside a training checkpoint.
func TestAgainstPython(t *testing.T) {
	for file, golden := range map[string]string{
		"types.safetensors": "types.safetensors.json",
		"types.pt":          "types.pt.json",
		"legacy.pt":         "types.pt.json",
		"training.pt":       "training.pt.json",
	} {
		t.Run(file, func(t *testing.T) {
			raw, err := os.ReadFile(testdata(golden))
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]expected
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			f := open(t, testdata(file))
			if len(f.Names()) != len(want) {
				t.Errorf("%d tensors, want %d: %v", len(f.Names()), len(want), f.Names())
			}
			for name, e := range want {
				compare(t, f, name, e)
			}
		})
	}
}

// TestViewsShareStorage checks that tensors over one storage are not copied.
func TestViewsShareStorage(t *testing.T) {
	f := open(t, testdata("types.pt"))
	base, _ := f.Lookup("base")
	row, _ := f.Lookup("row")
	if &row.Data[0] != &base.Data[2*6*4] {
		t.Error("a contiguous view was copied")
	}
	tied, _ := f.Lookup("tied")
	f32, _ := f.Lookup("f32")
	if &tied.Data[0] != &f32.Data[0] {
		t.Error("a tied tensor was copied")
	}
}

// TestGGUFTypes compares every type of GGUF with the gguf package's
// dequantisation, to the bit.
func TestGGUFTypes(t *testing.T) {
	f := open(t, testdata("types.gguf"))
	raw, err := os.ReadFile(testdata("types.f32"))
	if err != nil {
		t.Fatal(err)
	}
	want, ok := kernel.Floats(raw)
	if !ok {
		t.Fatal("types.f32 was read to an odd address")
	}
	if len(f.Names()) != 18 {
		t.Errorf("%d tensors, want 18", len(f.Names()))
	}
	for _, name := range f.Names() {
		tensor, _ := f.Lookup(name)
		if got := strings.ToLower(tensor.Type.String()) + ".weight"; got != name {
			t.Errorf("%s: its type is %v", name, tensor.Type)
		}
		n := tensor.Len()
		bits := make([]uint32, n)
		for i, v := range want[:n] {
			bits[i] = math.Float32bits(v)
		}
		want = want[n:]
		shape := []int{3, 5}
		switch {
		case tensor.Type.Quantized():
			shape = []int{2, 256}
		case tensor.Type == BF16:
			shape = []int{3, 8}
		}
		compare(t, f, name, expected{shape, bits})
	}
	if len(want) != 0 {
		t.Errorf("%d recorded values left over", len(want))
	}
}

func TestGGUFMeta(t *testing.T) {
	meta := open(t, testdata("types.gguf")).Meta
	want := Meta{
		"general.architecture": "test",
		"test.u8":              uint64(255), "test.i8": int64(-128),
		"test.u16": uint64(65535), "test.i16": int64(-32768),
		"test.u32": uint64(7), "test.i32": int64(-7),
		"test.u64": uint64(1 << 63), "test.i64": int64(-1 << 62),
		"test.f32": float64(float32(1e-5)), "test.f64": 1e-5,
		"test.bool": true, "test.string": "grüße, 世界",
		"test.strings": []string{"a", "", "Ġthe", "🦊"},
		"test.ints":    []int64{1, -2, 3},
		"test.floats":  []float64{0.5, -1.25},
		"test.bools":   []bool{true, false},
	}
	if diff := cmp.Diff(want, meta); diff != "" {
		t.Error(diff)
	}
	if n, ok := meta.Int("test.u64"); ok {
		t.Errorf("2^63 became the int %d", n)
	}
	if n, ok := meta.Int("test.i32"); !ok || n != -7 {
		t.Errorf("test.i32 is %d, %v", n, ok)
	}
	if x, ok := meta.Float("test.u32"); !ok || x != 7 {
		t.Errorf("test.u32 as a float is %v, %v", x, ok)
	}
	if ints, ok := meta.Ints("test.ints"); !ok || !slices.Equal(ints, []int{1, -2, 3}) {
		t.Errorf("test.ints is %v, %v", ints, ok)
	}
	if meta.Architecture() != "test" {
		t.Errorf("architecture %q", meta.Architecture())
	}
	if err := meta.Require("test.u8", "test.none"); err == nil || !strings.Contains(err.Error(), "test.none") {
		t.Errorf("missing key: %v", err)
	}
}

func TestSafetensorsMeta(t *testing.T) {
	f := open(t, testdata("types.safetensors"))
	if diff := cmp.Diff(Meta{"format": "pt", "note": "grüße"}, f.Meta); diff != "" {
		t.Error(diff)
	}
}

// TestModuleIsRefused opens a pickled module, whose loading would run code.
func TestModuleIsRefused(t *testing.T) {
	_, err := Open(testdata("module.pt"))
	if err == nil || !strings.Contains(err.Error(), "module.pt") || !strings.Contains(err.Error(), "torch.nn.modules.container.Sequential") {
		t.Errorf("error %v, want one that names the file and the class", err)
	}
}

// TestMetaGetters asks for values of every kind, and of the wrong one.
func TestMetaGetters(t *testing.T) {
	meta := open(t, testdata("types.gguf")).Meta
	type result struct {
		Value any
		OK    bool
	}
	pack := func(value any, ok bool) result { return result{value, ok} }
	got := map[string]result{}
	add := func(what string, r result) { got[what] = r }
	s, ok := meta.String("test.string")
	add("string", pack(s, ok))
	_, ok = meta.String("test.u8")
	add("no string", pack(nil, ok))
	b, ok := meta.Bool("test.bool")
	add("bool", pack(b, ok))
	_, ok = meta.Bool("test.none")
	add("no bool", pack(nil, ok))
	x, ok := meta.Float("test.f64")
	add("float", pack(x, ok))
	x, ok = meta.Float("test.i32")
	add("float of integer", pack(x, ok))
	_, ok = meta.Float("test.string")
	add("no float", pack(nil, ok))
	_, ok = meta.Int("test.f64")
	add("no int", pack(nil, ok))
	list, ok := meta.Strings("test.strings")
	add("strings", pack(list, ok))
	floats, ok := meta.Floats("test.floats")
	add("floats", pack(floats, ok))
	_, ok = meta.Ints("test.floats")
	add("no ints", pack(nil, ok))
	want := map[string]result{
		"string": {"grüße, 世界", true}, "no string": {nil, false}, "bool": {true, true}, "no bool": {nil, false},
		"float": {1e-5, true}, "float of integer": {-7.0, true}, "no float": {nil, false}, "no int": {nil, false},
		"strings": {[]string{"a", "", "Ġthe", "🦊"}, true}, "floats": {[]float64{0.5, -1.25}, true}, "no ints": {nil, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	wide := Meta{"u": []uint64{1, 1 << 63}, "ok": []uint64{1, 2}}
	if ints, ok := wide.Ints("u"); ok {
		t.Errorf("2^63 became an int in %v", ints)
	}
	if ints, ok := wide.Ints("ok"); !ok || !slices.Equal(ints, []int{1, 2}) {
		t.Errorf("ints %v, %v", ints, ok)
	}
}

// TestKernelTypes checks which types kernels read, there and back.
func TestKernelTypes(t *testing.T) {
	readable := 0
	for kind := range numTypes {
		d, ok := Tensor{Type: kind}.Kernel()
		if !ok {
			continue
		}
		readable++
		if TypeOf(d) != kind {
			t.Errorf("%v is %v to kernels, which is %v", kind, d, TypeOf(d))
		}
		if !strings.EqualFold(d.String(), kind.String()) || d.BlockLen() != kind.BlockLen() || d.BlockBytes() != kind.BlockBytes() {
			t.Errorf("%v and kernel type %v differ", kind, d)
		}
	}
	if readable != 6 {
		t.Errorf("kernels read %d types", readable)
	}
}
