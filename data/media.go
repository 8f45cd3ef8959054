package data

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"dragoman/picture"
)

// Media is a picture or a video that has not been read.
type Media struct {
	where     string
	image     image // of a folder of frames the first
	video     bool
	folder    string   // of a video that is a folder
	frames    []string // its files
	rate      float64  // of a folder, in frames a second
	maxPixels int
}

// IsVideo says whether it was called a video. A video is a GIF, or a folder of pictures, its frames.
func (m *Media) IsVideo() bool { return m.video }

// Bytes reads the file that holds the picture; of a folder of frames the first.
func (m *Media) Bytes() ([]byte, error) {
	b, err := m.image.bytes()
	if err != nil {
		return nil, &RowError{m.where, err}
	}
	return b, nil
}

// Name tells pictures apart: the same file, or the same bytes, has the same one.
func (m *Media) Name() string {
	if m.folder != "" {
		return m.folder
	}
	return m.image.name()
}

// Path is the file that the picture is all of, or the folder of a video's frames; "" if it is inside of another file.
func (m *Media) Path() string {
	if p, ok := m.image.(onDisk); ok && m.folder == "" {
		return string(p)
	}
	return m.folder
}

// FrameRate is how many frames a second a folder of them has; 0 for other media.
func (m *Media) FrameRate() float64 {
	if m.folder == "" {
		return 0
	}
	return m.rate
}

// Decode reads the picture, with its transparency; of a video the first frame.
func (m *Media) Decode() (*picture.RGBA, error) {
	b, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	p, err := picture.DecodeRGBA(b, m.options())
	if err != nil {
		return nil, &RowError{m.where, err}
	}
	return p, nil
}

func (m *Media) options() picture.Options { return picture.Options{MaxPixels: m.maxPixels} }

// Frames reads frames of a video, all of one size; of a picture it is the picture.
func (m *Media) Frames(s picture.Sampling) ([]*picture.RGBA, error) {
	frames, err := m.sample(s)
	if err != nil && !errors.As(err, new(*RowError)) {
		err = &RowError{m.where, err}
	}
	return frames, err
}

func (m *Media) sample(s picture.Sampling) ([]*picture.RGBA, error) {
	if m.folder != "" {
		return picture.OpenFrames(m.frames, m.rate, m.options(), s)
	}
	if !m.video {
		p, err := m.Decode()
		return []*picture.RGBA{p}, err
	}
	b, err := m.Bytes()
	if err != nil {
		return nil, err
	}
	return picture.DecodeFrames(b, m.options(), s)
}

// check decodes all that there is, each frame once.
func (m *Media) check() error {
	if m.folder != "" {
		return picture.CheckFrames(m.frames, m.options())
	}
	_, err := m.Frames(picture.Sampling{Most: 1}) // a GIF is decoded to its end all the same
	return err
}

// defaultRate is how fast the frames of a folder are if nothing is said of it: as the paper takes them from videos.
const defaultRate = 1

// folder is the folder that a record names; "" where it names something else.
func (f inFolder) folder(name any) string {
	s, ok := name.(string)
	if !ok || strings.HasPrefix(s, "data:") || isAddress(s) {
		return ""
	}
	dir := filepath.FromSlash(s)
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(f.dir, dir)
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

// folderVideo is a video of the pictures in a folder.
func folderVideo(dir string, rate float64) (*Media, error) {
	frames, err := picture.FramesIn(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return &Media{folder: dir, frames: frames, image: onDisk(frames[0]), video: true, rate: rate}, nil
}
