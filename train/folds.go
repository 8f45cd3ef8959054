package train

import (
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
	if t.model.Bridge.Head.Landmarks == nil {
		return fmt.Errorf("folds: the picture's head has no landmarks")
	}
	folds, err := w.folds(captions)
	if err != nil {
		return err
	}
	var sets []choices
	for k, f := range folds {
		t.opt.Progress(Progress{Doing: "fitting heads without a fold", Done: k, All: len(folds)})
		c, err := w.withoutFold(x, captions, f)
		if err != nil {
			return err
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

// folds are those by the stage's field, then those by caption.
func (w *warmer) folds(captions []int32) ([]fold, error) {
	field, number := w.stage.Folds, map[string]int{}
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
		return nil, fmt.Errorf("folds: %s: all rows say the same", field)
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

// withoutFold fits a head to all pictures but those it is without, and has it compare the fold's with the captions of its gallery.
func (w *warmer) withoutFold(x []float32, captions []int32, f fold) (choices, error) {
	h, in := w.t.model.Bridge.Head, w.t.model.Bridge.Head.In()
	marks, all := h.Landmarks.Points.Dim(0), w.texts.Dim(0)
	r := regression{texts: w.texts, axes: h.Landmarks.Axes}
	met := make([]int32, all)            // on how many landmarks that are left
	of := slices.Clone(captions[:marks]) // the landmarks' captions; −1: it is without
	for i, c := range captions {
		if _, gone := slices.BinarySearch(f.without, i); gone {
			if i < marks {
				of[i] = -1
			}
			continue
		}
		r.x = append(r.x, x[i*in:(i+1)*in]...)
		r.captions = append(r.captions, c)
		if i < marks {
			met[c]++
		}
	}
	b := nn.NewBuilder(nil, nn.BuilderOptions{})
	r.head = linear.New(b, linear.Size{In: in, Out: h.Out(), Landmarks: min(marks, len(r.captions)), Axes: h.Landmarks.Axes.Dim(0)})
	if err := b.Err(); err != nil {
		return choices{}, err
	}
	if err := r.solve(w.stage.Ridge, w.stage.NearRidge); err != nil {
		return choices{}, fmt.Errorf("folds: %w", err)
	}
	run, temperature := tensor.NewRun(tensor.Options{}), float64(w.t.model.Bridge.Temperature())
	texts := gathered(w.texts, f.gallery)
	crowd := make([]float64, len(f.gallery))
	near := run.MatMul(texts, w.texts, true).Data()
	for k := range crowd {
		crowd[k] = blip2.CrowdedText(near[k*all:(k+1)*all], temperature, met)
	}
	width := len(f.gallery)
	cosines, evidence := make([]float32, len(f.pictures)*width), make([]blip2.Evidence, len(f.pictures)*width)
	const batch = 64
	for from := 0; from < len(f.pictures); from += batch {
		part := f.pictures[from:min(from+batch, len(f.pictures))]
		run.Reset()
		seen := run.New(len(part), in)
		for b, i := range part {
			copy(seen.Data()[b*in:(b+1)*in], x[i*in:])
		}
		u := run.Normalize(r.head.Forward(run, r.head.Centre(run, seen)))
		near, far := run.MatMul(u, w.texts, true).Data(), h.Far(run, seen).Data()
		for b := range part {
			row := near[b*all : (b+1)*all]
			nearest := blip2.Nearest(far[b*marks:(b+1)*marks], of, all)
			others := blip2.Crowded(row, temperature, met)
			for k, c := range f.gallery {
				at := (from+b)*width + k
				cosines[at] = row[c]
				evidence[at] = blip2.EvidenceOf(float64(row[c])/temperature, others, crowd[k], nearest[c], met[c])
			}
		}
	}
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
