package picture

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// isMoving says whether a file is a GIF of more than one frame.
func isMoving(data []byte) bool {
	if !isGIF(data) {
		return false
	}
	frames, _ := gifFrames(data)
	return len(frames) > 1
}

// TestFramesAgainstPillow compares every frame of every file with what Pillow shows: to the bit.
func TestFramesAgainstPillow(t *testing.T) {
	var cases []struct {
		File   string
		SHA256 []string
	}
	readJSON(t, "frames.json", &cases)
	if len(cases) < 28 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.File, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("testdata/frames", c.File))
			if err != nil {
				t.Fatal(err)
			}
			frames, err := DecodeFrames(data, Options{}, Sampling{})
			if err != nil {
				t.Fatal(err)
			}
			if len(frames) != len(c.SHA256) || !isMoving(data) {
				t.Fatalf("%d frames, Pillow has %d", len(frames), len(c.SHA256))
			}
			for i, f := range frames {
				if hash(f.Flatten(AlphaWhite).Pix) != c.SHA256[i] {
					t.Errorf("frame %d differs from Pillow's", i)
				}
			}
			first, err := DecodeRGBA(data, Options{})
			if err != nil || !bytes.Equal(first.Pix, frames[0].Pix) {
				t.Errorf("the first frame is not the picture: %v", err)
			}
			last, err := DecodeFrames(data, Options{}, Sampling{Most: 2})
			if err != nil || len(last) != 2 || !bytes.Equal(last[1].Pix, frames[len(frames)-1].Pix) {
				t.Errorf("the last of two frames is not the last: %v", err)
			}
		})
	}
}

func TestPick(t *testing.T) {
	for _, c := range []struct {
		s     Sampling
		shown []float64
		want  []int
	}{
		{Sampling{}, []float64{1, 1, 1}, []int{0, 1, 2}},
		{Sampling{Rate: 1}, []float64{0.5, 0.5, 0.5, 0.5}, []int{0, 2}},
		{Sampling{Rate: 4}, []float64{0.5, 0.25}, []int{0, 0, 1}},
		{Sampling{Rate: 1}, []float64{0.1, 0.1}, []int{0}},
		{Sampling{Rate: 10}, []float64{0.1, 0.2, 0.1, 0.1}, []int{0, 1, 1, 2, 3}},
		{Sampling{Most: 3}, []float64{1, 1, 1, 1, 1}, []int{0, 2, 4}},
		{Sampling{Most: 1}, []float64{1, 1}, []int{0}},
		{Sampling{Rate: 2, Most: 2}, []float64{1, 1}, []int{0, 1}},
		{Sampling{}, nil, nil},
		{Sampling{Rate: 1}, nil, nil},
	} {
		if got := c.s.Pick(c.shown); !slices.Equal(got, c.want) {
			t.Errorf("%+v of %v: %v, want %v", c.s, c.shown, got, c.want)
		}
	}
	if got := (Sampling{Rate: 1e300}).Pick([]float64{1, 1}); len(got) != maxFrames {
		t.Errorf("%d frames", len(got))
	}
}

func TestFrameLimits(t *testing.T) {
	data, err := os.ReadFile("testdata/frames/01.gif")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := DecodeFrames(data, Options{MaxPixels: 4 * 12 * 9}, Sampling{}); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	if m, err := DecodeFrames(data, Options{MaxPixels: 5 * 12 * 9}, Sampling{}); err != nil || len(m) != 5 {
		t.Error(err)
	}
	for cut := range len(data) {
		// Cut short within its second frame it is the picture that it always was.
		if m, err := DecodeFrames(data[:cut], Options{}, Sampling{}); err == nil && len(m) > 1 && cut < len(data)-1 {
			t.Errorf("%d bytes of %d are a video", cut, len(data))
		}
	}
	still, err := os.ReadFile("testdata/decode/plain.gif")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := DecodeFrames(still, Options{}, Sampling{Rate: 30, Most: 8}); err != nil || len(m) != 1 || isMoving(still) {
		t.Errorf("%d frames: %v", len(m), err)
	}
	pic, err := os.ReadFile("testdata/decode/" + pngFile(t))
	if err != nil {
		t.Fatal(err)
	}
	if m, err := DecodeFrames(pic, Options{}, Sampling{}); err != nil || len(m) != 1 || isMoving(pic) {
		t.Errorf("%d frames: %v", len(m), err)
	}
	if _, err := DecodeFrames(nil, Options{}, Sampling{}); !errors.Is(err, ErrNotPicture) {
		t.Error(err)
	}
}

func pngFile(t *testing.T) string {
	t.Helper()
	names, err := filepath.Glob("testdata/decode/*.png")
	if err != nil || len(names) == 0 {
		t.Fatal("no PNG", err)
	}
	return filepath.Base(names[0])
}

// FuzzFrames reads the frames of whatever begins like a GIF.
func FuzzFrames(f *testing.F) {
	files, err := filepath.Glob("testdata/frames/*.gif")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 1 << 14
		frames, err := DecodeFrames(data, Options{MaxPixels: limit}, Sampling{Rate: 20, Most: 5})
		if err != nil {
			if strings.Contains(err.Error(), "decoder failed") {
				t.Fatalf("a decoder panicked: %v", err)
			}
			return
		}
		if len(frames) < 1 || len(frames) > 5 {
			t.Fatalf("%d frames", len(frames))
		}
		for _, m := range frames {
			if m.W != frames[0].W || m.H != frames[0].H || len(m.Pix) != 4*m.W*m.H {
				t.Fatalf("a frame of %d×%d with %d bytes", m.W, m.H, len(m.Pix))
			}
		}
	})
}

// TestSeveralControls reads a frame with two graphic controls, of which the last that names a transparent index counts, as it does for Pillow.
func TestSeveralControls(t *testing.T) {
	control := func(flags, index byte) string { return string([]byte{0x21, 0xf9, 4, flags, 0, 0, index, 0}) }
	for _, c := range []struct {
		controls string
		clear    int
	}{
		{control(1, 1) + control(0, 2), 1},
		{control(0, 1) + control(1, 2), 2},
		{control(1, 1) + control(1, 2), 2},
	} {
		data := "GIF89a\x02\x00\x02\x00\x81\x00\x00\xff\x00\x00\x00\xff\x00\x00\x00\xff\x09\x09\x09" + c.controls +
			"\x2c\x00\x00\x00\x00\x02\x00\x02\x00\x00\x08\x07\x00\x01\x04\x10\x30\x20\x20\x00;"
		m, err := DecodeRGBA([]byte(data), Options{})
		if err != nil {
			t.Fatal(err)
		}
		want := []byte{255, 0, 0, 255, 0, 255, 0, 255, 0, 0, 255, 255, 9, 9, 9, 255}
		want[4*c.clear+3] = 0
		if !bytes.Equal(m.Pix, want) {
			t.Errorf("%x: %v", c.controls, m.Pix)
		}
	}
}
