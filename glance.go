package dragoman

import (
	"context"
	"slices"
	"sync"
	"time"

	"dragoman/internal/rss"
	"dragoman/tensor"
)

// glance is a picture that is looked at once.
type glance struct {
	image  Image
	budget *budget // of what it became

	mu   sync.Mutex
	seen *seenImage // nil, or what it became
}

// seenImage is what a picture became.
type seenImage struct {
	media  []float32 // what the text looks at, [latents, width]; nil where it is not kept
	latent int
	whole  []float32 // the picture as a whole, of length 1
}

// at is what the picture became. It is looked at by itself, so that what is seen does not depend on the others of a page.
func (g *glance) at(ctx context.Context, m *Model) (*seenImage, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen != nil && g.seen.media != nil {
		return g.seen, nil
	}
	pixels, err := m.framePixels(ctx, g.image)
	if err != nil {
		return nil, err
	}
	return g.look(ctx, m, pixels, nil)
}

// whole is the picture as a whole, a vector of length 1; known, unless it is nil, are those of pictures that were looked at before.
func (g *glance) whole(ctx context.Context, m *Model, known *features) ([]float32, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen != nil && known == nil {
		return g.seen.whole, nil
	}
	pixels, err := m.framePixels(ctx, g.image)
	if err != nil {
		return nil, err
	}
	key := ""
	if known != nil {
		key = pixelsKey(pixels)
		if whole, ok := known.rows[key]; ok {
			if g.seen == nil {
				g.seen = &seenImage{whole: whole}
			}
			return whole, nil
		}
	}
	seen := g.seen
	if seen == nil {
		if seen, err = g.look(ctx, m, pixels, nil); err != nil {
			return nil, err
		}
	}
	if known != nil {
		known.add(key, seen.whole)
	}
	return seen.whole, nil
}

// known says whether the picture was looked at.
func (g *glance) known() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen != nil
}

// look has the model look at the picture's pixels, and an observer, unless it is nil, look on. The caller holds the lock.
func (g *glance) look(ctx context.Context, m *Model, pixels *tensor.Tensor, o tensor.Observer) (*seenImage, error) {
	run, done, err := m.run()
	if err != nil {
		return nil, err
	}
	defer done()
	run.SetObserver(o)
	defer run.SetObserver(nil)
	media, whole := m.pages.Glance(run, pixels)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	seen := &seenImage{slices.Clone(media.Data()), media.Dim(0), unit(whole.Data())}
	g.seen = seen
	if !g.budget.take(bytesOf(seen.media)) {
		g.seen = &seenImage{latent: seen.latent, whole: seen.whole}
	}
	return seen, nil
}

// forget gives back what is kept.
func (g *glance) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen != nil {
		g.budget.give(bytesOf(g.seen.media))
	}
	g.seen = nil
}

func bytesOf(x []float32) int64 { return 4 * int64(len(x)) }

// look looks at pictures: [1, pictures, latents, width]; nil without any.
func (m *Model) look(ctx context.Context, pictures []*glance, spent *Seconds) (*tensor.Tensor, error) {
	if len(pictures) == 0 {
		return nil, nil
	}
	began := time.Now()
	defer func() { spent.Vision += time.Since(began).Seconds() }()
	var all []float32
	latents := 0
	for _, g := range pictures {
		seen, err := g.at(ctx, m)
		if err != nil {
			return nil, err
		}
		all, latents = append(all, seen.media...), seen.latent
	}
	return tensor.FromFloats(all, 1, len(pictures), latents, len(all)/(len(pictures)*latents)), nil
}

// budget is how many bytes may yet be kept of what can be computed again; nil: any number. What is turned away is computed when it is
// needed, and becomes the same.
type budget struct {
	mu   sync.Mutex
	left int64
}

// leastBudget is what a budget is at the least.
const leastBudget = 256 << 20

// newBudget is an eighth of the memory that this process may have.
func newBudget() *budget {
	limit, _ := rss.Limit()
	return &budget{left: max(leastBudget, limit/8)}
}

// take says whether so many bytes more may be kept.
func (b *budget) take(bytes int64) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if bytes > b.left {
		return false
	}
	b.left -= bytes
	return true
}

// give gives back what was taken.
func (b *budget) give(bytes int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left += bytes
}
