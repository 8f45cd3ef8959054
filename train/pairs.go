package train

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"

	"dragoman/data"
	"dragoman/picture"
)

// pair is a picture with its captions, ready to be drawn.
type pair struct {
	set     data.Dataset
	row     int
	texts   []string
	tags    []string
	mayFlip bool
}

// pairSet is a list of pairs out of several sources.
type pairSet struct {
	pairs   []pair
	sources []data.Dataset
	report  data.Report
}

func (s *pairSet) close() {
	for _, d := range s.sources {
		d.Close()
	}
}

// openPairs reads what the sources say about every row; the pictures stay where they are.
func openPairs(dir string, sources []Source, maxPixels int) (*pairSet, error) {
	s := &pairSet{}
	for _, src := range sources {
		path := src.Path
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		d, err := data.Open(path, data.Options{MaxPixels: maxPixels})
		if err != nil {
			s.close()
			return nil, err
		}
		s.sources = append(s.sources, d)
		r := d.Report()
		s.report.Broken += r.Broken
		s.report.Examples = append(s.report.Examples, r.Examples...)
		for i := range d.Len() {
			row, err := d.Row(i)
			if err != nil {
				s.report.Broken++
				continue
			}
			if !selected(row.Extra, src.Where) {
				continue
			}
			s.pairs = append(s.pairs, pair{set: d, row: i, texts: row.Texts, tags: row.Tags, mayFlip: mayFlip(row.Texts)})
		}
	}
	s.report.Rows = len(s.pairs)
	return s, nil
}

// selected says whether a row's fields are what a source asks for.
func selected(fields map[string]any, where map[string]string) bool {
	for key, allowed := range where {
		value := fmt.Sprint(fields[key])
		if !slices.Contains(strings.Split(allowed, "|"), value) {
			return false
		}
	}
	return true
}

// sided are words of captions whose pictures mean something else when mirrored.
var sided = []string{"left", "right", "flag", "clock", "o'clock", "thirty", "arrow", "button", "keycap", "letter", "square", "east", "west"}

func mayFlip(texts []string) bool {
	for _, t := range texts {
		for w := range strings.FieldsFuncSeq(strings.ToLower(t), func(r rune) bool { return r == ' ' || r == ':' || r == ',' || r == '-' }) {
			if slices.Contains(sided, w) {
				return false
			}
		}
	}
	return true
}

// decode reads a pair's picture.
func (p *pair) decode() (*picture.RGBA, error) {
	row, err := p.set.Row(p.row)
	if err != nil {
		return nil, err
	}
	return row.Decode()
}

// check decodes every picture and leaves out those that cannot be read, by name.
func (s *pairSet) check(ctx context.Context, each func(n int, f func(i int)), progress func(done int)) error {
	errs := make([]error, len(s.pairs))
	const stride = 64
	for from := 0; from < len(s.pairs); from += stride {
		if err := ctx.Err(); err != nil {
			return err
		}
		each(min(stride, len(s.pairs)-from), func(i int) {
			_, errs[from+i] = s.pairs[from+i].decode()
		})
		progress(min(from+stride, len(s.pairs)))
	}
	kept := s.pairs[:0]
	for i, p := range s.pairs {
		if errs[i] == nil {
			kept = append(kept, p)
			continue
		}
		s.report.Broken++
		if re, ok := errs[i].(*data.RowError); ok && len(s.report.Examples) < 10 {
			s.report.Examples = append(s.report.Examples, re)
		}
	}
	s.pairs = kept
	s.report.Rows = len(kept)
	return nil
}

// sampler deals out pairs epoch by epoch; the order of the epoch under way is kept.
type sampler struct {
	n     int
	seed  uint64
	epoch uint64
	order []int
}

func (s *sampler) at(k uint64) (index int, epoch uint64) {
	epoch = k / uint64(s.n)
	if s.order == nil || epoch != s.epoch {
		s.order, s.epoch = data.Order(s.n, s.seed, epoch), epoch
	}
	return s.order[k%uint64(s.n)], epoch
}

// rng is a source of random numbers that belongs to a purpose and a place of the run.
func rng(seed uint64, purpose string, place ...uint64) *rand.Rand {
	return rand.New(rand.NewPCG(mix(seed, purpose, place...), 0x9e3779b97f4a7c15))
}

// mix makes one seed of several numbers.
func mix(seed uint64, purpose string, place ...uint64) uint64 {
	h := seed ^ 0xcbf29ce484222325
	step := func(v uint64) {
		h ^= v
		h *= 0xff51afd7ed558ccd
		h ^= h >> 32
	}
	for _, c := range []byte(purpose) {
		step(uint64(c))
	}
	for _, v := range place {
		step(v + 1)
	}
	return h
}
