package train

import (
	"cmp"
	"fmt"
	"math/rand/v2"

	"dragoman/model/flamingo"
)

// page is one that is being written: pictures, each with what is asked about it and what is said.
type page struct {
	parts    []flamingo.Part
	requests []request
	texts    []string
	muted    []int // pictures whose texts are not to be predicted
}

// show puts a picture behind the others.
func (p *page) show(m *flamingo.Model, r request, question, text string, learn bool) {
	if !learn {
		p.muted = append(p.muted, len(p.requests))
	}
	p.parts = append(p.parts, m.Example(question, text)...)
	p.requests, p.texts = append(p.requests, r), append(p.texts, text)
}

// lesson is what is learnt of a page whose pictures begin with a number, of as many tokens as data.max_tokens says.
func (l *gateLearner) lesson(p page, first int) (flamingo.Lesson, error) {
	pictures := make([]int, len(p.requests))
	for i := range pictures {
		pictures[i] = first + i
	}
	lesson, err := l.t.model.Teach(p.parts, pictures, l.t.recipe.Data.MaxTokens)
	lesson.Mute(l.t.model, p.muted)
	return lesson, err
}

// sheet is a batch of one dataset: pictures, what is said of them, and the pages that show them.
type sheet struct {
	requests []request
	texts    []string
	lessons  []flamingo.Lesson
}

// put adds a page, if something is learnt of it, and says whether.
func (l *gateLearner) put(s *sheet, p page) (bool, error) {
	if l.words == nil {
		lesson, err := l.lesson(p, len(s.requests))
		if err != nil || !lesson.Teaches() {
			return false, err
		}
		s.lessons = append(s.lessons, lesson)
	}
	s.requests, s.texts = append(s.requests, p.requests...), append(s.texts, p.texts...)
	return true, nil
}

// ask is what is asked about a picture: what its row asks, or else what was drawn.
func (p *pair) ask(drawn string) string { return cmp.Or(p.question, drawn) }

// tries is how many episodes are drawn until something is learnt of one within data.max_tokens.
const tries = 16

// question draws one of a dataset's; "" asks for a description.
func (d *dataset) question(random *rand.Rand) string {
	if len(d.questions) == 0 {
		return ""
	}
	return d.questions[random.IntN(len(d.questions))]
}

// draw makes dataset n's batch k.
func (l *gateLearner) draw(n int, k uint64) (*sheet, error) {
	t, d := l.t, &l.sets[n]
	random := rng(mix(t.recipe.Seed, "batch", uint64(t.state.Stage), k, uint64(n)), "page")
	s := &sheet{}
	for i := range d.Batch {
		at := k*uint64(d.Batch) + uint64(i)
		switch {
		case d.woven != nil:
			lesson, reqs, err := d.woven.draw(at)
			if err != nil {
				return nil, err
			}
			for p := range lesson.Pictures {
				lesson.Pictures[p] += len(s.requests)
			}
			s.lessons, s.requests = append(s.lessons, lesson), append(s.requests, reqs...)
		case d.episodes != nil:
			for range tries {
				var p page
				asked := d.question(random)
				for _, e := range d.episodes.draw(random) {
					of := &t.train.pairs[e.pair]
					p.show(t.model, request{pair: of, index: e.pair, view: random.Uint64() >> 1}, of.ask(asked), e.text, e.learn)
				}
				if put, err := l.put(s, p); err != nil {
					return nil, err
				} else if put {
					break
				}
			}
		default:
			at, epoch := d.sampler.at(at)
			var p page
			of := &t.train.pairs[d.members[at]]
			p.show(t.model, request{pair: of, index: d.members[at], view: t.view(epoch)}, of.ask(d.question(random)), of.texts[of.pick(random)], true)
			if _, err := l.put(s, p); err != nil {
				return nil, err
			}
		}
	}
	if len(s.requests) == 0 {
		return nil, fmt.Errorf("%s: of no page is anything to be predicted within data.max_tokens, %d", d.Name, t.recipe.Data.MaxTokens)
	}
	return s, nil
}
