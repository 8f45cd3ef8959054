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

// TestCache drives a cache through passes with and without padding, copies and drops of rows, and growth, beside what each row should hold.
func TestCache(t *testing.T) {
	const width, layers = 4, 2
	c := NewCache(Config{Layers: layers, KVHeads: 2, HeadDim: 2}, 2, kernel.F32)
	want := make([][]float32, 2) // the keys of each row
	stamp := float32(0)
	add := func(length int, mask []uint8) {
		t.Helper()
		rows, before := c.Rows(), c.Len()
		k := tensor.FromFloats(make([]float32, rows*length*width), rows, length, width)
		for i := range k.Data() {
			stamp++
			k.Data()[i] = stamp
		}
		uneven := false
		for b := range want {
			uneven = uneven || len(want[b]) != len(want[0])
		}
		positions := c.Begin(mask, length)
		for b := range rows {
			for i := range length {
				if mask != nil && mask[b*length+i] == 0 {
					continue
				}
				if p := positions[b*length+i]; p != int32(len(want[b])/width) {
					t.Errorf("row %d: position %d, want %d", b, p, len(want[b])/width)
				}
				want[b] = append(want[b], k.Data()[(b*length+i)*width:][:width]...)
			}
		}
		for l := range layers {
			kv, keyMask := c.Extend(l, k, k)
			if kv.Len != before+length || kv.K.Dim(1) < kv.Len {
				t.Fatalf("%d keys of %v, want %d", kv.Len, kv.K.Shape(), before+length)
			}
			for b := range rows {
				from := int(kv.Index[b]) * kv.K.Dim(1) * width * 4
				for name, mat := range map[string]kernel.Mat{"keys": kv.K.Mat(), "values": kv.V.Mat()} {
					got := make([]float32, len(want[b]))
					kernel.Decode(kernel.F32, got, mat.Data[from:][:len(got)*4])
					if !slices.Equal(got, want[b]) {
						t.Errorf("layer %d, row %d: %s %v, want %v", l, b, name, got, want[b])
					}
				}
				shown := append(slices.Repeat([]uint8{1}, len(want[b])/width), make([]uint8, kv.Len-len(want[b])/width)...)
				if uneven != (keyMask != nil) || uneven && !slices.Equal(keyMask[b*kv.Len:(b+1)*kv.Len], shown) {
					t.Errorf("row %d of %d tokens: mask %v", b, len(want[b])/width, keyMask)
				}
			}
		}
		c.End()
	}
	choose := func(parents ...int) {
		c.Select(parents)
		var next [][]float32
		for _, p := range parents {
			next = append(next, slices.Clone(want[p]))
		}
		want = next
	}
	add(3, nil)
	add(2, []uint8{1, 0, 1, 1})
	choose(1, 0, 1, 1)
	add(1, nil)
	choose(3, 3, 0, 2)
	add(70, nil) // as long again, and beyond the first capacity
	choose(2)
	add(1, []uint8{1})
	choose(0, 0, 0, 0, 0, 0)
	add(2, []uint8{1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 0})
	choose(0, 2) // the longest is gone
	add(3, nil)
	if c.Len() != 3+2+1+70+1+1+3 {
		t.Errorf("the longest row has %d tokens", c.Len())
	}
}

// TestShare lets rows share what was read, whose padding differs, and goes back to one row a text.
func TestShare(t *testing.T) {
	c := NewCache(Config{Layers: 1, KVHeads: 1, HeadDim: 2}, 2, kernel.F32)
	k := tensor.FromFloats([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)
	read := func() {
		c.Begin([]uint8{1, 0, 1, 1}, 2)
		c.Extend(0, k, k)
		c.End()
	}
	read()
	for _, step := range []struct {
		parents []int
		index   []int32
		mask    []uint8
	}{
		{[]int{1, 0, 0}, []int32{1, 0, 0}, []uint8{1, 1, 1, 0, 1, 0}},
		{[]int{2, 2}, []int32{0, 0}, nil},
		{[]int{0}, []int32{0}, nil},
	} {
		c.Share(step.parents)
		kv, mask := c.Layer(0)
		if !slices.Equal(kv.Index, step.index) || !slices.Equal(mask, step.mask) || c.Rows() != len(step.index) {
			t.Errorf("after %v: rows read %v under %v", step.parents, kv.Index, mask)
		}
	}
	c.Clear()
	if c.Rows() != 2 || c.Len() != 0 {
		t.Errorf("cleared, it has %d rows of %d", c.Rows(), c.Len())
	}
	read()
	if kv, mask := c.Layer(0); !slices.Equal(kv.Index, []int32{0, 1}) || !slices.Equal(mask, []uint8{1, 0, 1, 1}) {
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

// TestTogether: what is multiplied besides the model's matrices counts for how many rows each are what they are alone.
func TestTogether(t *testing.T) {
	matrix := func(d kernel.DType) *tensor.Tensor {
		return tensor.NewWeight("w", kernel.MatOf(d, 32, 64, make([]byte, 32*d.RowBytes(64))), 32, 64)
	}
	types := []kernel.DType{kernel.F32, kernel.F16, kernel.BF16, kernel.Q8_0, kernel.Q4_0, kernel.Q4_1}
	alone := map[kernel.DType]int{}
	for _, d := range types {
		var c Cost
		c.Add(matrix(d))
		alone[d] = c.Together(kernel.BF16)
	}
	for _, d := range types {
		for _, more := range types {
			var c Cost
			c.Add(matrix(d))
			if n := c.Together(kernel.BF16, matrix(more)); n != min(alone[d], alone[more]) {
				t.Errorf("%v beside %v: %d, alone %d and %d", d, more, n, alone[d], alone[more])
			}
		}
	}
}

// TestAlike: rows are read with rows of like lengths where that saves more than another pass costs, and every row once.
func TestAlike(t *testing.T) {
	long := func(n, of int) []int { return slices.Repeat([]int{of}, n) }
	for _, tt := range []struct {
		name    string
		lengths []int
		want    [][]int
	}{
		{"one", []int{7}, [][]int{{0}}},
		{"all alike", long(4, 30), [][]int{{0, 1, 2, 3}}},
		{"short ones", []int{1, 9, 2}, [][]int{{0, 1, 2}}},
		{"one that is long", []int{20, 300, 20, 21}, [][]int{{1}, {0, 2, 3}}},
		{"two lengths", append(long(8, 60), long(8, 20)...), [][]int{upTo(8), {8, 9, 10, 11, 12, 13, 14, 15}}},
	} {
		got := alike(tt.lengths)
		if fmt.Sprint(got) != fmt.Sprint(tt.want) {
			t.Errorf("%s: %v, not %v", tt.name, got, tt.want)
		}
	}
	if got := alike(nil); len(got) != 0 {
		t.Errorf("no rows: %v", got)
	}
}
