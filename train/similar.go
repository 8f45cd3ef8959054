package train

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"dragoman/eval"
	"dragoman/internal/rank"
	"dragoman/tensor"
)

// resemblance says which pictures of a dataset look alike, by what the encoder sees of each as a whole.
type resemblance struct {
	members []int // pairs
	width   int
	vectors []float32 // of length 1 each: [members, width]
}

// resemblance looks at every picture of a dataset once, as it is, however many stages ask.
func (t *gating) resemblance(set string, members []int) (*resemblance, error) {
	if k := t.alike[set]; k != nil {
		return k, nil
	}
	if len(members) < 2 {
		return nil, fmt.Errorf("data.train: %s: similar: there is one picture", set)
	}
	k := &resemblance{members: members}
	run := tensor.NewRun(tensor.Options{Compute: t.compute})
	const step = 64
	for from := 0; from < len(members); from += step {
		part := members[from:min(from+step, len(members))]
		var reqs []request
		for _, i := range part {
			reqs = append(reqs, request{pair: &t.train.pairs[i], index: i, plain: true})
		}
		raw, err := t.views.features(reqs)
		if err != nil {
			return nil, err
		}
		run.Reset()
		whole, err := t.model.Summaries(run, raw)
		if err != nil {
			return nil, fmt.Errorf("data.train: %s: similar: %w", set, err)
		}
		k.width = whole.Dim(1)
		k.vectors = append(k.vectors, run.Normalize(whole).Data()...)
		t.opt.Progress(Progress{Doing: "looking for pictures that are alike", Done: from + len(part), All: len(members)})
	}
	if t.alike == nil {
		t.alike = map[string]*resemblance{}
	}
	t.alike[set] = k
	return k, nil
}

// nearest are the n pairs whose pictures are most like a member's, the most similar last; none shows the same picture.
func (k *resemblance) nearest(pairs []pair, member, n int) []int {
	own := k.vectors[member*k.width : (member+1)*k.width]
	var others []int
	var cosines []float32
	for j, i := range k.members {
		if pairs[i].picture == pairs[k.members[member]].picture {
			continue
		}
		var dot float32
		for c, v := range k.vectors[j*k.width : (j+1)*k.width] {
			dot += v * own[c]
		}
		others, cosines = append(others, i), append(cosines, dot)
	}
	var out []int
	for _, at := range rank.Best(cosines, n) {
		out = append(out, others[at])
	}
	slices.Reverse(out)
	return out
}

// mostAnswered is how often a page that does not show the concept of its last picture before is made to.
const mostAnswered = 0.75

// answered sees to it that the examples mostly show what the last picture shows: a model that knows the pairs by heart would otherwise learn
// that its own names are better than those of examples.
func (e *episodes) answered(r *rand.Rand, order []int, last int) {
	if slices.ContainsFunc(order, func(i int) bool { return e.concept(i) == e.concept(last) }) || r.Float64() >= mostAnswered {
		return
	}
	var same []int
	for _, i := range e.concepts[e.concept(last)] {
		if e.pairs[i].picture != e.pairs[last].picture {
			same = append(same, i)
		}
	}
	if len(same) == 0 || len(order) == 0 {
		return
	}
	at := len(order) - 1
	if r.IntN(2) == 0 {
		at = r.IntN(len(order))
	}
	order[at] = same[r.IntN(len(same))]
}

// similar shows a picture behind those that are most like it, the most similar last, as examples are chosen for a question (RICES): a quarter of
// the pages under their own texts, the others under words that only the page can teach. The last one has its own text where its concept was not named before it, and is
// always learnt from; the others are where something before them tells their texts.
func (e *episodes) similar(r *rand.Rand, n int) []example {
	at := r.IntN(len(e.like.members))
	last := e.like.members[at]
	order := e.like.nearest(e.pairs, at, max(n-1, 1))
	e.answered(r, order, last)
	var concepts []int
	text := map[int]string{} // by concept
	for _, i := range order {
		if c := e.concept(i); text[c] == "" {
			concepts, text[c] = append(concepts, c), e.pairs[i].texts[e.pairs[i].pick(r)]
		}
	}
	own := r.IntN(4) == 0
	switch {
	case own:
	case e.renames(r):
		for k, word := range e.others(r, len(concepts), append(slices.Clone(concepts), e.concept(last))) {
			text[concepts[k]] = word
		}
	default:
		for _, c := range concepts {
			text[c] = eval.NonceWord(r)
		}
	}
	var page []example
	said := map[int]bool{}
	for _, i := range order {
		c := e.concept(i)
		page = append(page, example{i, text[c], own || said[c]})
		said[c] = true
	}
	return append(page, example{last, cmp.Or(text[e.concept(last)], e.pairs[last].texts[e.pairs[last].pick(r)]), true})
}
