package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"dragoman/eval"
	"dragoman/language"
	"dragoman/model/flamingo"
	"dragoman/tensor"
	"dragoman/weights"
)

// gating trains a Flamingo's resampler and gated blocks, and the words that were added, on pairs and on pages.
type gating struct {
	*trainer
	model *flamingo.Model
	texts int
	alike map[string]*resemblance // of the datasets that show similar pictures
}

// pageSystem is a Flamingo as the trainer sees it.
type pageSystem struct{ *flamingo.Model }

func (s pageSystem) Encode(run *tensor.Run, pixels *tensor.Tensor, dst []float32) {
	s.EncodePictures(run, pixels, dst)
}

func (t *gating) open() (system, error) {
	r := t.recipe
	if r.Model.From != "" {
		path, err := r.findModel("from", r.Model.From)
		if err != nil {
			return nil, err
		}
		if t.model, err = flamingo.Open(path, flamingo.Options{Trainable: true}); err != nil {
			return nil, err
		}
		if !t.model.Own() {
			t.model.Close()
			return nil, fmt.Errorf("model.from: %s: only a bridge that was trained here is gone on with", path)
		}
	} else {
		vision, err := r.findModel("vision", r.Model.Vision)
		if err != nil {
			return nil, err
		}
		language, err := r.findModel("language", r.Model.Language)
		if err != nil {
			return nil, err
		}
		if t.model, err = flamingo.Assemble(r.Model.Flamingo, flamingo.Parts{Vision: vision, Language: language, Seed: r.Seed, Room: room()}); err != nil {
			return nil, err
		}
	}
	different := map[string]bool{}
	for i := range t.train.pairs { // pictures of pages have none
		for _, text := range t.train.pairs[i].texts {
			different[text] = true
		}
	}
	t.texts = len(different)
	for i, held := range r.Report {
		if err := t.canMeasure(held); err != nil {
			return nil, fmt.Errorf("report.%d: %w", i, err)
		}
	}
	return pageSystem{t.model}, nil
}

// canMeasure refuses a set of which some pictures are asked about, and others to be described, and questions that have no room.
func (t *gating) canMeasure(held Held) error {
	set, err := t.openHeld(held)
	if err != nil {
		return err
	}
	defer set.close()
	if _, err := set.concepts(held.Concept); err != nil {
		return err
	}
	asked, room := 0, t.model.Language.Config().Context
	for i := range set.pairs {
		p := &set.pairs[i]
		if p.question != "" {
			asked++
		}
		ids, err := t.model.Encode(t.model.Prompt(nil, flamingo.Shot{Pictures: 1, Question: p.ask(held.Question)}))
		if n := len(ids) + t.mostTokens(held); err == nil && room > 0 && n > room {
			err = fmt.Errorf("%d tokens with an answer: %w of %d", n, language.ErrContext, room)
		}
		if err != nil {
			row, rowErr := p.set.Row(p.row)
			return errors.Join(rowErr, fmt.Errorf("%s: %w", row.Where, err))
		}
	}
	if asked > 0 && asked < len(set.pairs) {
		return fmt.Errorf("%d of %d rows have a question: captions and answers have no measure together", asked, len(set.pairs))
	}
	return nil
}

// mostTokens is how long a description or an answer of a held-out set may be.
func (t *gating) mostTokens(held Held) int { return cmp.Or(held.MaxTokens, t.recipe.Data.MaxTokens) }

func (t *gating) restored(state)  {}
func (t *gating) captions() int   { return t.texts }
func (t *gating) complete() error { return nil }

func (t *gating) canLearn(st *Stage) error {
	if st.Kind == KindWords && !t.model.HasWords() {
		return errors.New("no block stands before the first layer (model.flamingo.gated.from_first_layer), or words are narrower than what it reads")
	}
	if st.Kind == KindWords && slices.ContainsFunc(t.sets(st), func(s SetSpec) bool { return !t.isPairs(s.Name) }) {
		return errors.New("sets: words are learnt from pairs, not from pages")
	}
	if len(t.sets(st)) == 0 {
		return errors.New("words are learnt from pairs, and no source of data.train has any")
	}
	for _, s := range t.sets(st) {
		if t.train.pagesOf(s.Name) == 0 && len(t.members(s.Name)) == 0 {
			return fmt.Errorf("sets: no row of data.train belongs to %q", s.Name)
		}
	}
	return nil
}

func (t *gating) params(st *Stage) []*tensor.Tensor {
	var params []*tensor.Tensor
	for _, p := range t.model.Params() {
		wanted := st.Kind == KindPages || t.model.SaysWords(p.Name())
		p.SetTrainable(wanted)
		if wanted {
			params = append(params, p)
		}
	}
	return params
}

// sets are the datasets of a stage.
func (t *gating) sets(st *Stage) []SetSpec {
	if len(st.Sets) > 0 {
		return st.Sets
	}
	var sets []SetSpec
	for _, s := range t.recipe.Data.Train {
		if s.share() == 0 || st.Kind == KindWords && !t.isPairs(s.set()) {
			continue
		}
		if !slices.ContainsFunc(sets, func(o SetSpec) bool { return o.Name == s.set() }) {
			sets = append(sets, SetSpec{Name: s.set(), Batch: st.Batch})
		}
	}
	return sets
}

// isPairs says whether a dataset is pairs as they are, neither pages nor episodes that are made of them.
func (t *gating) isPairs(set string) bool {
	return t.source(set).kind(systemFlamingo) == systemFlamingo
}

// members are the pairs of a dataset.
func (t *gating) members(set string) []int {
	var members []int
	for i := range t.train.pairs {
		if t.train.pairs[i].as(set) != nil {
			members = append(members, i)
		}
	}
	return members
}

// source is the first source of a dataset; the others are like it.
func (t *gating) source(set string) Source {
	for _, s := range t.recipe.Data.Train {
		if s.set() == set {
			return s
		}
	}
	return Source{}
}

func (t *gating) measure(ctx context.Context, held Held) (eval.Report, error) {
	set, err := t.openHeld(held)
	if err != nil {
		return eval.Report{}, err
	}
	defer set.close()
	concepts, err := set.concepts(held.Concept)
	if err != nil {
		return eval.Report{}, fmt.Errorf("%s: %w", held.Name, err)
	}
	var items []eval.Item
	for i := range set.pairs {
		p := &set.pairs[i]
		items = append(items, eval.Item{Decode: p.decode, Question: p.question, References: p.texts, Weights: p.weights, Keywords: p.tags, Concept: concepts[i]})
	}
	shots, seeds := held.Shots, held.Seeds
	if len(shots) == 0 {
		shots = []int{0}
	}
	if len(seeds) == 0 {
		seeds = []uint64{t.recipe.Seed}
	}
	r, err := eval.FewShot(ctx, t.model, items, eval.FewShotOptions{
		Name: held.Name, Shots: shots, Seeds: seeds, Most: held.Most, Question: held.Question, Compute: t.compute,
		MaxTokens: t.mostTokens(held),
		Progress: func(done, all int) {
			t.opt.Progress(Progress{Doing: "measuring on " + held.Name, Done: done, All: all})
		},
	})
	if few := r.TooFew(); err == nil && few != "" {
		t.opt.Notice(held.Name + ": " + few)
	}
	return eval.Report{Name: held.Name, N: r.N, Skipped: r.Skipped, Left: r.Left, FewShot: &r}, err
}

// dataset is what a learner draws from.
type dataset struct {
	SetSpec
	members   []int
	questions []string // of which one is asked where a row asks none
	sampler   *sampler
	episodes  *episodes // nil: pairs, or
	woven     *woven    // pages
}

// gateLearner computes a stage's losses.
type gateLearner struct {
	t     *gating
	stage *Stage
	sets  []dataset
	words *wordTable // of a stage of kind words
	held  heldOut
}

func (t *gating) learner(st *Stage, trial bool) (learner, error) {
	l := &gateLearner{t: t, stage: st, held: heldOut{t: t.trainer, set: (*pair).ownSet}}
	for n, s := range t.sets(st) {
		d := dataset{SetSpec: s, members: t.members(s.Name), questions: t.source(s.Name).Questions}
		if d.woven = newWoven(t.train, s.Name, t.model, mix(t.recipe.Seed, "order", uint64(t.state.Stage), uint64(n))); d.woven != nil {
			l.sets = append(l.sets, d)
			continue
		}
		if spec := t.source(s.Name).Episodes; spec.makes() {
			d.episodes = newEpisodes(t.train.pairs, d.members, s.Name, spec)
			if spec.Similar > 0 && !trial {
				var err error
				if d.episodes.like, err = t.resemblance(s.Name, d.members); err != nil {
					return nil, err
				}
			}
		} else {
			shares := make([]float64, len(d.members))
			for i, at := range d.members {
				shares[i] = t.train.pairs[at].share
			}
			d.sampler = newSampler(shares, mix(t.recipe.Seed, "order", uint64(t.state.Stage), uint64(n)))
		}
		l.sets = append(l.sets, d)
	}
	if st.Kind == KindWords {
		l.words = t.newWordTable()
	}
	if st.Ridge > 0 && t.state.Step == 0 && !trial {
		if err := l.begin(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// dealt implements learner.
func (l *gateLearner) dealt() (samples, rows int) {
	for _, d := range l.sets {
		samples, rows = samples+d.Batch, rows+len(d.members)
		if d.woven != nil {
			rows += len(d.woven.pages)
		}
	}
	return samples, rows
}

func (l *gateLearner) keep() []weights.Tensor { return nil }

func (l *gateLearner) losses(k uint64) (map[string]float64, *tensor.Tensor, error) {
	out := map[string]float64{}
	var total *tensor.Tensor
	var all float64
	for n := range l.sets {
		s, err := l.draw(n, k)
		if err != nil {
			return nil, nil, err
		}
		raw, err := l.t.views.features(s.requests)
		if err != nil {
			return nil, nil, err
		}
		l.blur(raw, k, n)
		loss, err := l.loss(s, raw)
		if err != nil {
			return nil, nil, err
		}
		d := &l.sets[n]
		out[d.Name] = float64(loss.Data()[0])
		loss = l.t.run.Scale(loss, float32(d.weight()))
		if all += d.weight(); total == nil {
			total = loss
		} else {
			total = l.t.run.Add(total, loss)
		}
	}
	total = l.t.run.Scale(total, float32(1/all))
	out["loss"] = float64(total.Data()[0])
	return out, total, nil
}

// blur hides some of what the encoder saw and shakes the rest, so that the bridge does not learn pictures by heart.
func (l *gateLearner) blur(raw []float32, k uint64, n int) {
	st := l.stage
	if st.Dropout == 0 && st.Noise == 0 {
		return
	}
	random := rng(mix(l.t.recipe.Seed, "batch", uint64(l.t.state.Stage), k, uint64(n)), "blur")
	hide, shake := float64(st.Dropout), float32(st.Noise*math.Sqrt(12))
	l.t.model.EachFeature(raw, func(token []float32) {
		if random.Float64() < hide {
			clear(token)
			return
		}
		for i := range token {
			token[i] *= 1 + shake*(random.Float32()-0.5)
		}
	})
}

// loss is the forward pass of one batch.
func (l *gateLearner) loss(s *sheet, raw []float32) (*tensor.Tensor, error) {
	m, run := l.t.model, l.t.run
	media := m.Media(run, raw)
	if l.words != nil {
		return m.Words(run, media, l.words.ids, l.words.targets(s.texts)), nil
	}
	return m.Loss(run, media, s.lessons), nil
}

func (l *gateLearner) validate() (map[string]float64, error) {
	t := l.t
	return l.held.means(l.stage.Batch, func(from, to int, raw []float32) (map[string]float64, error) {
		s := &sheet{}
		for i := from; i < to; i++ {
			p := &t.held[i]
			var alone page
			alone.show(t.model, request{}, p.question, p.texts[p.likeliest()], true)
			lesson, err := l.lesson(alone, i-from)
			if err != nil {
				return nil, err
			}
			s.lessons, s.texts = append(s.lessons, lesson), append(s.texts, alone.texts...)
		}
		loss, err := l.loss(s, raw)
		if err != nil {
			return nil, err
		}
		return map[string]float64{"loss": float64(loss.Data()[0])}, nil
	})
}

// wordTable is the words that texts are made of, and how much each says.
type wordTable struct {
	ids    []int32
	place  map[int32]int
	weight []float64 // of each: the rarer, the more
	tokens func(text string) []int32
	out    []float32
}

// newWordTable counts the words of all texts that are trained on or validated with.
func (t *gating) newWordTable() *wordTable {
	w := &wordTable{place: map[int32]int{}, tokens: t.model.TextIDs}
	count, texts := map[int32]int{}, 0
	for _, list := range [][]pair{t.train.pairs, t.held} {
		for i := range list {
			if len(list[i].texts) == 0 { // a picture of a page
				continue
			}
			texts++
			for _, id := range unique(w.tokens(list[i].texts[0])) {
				count[id]++
			}
			for _, text := range list[i].texts {
				for _, id := range w.tokens(text) {
					if _, ok := w.place[id]; !ok {
						w.place[id] = len(w.ids)
						w.ids = append(w.ids, id)
					}
				}
			}
		}
	}
	for _, id := range w.ids {
		w.weight = append(w.weight, math.Log(1+float64(texts)/float64(1+count[id])))
	}
	return w
}

func unique(ids []int32) []int32 {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// targets is how much of each text each word is: [texts, words].
func (w *wordTable) targets(texts []string) []float32 {
	w.out = append(w.out[:0], make([]float32, len(texts)*len(w.ids))...)
	for i, text := range texts {
		row := w.out[i*len(w.ids) : (i+1)*len(w.ids)]
		ids := unique(w.tokens(text))
		var sum float64
		for _, id := range ids {
			sum += w.weight[w.place[id]]
		}
		for _, id := range ids {
			row[w.place[id]] = float32(w.weight[w.place[id]] / sum)
		}
	}
	return w.out
}
