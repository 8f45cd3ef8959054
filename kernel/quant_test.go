package kernel

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// The bytes and values that the gguf Python package makes: tools/oracle/kernel_quant.py.
func TestStoredTypesMatchGGUF(t *testing.T) {
	const n = 1024
	golden, err := os.ReadFile("testdata/quant.bin")
	if err != nil {
		t.Fatal(err)
	}
	next := func(size int) []byte {
		part := golden[:size]
		golden = golden[size:]
		return part
	}
	x, want, got := make([]float32, n), make([]float32, n), make([]float32, n)
	Decode(F32, x, next(4*n))
	for _, d := range []DType{Q8_0, Q4_0, Q4_1, F16, BF16} {
		stored := next(d.RowBytes(n))
		Decode(F32, want, next(4*n))
		Decode(d, got, stored)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("%v: element %d is read as %g, want %g", d, i, got[i], want[i])
			}
		}
		mine := make([]byte, len(stored))
		Encode(d, mine, x)
		if !bytes.Equal(mine, stored) {
			for i := range mine {
				if mine[i] != stored[i] {
					t.Errorf("%v: byte %d is written as %#x, want %#x", d, i, mine[i], stored[i])
					break
				}
			}
		}
	}
}

// Every half and every bf16 is read as the Go loop reads it, at every offset from a vector's start.
func TestHalvesMatchGeneric(t *testing.T) {
	src := make([]byte, 2<<16)
	for i := range 1 << 16 {
		src[2*i], src[2*i+1] = byte(i), byte(i>>8)
	}
	got, want := make([]float32, 1<<16), make([]float32, 1<<16)
	for _, d := range []DType{F16, BF16} {
		Decode(d, got[:1<<16-3], src)
		decodeGeneric(d, want[:1<<16-3], src)
		for i := range got {
			if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
				t.Fatalf("%v %#x: %x, want %x", d, i, math.Float32bits(got[i]), math.Float32bits(want[i]))
			}
		}
	}
}

func TestConversionsMatchGeneric(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, d := range allDTypes {
		for _, n := range append(lengths, 1024) {
			n = n / d.BlockLen() * d.BlockLen()
			x := newGuarded(n, 1).of(normal(r, 1)).x
			for i := range x {
				switch {
				case d < Q8_0 && r.IntN(4) == 0:
					x[i] = math.Float32frombits(r.Uint32()) // any bits, NaN and infinities among them
				case r.IntN(9) == 0:
					x[i] = 0
				}
			}
			size := d.RowBytes(n)
			got, want := make([]byte, size+9)[1:], make([]byte, size+9)[1:]
			Encode(d, got, x)
			encodeGeneric(d, want, x)
			if !bytes.Equal(got, want) {
				t.Errorf("%v: %d elements are not written alike", d, n)
			}
			back, wantBack := newGuarded(n, 1), make([]float32, n)
			Decode(d, back.x, got)
			back.check(t, "decode")
			decodeGeneric(d, wantBack, want)
			for i := range wantBack {
				if math.Float32bits(back.x[i]) != math.Float32bits(wantBack[i]) {
					t.Fatalf("%v: %d elements: number %d is read as %g, want %g", d, n, i, back.x[i], wantBack[i])
				}
			}
		}
	}
}

// Every kind of block that a quantiser's loop could see otherwise than the Go loop: ties, zeros of both signs, largest values of both,
// numbers next to nothing and next to infinity, and what is no number.
func TestQuantisersMatchGeneric(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	kinds := []func() float32{
		func() float32 { return float32(r.NormFloat64()) },
		func() float32 { return float32(r.IntN(255)-127) / 2 },
		func() float32 { return float32(r.IntN(3)-1) * 8 },
		func() float32 { return float32(math.Copysign(0, float64(r.IntN(2))-0.5)) },
		func() float32 { return float32(r.IntN(2)) * float32(math.Copysign(1, r.NormFloat64())) },
		func() float32 { return 4 + float32(r.IntN(32))/8 },
		func() float32 { return float32(r.NormFloat64()) * 1e-38 },
		func() float32 { return float32(r.NormFloat64()) * 1e-31 },
		func() float32 { return float32(r.NormFloat64()) * 1e38 },
		func() float32 { return awkward[r.IntN(len(awkward))] },
		func() float32 { return math.Float32frombits(r.Uint32()) },
	}
	const blocks = 7
	for _, d := range []DType{Q8_0, Q4_0, Q4_1} {
		size := d.BlockBytes()
		for range 3000 {
			x := newGuarded(32*blocks, r.IntN(8)).x
			for b := range blocks {
				kind := kinds[r.IntN(len(kinds))]
				for i := range 32 {
					x[32*b+i] = kind()
				}
			}
			got, want := make([]byte, blocks*size+9)[1:], make([]byte, blocks*size+9)[1:]
			Encode(d, got, x)
			encodeGeneric(d, want, x)
			for b := range blocks {
				if at := b * size; !bytes.Equal(got[at:at+size], want[at:at+size]) {
					t.Fatalf("%v: %v is written as %x, want %x", d, x[32*b:32*b+32], got[at:at+size], want[at:at+size])
				}
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%v: wrote past the blocks", d)
			}
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	x := make([]float32, 1<<16)
	for i := range x {
		x[i] = float32(i*i%1009) - 500
	}
	dst := make([]byte, 4*len(x))
	for _, d := range allDTypes {
		b.Run(d.String(), func(b *testing.B) {
			b.SetBytes(4 << 16)
			for range b.N {
				Encode(d, dst, x)
			}
		})
	}
}

func TestConvertRejectsShortRows(t *testing.T) {
	for name, f := range map[string]func(){
		"short source": func() { Decode(Q8_0, make([]float32, 64), make([]byte, 67)) },
		"part block":   func() { Decode(Q4_0, make([]float32, 33), make([]byte, 100)) },
		"short target": func() { Encode(F16, make([]byte, 3), make([]float32, 2)) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
