package data

import (
	"context"
	"errors"
	"sync"
)

// CheckPages decodes every picture of every page. good are the pages whose pictures are all whole, in order, and r is d's report less
// the others. each calls f for 0 to n−1, perhaps at the same time; told is told of every page in order, with why it is left out or nil.
func CheckPages(
	ctx context.Context, d Pages, each func(n int, f func(i int)), told func(i int, p Page, err error),
) (good []int, r PageReport, err error) {
	found := d.Report()
	r.Report.add(Report{Broken: found.Broken, Examples: found.Examples})
	r.Skipped.add(found.Skipped)
	const stride = 64
	var seen verdicts
	for from := 0; from < d.Len(); from += stride {
		if err := ctx.Err(); err != nil {
			return nil, r, err
		}
		n := min(stride, d.Len()-from)
		pages, errs := make([]Page, n), make([]error, n)
		each(n, func(i int) {
			if pages[i], errs[i] = d.Page(from + i); errs[i] == nil {
				errs[i] = pages[i].check(&seen)
			}
		})
		for i, p := range pages {
			if errs[i] == nil {
				r.has(p)
				good = append(good, from+i)
			} else {
				where, err := p.Where, errs[i]
				if re := (*RowError)(nil); errors.As(err, &re) {
					where, err = re.Where, re.Err
				}
				r.Skip(where, err)
				errs[i] = &RowError{where, err}
			}
			told(from+i, p, errs[i])
		}
	}
	return good, r, nil
}

// check decodes a page's pictures.
func (p *Page) check(seen *verdicts) error {
	for _, part := range p.Parts {
		m := part.Media
		if m == nil {
			continue
		}
		look := func(image) error {
			err := m.check()
			if re := (*RowError)(nil); errors.As(err, &re) {
				err = re.Err
			}
			return err
		}
		var err error
		if m.video { // of which the same file may be but the first frame
			err = look(m.image)
		} else {
			err = seen.of(m.image, look)
		}
		if err != nil {
			return pictureError(err, m.Name())
		}
	}
	return nil
}

// verdicts remembers what became of pictures that many pages have, and not for ever. The zero value is ready.
type verdicts struct {
	mu   sync.Mutex
	seen map[string]error
}

// maxVerdicts is how many are remembered.
const maxVerdicts = 1 << 16

// of is f's verdict on a picture in a file or on the network, which is asked for once.
func (v *verdicts) of(img image, f func(image) error) error {
	switch img.(type) {
	case onDisk, onNetwork:
	default: // one page's alone
		return f(img)
	}
	v.mu.Lock()
	err, ok := v.seen[img.name()]
	v.mu.Unlock()
	if ok {
		return err
	}
	err = f(img)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil || len(v.seen) == maxVerdicts {
		v.seen = map[string]error{}
	}
	v.seen[img.name()] = err
	return err
}
