package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/internal/hint"
	"dragoman/internal/plainjson"
	"dragoman/internal/readfile"
	"dragoman/picture"
)

// maxPage bounds the size of a page or of a file of examples, which name pictures and hold none.
const maxPage = 64 << 20

// readFile reads a small file, or standard input for "-"; dir is where the files that it names are found from.
func (c *cli) readFile(what, name string) (data []byte, dir string, err error) {
	if name == "-" {
		data, err = readfile.UpTo(c.input(), maxPage)
	} else if data, err = readfile.Any(name, maxPage); err == nil {
		dir = filepath.Dir(name)
	}
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		err = pe.Err // the file is named below
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %s: %w", what, name, err)
	}
	return data, dir, nil
}

// elsewhere says whether a picture's name is a data: URL or an address, and no path.
func elsewhere(name string) bool {
	return strings.HasPrefix(name, "data:") || strings.Contains(name, "://")
}

// pictureAt is a picture that a file in dir names: its path, a data: URL, or an address.
func (c *cli) pictureAt(dir, name string) dragoman.Image {
	if elsewhere(name) {
		for item := range (picture.Source{Fetch: c.fetch}).Expand([]string{name}) {
			if item.Err != nil {
				item.Read = func() ([]byte, error) { return nil, item.Err }
			}
			return dragoman.ImageFunc(picture.Called(item.Name), item.Read)
		}
	}
	return dragoman.ImageFile(pathAt(dir, name))
}

// pictureOf is a picture that an option names: as pictureAt, or standard input.
func (c *cli) pictureOf(name string) dragoman.Image {
	if name == stream {
		for item := range picture.Expand([]string{name}, c.input()) {
			return dragoman.ImageFunc(name, item.Read)
		}
	}
	return c.pictureAt("", name)
}

// videoAt is a video that a file in dir names, with frames that are files shown fps a second.
func videoAt(dir, name string, fps float64) (dragoman.Image, error) {
	if fps == 0 {
		fps = 1
	}
	if !(fps > 0 && fps <= 1000) {
		return dragoman.Image{}, fmt.Errorf("fps is %v, not a number of frames a second", fps)
	}
	return dragoman.Video(pathAt(dir, name), fps), nil
}

// there is an error where a picture is to be a file and none is there: of an example it is said once, not of each picture that is asked about.
func there(dir, name string) error {
	if name == stream || elsewhere(name) {
		return nil
	}
	_, err := os.Stat(pathAt(dir, name))
	if p := (*fs.PathError)(nil); errors.As(err, &p) {
		return fmt.Errorf("reading a picture: %s: %w", name, p.Err)
	}
	return err
}

func pathAt(dir, name string) string {
	if dir == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// continuePage writes on behind the page in a file.
func (c *cli) continuePage(cmd *cobra.Command, name string, images *imageFlags, g *dragoman.Generate) error {
	if err := c.checkGenerate(g); err != nil {
		return err
	}
	page, err := c.readPage(name)
	if err != nil {
		return c.inPlace(cmd.Context(), "image", name, err)
	}
	m, err := c.open(images)
	if err != nil {
		return err
	}
	defer m.Close()
	var text *dragoman.Text
	if page.turns != nil {
		text, err = m.Chat(cmd.Context(), page.turns, g)
	} else {
		text, err = m.Continue(cmd.Context(), page.parts, g)
	}
	if err == nil {
		err = c.emitText(name, text)
	}
	return c.inPlace(cmd.Context(), "image", name, err)
}

// page is what a page's file holds: parts, or the turns of a conversation.
type page struct {
	parts []dragoman.Part
	turns []dragoman.Message
}

// jsonPart is a picture's file, a video's file or folder, or a text.
type jsonPart struct {
	Image *string `json:"image"`
	Video *string `json:"video"`
	FPS   float64 `json:"fps"`
	Text  *string `json:"text"`
}

// readPage reads a page's file.
func (c *cli) readPage(name string) (page, error) {
	const what = "reading a page"
	data, dir, err := c.readFile(what, name)
	if err != nil {
		return page{}, err
	}
	p, err := c.parsePage(data, dir)
	if err == nil {
		return p, nil
	}
	err = fmt.Errorf("%s: %s: %w", what, name, err)
	switch {
	case errors.Is(err, plainjson.ErrMore):
		err = hint.Wrap(err, "--page takes one page: of a file with a page a line, one line")
	case bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")):
		err = hint.Wrap(err, "dragoman pages --json %s makes a page of HTML, which --page takes", name)
	}
	return page{}, err
}

// parsePage reads {"parts": […]} or {"turns": [{"role": R, "parts": […]}, …]}.
func (c *cli) parsePage(data []byte, dir string) (p page, err error) {
	var j struct {
		Parts []jsonPart `json:"parts"`
		Turns []struct {
			Role  string     `json:"role"`
			Parts []jsonPart `json:"parts"`
		} `json:"turns"`
	}
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return p, err
	}
	switch {
	case len(j.Parts) > 0 && len(j.Turns) > 0:
		return p, errors.New("it has parts, and turns besides")
	case len(j.Parts) == 0 && len(j.Turns) == 0:
		return p, errors.New("it has no parts and no turns")
	}
	if p.parts, err = c.parseParts(j.Parts, dir); err != nil {
		return p, err
	}
	for i, t := range j.Turns {
		parts, err := c.parseParts(t.Parts, dir)
		if err == nil && len(parts) == 0 {
			err = errors.New("it has no parts")
		}
		if err != nil {
			return p, fmt.Errorf("turn %d: %w", i+1, err)
		}
		p.turns = append(p.turns, dragoman.Message{Role: t.Role, Parts: parts})
	}
	return p, nil
}

func (c *cli) parseParts(list []jsonPart, dir string) (parts []dragoman.Part, err error) {
	for i, p := range list {
		kinds := 0
		for _, kind := range []*string{p.Image, p.Video, p.Text} {
			if kind != nil {
				kinds++
			}
		}
		switch {
		case kinds != 1:
			return nil, fmt.Errorf("part %d is neither an image nor a video nor a text, or several of them", i+1)
		case p.Image != nil && *p.Image == "", p.Video != nil && *p.Video == "":
			return nil, fmt.Errorf("part %d: %w", i+1, errNoName)
		case p.Image != nil:
			img := c.pictureAt(dir, *p.Image)
			parts = append(parts, dragoman.Part{Image: &img})
		case p.Video != nil:
			video, err := videoAt(dir, *p.Video, p.FPS)
			if err != nil {
				return nil, fmt.Errorf("part %d: %w", i+1, err)
			}
			parts = append(parts, dragoman.Part{Image: &video})
		default:
			parts = append(parts, dragoman.Part{Text: *p.Text})
		}
	}
	return parts, nil
}

// readShots collects the examples of a call: those of the file before those of the flags. One without a question of its own has the
// call's.
func (c *cli) readShots(flags []string, file, question string) ([]dragoman.Shot, error) {
	var shots []dragoman.Shot
	if file != "" {
		data, dir, err := c.readFile("reading examples", file)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(bytes.NewReader(data))
		lines.Buffer(nil, maxPage)
		for n := 1; lines.Scan(); n++ {
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			shot, err := c.parseShot(lines.Bytes(), dir, question)
			if err != nil {
				return nil, fmt.Errorf("reading examples: %s: line %d: %w", file, n, err)
			}
			shots = append(shots, shot)
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("reading examples: %s: %w", file, err)
		}
		if len(shots) == 0 {
			return nil, fmt.Errorf("reading examples: %s: it has none", file)
		}
	}
	for _, s := range flags {
		at := cutShot(s)
		if at < 1 {
			return nil, usagef("--shot %s is not IMAGE=TEXT", s)
		}
		image, text := s[:at], s[at+1:]
		img := dragoman.Video(image, 1)
		if _, err := os.Stat(image); err != nil { // an address, or nothing
			if err := there("", image); err != nil {
				return nil, fmt.Errorf("reading examples: --shot %s: %w", s, err)
			}
			img = c.pictureOf(image)
		}
		shots = append(shots, dragoman.Shot{Images: []dragoman.Image{img}, Question: question, Text: text})
	}
	return shots, nil
}

// cutShot is where IMAGE=TEXT is cut. A picture's name may hold a = itself: it ends where there is a file of that name; a data: URL behind its
// content's padding; an address with a query where the query's last parameter would have a second =. Otherwise the first = counts.
func cutShot(s string) int {
	first := strings.IndexByte(s, '=')
	switch {
	case first < 1:
		return first
	case strings.HasPrefix(s, "data:"):
		head, content, _ := strings.Cut(s, ",")
		n := strings.IndexByte(content, '=')
		if n < 0 {
			return n
		}
		padding := "==="[:-n&3]
		if strings.HasSuffix(strings.ToLower(head), ";base64") && strings.HasPrefix(content[n:], padding+"=") {
			n += len(padding)
		}
		return len(head) + len(",") + n
	case strings.Contains(s[:first], "://"):
		query := strings.IndexByte(s[:first], '?')
		if query < 0 {
			return first
		}
		begun, last := false, first // a parameter
		for i := query; i < len(s) && s[i] != ' '; i++ {
			switch {
			case s[i] == '?' || s[i] == '&':
				begun = true
			case s[i] == '=' && !begun:
				return i
			case s[i] == '=':
				begun, last = false, i
			}
		}
		return last
	}
	for i := range len(s) {
		if s[i] != '=' {
			continue
		}
		if _, err := os.Stat(s[:i]); err == nil {
			return i
		}
	}
	return first
}

var errNoName = errors.New("the name of its file is empty")

// parseShot reads a line of a file of examples.
func (c *cli) parseShot(line []byte, dir, question string) (dragoman.Shot, error) {
	var j struct {
		Image    string   `json:"image"`
		Images   []string `json:"images"`
		Video    string   `json:"video"`
		FPS      float64  `json:"fps"`
		Question string   `json:"question"`
		Text     *string  `json:"text"`
	}
	if err := plainjson.Unmarshal(line, &j); err != nil {
		return dragoman.Shot{}, err
	}
	if j.Text == nil {
		return dragoman.Shot{}, fmt.Errorf("there is no text")
	}
	s := dragoman.Shot{Question: question, Text: *j.Text}
	if j.Question != "" {
		s.Question = j.Question
	}
	if j.Image != "" {
		j.Images = append([]string{j.Image}, j.Images...)
	}
	for _, name := range j.Images {
		if name == "" {
			return dragoman.Shot{}, errNoName
		}
		if err := there(dir, name); err != nil {
			return dragoman.Shot{}, err
		}
		s.Images = append(s.Images, c.pictureAt(dir, name))
	}
	if j.Video != "" {
		video, err := videoAt(dir, j.Video, j.FPS)
		if err != nil {
			return dragoman.Shot{}, err
		}
		s.Images = append(s.Images, video)
	}
	return s, nil
}
