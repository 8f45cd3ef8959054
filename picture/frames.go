package picture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

var errNoPictures = errors.New("the folder holds no pictures")

// FramesIn lists the pictures in a folder, the frames of a video, in the order of their names; numbers in them count by their values, so
// that 10 comes behind 9. Names that begin with a dot are passed over. The caller of an error names the folder.
func FramesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, bare(err)
	}
	var files []string
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !e.IsDir() && e.Type()&special == 0 && HasExtension(e.Name()) {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, errNoPictures
	}
	slices.SortStableFunc(files, natural)
	return files, nil
}

// natural compares names whose numbers count by their values.
func natural(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x == 0 || y == 0 {
			if a[0] != b[0] {
				return int(a[0]) - int(b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		p, q := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
		if len(p) != len(q) {
			return len(p) - len(q)
		}
		if p != q {
			return strings.Compare(p, q)
		}
		a, b = a[x:], b[y:]
	}
	return len(a) - len(b)
}

// digits is how many digits a text begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// OpenFrames reads the frames of a video that are files, shown at a rate, in frames a second. They have one size, and together as many
// pixels as one picture may.
func OpenFrames(files []string, rate float64, o Options, s Sampling) ([]*RGBA, error) {
	shown := make([]float64, len(files))
	for i := range shown {
		shown[i] = 1 / rate
	}
	at := s.Pick(shown)
	var out []*RGBA
	for i, n := range at {
		if i > 0 && at[i-1] == n {
			out = append(out, out[i-1])
			continue
		}
		m, err := openFrame(files[n], o)
		if err != nil {
			return nil, err
		}
		if i == 0 && len(at) > o.maxPixels()/(m.W*m.H) {
			return nil, tooLargeError(fmt.Sprintf("%d frames of a", len(at)), m.W, m.H, o.maxPixels())
		}
		if i > 0 {
			if err := sameSize(files[n], m, out[0].W, out[0].H); err != nil {
				return nil, err
			}
		}
		out = append(out, m)
	}
	if len(out) == 0 {
		return nil, errors.New("the video has no frames")
	}
	return out, nil
}

// CheckFrames decodes every frame of a video that is files, one at a time, and says what is wrong with the first that is broken or of
// another size.
func CheckFrames(files []string, o Options) error {
	w, h := 0, 0
	for i, file := range files {
		m, err := openFrame(file, o)
		if err != nil {
			return err
		}
		if i == 0 {
			w, h = m.W, m.H
		}
		if err := sameSize(file, m, w, h); err != nil {
			return err
		}
	}
	return nil
}

func openFrame(file string, o Options) (*RGBA, error) {
	data, err := ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, bare(err))
	}
	m, err := DecodeRGBA(data, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return m, nil
}

func sameSize(file string, m *RGBA, w, h int) error {
	if m.W != w || m.H != h {
		return fmt.Errorf("%s: a frame of %d×%d in a video of %d×%d", file, m.W, m.H, w, h)
	}
	return nil
}
