package dragoman_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman"
	"dragoman/internal/hint"
	"dragoman/model/flamingotest"
	"dragoman/picture"
)

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
	dir := flamingotest.Framed(t, "model/flamingo/testdata/openflamingo-llama", 4)
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
		if _, err := describe(sees, dragoman.Video(bad, 1)); err == nil || !strings.HasPrefix(err.Error(), "reading a video: "+bad) {
			t.Errorf("no video: %v", err)
		}
	}
}

// TestInspectVideo: of a video in a page all frames are looked at, and what is read of it lies on one map.
func TestInspectVideo(t *testing.T) {
	const clip = "picture/testdata/frames/02.gif"
	m, err := dragoman.Open(flamingotest.Framed(t, "model/flamingo/testdata/openflamingo-llama", 4), dragoman.WithDType("f32"), dragoman.WithFrames(picture.Sampling{Most: 3}))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	still, video := dragoman.ImageFile(clip), dragoman.Video(clip, 1)
	in, err := m.InspectPage(context.Background(), []dragoman.Part{{Image: &still}, {Image: &video}, {Text: "a"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := in.Pictures; got[0].Frames != nil || len(got[1].Frames) != 3 || slices.Equal(got[0].Outputs[0], got[1].Outputs[0]) {
		t.Fatalf("shares of frames: of a picture %v, of a video %v", got[0].Frames, got[1].Frames)
	}
	var sum float32
	for _, share := range in.Pictures[1].Frames {
		sum += share
	}
	if math.Abs(float64(sum)-1) > 1e-5 {
		t.Errorf("the frames' shares are %v", in.Pictures[1].Frames)
	}
	for i, l := range in.Pictures[1].Layers {
		for _, w := range l.Weights {
			sum = 0
			for _, v := range w {
				sum += v
			}
			if len(w) != len(in.Pictures[0].Layers[i].Weights[0]) || math.Abs(float64(sum)-1) > 1e-5 {
				t.Errorf("%s: %d weights, their sum is %v", l.Path, len(w), sum)
			}
		}
	}
}

// TestEmptyFolder: it is no video and no model, and the error names it once.
func TestEmptyFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := dragoman.Video(dir, 1).Decode(picture.Options{}); err == nil || err.Error() != "reading a picture: "+dir+": the folder holds no pictures" {
		t.Error(err)
	}
	_, err := dragoman.Open(dir)
	if !errors.Is(err, dragoman.ErrNoModel) || err.Error() != "opening a model: "+dir+": no such model: there is no config.json in it" {
		t.Error(err)
	}
}
