package eval

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"

	"dragoman/generate"
	"dragoman/model/blip2"
	"dragoman/tensor"
)

// unseen is the score of a pair that matching was not shown.
const unseen = -1000

// pair is a picture and a text, by their numbers.
type pair struct{ image, label int32 }

// rerank shows the matching head the best candidates by cosine, of each picture and of each text that is right for one. Both results are
// [rows, columns] of their direction.
func (e *evaluation) rerank(ctx context.Context, labels []string, texts, scores []float32, right []map[int]bool) (byImage, byText []float32, err error) {
	n, count := len(e.items), len(labels)
	back := Transposed(scores, count)
	pairs := e.candidates(scores, back, right)
	var known []float32
	if e.m.Weighs() {
		known, err = e.weigh(ctx, pairs, labels, texts)
	} else {
		known, err = e.ask(ctx, pairs, labels, scores)
	}
	if err != nil {
		return nil, nil, err
	}
	byImage, byText = make([]float32, n*count), make([]float32, n*count)
	for i := range byImage {
		byImage[i], byText[i] = unseen+scores[i], unseen+back[i]
	}
	for i, p := range pairs {
		byImage[int(p.image)*count+int(p.label)] = known[i]
		byText[int(p.label)*n+int(p.image)] = known[i]
	}
	return byImage, byText, nil
}

// candidates are the pairs that matching looks at, a picture's one after another.
func (e *evaluation) candidates(scores, back []float32, right []map[int]bool) []pair {
	n := len(e.items)
	count := len(scores) / n
	asked := make([]map[int32]bool, n)
	wanted := make([]bool, count)
	for i := range n {
		asked[i] = map[int32]bool{}
		for _, j := range TopK(scores[i*count:(i+1)*count], e.o.Rerank) {
			asked[i][j] = true
		}
		for j := range right[i] {
			wanted[j] = true
		}
	}
	for j, ok := range wanted {
		if ok {
			for _, i := range TopK(back[j*n:(j+1)*n], e.o.Rerank) {
				asked[i][int32(j)] = true
			}
		}
	}
	var pairs []pair
	for i, of := range asked {
		for _, j := range slices.Sorted(maps.Keys(of)) {
			pairs = append(pairs, pair{int32(i), j})
		}
	}
	return pairs
}

// weigh is the odds of pairs by what the model remembers.
func (e *evaluation) weigh(ctx context.Context, pairs []pair, labels []string, texts []float32) ([]float32, error) {
	n, width, shared := len(e.items), e.m.FeatureLen(), e.m.Config.Shared
	perItem := len(e.embedded) / n
	e.run.Reset()
	compared := e.m.Compare(e.run, labels, tensor.FromFloats(texts, len(labels), shared))
	known := make([]float32, 0, len(pairs))
	for from := 0; from < n; from += e.o.Batch {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		to := min(from+e.o.Batch, n)
		e.run.Reset()
		images := tensor.FromFloats(e.embedded[from*perItem:to*perItem], to-from, perItem/shared, shared)
		odds := e.m.Odds(e.run, e.m.Summary(e.run, e.raw[from*width:to*width]), images, compared)
		if err := generate.Finite(odds...); err != nil {
			return nil, err
		}
		for len(known) < len(pairs) && int(pairs[len(known)].image) < to {
			p := pairs[len(known)]
			known = append(known, float32(odds[(int(p.image)-from)*len(labels)+int(p.label)]))
		}
		e.o.Progress(to, n)
	}
	return known, nil
}

// ask is the score of pairs by the matching head: HeadWeight·log p(match) + cosine/temperature, what the two heads, each trained as a
// classifier, say together. (The original evaluation adds the bare cosine to the matching logit, with which the cosine hardly counts.)
func (e *evaluation) ask(ctx context.Context, pairs []pair, labels []string, scores []float32) ([]float32, error) {
	ids := make([][]int32, len(labels))
	for j, l := range labels {
		ids[j] = e.m.TextIDs(l, 64)
	}
	width, temperature := e.m.FeatureLen(), e.m.Bridge.Temperature()
	weight := float32(cmp.Or(e.o.HeadWeight, e.m.Config.Extras.MatchWeight, 1))
	known := make([]float32, 0, len(pairs))
	const batch = 64
	for from := 0; from < len(pairs); from += batch {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		part := pairs[from:min(from+batch, len(pairs))]
		slot := map[int32]int32{}
		var raw []float32
		var rows []int32
		var read [][]int32
		for _, p := range part {
			at, ok := slot[p.image]
			if !ok {
				at = int32(len(slot))
				slot[p.image] = at
				raw = append(raw, e.raw[int(p.image)*width:(int(p.image)+1)*width]...)
			}
			rows = append(rows, at)
			read = append(read, ids[p.label])
		}
		e.run.Reset()
		look := e.m.Bridge.QFormer.Look(e.run, e.m.Features(e.run, raw).Tokens)
		t := blip2.PadTexts(read, max(0, e.m.Words.Special().Pad))
		logits := e.m.Bridge.MatchLogits(e.run, look, rows, t).Data()
		if err := generate.Finite(logits...); err != nil {
			return nil, err
		}
		for i, p := range part {
			logMatch := -float32(math.Log1p(math.Exp(float64(logits[2*i] - logits[2*i+1]))))
			known = append(known, weight*logMatch+scores[int(p.image)*len(labels)+int(p.label)]/temperature)
		}
		e.o.Progress(min(from+batch, len(pairs)), len(pairs))
	}
	return known, nil
}
