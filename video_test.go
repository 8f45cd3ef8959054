package dragoman_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman"
	"dragoman/internal/hint"
	"dragoman/picture"
	"dragoman/weights"
)

// framed is a copy of a model whose resampler tells so many frames apart.
func framed(t *testing.T, frames int) string {
	t.Helper()
	const from = "model/flamingo/testdata/openflamingo-llama"
	dir := t.TempDir()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(from, path)
		to := filepath.Join(dir, rel)
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.MkdirAll(to, 0o750)
		case strings.HasSuffix(path, "checkpoint.pt"), filepath.Dir(path) == from && strings.HasSuffix(path, ".safetensors"):
			return nil
		}
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f, err := weights.Open(filepath.Join(from, "checkpoint.pt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []weights.Tensor
	width := 0
	for _, name := range f.Names() {
		x, _ := f.Lookup(name)
		if strings.HasSuffix(name, "perceiver.latents") {
			width = x.Shape[1]
		}
		all = append(all, x)
	}
	vectors := make([]float32, frames*width)
	for i := range vectors {
		vectors[i] = float32(math.Sin(float64(i * i)))
	}
	all = append(all, weights.FromFloat32("perceiver.frame_embs", []int{frames, width}, vectors))
	if err := weights.WriteSafetensors(filepath.Join(dir, "model.safetensors"), all, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// folderOf writes frames as files.
func folderOf(t *testing.T, frames []*picture.RGBA) string {
	t.Helper()
	dir := t.TempDir()
	for i, m := range frames {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%d.png", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Flatten(picture.AlphaWhite).WritePNG(f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return dir
}

func TestVideo(t *testing.T) {
	const clip = "picture/testdata/frames/02.gif"
	raw, err := os.ReadFile(clip)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := picture.DecodeFrames(raw, picture.Options{}, picture.Sampling{})
	if err != nil {
		t.Fatal(err)
	}
	folder, first := folderOf(t, frames), folderOf(t, frames[:1])
	ctx := context.Background()
	g := &dragoman.Generate{MaxTokens: 3}
	describe := func(m *dragoman.Model, img dragoman.Image) (*dragoman.Text, error) {
		return m.AnswerLike(ctx, []dragoman.Shot{{Images: []dragoman.Image{img}, Text: "a"}}, dragoman.Shot{Images: []dragoman.Image{plain(9)}}, g)
	}
	open := func(dir string, s picture.Sampling) *dragoman.Model {
		m, err := dragoman.Open(dir, dragoman.WithDType("f32"), dragoman.WithFrames(s))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	// said is what is answered, and different says that it hangs on the frames.
	said := func(m *dragoman.Model, img dragoman.Image) []float32 {
		t.Helper()
		text, err := describe(m, img)
		if err != nil {
			t.Fatal(err)
		}
		return text.Logprobs
	}
	blind := open("model/flamingo/testdata/openflamingo-llama", picture.Sampling{})
	still := said(blind, dragoman.ImageFile(clip))
	for name, img := range map[string]dragoman.Image{
		"the first frame of a GIF that may move": dragoman.ImageFile(clip).Moving(), "a picture as a video": dragoman.Video(filepath.Join(first, "1.png"), 1),
		"a folder of one frame": dragoman.Video(first, 1),
	} {
		if !slices.Equal(said(blind, img), still) {
			t.Errorf("%s is not the picture", name)
		}
	}
	for _, img := range []dragoman.Image{dragoman.Video(clip, 1), dragoman.Video(folder, 1)} {
		if _, err := describe(blind, img); !errors.Is(err, dragoman.ErrNoPart) || hint.Of(err) == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("a video for a model that looks at pictures: %v", err)
		}
	}
	dir := framed(t, 4)
	sees := open(dir, picture.Sampling{Most: 3})
	whole := said(sees, dragoman.Video(clip, 1))
	if slices.Equal(whole, said(sees, dragoman.ImageFile(clip))) {
		t.Error("a GIF's later frames do not count")
	}
	for name, img := range map[string]dragoman.Image{"a GIF that may move": dragoman.ImageFile(clip).Moving(), "a folder": dragoman.Video(folder, 5)} {
		if !slices.Equal(said(sees, img), whole) {
			t.Errorf("%s is not the video", name)
		}
	}
	if slices.Equal(said(open(dir, picture.Sampling{Most: 9}), dragoman.Video(folder, 1)), whole) {
		t.Error("more frames than three do not count")
	}
	if !slices.Equal(said(open(dir, picture.Sampling{Rate: 1}), dragoman.Video(folder, 100)), said(sees, dragoman.ImageFile(clip))) {
		t.Error("what is shown within a second is more than its first frame, at one a second")
	}
	for _, bad := range []string{t.TempDir(), filepath.Join(folder, "none.gif")} {
		if _, err := describe(sees, dragoman.Video(bad, 1)); err == nil || !strings.HasPrefix(err.Error(), "answering by examples: reading a video: "+bad) {
			t.Errorf("no video: %v", err)
		}
	}
}
