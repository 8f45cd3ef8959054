package data

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/picture"
)

// TestVideos reads GIFs, folders of frames and what is no video.
func TestVideos(t *testing.T) {
	moving, err := os.ReadFile("../picture/testdata/frames/05.gif")
	if err != nil {
		t.Fatal(err)
	}
	frames := len(must(picture.DecodeFrames(moving, picture.Options{}, picture.Sampling{})))
	dir := tree(t, map[string]string{
		"v.gif": string(moving), "f/1.png": string(red), "f/10.png": string(green), "f/9.png": string(red), "f/.2.png": "x", "f/notes.txt": "x",
		"odd/1.png": png(t, "r", 2, 2), "odd/2.png": png(t, "r", 3, 2), "bad/1.png": string(red), "bad/2.png": "x", "empty/x.txt": "", "r.png": string(red),
		"p.jsonl": `{"parts":[{"video":"v.gif"},{"text":"a"}]}` + "\n" +
			`{"parts":[{"video":"f","fps":2},{"text":"a"}]}` + "\n" +
			`{"parts":[{"video":"r.png"},{"text":"a"}]}` + "\n" +
			`{"parts":[{"video":"odd"},{"text":"a"}]}` + "\n" +
			`{"parts":[{"video":"bad"},{"text":"a"}]}` + "\n" +
			`{"parts":[{"video":"empty"},{"text":"a"}]}` + "\n" +
			`{"parts":[{"video":"f","fps":0},{"text":"a"}]}` + "\n" +
			`{"parts":[{"video":"f","fps":"x"},{"text":"a"}]}` + "\n" +
			`{"parts":[{"video":"none"},{"text":"a"}]}` + "\n" +
			`{"parts":[{"video":"f","image":"r.png"},{"text":"a"}]}`,
		"s.tar": string(shardOf(t, "k.json", `{"parts":[{"video":"k.v.gif"},{"text":"a"}]}`, "k.v.gif", string(moving))),
	})
	d := mustOpenPages(t, filepath.Join(dir, "p.jsonl"), PageOptions{})
	if r := d.Report(); r.Rows != 5 || r.Broken != 5 || r.Skipped[NotFound] != 1 || !strings.Contains(r.Examples[0].Error(), "part 1: video: ") {
		t.Fatalf("report %v", r)
	}
	media := func(d Pages, i int) *Media {
		p, err := d.Page(i)
		if err != nil {
			t.Fatal(err)
		}
		return p.Parts[0].Media
	}
	gif := media(d, 0)
	if !gif.IsVideo() || len(must(gif.Frames(picture.Sampling{}))) != frames || len(must(gif.Frames(picture.Sampling{Most: 2}))) != 2 {
		t.Error("the GIF's frames")
	}
	folder := media(d, 1)
	if folder.Path() != filepath.Join(dir, "f") || folder.FrameRate() != 2 || folder.Name() != folder.Path() {
		t.Errorf("folder %+v", folder)
	}
	var shown strings.Builder
	for _, m := range must(folder.Frames(picture.Sampling{})) {
		shown.WriteByte("rg"[min(m.Pix[1], 1)])
	}
	check(t, "frames in the order of their numbers", shown.String(), "rrg")
	if n := len(must(folder.Frames(picture.Sampling{Rate: 1}))); n != 2 {
		t.Errorf("%d frames at 1 a second", n)
	}
	if n := len(must(media(d, 2).Frames(picture.Sampling{Rate: 10}))); n != 1 {
		t.Errorf("%d frames of a picture", n)
	}
	for i, want := range map[int]string{3: "a frame of 3×2 in a video of 2×2", 4: "2.png: not a picture"} {
		if _, err := media(d, i).Frames(picture.Sampling{}); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), dir) {
			t.Error(err)
		}
	}
	each := func(n int, f func(i int)) {
		for i := range n {
			f(i)
		}
	}
	good, _, err := CheckPages(t.Context(), d, each, func(int, Page, error) {})
	check(t, "whole videos", good, []int{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(must(media(mustOpenPages(t, filepath.Join(dir, "s.tar"), PageOptions{}), 0).Frames(picture.Sampling{}))); n != frames {
		t.Errorf("%d frames in a shard", n)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
