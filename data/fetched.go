package data

import (
	ordered "container/list"
	"sync"
)

// maxFetched is how many bytes of pictures from the network are kept.
const maxFetched = 256 << 20

// fetched reads addresses once each, as long as what they hold is among what was used last. A page's pictures are looked at, decoded and
// written, each for itself.
type fetched struct {
	fetch func(url string) ([]byte, error)

	mu    sync.Mutex
	known map[string]*ordered.Element // of order
	order ordered.List                // of *address, those used last in front
	bytes int
}

type address struct {
	url  string
	once sync.Once
	data []byte
	err  error
	size int // what it counts for; 0 until it was read
}

// get is fetch, or what it gave before.
func (f *fetched) get(url string) ([]byte, error) {
	f.mu.Lock()
	at, ok := f.known[url]
	if !ok {
		if f.known == nil {
			f.known = map[string]*ordered.Element{}
		}
		at = f.order.PushFront(&address{url: url})
		f.known[url] = at
	}
	f.order.MoveToFront(at)
	a := at.Value.(*address)
	f.mu.Unlock()
	a.once.Do(func() {
		a.data, a.err = f.fetch(url)
		f.mu.Lock()
		defer f.mu.Unlock()
		a.size = len(a.data) + 256 // an error is kept, too
		f.bytes += a.size
		for last := f.order.Back(); f.bytes > maxFetched && last != nil; {
			before := last.Prev()
			if old := last.Value.(*address); old.size > 0 {
				f.bytes -= old.size
				delete(f.known, old.url)
				f.order.Remove(last)
			}
			last = before
		}
	})
	return a.data, a.err
}
