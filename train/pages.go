package train

import (
	"fmt"

	"dragoman/data"
	"dragoman/model/flamingo"
)

// pagesName is the dataset of a source of pages.
const pagesName = "pages"

// pageSource is a source of pages that is open.
type pageSource struct {
	set   string
	pages data.Pages
	rows  []int // of the pages, those that are wanted
	share float64
	spec  PageSpec
}

// openPageSources opens the sources of pages. Their pictures are listed behind the pairs, which know nothing else of them.
func (s *pairSet) openPageSources(dir string, sources []Source, spec DataSpec) error {
	s.pictures = map[string]int{}
	for _, src := range sources {
		if !src.Pages.reads() {
			continue
		}
		o := src.Pages
		if o.Folder != "" {
			o.Folder = below(dir, o.Folder)
		}
		pages, err := data.OpenPages(below(dir, src.Path), data.PageOptions{
			MaxPixels: spec.MaxPixels, Stills: true, Format: o.Format, Pictures: o.Folder,
			MinSide: o.MinSide, MaxAspect: o.MaxAspect, MinSimilarity: o.MinSimilarity, Language: o.Language, Lenient: o.Lenient,
		})
		if err != nil {
			return err
		}
		from := pageSource{set: src.set(), pages: pages, share: src.share(), spec: src.Pages}
		s.pages = append(s.pages, from)
		wanted := data.Where(src.Where).Fields()
		for i := range pages.Len() {
			if len(src.Where) > 0 { // otherwise a page is read when it is needed
				page, err := pages.Page(i)
				if err != nil {
					s.report.Broken++
					continue
				}
				wanted.Look(page.Extra)
				if !data.Where(src.Where).Wants(page.Extra) {
					continue
				}
			}
			from.rows = append(from.rows, i)
		}
		if err := wanted.Unknown(); err != nil {
			return fmt.Errorf("%s: where: %w", src.Path, err)
		}
		s.pages[len(s.pages)-1] = from
		r := pages.Report()
		s.report.Broken += r.Broken
		s.report.Examples = append(s.report.Examples, r.Examples...)
	}
	return nil
}

// listPictures puts the pictures of all pages behind the pairs that are trained on.
func (s *pairSet) listPictures() error {
	for _, src := range s.pages {
		for _, i := range src.rows {
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

// pagesOf is how many pages a dataset has.
func (s *pairSet) pagesOf(set string) (n int) {
	for _, p := range s.pages {
		if p.set == set {
			n += len(p.rows)
		}
	}
	return n
}

// reads says whether a source is one of pages.
func (p PageSpec) reads() bool { return p.Window > 0 }

// woven draws pages and makes lessons of them.
type woven struct {
	*sampler
	set   *pairSet
	pages []wovenPage
}

// wovenPage is a page of a source, and who makes sequences of it.
type wovenPage struct {
	source data.Pages
	row    int
	weaver *data.Weaver
}

// newWoven is the pages of a dataset, as a model's tokenizer writes them.
func newWoven(set *pairSet, name string, m *flamingo.Model, seed uint64) *woven {
	w := &woven{set: set}
	var shares []float64
	image, end, bos := m.PageTokens()
	for _, src := range set.pages {
		if src.set != name {
			continue
		}
		weaver := &data.Weaver{
			Image: image, End: end, BOS: bos, MaxTokens: src.spec.Window, MaxPictures: src.spec.Pictures, Next: src.spec.Next,
			Encode: func(text string) []int32 { return m.Tokenizer.Encode(text, false) },
		}
		for _, row := range src.rows {
			w.pages, shares = append(w.pages, wovenPage{src.pages, row, weaver}), append(shares, src.share)
		}
	}
	if len(w.pages) == 0 {
		return nil
	}
	w.sampler = newSampler(shares, seed)
	return w
}

// draw is sample k: a page's lesson, with its pictures among all; one of which nothing can be learnt is passed over.
func (w *woven) draw(k uint64) (flamingo.Lesson, []request, error) {
	w.at(k)
	for try := range w.order {
		p := w.pages[w.order[(int(k-w.begin)+try)%len(w.order)]]
		page, err := p.source.Page(p.row)
		if err != nil {
			return flamingo.Lesson{}, nil, err
		}
		s, err := p.weaver.Page(page, mix(w.seed, "window", k, uint64(try)))
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
