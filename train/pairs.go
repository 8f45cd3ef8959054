package train

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"dragoman/data"
	"dragoman/picture"
)

// pair is a picture with its captions, ready to be drawn.
type pair struct {
	set      data.Dataset
	row      int
	texts    []string
	tags     []string
	weights  []float64 // of the texts; nil: all alike
	question string
	prompts  []string // templates of what stands before a text; none: the model's own
	picture  int      // pairs of one number show one picture
	said     []int32  // the numbers of all captions of the picture, by whichever pair
	mayFlip  bool
	share    float64 // of the epochs that have this pair
	kept     bool    // its picture is held out only for another pair's sake

	in []membership // the datasets that it belongs to

	media *data.Media // a picture of a page, which has nothing but this; nil: a pair
}

// membership is a pair's in a dataset.
type membership struct {
	set            string
	episodes       bool   // it is one of episodes, for which
	concept, style string // say what the picture shows, and how
}

// as is a pair's membership in a dataset; nil: it has none.
func (p *pair) as(set string) *membership {
	for i := range p.in {
		if p.in[i].set == set {
			return &p.in[i]
		}
	}
	return nil
}

// ownSet is the dataset that a pair stands in by itself; of one that is shown in episodes alone, that of the first.
func (p *pair) ownSet() string {
	at := max(0, slices.IndexFunc(p.in, func(m membership) bool { return !m.episodes }))
	return p.in[at].set
}

// pairSet is a list of pairs out of several sources.
type pairSet struct {
	pairs   []pair
	sources []data.Dataset
	report  data.Report

	pages    []pageSource
	pictures map[string]int // of the pages, by their names: where they are among pairs
}

func (s *pairSet) close() {
	for _, d := range s.sources {
		d.Close()
	}
	for _, p := range s.pages {
		p.pages.Close()
	}
}

// openPairs reads what the sources say about every row; the pictures stay where they are.
func openPairs(dir string, sources []Source, spec DataSpec) (*pairSet, error) {
	s := &pairSet{}
	sources = slices.DeleteFunc(slices.Clone(sources), func(src Source) bool { return src.share() == 0 })
	pictures, rows := map[string]int{}, map[[2]any]int{}
	for _, src := range sources {
		if src.Pages.reads() {
			continue
		}
		d, err := data.Open(below(dir, src.Path), data.Options{MaxPixels: spec.MaxPixels})
		if err != nil {
			s.close()
			return nil, err
		}
		s.sources = append(s.sources, d)
		concept, style := data.Field{Name: src.Episodes.Concept}, data.Field{Name: src.Episodes.Style}
		wanted := data.Where(src.Where).Fields()
		r := data.Each(d, func(i int, row data.Row) {
			wanted.Look(row.Extra)
			if !data.Where(src.Where).Wants(row.Extra) {
				return
			}
			// A row that one source has as a pair and others for episodes is one pair, whichever comes first.
			if at, known := rows[[2]any{src.Path, i}]; known && s.pairs[at].takes(src) {
				s.pairs[at].join(src, row, &concept, &style)
				return
			}
			p := pair{
				set: d, row: i, texts: row.Texts, tags: row.Tags, mayFlip: mayFlip(append(row.Texts[:len(row.Texts):len(row.Texts)], row.Question)),
				weights: row.Weights, question: row.Question, picture: numbered(pictures, row.Picture()), kept: src.Hold != nil && !*src.Hold,
			}
			if err := p.prompted(src.Prompts, spec.Prompts, spec.Clean); err != nil {
				s.report.Add(row.Where, err)
				return
			}
			p.join(src, row, &concept, &style)
			rows[[2]any{src.Path, i}] = len(s.pairs)
			s.pairs = append(s.pairs, p)
		})
		if err := wanted.Unknown(); err != nil {
			s.close()
			return nil, fmt.Errorf("%s: where: %w", src.Path, err)
		}
		for _, field := range []*data.Field{&concept, &style} {
			if err := field.Unknown(); err != nil {
				s.close()
				return nil, fmt.Errorf("%s: episodes: %w", src.Path, err)
			}
		}
		s.report.Broken += r.Broken
		s.report.Examples = append(s.report.Examples, r.Examples...)
	}
	if err := s.openPageSources(dir, sources, spec); err != nil {
		s.close()
		return nil, err
	}
	s.report.Rows = len(s.pairs)
	return s, nil
}

// none is an error where no row of a part of the recipe can be used, and nil where there is one.
func (s *pairSet) none(part, use string) error {
	switch r := s.report; {
	case len(s.pairs) > 0:
		return nil
	case r.Broken > 0:
		return fmt.Errorf("%s: no row is left to %s: %d left out, the first: %w", part, use, r.Broken, r.Examples[0])
	}
	return fmt.Errorf("%s: no row is left to %s", part, use)
}

// below is where a file is that a recipe in a folder names.
func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// takes says whether a source adds to a pair which another source has made: episodes do, and to those of episodes alone pairs do.
func (p *pair) takes(src Source) bool {
	return src.Episodes.makes() || !slices.ContainsFunc(p.in, func(m membership) bool { return !m.episodes })
}

// numbered is the number of a name, a new one where it has none.
func numbered(numbers map[string]int, name string) int {
	n, ok := numbers[name]
	if !ok {
		n = len(numbers)
		numbers[name] = n
	}
	return n
}

// sided are words of captions whose pictures mean something else when mirrored.
var sided = []string{"left", "right", "flag", "clock", "o'clock", "thirty", "arrow", "button", "keycap", "letter", "square", "east", "west"}

func mayFlip(texts []string) bool {
	for _, t := range texts {
		for w := range strings.FieldsFuncSeq(strings.ToLower(t), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' }) {
			if slices.Contains(sided, w) {
				return false
			}
		}
	}
	return true
}

// bytes reads the file that holds a pair's picture.
func (p *pair) bytes() ([]byte, error) {
	if p.media != nil {
		return p.media.Bytes()
	}
	row, err := p.set.Row(p.row)
	if err != nil {
		return nil, err
	}
	return row.Bytes()
}

// decode reads a pair's picture.
func (p *pair) decode() (*picture.RGBA, error) {
	if p.media != nil {
		return p.media.Decode()
	}
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
		where, err := "", errs[i]
		if re := (*data.RowError)(nil); errors.As(err, &re) {
			where, err = re.Where, re.Err
		}
		s.report.Add(where, err)
	}
	s.pairs = kept
	s.report.Rows = len(kept)
	return nil
}

// sampler deals out pairs or pages epoch by epoch. An epoch has every pair whose share says so, in an order of its own.
type sampler struct {
	shares []float64 // of each pair, of the epochs
	seed   uint64
	epoch  uint64
	order  []int
	begin  uint64 // the first sample of the epoch
}

func newSampler(shares []float64, seed uint64) *sampler {
	s := &sampler{shares: shares, seed: seed}
	s.order = s.draw(0)
	return s
}

// at is which pair sample k is, and in which epoch; k does not go back.
func (s *sampler) at(k uint64) (index int, epoch uint64) {
	for k >= s.begin+uint64(len(s.order)) {
		s.begin += uint64(len(s.order))
		s.epoch++
		s.order = s.draw(s.epoch)
	}
	return s.order[k-s.begin], s.epoch
}

func (s *sampler) draw(epoch uint64) []int {
	coin := rng(s.seed, "share", epoch)
	var order []int
	for _, i := range data.Order(len(s.shares), s.seed, epoch) {
		if p := s.shares[i]; p >= 1 || coin.Float64() < p {
			order = append(order, i)
		}
	}
	if len(order) == 0 { // whatever the shares, an epoch has something
		order = data.Order(len(s.shares), s.seed, epoch)
	}
	return order
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
