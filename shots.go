package dragoman

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"dragoman/eval"
	"dragoman/internal/plural"
	"dragoman/picture"
	"dragoman/tensor"
)

// Examples is a support that a model which learnt from pages is measured behind, on one set after the other: each of its pictures is looked
// at once. It is one caller's, and not for concurrent use.
type Examples struct {
	m        *Model
	examples []eval.Item
	support  *Support           // of the examples; without features until examples that are similar are asked for
	glances  map[string]*glance // by what tells pictures apart
	kept     map[*glance]bool   // those of the support
	room     *budget
}

// Examples makes a support of items, each with the first of its references.
func (m *Model) Examples(support []eval.Item) *Examples {
	e := &Examples{m: m, examples: support, support: &Support{m: m}, glances: map[string]*glance{}, kept: map[*glance]bool{}, room: newBudget()}
	for _, it := range support {
		s := e.see(it)
		s.Text = firstReference(it)
		e.kept[s.pictures[0]] = true
		e.support.shots = append(e.support.shots, s)
	}
	return e
}

// firstReference is the text of an example; "" where none is right.
func firstReference(it eval.Item) string {
	if len(it.References) == 0 {
		return ""
	}
	return it.References[0]
}

// see is an item as what is asked. Items that have the same picture look at it once.
func (e *Examples) see(it eval.Item) seenShot {
	s := see(Shot{Images: []Image{imageOfItem(it)}, Question: it.Question}, e.room)
	if it.Picture == "" {
		return s
	}
	if g, ok := e.glances[it.Picture]; ok {
		s.pictures[0] = g
	}
	e.glances[it.Picture] = s.pictures[0]
	return s
}

// EvaluateShots measures a model that learnt from pages on items, behind examples of a support; see package eval. Where g has choices,
// answers are chosen among them. For several sets behind one support, see Examples.
func (m *Model) EvaluateShots(ctx context.Context, items, support []eval.Item, g *Generate, o eval.ShotOptions) (eval.ShotReport, error) {
	return m.Examples(support).Evaluate(ctx, items, g, o)
}

// Evaluate is EvaluateShots behind these examples.
func (e *Examples) Evaluate(ctx context.Context, items []eval.Item, g *Generate, o eval.ShotOptions) (eval.ShotReport, error) {
	if e.m.pages == nil {
		return eval.ShotReport{}, e.m.noPages("evaluating behind examples")
	}
	l := &learner{Examples: e, once: !o.Fixed}
	if g != nil {
		l.g = *g
	}
	asked := make([]seenShot, len(items))
	for i, it := range items {
		asked[i] = e.see(it)
	}
	defer e.forget(asked)
	errs := e.unreadable(ctx, items, asked)
	if ctx.Err() != nil {
		return eval.ShotReport{}, context.Cause(ctx)
	}
	var left []eval.Left
	for i, it := range items {
		if errs[i] != nil {
			left = append(left, eval.Left{Name: it.Name, Err: errs[i]})
			continue
		}
		l.items, l.asked = append(l.items, it), append(l.asked, asked[i])
	}
	if len(l.items) == 0 {
		return eval.ShotReport{}, unreadable(o.Name, left)
	}
	if o.Similar && len(e.examples) > 0 && e.support.features == nil {
		s, err := e.m.support(ctx, e.support.shots, SupportOptions{Features: o.Features, Progress: o.Looking})
		if err != nil {
			return eval.ShotReport{}, err
		}
		e.support = s
	}
	o.Support, o.Chosen, o.Drawn = len(e.examples), len(l.g.Choices) > 0, l.g.Permutations > 1
	r, err := eval.EvaluateShots(ctx, l, l.items, o)
	r.Skipped, r.Left = len(left), left
	return r, err
}

// unreadable says of each item why its picture cannot be shown to the encoder; nil: it can.
func (e *Examples) unreadable(ctx context.Context, items []eval.Item, asked []seenShot) []error {
	p, errs := e.m.pages.Processor(), make([]error, len(items))
	first := map[*glance]int{}
	for i, s := range asked {
		if _, other := first[s.pictures[0]]; !other {
			first[s.pictures[0]] = i
		}
	}
	tensor.DefaultPool().Do(len(items), func(i, _ int) {
		g := asked[i].pictures[0]
		switch {
		case first[g] != i || ctx.Err() != nil || g.known():
		default:
			errs[i] = items[i].Check(&p)
		}
	})
	for i, s := range asked {
		errs[i] = errs[first[s.pictures[0]]]
	}
	return errs
}

// forget gives back what the pictures became that are not of the support.
func (e *Examples) forget(asked []seenShot) {
	for _, s := range asked {
		if g := s.pictures[0]; !e.kept[g] {
			g.forget()
		}
	}
	for name, g := range e.glances {
		if !e.kept[g] {
			delete(e.glances, name)
		}
	}
}

// imageOfItem is an item's picture, decoded as any other, and looked at as a video where it moves.
func imageOfItem(it eval.Item) Image {
	if it.Bytes != nil {
		return ImageFunc(it.Name, it.Bytes).Moving()
	}
	if it.Decode == nil {
		return Image{name: it.Name}
	}
	return Image{name: it.Name, load: func(o picture.Options) (*picture.Image, error) {
		img, err := it.Decode()
		if err != nil {
			return nil, err
		}
		return img.Flatten(o.Alpha), nil
	}}
}

// learner is a model whose answers are measured.
type learner struct {
	*Examples
	g     Generate
	items []eval.Item
	asked []seenShot
	once  bool // examples are others before every item

	prompt *Prompt       // the last
	shown  eval.Examples // in it
}

// Usable implements eval.Learner.
func (l *learner) Usable(ctx context.Context, item, example int) bool {
	return l.other(item, example) && l.look(ctx, l.support.shots[example]) == nil
}

// other says whether an example's picture is not the item's.
func (l *learner) other(item, example int) bool {
	p := l.items[item].Picture
	return p == "" || p != l.examples[example].Picture
}

// look looks at a shot's pictures, once.
func (l *learner) look(ctx context.Context, s seenShot) error {
	for _, g := range s.pictures {
		if _, err := g.whole(ctx, l.m, nil); err != nil {
			return err
		}
	}
	return nil
}

// Nearest implements eval.Learner.
func (l *learner) Nearest(ctx context.Context, item, n int) ([]int, error) {
	if err := l.look(ctx, l.asked[item]); err != nil {
		return nil, err
	}
	return l.support.nearest(ctx, l.asked[item], n, func(i int) bool { return l.other(item, i) })
}

// Text implements eval.Learner.
func (l *learner) Text(example int) string { return l.support.shots[example].Text }

// TextOnly implements eval.Learner.
func (l *learner) TextOnly() int { return l.m.pages.TextOnly() }

// What a model that was shown examples may go on with is the next of them.
var (
	nextCaption  = []string{"Output", "Caption:"}
	nextQuestion = []string{"Question", "Answer", "Short"}
)

// Answer implements eval.Learner.
func (l *learner) Answer(ctx context.Context, item int, shown eval.Examples) (text string, left int, err error) {
	asked := l.asked[item]
	if err := l.look(ctx, asked); err != nil {
		return "", 0, err
	}
	for !l.fits(asked, shown) {
		shown.Order, left = shown.Order[1:], left+1
	}
	g := l.g
	g.Seed = shown.Seed
	next := nextCaption
	if asked.Question != "" {
		next = nextQuestion
	}
	g.Stop = next
	if g.Beams > 1 { // OpenFlamingo's evaluation cuts what its search came to, and does not let a sentence win by ending there
		g.Stop = nil
	}
	t, err := l.behind(shown).answer(ctx, asked, &g)
	switch {
	case err != nil:
		return "", left, fmt.Errorf("%s: %w", plural.Of(len(shown.Order), "shot"), err)
	case len(g.Choices) > 0:
		return t.Text, left, nil
	case asked.Question != "":
		text, _, _ := strings.Cut(before(t.Text, next), ", ")
		return strings.TrimSpace(text), left, nil
	}
	return strings.TrimSpace(strings.ReplaceAll(before(t.Text, next), `"`, "")), left, nil
}

// before is a text up to where any of some ends begins.
func before(text string, ends []string) string {
	for _, end := range ends {
		text, _, _ = strings.Cut(text, end)
	}
	return text
}

// fits says whether there is room for examples, a question and its answer; without examples, it is for the answer to say.
func (l *learner) fits(asked seenShot, shown eval.Examples) bool {
	room := l.m.pages.Language.Config().Context
	if room == 0 || len(shown.Order) == 0 {
		return true
	}
	ids, err := l.m.pages.Encode(l.m.pages.Prompt(l.of(shown).inside(), asked.inside()))
	return err != nil || len(ids)+cmp.Or(l.g.MaxTokens, 20) <= room
}

// behind is a prompt of examples: the last, if it is of the same.
func (l *learner) behind(shown eval.Examples) *Prompt {
	if l.prompt == nil || !slices.Equal(shown.Order, l.shown.Order) || shown.TextOnly != l.shown.TextOnly {
		l.prompt, l.shown = l.of(shown), shown
	}
	return l.prompt
}

// of is a prompt of examples.
func (l *learner) of(shown eval.Examples) *Prompt {
	p := l.support.prompt(shown.Order)
	if shown.TextOnly {
		for i := range p.shots {
			p.shots[i].pictures = nil
		}
	}
	if l.once {
		p.once()
	}
	return p
}
