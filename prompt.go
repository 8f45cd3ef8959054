package dragoman

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"dragoman/language"
	"dragoman/model/flamingo"
	"dragoman/tensor"
)

// Prompt is examples that many questions are asked behind. They are read when the first is asked: what the language model keeps of them,
// and what their pictures became, serve the next, whose answer has the same bytes as if everything had been read anew. It is safe for
// concurrent use.
type Prompt struct {
	m     *Model
	shots []seenShot

	mu     sync.Mutex
	begun  *beginning // nil, or what was read last
	orders []*Prompt  // the same examples in other orders
	seed   uint64     // of those
}

// seenShot is an example whose pictures are looked at once.
type seenShot struct {
	Shot
	pictures []*glance
}

func see(s Shot) seenShot {
	seen := seenShot{Shot: s}
	for _, img := range s.Images {
		seen.pictures = append(seen.pictures, &glance{image: img})
	}
	return seen
}

func (s seenShot) inside() flamingo.Shot {
	return flamingo.Shot{Pictures: len(s.pictures), Question: s.Question, Text: s.Text}
}

// beginning is what a language model keeps of the tokens before the pictures that are asked about.
type beginning struct {
	ids  []int32
	kept *language.Kept
}

// shortBeginning is how many tokens it takes for a beginning to be read by itself.
const shortBeginning = 16

// Prompt makes a prompt of examples, in order; without any, it is what the model's family puts before a question.
func (m *Model) Prompt(shots []Shot) (*Prompt, error) {
	if m.pages == nil {
		return nil, m.noPages(answeringLike)
	}
	seen := make([]seenShot, len(shots))
	for i, s := range shots {
		seen[i] = see(s)
	}
	return &Prompt{m: m, shots: seen}, nil
}

const answeringLike = "answering by examples"

// Answer answers what is asked as the examples were answered, or describes a picture as theirs were described.
func (p *Prompt) Answer(ctx context.Context, ask Shot, g *Generate) (*Text, error) {
	return p.answer(ctx, see(ask), g)
}

func (p *Prompt) answer(ctx context.Context, ask seenShot, g *Generate) (*Text, error) {
	if g == nil || len(g.Choices) == 0 || g.Permutations < 2 {
		return p.one(ctx, ask, g)
	}
	var texts []*Text
	silent := *g
	silent.Stream = nil
	for _, q := range p.permuted(g.Permutations, seedOf(g, p.m)) {
		t, err := q.one(ctx, ask, &silent)
		if err != nil {
			return nil, err
		}
		texts = append(texts, t)
	}
	all := together(texts, g)
	if g.Stream != nil {
		if err := g.Stream(all.Text); err != nil {
			return nil, fmt.Errorf("choosing: %w", err)
		}
	}
	return all, nil
}

// one answers behind the examples in their order.
func (p *Prompt) one(ctx context.Context, ask seenShot, g *Generate) (*Text, error) {
	var pictures []*glance
	for _, s := range p.shots {
		pictures = append(pictures, s.pictures...)
	}
	shown := len(pictures)
	l, err := p.m.leaf(answeringLike, p.m.pages.Prompt(p.inside(), ask.inside()), append(pictures, ask.pictures...))
	if err != nil {
		return nil, err
	}
	d, release := p.m.decoder()
	defer release()
	spent := Seconds{Load: p.m.load}
	from := p.m.pages.Split(l.ids, shown)
	if from < shortBeginning {
		from, shown = 0, 0
	} else {
		kept, err := p.begin(ctx, &leaf{l.parts, l.ids[:from], l.pictures[:shown]}, &spent)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", answeringLike, err)
		}
		began := time.Now()
		if err := d.Resume(kept); err != nil {
			return nil, fmt.Errorf("%s: %w", answeringLike, err)
		}
		spent.Prefill += time.Since(began).Seconds()
	}
	if err := p.m.readLeaf(ctx, d, l, from, shown, &spent); err != nil {
		return nil, fmt.Errorf("%s: %w", answeringLike, err)
	}
	return p.m.goOn(ctx, d, l, g, spent)
}

// inside is the examples as a page has them.
func (p *Prompt) inside() []flamingo.Shot {
	shots := make([]flamingo.Shot, len(p.shots))
	for i, s := range p.shots {
		shots[i] = s.inside()
	}
	return shots
}

// begin reads what stands before a question, unless it was read last.
func (p *Prompt) begin(ctx context.Context, l *leaf, spent *Seconds) (*language.Kept, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun != nil && slices.Equal(p.begun.ids, l.ids) {
		return p.begun.kept, nil
	}
	d, release := p.m.decoder()
	defer release()
	if err := p.m.readLeaf(ctx, d, l, 0, 0, spent); err != nil {
		return nil, err
	}
	kept, err := d.Keep()
	if err != nil {
		return nil, err
	}
	p.begun = &beginning{slices.Clone(l.ids), kept}
	return kept, nil
}

// permuted is the examples in up to n different orders, their own first.
func (p *Prompt) permuted(n int, seed uint64) []*Prompt {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := 1
	for i := 2; i <= len(p.shots) && all < n; i++ {
		all *= i
	}
	n = min(n, all)
	if p.orders == nil || p.seed != seed {
		p.orders, p.seed = []*Prompt{p}, seed
	}
	if len(p.orders) >= n {
		return p.orders[:n:n]
	}
	// Orders are drawn from the seed alone, so that more of them begin with those that fewer are.
	draw := rand.New(rand.NewPCG(seed, 0))
	orders := []*Prompt{p}
	taken := map[string]bool{fmt.Sprint(identity(len(p.shots))): true}
	for len(orders) < n {
		order := draw.Perm(len(p.shots))
		if key := fmt.Sprint(order); taken[key] {
			continue
		} else {
			taken[key] = true
		}
		if len(orders) < len(p.orders) {
			orders = append(orders, p.orders[len(orders)])
			continue
		}
		q := &Prompt{m: p.m}
		for _, i := range order {
			q.shots = append(q.shots, p.shots[i])
		}
		orders = append(orders, q)
	}
	p.orders = orders
	return orders
}

func identity(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// glance is a picture that is looked at once.
type glance struct {
	image  Image
	forget bool // what it became is not kept

	mu   sync.Mutex
	seen *seenImage // nil, or what it became
}

// seenImage is what a picture became.
type seenImage struct {
	media  []float32 // what the text looks at, [latents, width]; nil where it is not kept
	latent int
	whole  []float32 // the picture as a whole, of length 1
}

// at looks at the picture, by itself, so that what is seen does not depend on the others of a page.
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
	run, done := m.run()
	defer done()
	media, whole := m.pages.Glance(run, pixels)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	seen := &seenImage{slices.Clone(media.Data()), media.Dim(0), unit(whole.Data())}
	g.seen = seen
	if g.forget {
		g.seen = &seenImage{latent: seen.latent, whole: seen.whole}
	}
	return seen, nil
}

// whole is the picture as a whole, a vector of length 1; known are those of pictures that were looked at before.
func (g *glance) whole(ctx context.Context, m *Model, known *features) ([]float32, error) {
	if known == nil {
		seen, err := g.at(ctx, m)
		if err != nil {
			return nil, err
		}
		return seen.whole, nil
	}
	pixels, err := m.framePixels(ctx, g.image)
	if err != nil {
		return nil, err
	}
	key := pixelsKey(pixels)
	if whole, ok := known.rows[key]; ok {
		return whole, nil
	}
	seen, err := g.at(ctx, m)
	if err != nil {
		return nil, err
	}
	known.add(key, seen.whole)
	return seen.whole, nil
}

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
