package bench

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"dragoman"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model/blip2"
	"dragoman/tensor"
)

func init() {
	Register(Part{Name: "agreement", Run: agreement, Opens: func(r *Runner) error {
		m, err := r.opened(blip2.Precision{})
		if err == nil {
			err = m.Close()
		}
		return err
	}})
}

// What agreement compares: a hundred prompts continued by so many tokens, and so many pictures.
const (
	agreementPrompts  = 100
	agreementTokens   = 16
	agreementPictures = 8
)

// agreement measures how far a model's numbers are from its own under f32 when its matrices are rounded to each type: the soft prompts of
// seeded pictures, and the logits along what f32 says, greedily, after a hundred prompts. Where the likeliest id is the same at
// every step, the model by itself says the same. The model is the one named, the shape's, or the built-in one; what it has stored
// rounded is the reference's truth, and rounded anew.
func agreement(ctx context.Context, r *Runner) error {
	want, err := r.numbers(ctx, kernel.F32, nil)
	if err != nil || want == nil {
		return err
	}
	for _, d := range r.types(kernel.BF16, kernel.Q8_0, kernel.Q4_1, kernel.Q4_0) {
		got, err := r.numbers(ctx, d, want.ids)
		if err != nil {
			return err
		}
		rec := Record{Part: "agreement", DType: d.String(), ISA: r.Engine.Family().String(), Threads: r.Workers.Size()}
		if want.soft != nil {
			rec.What, rec.Shape = "soft prompt", []int{agreementPictures, len(want.soft) / agreementPictures}
			drift := drift(want.soft, got.soft, len(want.soft)/agreementPictures)
			rec.Drift = &drift
			r.Emit(rec)
		}
		rec.What, rec.Shape = "logits", []int{agreementPrompts, agreementTokens, want.vocab}
		drift := drift(want.logits, got.logits, want.vocab)
		likeliest, same := want.sameIDs(got)
		rec.Drift, rec.Likeliest, rec.Same = &drift, &likeliest, &same
		r.Emit(rec)
	}
	return nil
}

// numbers are what two precisions of a model are compared by.
type numbers struct {
	soft   []float32 // of the pictures; nil without an encoder
	logits []float32 // [tokens, prompts, vocab]
	ids    [][]int32 // the continuation that the logits are along: a step's ids, one a prompt
	vocab  int
}

// numbers runs the model with matrices rounded to d. Prompts are continued by ids, or greedily.
func (r *Runner) numbers(ctx context.Context, d kernel.DType, ids [][]int32) (n *numbers, err error) {
	m, err := r.rounded(d)
	if m == nil || err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	n = &numbers{ids: ids, vocab: m.Language.Config().Vocab}
	opt := tensor.Options{Compute: computeFor(d), Engine: r.Engine}
	if m.Vision != nil && m.Bridge != nil {
		if n.soft, err = softPrompts(ctx, m, opt); err != nil {
			return nil, err
		}
	}
	dec := language.NewDecoder(m.Language, opt)
	if err := dec.Read(agreementPromptIDs(m)...); err != nil {
		return nil, err
	}
	rows := make([]int, agreementPrompts)
	for i := range rows {
		rows[i] = i
	}
	for step := range agreementTokens {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for row := range rows {
			n.logits = append(n.logits, dec.Logits(row)...)
		}
		if ids == nil {
			n.ids = append(n.ids, n.likeliest(step))
		}
		if step < agreementTokens-1 {
			if err := dec.Advance(rows, n.ids[step]); err != nil {
				return nil, err
			}
		}
	}
	return n, nil
}

// rounded is the model with matrices as d, whatever they are stored as; nil where there is none to measure.
func (r *Runner) rounded(d kernel.DType) (*blip2.Model, error) {
	r.free()
	if r.Shape != "" {
		return r.fresh(d, blip2.Rooms{Vision: true, Bridge: true, Language: true})
	}
	return r.opened(blip2.Precision{Some: true, Anew: true, Matrices: d})
}

// opened is the model that is named, or the built-in one, read as p says.
func (r *Runner) opened(p blip2.Precision) (*blip2.Model, error) {
	path, err := dragoman.Locate(r.Model)
	if err != nil {
		return nil, err
	}
	opt := blip2.Options{Precision: p}
	open := blip2.Open
	if blip2.IsLanguage(path) {
		open = blip2.OpenLanguage
	}
	m, err := open(path, opt)
	if err == nil && m.Language == nil {
		return nil, errors.Join(errors.New("the model has no language model to compare"), m.Close())
	}
	return m, err
}

// softPrompts are what the language model is given of seeded pictures.
func softPrompts(ctx context.Context, m *blip2.Model, opt tensor.Options) ([]float32, error) {
	run := tensor.NewRun(opt)
	size := m.Processor().Size
	pixels := Values(agreementPictures * 3 * size[0] * size[1])
	smooth(pixels, size[1])
	var all []float32
	for i := range agreementPictures {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		run.Reset()
		n := 3 * size[0] * size[1]
		seen := m.See(run, tensor.FromFloats(pixels[i*n:(i+1)*n], 1, 3, size[0], size[1]))
		all = append(all, m.Soft(run, seen).Data()...)
	}
	return all, nil
}

// smooth makes noise less noisy along rows of pixels, as pictures are.
func smooth(pixels []float32, width int) {
	for i := range pixels {
		if i%width > 0 {
			pixels[i] = 0.95*pixels[i-1] + 0.3*pixels[i]
		}
	}
}

// agreementPromptIDs are the prompts: sentences begun, or ids where the model has no tokenizer.
func agreementPromptIDs(m *blip2.Model) [][]int32 {
	openings := []string{
		"A photo of %s", "The history of %s begins", "Question: what is %s? Answer:", "My grandmother often spoke of %s because",
		"In the middle of the night, %s", "To draw %s, first", "The main difference between %s and a chair is", "Scientists say that %s",
		"Once upon a time there was %s", "The price of %s has",
	}
	subjects := []string{
		"a cat", "the moon", "an old bridge", "a loaf of bread", "the sea", "a red bicycle", "a violin", "the railway", "a glass of water", "snow",
	}
	longest := math.MaxInt
	if c := m.Language.Config().Context; c > 0 {
		longest = max(1, c-agreementTokens)
	}
	var prompts [][]int32
	for i, opening := range openings {
		for j, subject := range subjects {
			if m.Tokenizer != nil {
				ids := m.Tokenizer.Encode(strings.Replace(opening, "%s", subject, 1), true)
				prompts = append(prompts, ids[:min(len(ids), longest)])
				continue
			}
			ids := prompt(8+(i+j)%5, m.Language.Config().Vocab)
			ids[0], ids[1] = int32(10+i), int32(100+j)
			prompts = append(prompts, ids)
		}
	}
	return prompts
}

// likeliest are the ids of the highest logits at a step.
func (n *numbers) likeliest(step int) []int32 {
	ids := make([]int32, agreementPrompts)
	for row := range ids {
		at := (step*agreementPrompts + row) * n.vocab
		logits := n.logits[at : at+n.vocab]
		ids[row] = int32(slices.Index(logits, slices.Max(logits)))
	}
	return ids
}

// sameIDs is how often the likeliest id of another is that of n: at each step, and at all steps of a prompt.
func (n *numbers) sameIDs(other *numbers) (likeliest, same float64) {
	differs := make([]bool, agreementPrompts)
	ids, prompts := 0, 0
	for step := range agreementTokens {
		for row, id := range other.likeliest(step) {
			if id == n.ids[step][row] {
				ids++
			} else {
				differs[row] = true
			}
		}
	}
	for _, d := range differs {
		if !d {
			prompts++
		}
	}
	return float64(ids) / (agreementTokens * agreementPrompts), float64(prompts) / agreementPrompts
}

// drift is the root mean square of the differences between rows of two tables, as a share of the spread of the first's rows around their
// means: what is added to a whole row of logits changes nothing.
func drift(want, got []float32, width int) float64 {
	var off, spread float64
	for at := 0; at < len(want); at += width {
		x, y := want[at:at+width], got[at:at+width]
		var mx, my float64
		for i := range x {
			mx, my = mx+float64(x[i]), my+float64(y[i])
		}
		mx, my = mx/float64(width), my/float64(width)
		for i := range x {
			a, b := float64(x[i])-mx, float64(y[i])-my
			spread += a * a
			off += (a - b) * (a - b)
		}
	}
	return math.Sqrt(off / spread)
}
