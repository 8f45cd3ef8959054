package eval

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model/flamingo"
	"dragoman/tensor"
)

// FewShotOptions say how a model is measured with examples before what is asked. Shots and Seeds must not be empty.
type FewShotOptions struct {
	Name      string
	Shots     []int    // how many examples
	Seeds     []uint64 // what pictures and examples are drawn by, a trial each
	Most      int      // pictures that are asked about, drawn from all; 0: all
	Question  string   // asked about pictures that have no question of their own; "": they are to be described
	Forms     []string // in which examples' texts are written where it is measured whether the model keeps to a form, with TextPlace in each; nil: some that the built-in models were not taught
	MaxTokens int
	Compute   kernel.DType
	Progress  func(done, all int)
}

// Shots is how a model does with so many examples, in one trial.
type Shots struct {
	Shots int    `json:"shots"`
	Seed  uint64 `json:"seed"`
	// Right is what is said of pictures behind examples that are other pictures of the set with their texts; Wrong the same with each
	// example's text exchanged for another's: what only the form of examples is good for; nil without examples.
	Right Said  `json:"behind_right_texts"`
	Wrong *Said `json:"behind_exchanged_texts,omitempty"`
	Form  *Form `json:"new_form,omitempty"` // nil where pictures have questions of their own
	Word  *Word `json:"new_word,omitempty"`
	Cut   int   `json:"cut,omitempty"` // questions before which there was no room for all examples: the first were left out
}

// Said is how descriptions do, or answers to the questions that pictures have of their own: one of the two.
type Said struct {
	Captions *Captions `json:"captions,omitempty"`
	Answers  *Answers  `json:"answers,omitempty"`
}

// FewShot measures a model that was put together here on a set of pictures, whose examples are other pictures of the set. Where items say
// which concept they show, three of them or more in two pictures or more, new words are taught, too; where pictures have no questions of their
// own, examples are also shown in a form that the model does not know. Pictures that cannot be read do not count.
func FewShot(ctx context.Context, m *flamingo.Model, set []Item, o FewShotOptions) (FewShotReport, error) {
	e := &fewShot{m: m, o: o, run: tensor.NewRun(tensor.Options{Compute: o.Compute})}
	e.decoder = language.NewDecoder(m.Language, tensor.Options{Compute: o.Compute})
	r := FewShotReport{Name: o.Name, Question: o.Question}
	r.Left = e.sort(ctx, set)
	if r.N, r.Skipped = len(e.set), len(r.Left); r.N == 0 || ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	if r.N == 1 && slices.ContainsFunc(o.Shots, func(k int) bool { return k > 0 }) {
		return r, errors.New("evaluate with examples: they are other pictures of the set, which has one")
	}
	var err error
	if r.Measures, err = e.measures(); err != nil {
		return r, fmt.Errorf("evaluate with examples: %w", err)
	}
	r.Others = e.others()
	done, all := 0, 0
	for _, k := range o.Shots {
		all += len(o.Seeds) * e.steps(k)
	}
	for _, k := range o.Shots {
		c := FewShotCount{Shots: k}
		for _, seed := range o.Seeds {
			s, err := e.measure(ctx, k, seed, func() {
				if done++; o.Progress != nil {
					o.Progress(done, all)
				}
			})
			if err != nil {
				return r, fmt.Errorf("evaluate with %d examples: %w", k, err)
			}
			c.Trials = append(c.Trials, s)
		}
		c.sum(r.Measures)
		r.Shots = append(r.Shots, c)
	}
	return r, nil
}

// fewShot is a measurement under way.
type fewShot struct {
	m        *flamingo.Model
	set      []Item // those whose pictures can be read
	o        FewShotOptions
	run      *tensor.Run
	decoder  *language.Decoder
	cut      int
	raw      [][]float32 // the set's pictures, encoded; nil: not yet
	concepts map[string][]int
	names    []string // of concepts with two pictures or more, in order
}

// sort leaves out pictures that cannot be read, and finds what they show.
func (e *fewShot) sort(ctx context.Context, set []Item) (left []Left) {
	p, errs := e.m.Processor(), make([]error, len(set))
	tensor.DefaultPool().Do(len(set), func(i, _ int) {
		if ctx.Err() == nil {
			errs[i] = set[i].Check(&p)
		}
	})
	for i, it := range set {
		if errs[i] != nil {
			left = append(left, Left{Name: it.Name, Err: errs[i]})
			continue
		}
		e.set = append(e.set, it)
	}
	e.raw = make([][]float32, len(e.set))
	e.concepts = map[string][]int{}
	for i, it := range e.set {
		concept := it.concept()
		if e.concepts[concept] = append(e.concepts[concept], i); len(e.concepts[concept]) == 2 {
			e.names = append(e.names, concept)
		}
	}
	return left
}

// features are what the encoder makes of a picture, which it looks at once.
func (e *fewShot) features(at int) ([]float32, error) {
	if e.raw[at] == nil {
		p := e.m.Processor()
		pixels := make([]float32, p.Len())
		if err := prepare(&p, e.set[at].Decode, pixels); err != nil {
			return nil, err
		}
		e.run.Reset()
		e.raw[at] = make([]float32, e.m.FeatureLen())
		e.m.EncodePictures(e.run, tensor.FromFloats(pixels, 1, 3, p.Size[0], p.Size[1]), e.raw[at])
	}
	return e.raw[at], nil
}

// concept is what an item shows: without a word about it, what is said of it.
func (it *Item) concept() string {
	if it.Concept != "" {
		return it.Concept
	}
	return it.example()
}

// example is the text under which an item is an example.
func (it *Item) example() string {
	switch {
	case len(it.References) == 0:
		return ""
	case len(it.Weights) != len(it.References):
		return it.References[0]
	}
	return it.References[slices.Index(it.Weights, slices.Max(it.Weights))]
}

// asks says whether items have questions of their own: all of them, or none.
func (e *fewShot) asks() (bool, error) {
	n := 0
	for _, it := range e.set {
		if it.Question != "" {
			n++
		}
	}
	if n > 0 && n < len(e.set) {
		return false, fmt.Errorf("%d of %d rows have a question: captions and answers have no measure together", n, len(e.set))
	}
	return n > 0, nil
}

// shown is a picture with what is said of it on a page.
type shown struct {
	at   int
	text string
}

// most is how many pictures a trial asks about.
func (e *fewShot) most() int {
	if e.o.Most > 0 {
		return min(e.o.Most, len(e.set))
	}
	return len(e.set)
}

// steps is how many questions a trial of k examples tells of.
func (e *fewShot) steps(k int) int {
	parts := 1
	if k > 0 {
		parts += int(toOne(e.describes())) + int(toOne(e.teaches()))
	}
	return parts * e.most()
}

// measure is one trial of k examples, which calls step behind each of its steps.
func (e *fewShot) measure(ctx context.Context, k int, seed uint64, step func()) (s Shots, err error) {
	s = Shots{Shots: k, Seed: seed}
	e.cut = 0
	defer func() { s.Cut = e.cut }()
	r := rand.New(rand.NewPCG(seed, uint64(k)))
	order := r.Perm(len(e.set))[:e.most()]
	var right, wrong []string
	for _, at := range order {
		examples := e.examples(k, at, r)
		said, err := e.say(ctx, examples, at)
		if err != nil {
			return s, err
		}
		right = append(right, said)
		if k > 0 {
			texts := e.exchanged(examples, r)
			for i := range examples {
				examples[i].text = texts[i]
			}
			if said, err = e.say(ctx, examples, at); err != nil {
				return s, err
			}
			wrong = append(wrong, said)
		}
		step()
	}
	s.Right = e.score(right, order)
	if k == 0 {
		return s, nil
	}
	s.Wrong = new(e.score(wrong, order))
	share := 100 / float64(len(order))
	if e.teaches() {
		s.Word = &Word{N: len(order)}
		for range order {
			if err := e.word(ctx, k, r, s.Word); err != nil {
				return s, err
			}
			step()
		}
		for _, v := range s.Word.shares() {
			*v *= share
		}
	}
	if e.describes() {
		s.Form = &Form{N: len(order)}
		for _, at := range order {
			if err := e.form(ctx, k, at, r, s.Form); err != nil {
				return s, err
			}
			step()
		}
		s.Form.Kept, s.Form.Named = s.Form.Kept*share, s.Form.Named*share
	}
	return s, nil
}

// describes says whether pictures are to be described, or asked about all alike: their texts may be written in any form then.
func (e *fewShot) describes() bool { return e.set[0].Question == "" }

// teaches says whether there are pictures to teach words by.
func (e *fewShot) teaches() bool { return len(e.names) >= 3 }

// score measures what was said of pictures.
func (e *fewShot) score(said []string, of []int) Said {
	var references, keywords [][]string
	var weights [][]float64
	for _, at := range of {
		it := &e.set[at]
		references, keywords, weights = append(references, it.References), append(keywords, it.Keywords), append(weights, it.Weights)
	}
	if !e.describes() {
		return Said{Answers: new(ScoreAnswers(said, references, weights))}
	}
	return Said{Captions: new(ScoreCaptions(said, references, keywords))}
}

// others is how many pictures there are to show before one that is asked about: the fewest.
func (e *fewShot) others() int {
	if len(e.concepts) == 1 {
		return len(e.set) - 1
	}
	alike := 0
	for _, members := range e.concepts {
		alike = max(alike, len(members))
	}
	return len(e.set) - alike
}

// examples are pictures before one: such as show something else, or, where all show the same, others.
func (e *fewShot) examples(k, at int, r *rand.Rand) (examples []shown) {
	for len(examples) < k {
		other := r.IntN(len(e.set))
		if other != at && (len(e.concepts) == 1 || e.set[other].concept() != e.set[at].concept()) {
			examples = append(examples, shown{other, e.set[other].example()})
		}
	}
	return examples
}

// exchanged are a page's texts, each in another's place; of a single example, that of a picture which is not on the page.
func (e *fewShot) exchanged(page []shown, r *rand.Rand) []string {
	if len(page) == 1 {
		for range 100 {
			if text := e.set[r.IntN(len(e.set))].example(); text != page[0].text {
				return []string{text}
			}
		}
	}
	var texts []string
	for i := range page {
		texts = append(texts, page[(i+1)%len(page)].text)
	}
	return texts
}

// question is what is asked about a picture.
func (e *fewShot) question(at int) string {
	if q := e.set[at].Question; q != "" {
		return q
	}
	return e.o.Question
}

// page is examples that a decoder has read, and goes on from for each picture that is asked about behind them.
type page struct {
	before []flamingo.Part
	ids    []int32
	kept   *language.Kept // nil: there is none
}

// open reads examples, of more than there is room for the last, behind which these pictures are to be asked about.
func (e *fewShot) open(ctx context.Context, examples []shown, ask ...int) (*page, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	all := len(examples)
	for len(examples) > 0 && slices.ContainsFunc(ask, func(at int) bool { return !e.fits(examples, at) }) {
		examples = examples[1:]
	}
	if len(examples) < all {
		e.cut += len(ask)
	}
	p := &page{before: e.before(examples)}
	if len(examples) == 0 {
		return p, nil
	}
	var err error
	if p.ids, err = e.m.Encode(p.before); err != nil {
		return nil, err
	}
	var raw []float32
	for _, x := range examples {
		f, err := e.features(x.at)
		if err != nil {
			return nil, err
		}
		raw = append(raw, f...)
	}
	e.decoder.Reset()
	if err := e.readOn(ctx, p.ids, 0, raw); err != nil {
		return nil, err
	}
	p.kept, err = e.decoder.Keep()
	return p, err
}

// before writes examples.
func (e *fewShot) before(examples []shown) (parts []flamingo.Part) {
	for _, x := range examples {
		parts = append(parts, e.m.Example(e.question(x.at), x.text)...)
	}
	return parts
}

// asked is what is asked about a picture.
func (e *fewShot) asked(at int) []flamingo.Part {
	return e.m.Prompt(nil, flamingo.Shot{Pictures: 1, Question: e.question(at)})
}

// fits says whether there is room for an answer about a picture behind examples.
func (e *fewShot) fits(examples []shown, at int) bool {
	ids, err := e.m.Encode(append(e.before(examples), e.asked(at)...))
	room := e.m.Language.Config().Context
	return err != nil || room == 0 || len(ids)+e.o.MaxTokens <= room
}

// readOn reads a page's tokens from a place on, which see these pictures.
func (e *fewShot) readOn(ctx context.Context, ids []int32, from int, raw []float32) error {
	d := e.decoder
	media := e.m.Media(d.Run(), raw)
	return e.m.ReadOn(ctx, d, ids, from, d.Run().Reshape(media, 1, media.Dim(0), media.Dim(1), media.Dim(2)))
}

// say lets the model describe a picture, or answer about it, behind examples.
func (e *fewShot) say(ctx context.Context, examples []shown, at int) (string, error) {
	p, err := e.open(ctx, examples, at)
	if err != nil {
		return "", err
	}
	said, _, err := e.ask(ctx, p, at, "")
	return said, err
}

// ask lets the model describe a picture, or answer about it, behind a page's examples. likely is the log-probability that a text, up to its
// end, is what is said; 0 without a text.
func (e *fewShot) ask(ctx context.Context, p *page, at int, text string) (said string, likely float64, err error) {
	raw, err := e.features(at)
	if err != nil {
		return "", 0, err
	}
	ids, err := e.m.Encode(append(slices.Clip(p.before), e.asked(at)...))
	if err != nil {
		return "", 0, err
	}
	d := e.decoder
	d.Reset()
	if p.kept != nil {
		if err := d.Resume(p.kept); err != nil {
			return "", 0, err
		}
	}
	if err := e.readOn(ctx, ids, len(p.ids), raw); err != nil {
		return "", 0, err
	}
	if text != "" {
		if likely, err = e.likelihood(p, ids, at, text); err != nil {
			return "", 0, err
		}
	}
	results, err := generate.Run(ctx, d, d.Before([][]int32{ids}), generate.Options{MaxTokens: e.o.MaxTokens, StopIDs: e.m.StopIDs(), NeverIDs: e.m.NeverIDs(), Rules: e.m.Rules})
	if err != nil {
		return "", 0, err
	}
	return strings.TrimSpace(e.m.Tokenizer.Decode(results[0].Tokens, true)), likely, nil
}

// likelihood is of a text behind ids, which were read.
func (e *fewShot) likelihood(p *page, ids []int32, at int, text string) (sum float64, err error) {
	whole, err := e.m.Encode(append(slices.Clip(p.before), e.m.Example(e.question(at), text)...))
	if err != nil {
		return 0, err
	}
	if len(whole) <= len(ids) || !slices.Equal(whole[:len(ids)], ids) {
		return 0, fmt.Errorf("%q does not go on where a picture is asked about", text)
	}
	scores, err := e.decoder.Score([][]int32{whole[len(ids):]})
	if err != nil {
		return 0, err
	}
	for _, s := range scores[0] {
		sum += float64(s)
	}
	return sum, nil
}
