package kernel_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"dragoman/kernel"
	"dragoman/tensor"
)

func TestZZSmall(t *testing.T) {
	if os.Getenv("PROBE") == "" {
		t.Skip()
	}
	memory := make([]byte, 1200<<20)
	for i := range memory {
		memory[i] = byte(i * i >> 8)
		if i%2 == 1 {
			memory[i] = 0x3c
		}
	}
	pool, e := tensor.DefaultPool(), kernel.Default()
	shapes := [][2]int{{576, 576}, {3072, 576}, {576, 1536}, {10240, 2560}, {49152, 576}}
	best := make([]float64, len(shapes))
	bestRead := 0.0
	at := 0
	for round := 0; round < 12; round++ {
		for si, s := range shapes {
			n, k := s[0], s[1]
			d := kernel.Q4_1
			size := d.RowBytes(k) * n
			x, c := make([]float32, k), make([]float32, n)
			for i := range x {
				x[i] = float32(i%17) - 8
			}
			count := (48 << 20) / size
			if count < 1 {
				count = 1
			}
			if at+count*size > len(memory) {
				at = 0
			}
			start := time.Now()
			for i := range count {
				off := at + i*size
				g := kernel.Gemm{M: 1, N: n, K: k, A: kernel.Operand{Mat: kernel.MatF32(x, 1, k, k)}, B: kernel.Operand{Mat: kernel.MatOf(d, n, k, memory[off:off+size])}, C: c, LDC: n, Compute: kernel.BF16}
				e.Gemm(pool, &g)
			}
			r := float64(count*size) / time.Since(start).Seconds() / 1e9
			best[si] = max(best[si], r)
			at += count * size
		}
		for _, rd := range e.Readers() {
			start := time.Now()
			pool.Do(256, func(task, _ int) { rd(memory[task<<20 : (task+1)<<20]) })
			bestRead = max(bestRead, float64(256<<20)/time.Since(start).Seconds()/1e9)
		}
	}
	for i, s := range shapes {
		fmt.Printf("%v %.1f GB/s, ", s, best[i])
	}
	fmt.Printf("read %.1f\n", bestRead)
}
