package dragoman

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"dragoman/language"
	"dragoman/model/flamingo"
)

// Prompt is examples that many questions are asked behind. They are read when the first is asked: what the language model keeps of them,
// and what their pictures became, serve the next, whose answer has the same bytes as if everything had been read anew. It is safe for
// concurrent use.
type Prompt struct {
	m     *Model
	shots []seenShot
	keeps *budget // of what was read

	mu     sync.Mutex
	begun  *beginning // nil, or what was read last
	orders []*Prompt  // the same examples in other orders
	others *budget    // of those
	seed   uint64     // likewise
}

// once says that a prompt is asked behind once: nothing of it need be kept.
func (p *Prompt) once() *Prompt {
	p.keeps = &budget{}
	return p
}

// seenShot is an example whose pictures are looked at once.
type seenShot struct {
	Shot
	pictures []*glance
}

// see is a shot whose pictures become what there is room for.
func see(s Shot, room *budget) seenShot {
	seen := seenShot{Shot: s}
	for _, img := range s.Images {
		seen.pictures = append(seen.pictures, &glance{image: img, budget: room})
	}
	return seen
}

func (s seenShot) inside() flamingo.Shot {
	return flamingo.Shot{Pictures: len(s.pictures), Question: s.Question, Text: s.Text}
}

// beginning is what a language model keeps of the first tokens of a page.
type beginning struct {
	ids  []int32
	kept *language.Kept
}

// keep is what a decoder has read.
func keep(d *language.Decoder, ids []int32) (*beginning, error) {
	kept, err := d.Keep()
	return &beginning{slices.Clone(ids), kept}, err
}

// of says whether a page begins so.
func (b *beginning) of(ids []int32) bool {
	return b != nil && len(b.ids) <= len(ids) && slices.Equal(b.ids, ids[:len(b.ids)])
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
		seen[i] = see(s, nil)
	}
	return &Prompt{m: m, shots: seen}, nil
}

const answeringLike = "answering by examples"

// doing is what an error says that was being done.
func (p *Prompt) doing(ask seenShot) string {
	switch {
	case len(p.shots) > 0:
		return answeringLike
	case ask.Question != "":
		return "answering"
	}
	return "captioning"
}

// Answer answers what is asked as the examples were answered, or describes a picture as theirs were described.
func (p *Prompt) Answer(ctx context.Context, ask Shot, g *Generate) (*Text, error) {
	return p.answer(ctx, see(ask, nil), g)
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

// Answers is Answer to one question about each picture, as Model.Answers is Model.Answer: the texts are written side by side, and what the
// language model keeps of the examples serves them all.
func (p *Prompt) Answers(ctx context.Context, images []Image, question string, g *Generate) iter.Seq2[*Text, error] {
	ask := func(img Image) seenShot { return see(Shot{Images: []Image{img}, Question: question}, nil) }
	if g != nil && g.Permutations > 1 {
		return oneByOne(images, func(img Image) (*Text, error) { return p.answer(ctx, ask(img), g) })
	}
	return p.m.sideBySide(ctx, len(images), g, func(i int) looked { return p.lookAt(ctx, ask(images[i])) })
}

// one answers behind the examples in their order.
func (p *Prompt) one(ctx context.Context, ask seenShot, g *Generate) (*Text, error) {
	return p.m.writeOne(ctx, p.lookAt(ctx, ask), g)
}

// lookAt lays out what is asked behind the examples, and looks at its pictures.
func (p *Prompt) lookAt(ctx context.Context, ask seenShot) looked {
	var pictures []*glance
	for _, s := range p.shots {
		pictures = append(pictures, s.pictures...)
	}
	shown, doing := len(pictures), p.doing(ask)
	l, err := p.m.leaf(doing, p.m.pages.Prompt(p.inside(), ask.inside()), append(pictures, ask.pictures...))
	if err != nil {
		return looked{err: err}
	}
	seen := &seenLeaf{leaf: l}
	if from := p.m.pages.Split(l.ids, shown); from >= shortBeginning {
		seen.behind, seen.from, seen.shown = p, from, shown
	}
	return p.m.lookAtLeaf(ctx, doing, seen)
}

// inside is the examples as a page has them.
func (p *Prompt) inside() []flamingo.Shot {
	shots := make([]flamingo.Shot, len(p.shots))
	for i, s := range p.shots {
		shots[i] = s.inside()
	}
	return shots
}

// begin reads what stands before a question, or goes on from there if it was read last.
func (p *Prompt) begin(ctx context.Context, d *language.Decoder, l *leaf, spent *Seconds) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.begun; b.of(l.ids) && len(b.ids) == len(l.ids) {
		defer spent.prefill(time.Now())
		return d.Resume(b.kept)
	}
	if err := p.m.readLeaf(ctx, d, l, 0, 0, spent); err != nil {
		return err
	}
	if p.begun != nil {
		p.keeps.give(p.begun.kept.Bytes())
		p.begun = nil
	}
	if !p.keeps.take(d.KeptBytes()) {
		return nil
	}
	var err error
	p.begun, err = keep(d, l.ids)
	return err
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
		p.orders, p.seed, p.others = []*Prompt{p}, seed, p.keeps
		if p.others == nil {
			p.others = newBudget()
		}
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
		q := &Prompt{m: p.m, keeps: p.others}
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
