package weights

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// numbered is a tensor of the values 0, 1, 2, …
func numbered(name string, shape ...int) Tensor {
	n, _ := elements(shape)
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i)
	}
	return FromFloat32(name, shape, values)
}

func wantTensor(t *testing.T, src Source, name string, shape []int, values []float32) {
	t.Helper()
	tensor, ok := src.Lookup(name)
	if !ok {
		t.Fatalf("%s: not found among %v", name, src.Names())
	}
	got, err := tensor.Float32()
	if err != nil {
		t.Fatal(err)
	}
	if tensor.Name != name || !slices.Equal(tensor.Shape, shape) || !slices.Equal(got, values) {
		t.Errorf("%s: %s %v %v, want %v %v", name, tensor.Name, tensor.Shape, got, shape, values)
	}
}

func TestRename(t *testing.T) {
	src := NewMemory(numbered("blk.0.attn_q.weight", 2), numbered("blk.11.attn_q.bias", 3),
		numbered("token_embd.weight", 1), numbered("rope.freqs", 1), numbered("a.b.c", 4))
	renamed, err := Rename(src,
		Rule{"blk.*.attn_q.*", "model.layers.*.self_attn.q_proj.*"},
		Rule{"token_embd.weight", "model.embed_tokens.weight"},
		Rule{"rope.**", ""},
		Rule{"a.**", "whole.**"},
		Rule{"a.b.c", "never"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"whole.b.c", "model.layers.0.self_attn.q_proj.weight", "model.layers.11.self_attn.q_proj.bias",
		"model.embed_tokens.weight",
	}
	if got := renamed.Names(); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("names %v, want %v", got, want)
	}
	wantTensor(t, renamed, "model.layers.11.self_attn.q_proj.bias", []int{3}, []float32{0, 1, 2})
	if _, ok := renamed.Lookup("blk.0.attn_q.weight"); ok {
		t.Error("the old name is still there")
	}
	if _, ok := renamed.Lookup("rope.freqs"); ok {
		t.Error("a hidden tensor is still there")
	}
}

func TestRenameErrors(t *testing.T) {
	src := NewMemory(numbered("a.1", 1), numbered("a.2", 1))
	if _, err := Rename(src, Rule{"a.1", "a.2"}); err == nil || !strings.Contains(err.Error(), `"a.2"`) {
		t.Errorf("two tensors of one name: %v", err)
	}
	if _, err := Rename(src, Rule{"a.*", "b"}); err == nil {
		t.Error("a rule whose stars differ was accepted")
	}
}

func TestPrefixAndMerge(t *testing.T) {
	merged := Merge(NewMemory(numbered("x", 1), numbered("y", 2)), NewMemory(numbered("y", 3), numbered("z", 4)))
	if got := merged.Names(); !slices.Equal(got, []string{"x", "y", "z"}) {
		t.Errorf("names %v", got)
	}
	wantTensor(t, merged, "y", []int{2}, []float32{0, 1})
	cut := Prefix(NewMemory(numbered("visual.w", 2), numbered("visual.", 1), numbered("text.w", 1)), "visual.")
	if got := cut.Names(); !slices.Equal(got, []string{"w"}) {
		t.Errorf("names %v", got)
	}
	wantTensor(t, cut, "w", []int{2}, []float32{0, 1})
}

func TestSplitRows(t *testing.T) {
	src := NewMemory(numbered("h.3.qkv.weight", 6, 2), numbered("h.3.qkv.bias", 6), numbered("other", 1))
	split, err := SplitRows(src, Split{"h.*.qkv.**", []Part{{"h.*.q.**", 0}, {"h.*.k.**", 0}, {"h.*.v.**", 0}}})
	if err != nil {
		t.Fatal(err)
	}
	wantTensor(t, split, "h.3.k.weight", []int{2, 2}, []float32{4, 5, 6, 7})
	wantTensor(t, split, "h.3.v.bias", []int{2}, []float32{4, 5})
	wantTensor(t, split, "other", []int{1}, []float32{0})
	if _, ok := split.Lookup("h.3.qkv.weight"); ok {
		t.Error("the fused tensor is still there")
	}
	uneven, err := SplitRows(src, Split{"h.*.qkv.**", []Part{{"h.*.q.**", 4}, {"h.*.kv.**", 2}}})
	if err != nil {
		t.Fatal(err)
	}
	wantTensor(t, uneven, "h.3.kv.weight", []int{2, 2}, []float32{8, 9, 10, 11})
	for _, parts := range [][]Part{
		{{"a.*.**", 0}, {"b.*.**", 0}, {"c.*.**", 0}, {"d.*.**", 0}}, // 6 rows, 4 parts
		{{"a.*.**", 5}, {"b.*.**", 2}},
		{{"a.*.**", -1}, {"b.*.**", 7}},
		{{"a.*.**", 3}, {"a.*.**", 3}},
	} {
		if _, err := SplitRows(src, Split{"h.*.qkv.**", parts}); err == nil {
			t.Errorf("split into %v was accepted", parts)
		}
	}
}

// TestSplitQuantized splits a tensor whose rows are blocks.
func TestSplitQuantized(t *testing.T) {
	f := open(t, testdata("types.gguf"))
	whole, _ := f.Lookup("q4_k.weight")
	all, err := whole.Float32()
	if err != nil {
		t.Fatal(err)
	}
	split, err := SplitRows(f, Split{"q4_k.weight", []Part{{"first", 0}, {"second", 0}}})
	if err != nil {
		t.Fatal(err)
	}
	wantTensor(t, split, "second", []int{1, 256}, all[256:])
}

func TestBelow(t *testing.T) {
	under := Below(NewMemory(numbered("w", 2)), "text.")
	if got := under.Names(); !slices.Equal(got, []string{"text.w"}) {
		t.Errorf("names %v", got)
	}
	wantTensor(t, under, "text.w", []int{2}, []float32{0, 1})
}

// TestNotAFile opens what cannot be mapped.
func TestNotAFile(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		empty:                      "is empty",
		filepath.Join(dir, "none"): "none",
		os.DevNull:                 "not a regular file",
	} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", path, err, want)
		}
	}
}

// TestClose closes a file twice; its tensors are gone.
func TestClose(t *testing.T) {
	f, err := Open(testdata("types.pt"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Path() != testdata("types.pt") {
		t.Errorf("path %s", f.Path())
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, ok := f.Lookup("f32"); ok {
		t.Error("a closed file still gives tensors out")
	}
}
