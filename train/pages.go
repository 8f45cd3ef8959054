package train

import (
	"fmt"
	"path/filepath"
	"slices"

	"dragoman/data"
	"dragoman/model/flamingo"
)

// pagesName is the dataset of a source of pages.
const pagesName = "pages"

// pageSource is a source of pages that is open.
type pageSource struct {
	set   string
	pages data.Pages
	spec  PageSpec
}

// openPageSources opens the sources of pages. Their pictures are listed behind the pairs, which know nothing else of them.
func (s *pairSet) openPageSources(dir string, sources []Source, spec DataSpec) error {
	s.pictures = map[string]int{}
	for _, src := range sources {
		if !src.Pages.reads() {
			continue
		}
		path := src.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		pages, err := data.OpenPages(path, data.PageOptions{MaxPixels: spec.MaxPixels, Stills: true})
		if err != nil {
			return err
		}
		s.pages = append(s.pages, pageSource{src.set(), pages, src.Pages})
		r := pages.Report()
		s.report.Broken += r.Broken
		s.report.Examples = append(s.report.Examples, r.Examples...)
	}
	return nil
}

// listPictures puts the pictures of all pages behind the pairs that are trained on.
func (s *pairSet) listPictures() error {
	for _, src := range s.pages {
		for i := range src.pages.Len() {
			page, err := src.pages.Page(i)
			if err != nil {
				return err
			}
			for _, part := range page.Parts {
				if part.Media == nil {
					continue
				}
				if _, ok := s.pictures[part.Media.Name()]; !ok {
					s.pictures[part.Media.Name()] = len(s.pairs)
					s.pairs = append(s.pairs, pair{media: part.Media, mayFlip: false})
				}
			}
		}
	}
	return nil
}

// hasPages says whether a dataset is one of pages.
func (s *pairSet) hasPages(set string) bool {
	return slices.ContainsFunc(s.pages, func(p pageSource) bool { return p.set == set })
}

// reads says whether a source is one of pages.
func (p PageSpec) reads() bool { return p.Window > 0 }

// woven draws pages and makes lessons of them.
type woven struct {
	set    *pairSet
	weaver *data.Weaver
	source []pageSource
	order  []int // of all pages, in this epoch
	epoch  uint64
	seed   uint64
	begin  uint64
}

// newWoven is the pages of a dataset, as a model's tokenizer writes them.
func newWoven(set *pairSet, name string, m *flamingo.Model, seed uint64) *woven {
	w := &woven{set: set, seed: seed}
	for _, src := range set.pages {
		if src.set == name {
			w.source = append(w.source, src)
		}
	}
	if len(w.source) == 0 {
		return nil
	}
	spec := w.source[0].spec
	image, end, bos := m.PageTokens()
	w.weaver = &data.Weaver{
		Image: image, End: end, BOS: bos, MaxTokens: spec.Window, MaxPictures: spec.Pictures, Next: spec.Next,
		Encode: func(text string) []int32 { return m.Tokenizer.Encode(text, false) },
	}
	w.order = data.Order(w.len(), seed, 0)
	return w
}

func (w *woven) len() int {
	n := 0
	for _, s := range w.source {
		n += s.pages.Len()
	}
	return n
}

// draw is sample k: a page's lesson, with its pictures among all; one of which nothing can be learnt is passed over.
func (w *woven) draw(k uint64) (flamingo.Lesson, []request, error) {
	for k >= w.begin+uint64(len(w.order)) {
		w.begin += uint64(len(w.order))
		w.epoch++
		w.order = data.Order(len(w.order), w.seed, w.epoch)
	}
	for try := range w.order {
		at := w.order[(int(k-w.begin)+try)%len(w.order)]
		page, err := w.page(at)
		if err != nil {
			return flamingo.Lesson{}, nil, err
		}
		s, err := w.weaver.Page(page, mix(w.seed, "window", k, uint64(try)))
		if err != nil || len(s.Media) == 0 {
			continue // no text of it looks at a picture
		}
		l := flamingo.Lesson{IDs: s.IDs, Learn: s.Learn, Sees: s.Sees}
		var reqs []request
		for i, m := range s.Media {
			index, ok := w.set.pictures[m.Name()]
			if !ok {
				return flamingo.Lesson{}, nil, fmt.Errorf("%s: picture %s was not there when the run began", page.Where, m.Name())
			}
			l.Pictures = append(l.Pictures, i)
			reqs = append(reqs, request{pair: &w.set.pairs[index], index: index, view: mix(w.seed, "view", k, uint64(i)) >> 1})
		}
		return l, reqs, nil
	}
	return flamingo.Lesson{}, nil, data.ErrNothingToLearn
}

func (w *woven) page(i int) (data.Page, error) {
	for _, s := range w.source {
		if i < s.pages.Len() {
			return s.pages.Page(i)
		}
		i -= s.pages.Len()
	}
	panic("train: a page beyond the last")
}
