package picture

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func readJSON(t testing.TB, name string, v any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// noise repeats the generator of tools/oracle/picture.py.
func noise(n int, seed uint64) []uint8 {
	out := make([]uint8, n)
	for i := range out {
		seed = seed*6364136223846793005 + 1442695040888963407
		out[i] = uint8(seed >> 56)
	}
	return out
}

func noiseImage(w, h int, seed uint64) *Image {
	return &Image{W: w, H: h, Pix: noise(3*w*h, seed)}
}

// TestDecodeAgainstPillow compares every committed file with what Pillow read from it: to the bit.
func TestDecodeAgainstPillow(t *testing.T) {
	var cases []struct {
		File   string
		W, H   int
		SHA256 string

		Dropped string // with alpha dropped, where that differs
	}
	readJSON(t, "decode.json", &cases)
	if len(cases) < 80 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.File, func(t *testing.T) {
			m, err := Open(filepath.Join("testdata/decode", c.File), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if m.W != c.W || m.H != c.H {
				t.Fatalf("size %d×%d, Pillow has %d×%d", m.W, m.H, c.W, c.H)
			}
			if hash(m.Pix) != c.SHA256 {
				t.Error("pixels differ from Pillow's")
			}
			m, err = Open(filepath.Join("testdata/decode", c.File), Options{Alpha: AlphaDrop})
			if err != nil {
				t.Fatal(err)
			}
			if hash(m.Pix) != cmp.Or(c.Dropped, c.SHA256) {
				t.Error("pixels without alpha differ from Pillow's")
			}
		})
	}
}

// twoHalves is a Parallel that really runs at the same time.
func twoHalves(n int, body func(lo, hi int)) {
	var wg sync.WaitGroup
	wg.Go(func() { body(0, n/2) })
	wg.Go(func() { body(n/2, n) })
	wg.Wait()
}

func TestResizeAgainstPillow(t *testing.T) {
	var cases []struct {
		W, H, Channels int
		Seed           uint64
		Filter         Filter
		To             [2]int
		SHA256         string
	}
	readJSON(t, "resize.json", &cases)
	if len(cases) < 90 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		pix := noise(c.W*c.H*c.Channels, c.Seed)
		resize := func(par Parallel) []uint8 {
			if c.Channels == 3 {
				return (&Image{W: c.W, H: c.H, Pix: pix}).Resize(c.To[0], c.To[1], c.Filter, par).Pix
			}
			return (&RGBA{W: c.W, H: c.H, Pix: pix}).Resize(c.To[0], c.To[1], c.Filter, par).Pix
		}
		got := resize(nil)
		if hash(got) != c.SHA256 {
			t.Errorf("%d×%d×%d to %v by %v differs from Pillow", c.W, c.H, c.Channels, c.To, c.Filter)
		}
		if !bytes.Equal(got, resize(twoHalves)) {
			t.Errorf("%d×%d×%d to %v by %v depends on how rows are split", c.W, c.H, c.Channels, c.To, c.Filter)
		}
	}
}

// TestWindowIsAPartOfTheWhole: computing only a part gives the same bytes, in either order of the passes.
func TestWindowIsAPartOfTheWhole(t *testing.T) {
	for _, c := range [][4]int{{60, 40, 30, 20}, {20, 300, 25, 40}, {17, 19, 50, 60}, {30, 40, 30, 20}, {30, 40, 20, 40}, {9, 9, 9, 9}} {
		m := noiseImage(c[0], c[1], 3)
		for _, f := range []Filter{Nearest, Bilinear, Bicubic, Lanczos} {
			whole := m.Resize(c[2], c[3], f, nil)
			want := window{x: 2, y: 3, w: c[2] - 5, h: c[3] - 4}
			part := New(want.w, want.h)
			paste(part, whole, -want.x, -want.y)
			if got := resampleWindow(m.Pix, m.W, m.H, 3, c[2], c[3], want, f, twoHalves); !bytes.Equal(got, part.Pix) {
				t.Errorf("%v by %v: the window differs from the whole", c, f)
			}
		}
	}
}

func BenchmarkResize(b *testing.B) {
	m := noiseImage(640, 480, 1)
	for b.Loop() {
		m.Resize(224, 224, Bicubic, nil)
	}
}
