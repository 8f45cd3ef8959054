package dragoman

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"dragoman/eval"
	"dragoman/picture"
)

// EvaluateShots measures a model that learnt from pages on items, behind examples of a support; see package eval. Where g has choices,
// answers are chosen among them.
func (m *Model) EvaluateShots(ctx context.Context, items, support []eval.Item, g *Generate, o eval.ShotOptions) (eval.ShotReport, error) {
	if m.pages == nil {
		return eval.ShotReport{}, m.noPages("evaluating behind examples")
	}
	l := &learner{m: m, support: &Support{m: m}}
	if g != nil {
		l.g = *g
	}
	skipped := 0
	for _, it := range items {
		if ctx.Err() != nil {
			return eval.ShotReport{}, context.Cause(ctx)
		}
		if _, err := it.Decode(); err != nil {
			skipped++
			continue
		}
		l.items = append(l.items, it)
		l.asked = append(l.asked, see(Shot{Images: []Image{imageOfItem(it)}, Question: it.Question}))
	}
	l.examples = support
	shots := make([]Shot, len(support))
	for i, it := range support {
		shots[i] = Shot{Images: []Image{imageOfItem(it)}, Question: it.Question, Text: it.References[0]}
	}
	if o.Similar && len(shots) > 0 {
		var err error
		if l.support, err = m.Support(ctx, shots, SupportOptions{Features: o.Features, Progress: o.Looking}); err != nil {
			return eval.ShotReport{}, err
		}
	} else {
		for _, s := range shots {
			l.support.shots = append(l.support.shots, see(s))
		}
	}
	o.Support, o.Chosen, o.Drawn = len(support), len(l.g.Choices) > 0, l.g.Permutations > 1
	r, err := eval.EvaluateShots(ctx, l, l.items, o)
	r.Skipped = skipped
	return r, err
}

// imageOfItem is an item's picture, decoded as any other.
func imageOfItem(it eval.Item) Image {
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
	m        *Model
	g        Generate
	items    []eval.Item
	asked    []seenShot
	examples []eval.Item
	support  *Support
	kept     int // bytes of what pictures became

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

// look looks at a shot's pictures, and keeps what they became while there is room.
func (l *learner) look(ctx context.Context, s seenShot) error {
	for _, g := range s.pictures {
		known := g.seen != nil
		if !known {
			g.forget = l.kept > keptMedia
		}
		seen, err := g.at(ctx, l.m)
		if err != nil {
			return err
		}
		if !known && !g.forget {
			l.kept += 4 * len(seen.media)
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
	g.Stop = nextCaption
	if asked.Question != "" {
		g.Stop = nextQuestion
	}
	t, err := l.behind(shown).answer(ctx, asked, &g)
	switch {
	case err != nil:
		return "", left, fmt.Errorf("%d shots: %w", len(shown.Order), err)
	case len(g.Choices) > 0:
		return t.Text, left, nil
	case asked.Question != "":
		text, _, _ := strings.Cut(t.Text, ", ")
		return strings.TrimSpace(text), left, nil
	}
	return strings.TrimSpace(strings.ReplaceAll(t.Text, `"`, "")), left, nil
}

// fits says whether there is room for examples, a question and its answer; without examples, it is for the answer to say.
func (l *learner) fits(asked seenShot, shown eval.Examples) bool {
	room := l.m.pages.Language.Config().Context
	if room == 0 || len(shown.Order) == 0 {
		return true
	}
	ids, err := l.m.pages.Encode(l.m.pages.Prompt(l.behind(shown).inside(), asked.inside()))
	return err != nil || len(ids)+cmp.Or(l.g.MaxTokens, 20) <= room
}

// behind is a prompt of examples: the last, if it is of the same.
func (l *learner) behind(shown eval.Examples) *Prompt {
	if l.prompt != nil && slices.Equal(shown.Order, l.shown.Order) && shown.TextOnly == l.shown.TextOnly {
		return l.prompt
	}
	l.prompt, l.shown = l.support.prompt(shown.Order), shown
	if shown.TextOnly {
		for i := range l.prompt.shots {
			l.prompt.shots[i].pictures = nil
		}
	}
	return l.prompt
}
