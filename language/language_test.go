package language

import (
	"fmt"
	"slices"
	"testing"

	"dragoman/kernel"
	"dragoman/tensor"
)

func TestPositions(t *testing.T) {
	mask := []uint8{0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0}
	got := Positions(nil, mask, []int32{0, 5, 0}, 3, 4)
	if want := []int32{0, 0, 0, 1, 5, 6, 6, 7, 0, 1, 2, 2}; !slices.Equal(got, want) {
		t.Errorf("positions %v, want %v", got, want)
	}
	if got := Positions(got, nil, nil, 2, 2); !slices.Equal(got, []int32{0, 1, 0, 1}) {
		t.Errorf("positions without a mask %v", got)
	}
}

func TestPadLeft(t *testing.T) {
	ids, mask, length := PadLeft([][]int32{{1, 2}, {3, 4, 5}}, 9)
	if length != 3 || !slices.Equal(ids, []int32{9, 1, 2, 3, 4, 5}) || !slices.Equal(mask, []uint8{0, 1, 1, 1, 1, 1}) {
		t.Errorf("padded to %d: %v, %v", length, ids, mask)
	}
	if _, mask, _ := PadLeft([][]int32{{1, 2}, {3, 4}}, 9); mask != nil {
		t.Errorf("equal lengths have a mask %v", mask)
	}
}

// shadow is what a cache should hold, kept plainly: each row's keys, their mask, and how many tokens there were.
type shadow struct {
	keys []float32
	mask []uint8
}

// TestCache drives a cache through passes with and without padding, copies and drops of rows, and growth.
func TestCache(t *testing.T) {
	const width, layers = 4, 2
	c := NewCache(Config{Layers: layers, KVHeads: 2, HeadDim: 2}, 2, kernel.F32)
	want := make([]shadow, 2)
	stamp := float32(0)
	add := func(length int, mask []uint8) {
		t.Helper()
		rows := c.Rows()
		k := tensor.FromFloats(make([]float32, rows*length*width), rows, length, width)
		for i := range k.Data() {
			stamp++
			k.Data()[i] = stamp
		}
		positions := c.Begin(mask, length)
		for b := range rows {
			tokens := 0
			for _, one := range want[b].mask {
				tokens += int(one)
			}
			for i := range length {
				m := uint8(1)
				if mask != nil {
					m = mask[b*length+i]
				}
				if p := positions[b*length+i]; m != 0 && p != int32(tokens) {
					t.Errorf("row %d: position %d, want %d", b, p, tokens)
				}
				tokens += int(m)
				want[b].mask = append(want[b].mask, m)
			}
			want[b].keys = append(want[b].keys, k.Data()[b*length*width:(b+1)*length*width]...)
		}
		before := c.Len()
		for l := range layers {
			kv, keyMask := c.Extend(l, k, k)
			if kv.Len != before+length || kv.K.Dim(1) < kv.Len {
				t.Fatalf("%d keys of %v, want %d", kv.Len, kv.K.Shape(), before+length)
			}
			for b := range rows {
				from := int(kv.Index[b]) * kv.K.Dim(1) * width * 4
				for name, mat := range map[string]kernel.Mat{"keys": kv.K.Mat(), "values": kv.V.Mat()} {
					got := make([]float32, kv.Len*width)
					kernel.Decode(kernel.F32, got, mat.Data[from:][:len(got)*4])
					if !slices.Equal(got, want[b].keys) {
						t.Errorf("layer %d, row %d: %s %v, want %v", l, b, name, got, want[b].keys)
					}
				}
				if keyMask != nil && !slices.Equal(keyMask[b*kv.Len:(b+1)*kv.Len], want[b].mask) {
					t.Errorf("row %d: mask %v, want %v", b, keyMask[b*kv.Len:(b+1)*kv.Len], want[b].mask)
				}
				if keyMask == nil && slices.Contains(want[b].mask, 0) {
					t.Errorf("row %d has padding and no mask", b)
				}
			}
		}
		c.End()
	}
	choose := func(parents ...int) {
		c.Select(parents)
		var next []shadow
		for _, p := range parents {
			next = append(next, shadow{slices.Clone(want[p].keys), slices.Clone(want[p].mask)})
		}
		want = next
	}
	add(3, nil)
	add(2, []uint8{0, 1, 1, 1})
	choose(1, 0, 1, 1)
	add(1, nil)
	choose(3, 3, 0, 2)
	add(70, nil) // beyond the first capacity
	choose(2)
	add(1, []uint8{1})
	choose(0, 0, 0, 0, 0, 0)
	add(1, nil)
	if c.Last() != 3+2+1+70+1+1 {
		t.Errorf("the longest row has %d tokens", c.Last())
	}
}

// TestShare lets rows share what was read, whose padding differs, and goes back to one row a text.
func TestShare(t *testing.T) {
	c := NewCache(Config{Layers: 1, KVHeads: 1, HeadDim: 2}, 2, kernel.F32)
	k := tensor.FromFloats([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)
	read := func() {
		c.Begin([]uint8{0, 1, 1, 1}, 2)
		c.Extend(0, k, k)
		c.End()
	}
	read()
	for _, step := range []struct {
		parents []int
		index   []int32
		mask    []uint8
	}{
		{[]int{1, 0, 0}, []int32{1, 0, 0}, []uint8{1, 1, 0, 1, 0, 1}},
		{[]int{2, 2}, []int32{0, 0}, []uint8{0, 1, 0, 1}},
		{[]int{0}, []int32{0}, []uint8{0, 1}},
	} {
		c.Share(step.parents)
		kv, mask := c.Layer(0)
		if !slices.Equal(kv.Index, step.index) || !slices.Equal(mask, step.mask) || kv.Len != 2 || c.Rows() != len(step.index) {
			t.Errorf("after %v: rows read %v under %v", step.parents, kv.Index, mask)
		}
	}
	c.Clear()
	if c.Rows() != 2 || c.Len() != 0 {
		t.Errorf("cleared, it has %d rows of %d", c.Rows(), c.Len())
	}
	read()
	if kv, mask := c.Layer(0); !slices.Equal(kv.Index, []int32{0, 1}) || !slices.Equal(mask, []uint8{0, 1, 1, 1}) {
		t.Errorf("read anew: %v under %v", kv.Index, mask)
	}
}

func TestTruncate(t *testing.T) {
	c := NewCache(Config{Layers: 1, KVHeads: 1, HeadDim: 2}, 1, kernel.BF16)
	k := tensor.FromFloats([]float32{1, 2, 3, 4}, 1, 2, 2)
	c.Begin(nil, 2)
	c.Extend(0, k, k)
	c.End()
	c.Truncate(1)
	if got := c.Begin(nil, 2); fmt.Sprint(got) != "[1 2]" {
		t.Errorf("positions after a cut: %v", got)
	}
}
