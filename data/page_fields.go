package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"dragoman/internal/plainjson"
)

// finder is where a document's pictures are.
type finder interface {
	// find looks for the picture that a document names as its n-th, counted from 0. name is what a record may have for a picture.
	find(name any, n int) (image, error)
}

// inFolder finds pictures by their paths from a folder.
type inFolder struct {
	dir   string
	fetch func(url string) ([]byte, error)
	in    *record // that names them, and may hold them
}

func (f inFolder) find(name any, _ int) (image, error) {
	name = plainName(name)
	if s, ok := name.(string); ok && isAddress(s) {
		if f.fetch == nil {
			return nil, because(OnNetwork, "addresses on the network are not read: %.100q", s)
		}
		return onNetwork{s, f.fetch}, nil
	}
	img, err := imageFrom(name, f.dir, f.in)
	if errors.Is(err, fs.ErrNotExist) {
		err = &whyError{NotFound, err}
	}
	return img, err
}

func isAddress(s string) bool {
	scheme, _, ok := strings.Cut(s, "://")
	return ok && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https"))
}

// onNetwork is a picture's address.
type onNetwork struct {
	url   string
	fetch func(url string) ([]byte, error)
}

func (p onNetwork) bytes() ([]byte, error) { return p.fetch(p.url) }

func (p onNetwork) name() string { return p.url }

// plainName is the path in an object that names a picture and holds none.
func plainName(name any) any {
	if m, ok := name.(map[string]any); ok && m["bytes"] == nil {
		return m["path"]
	}
	return name
}

// pageFrom makes a page of a record.
func pageFrom(r *record, in finder, o PageOptions, verdict *verdicts) (Page, error) {
	fields, err := parseObject(r.text)
	if err != nil {
		return Page{}, err
	}
	return pageOfFields(fields, r.where, in, o, verdict)
}

// pageOfFields sorts fields into a page; what it takes is removed from them, and the rest is the page's Extra.
func pageOfFields(fields map[string]any, where string, in finder, o PageOptions, verdict *verdicts) (Page, error) {
	p := &maker{page: Page{ID: where, Where: where}, in: in, o: o, verdict: verdict}
	has := func(keys ...string) bool {
		for _, k := range keys {
			if _, ok := fields[k].([]any); !ok {
				return false
			}
		}
		return true
	}
	var err error
	switch {
	case has("parts"):
		err = p.parts(fields)
	case has("text_list", "image_info"):
		err = p.mmc4(fields)
	case has("texts", "images"):
		err = p.obelics(fields)
	default:
		err = errors.New("no page: it has neither parts, nor text_list and image_info, nor texts and images")
	}
	if err != nil {
		return Page{}, err
	}
	if _, value, err := take(fields, "", idKeys); err == nil {
		p.page.ID = fmt.Sprint(value)
	}
	p.page.Extra = fields
	return p.done()
}

// maker puts a page together.
type maker struct {
	page    Page
	stretch strings.Builder // of text, behind the page's last part
	in      finder
	o       PageOptions

	verdict *verdicts // on pictures that several pages have
}

// text adds a text behind what is there. Texts of one stretch become one, with glue between.
func (p *maker) text(s, glue string) {
	if s = strings.ToValidUTF8(s, "\uFFFD"); s == "" {
		return
	}
	if p.stretch.Len() > 0 {
		p.stretch.WriteString(glue)
	}
	p.stretch.WriteString(s)
}

// flush adds the stretch of text as a part.
func (p *maker) flush() {
	if p.stretch.Len() > 0 {
		p.page.Parts = append(p.page.Parts, Part{Text: p.stretch.String()})
		p.stretch.Reset()
	}
}

// picture adds a picture behind what is there: what the document calls it, and its number in the document.
func (p *maker) picture(name any, n int) error {
	img, err := p.in.find(name, n)
	if err == nil {
		err = p.verdict.of(img, p.o.admit)
	}
	if err != nil {
		return err
	}
	p.add(&Media{image: img})
	return nil
}

func (p *maker) add(m *Media) {
	p.flush()
	m.where, m.maxPixels = p.page.Where, p.o.MaxPixels
	p.page.Parts = append(p.page.Parts, Part{Media: m})
}

// video is picture for a video: a GIF, or a folder of frames, so many a second.
func (p *maker) video(name any, rate any, n int) error {
	if p.o.Stills {
		return because(Moving, "videos are not wanted here")
	}
	fps := float64(defaultRate)
	if rate != nil {
		var err error
		if fps, err = number(rate); err != nil || !(fps > 0 && fps <= 1000) {
			return fmt.Errorf("fps is %v, not a number of frames a second", rate)
		}
	}
	if f, ok := p.in.(inFolder); ok {
		if dir := f.folder(name); dir != "" {
			m, err := folderVideo(dir, fps)
			if err == nil {
				p.add(m)
			}
			return err
		}
	}
	img, err := p.in.find(name, n)
	if err == nil {
		p.add(&Media{image: img, video: true})
	}
	return err
}

// leaveOut notes a picture that the page does not have.
func (p *maker) leaveOut(name any, err error) {
	p.page.LeftOut = append(p.page.LeftOut, LeftOut{Name: nameOf(name), Why: WhyOf(err), Err: err})
}

// nameOf is what a message calls a picture.
func nameOf(name any) string {
	s, ok := plainName(name).(string)
	switch {
	case !ok || s == "":
		return "picture"
	case strings.HasPrefix(s, "data:"):
		head, _, _ := strings.Cut(s, ",")
		return lineless.Replace(strings.ToValidUTF8(head[:min(len(head), 40)], ""))
	}
	s = lineless.Replace(s)
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "") + "…"
	}
	return s
}

// maxName is how much of a picture's name a message has.
const maxName = 200

// done is the page, if there is something to learn from it.
func (p *maker) done() (Page, error) {
	p.flush()
	texts, pictures := 0, 0
	for _, part := range p.page.Parts {
		switch {
		case part.Media != nil:
			pictures++
		case strings.TrimSpace(part.Text) != "":
			texts++
		}
	}
	switch {
	case pictures == 0 && len(p.page.LeftOut) > 0:
		l := p.page.LeftOut[0]
		return Page{}, because(NoPictures, "it has no pictures but %d that were left out, the first: %s: %w", len(p.page.LeftOut), l.Name, l.Err)
	case pictures == 0:
		return Page{}, because(NoPictures, "it has no pictures")
	case texts == 0:
		return Page{}, because(NoText, "it has no text")
	}
	if err := p.o.speaks(p.page.Parts); err != nil {
		return Page{}, err
	}
	return p.page, nil
}

// parts reads this project's own pages: what is written is what is meant, so that a picture that is not there spoils the page.
func (p *maker) parts(fields map[string]any) error {
	list := fields["parts"].([]any)
	delete(fields, "parts")
	n := 0
	for i, v := range list {
		part, ok := v.(map[string]any)
		if !ok {
			return fmt.Errorf("part %d is %s, not an object", i+1, plainjson.Of(v))
		}
		var kinds []string
		for _, kind := range []string{"text", "image", "video"} {
			if part[kind] != nil {
				kinds = append(kinds, kind)
			}
		}
		if len(kinds) != 1 {
			return fmt.Errorf("part %d is neither a text nor an image nor a video, or several of them", i+1)
		}
		kind := kinds[0]
		var err error
		switch value := part[kind]; kind {
		case "text":
			s, ok := value.(string)
			if !ok {
				return fmt.Errorf("part %d: text: is %s, not a text", i+1, plainjson.Of(value))
			}
			p.text(s, "")
			continue
		case "image":
			err = p.picture(value, n)
		case "video":
			err = p.video(value, part["fps"], n)
		}
		n++
		if err != nil {
			if !p.o.Lenient {
				return fmt.Errorf("part %d: %s: %w", i+1, kind, err)
			}
			p.leaveOut(part[kind], err)
		}
	}
	return nil
}

// obelics reads OBELICS's documents: two lists side by side, and metadata, a list too, that may be written as JSON.
func (p *maker) obelics(fields map[string]any) error {
	texts, images := fields["texts"].([]any), fields["images"].([]any)
	delete(fields, "texts")
	delete(fields, "images")
	if len(texts) != len(images) {
		return fmt.Errorf("%d texts beside %d images", len(texts), len(images))
	}
	n := 0
	for i := range texts {
		if images[i] != nil {
			if err := p.picture(images[i], n); err != nil {
				p.leaveOut(images[i], err)
			}
			n++
		}
		switch s := texts[i].(type) {
		case nil:
		case string:
			p.text(strings.TrimSpace(s), "\n\n")
		default:
			return fmt.Errorf("texts: number %d is %s, not a text", i+1, plainjson.Of(s))
		}
	}
	for _, key := range []string{"metadata", "general_metadata"} {
		if s, ok := fields[key].(string); ok {
			var v any
			if json.Unmarshal([]byte(s), &v) == nil {
				fields[key] = v
			}
		}
	}
	return nil
}
