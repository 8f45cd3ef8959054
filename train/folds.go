package train

import (
	"errors"
	"fmt"
	"hash/fnv"
	"slices"

	"dragoman/bridge/linear"
	"dragoman/eval"
	"dragoman/model/blip2"
	"dragoman/nn"
	"dragoman/tensor"
)

// A head in closed form knows the pictures that it was fitted to by heart: it makes no mistake on them that matching could learn to
// mend. So the pictures are parted into folds, each is compared with captions by a head that was fitted without its fold, and with the
// landmarks of the other folds alone, and matching learns from the lists that come of it. What a field of the rows says, their style,
// makes one set of folds: of other pictures, whose captions were met but for a tenth, as it is where somebody searches among texts of his
// own. The captions themselves make another: of captions never met, among themselves.

const (
	nearestTexts = 16 // captions, or pictures, that matching sorts: as many as a search ranks again by default in the recipes
	captionFolds = 10 // parts of the captions
)

// fold are pictures that a head is fitted without, and compared with captions afterwards.
type fold struct {
	pictures []int // in order
	without  []int // what the head is fitted without: those, and more, in order
	gallery  []int32
	unmet    bool // none of their captions was met
}

// learnMatching fits blip2.Matching; x are the summaries of the pictures trained on, as they are.
func (w *warmer) learnMatching(x []float32, captions []int32) error {
	t, st := w.t, w.stage
	folds, err := w.folds(st.Folds, captions)
	if err != nil {
		return fmt.Errorf("folds: %w", err)
	}
	var sets []choices
	for k, f := range folds {
		t.opt.Progress(Progress{Doing: "fitting heads without a fold", Done: k, All: len(folds)})
		c, err := w.withoutFold(x, captions, f)
		if err != nil {
			return fmt.Errorf("folds: %w", err)
		}
		sets = append(sets, c)
	}
	matching, figures, err := fitMatching(sets)
	if err != nil {
		return fmt.Errorf("folds: %s: %w", st.Folds, err)
	}
	t.model.Config.Extras.Matching, t.state.Matching = matching, matching
	return t.metrics.add(Record{Stage: st.Name, Losses: figures})
}

// folds are those by a field of the rows, then those by caption.
func (w *warmer) folds(field string, captions []int32) ([]fold, error) {
	if w.t.model.Bridge.Head.Landmarks == nil {
		return nil, errors.New("the picture's head has no landmarks")
	}
	number := map[string]int{}
	all := make([]int32, w.texts.Dim(0))
	for c := range all {
		all[c] = int32(c)
	}
	var folds []fold
	for i := range w.t.train.pairs {
		p := &w.t.train.pairs[i]
		row, err := p.set.Row(p.row)
		if err != nil {
			return nil, err
		}
		k := numbered(number, fmt.Sprint(row.Extra[field]))
		if k == len(folds) {
			folds = append(folds, fold{gallery: all})
		}
		folds[k].pictures = append(folds[k].pictures, i)
	}
	if len(folds) < 2 {
		return nil, fmt.Errorf("%s: all rows say the same", field)
	}
	return withCaptions(folds, captions, w.t.labels.texts), nil
}

// withCaptions has folds do without a part of the captions each, and adds those of all parts. captions are those of the pictures, by their
// numbers among texts.
func withCaptions(folds []fold, captions []int32, texts []string) []fold {
	parts := make([]fold, captionFolds)
	for i, c := range captions {
		f := &parts[partOf(texts[c])]
		f.pictures, f.gallery, f.unmet = append(f.pictures, i), append(f.gallery, c), true
	}
	for k := range folds {
		folds[k].without = union(folds[k].pictures, parts[k%captionFolds].pictures)
	}
	for _, f := range parts {
		if n := len(f.pictures); n > 0 && n < len(captions) {
			slices.Sort(f.gallery)
			f.gallery, f.without = slices.Compact(f.gallery), f.pictures
			folds = append(folds, f)
		}
	}
	return folds
}

// union is what is in either of two lists in order, in order.
func union(a, b []int) []int {
	both := slices.Concat(a, b)
	slices.Sort(both)
	return slices.Compact(both)
}

// partOf is the part of the captions that one is in.
func partOf(caption string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(caption))
	return h.Sum32() % captionFolds
}

// foldHead is a head that was fitted without a fold.
type foldHead struct {
	*linear.Head
	of  []int32 // the captions of all landmarks; −1: it is without
	met []int32 // on how many landmarks each caption is left
}

// fit fits a head to all pictures but those that a fold is without.
func (w *warmer) fit(x []float32, captions []int32, f fold) (foldHead, error) {
	h, in := w.t.model.Bridge.Head, w.t.model.Bridge.Head.In()
	marks := h.Landmarks.Points.Dim(0)
	r := regression{texts: w.texts, axes: h.Landmarks.Axes}
	out := foldHead{of: slices.Clone(captions[:marks]), met: make([]int32, w.texts.Dim(0))}
	each := len(w.views) / len(captions)
	for i, c := range captions {
		if _, gone := slices.BinarySearch(f.without, i); gone {
			if i < marks {
				out.of[i] = -1
			}
			continue
		}
		r.x = append(r.x, x[i*in:(i+1)*in]...)
		r.views = append(r.views, w.views[i*each:(i+1)*each]...)
		r.captions = append(r.captions, c)
		if i < marks {
			out.met[c]++
		}
	}
	b := nn.NewBuilder(nil, nn.BuilderOptions{})
	r.head = linear.New(b, linear.Size{In: in, Out: h.Out(), Landmarks: min(marks, len(r.captions)), Axes: h.Landmarks.Axes.Dim(0)})
	if err := b.Err(); err != nil {
		return foldHead{}, err
	}
	if err := r.solve(w.stage.Ridge, w.stage.NearRidge); err != nil {
		return foldHead{}, err
	}
	out.Head = r.head
	return out, nil
}

// compare goes through the pictures of a fold some at a time: it gives each the cosines of the fold's head with all captions, and how far
// each of the model's landmarks is.
func (w *warmer) compare(x []float32, f fold, head foldHead, each func(k int, cosines, far []float32)) {
	h, in, all := w.t.model.Bridge.Head, w.t.model.Bridge.Head.In(), w.texts.Dim(0)
	marks := h.Landmarks.Points.Dim(0)
	run := tensor.NewRun(tensor.Options{})
	const batch = 64
	for from := 0; from < len(f.pictures); from += batch {
		part := f.pictures[from:min(from+batch, len(f.pictures))]
		run.Reset()
		seen := run.New(len(part), in)
		for b, i := range part {
			copy(seen.Data()[b*in:(b+1)*in], x[i*in:])
		}
		u := run.Normalize(head.Forward(run, head.Centre(run, seen)))
		near, far := run.MatMul(u, w.texts, true).Data(), h.Far(run, seen).Data()
		for b := range part {
			each(from+b, near[b*all:(b+1)*all], far[b*marks:(b+1)*marks])
		}
	}
}

// withoutFold has a head that was fitted without a fold compare its pictures with the captions of its gallery.
func (w *warmer) withoutFold(x []float32, captions []int32, f fold) (choices, error) {
	head, err := w.fit(x, captions, f)
	if err != nil {
		return choices{}, err
	}
	all := w.texts.Dim(0)
	run, temperature := tensor.NewRun(tensor.Options{}), float64(w.t.model.Bridge.Temperature())
	texts := gathered(w.texts, f.gallery)
	crowd := make([]float64, len(f.gallery))
	near := run.MatMul(texts, w.texts, true).Data()
	for k := range crowd {
		crowd[k] = blip2.CrowdedText(near[k*all:(k+1)*all], temperature, head.met)
	}
	width := len(f.gallery)
	cosines, evidence := make([]float32, len(f.pictures)*width), make([]blip2.Evidence, len(f.pictures)*width)
	w.compare(x, f, head, func(i int, row, far []float32) {
		nearest := blip2.Nearest(far, head.of, all)
		others := blip2.Crowded(row, temperature, head.met)
		for k, c := range f.gallery {
			at := i*width + k
			cosines[at] = row[c]
			evidence[at] = blip2.EvidenceOf(float64(row[c])/temperature, others, crowd[k], nearest[c], head.met[c])
		}
	})
	own := make([]int32, len(f.pictures))
	for i, p := range f.pictures {
		own[i] = captions[p]
	}
	return choicesOf(f, own, cosines, evidence), nil
}

// gathered are some rows of a table.
func gathered(table *tensor.Tensor, rows []int32) *tensor.Tensor {
	width := table.Dim(1)
	out := make([]float32, 0, len(rows)*width)
	for _, r := range rows {
		out = append(out, table.Data()[int(r)*width:(int(r)+1)*width]...)
	}
	return tensor.FromFloats(out, len(rows), width)
}

// choicesOf lists, for each picture of a fold, the captions of its gallery that are nearest by cosine, and for each of its captions the
// nearest pictures. cosines and evidence are [pictures, gallery].
func choicesOf(f fold, own []int32, cosines []float32, evidence []blip2.Evidence) choices {
	out, n, width := choices{unmet: f.unmet}, len(f.pictures), len(f.gallery)
	for i := range n {
		var c choice
		for _, k := range eval.TopK(cosines[i*width:(i+1)*width], nearestTexts) {
			c.add(evidence[i*width+int(k)], f.gallery[k] == own[i])
		}
		out.texts = append(out.texts, c)
	}
	back := eval.Transposed(cosines, width)
	for k, caption := range f.gallery {
		if !slices.Contains(own, caption) {
			continue
		}
		var c choice
		for _, i := range eval.TopK(back[k*n:(k+1)*n], nearestTexts) {
			c.add(evidence[int(i)*width+k], own[i] == caption)
		}
		out.pictures = append(out.pictures, c)
	}
	return out
}
