package dragoman

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"dragoman/model/blip2"
	"dragoman/model/clip"
	"dragoman/tensor"
	"dragoman/weights"
)

// openPair opens a model that compares pictures with texts and has no bridge; what asks for one, or for a language model, finds none.
func (m *Model) openPair(path string, store blip2.Precision, gradients bool) error {
	if m.opt.imageSize > 0 {
		return fmt.Errorf("opening a model: %s: pictures of another size: its encoder reads its own alone", path)
	}
	pair, err := clip.Open(path, clip.Options{Precision: store, Room: m.opt.room(), Gradients: gradients, Finite: m.opt.finite, Pixels: m.opt.pixels})
	if err != nil {
		return err
	}
	m.pair = pair
	m.system = &blip2.Model{Config: blip2.Config{ImageID: -1}}
	if pair.Tokenizer != nil {
		m.system.Tokenizer = pair.Tokenizer
	}
	return nil
}

// embedPicture is a picture's place in a CLIP's space.
func (m *Model) embedPicture(ctx context.Context, img Image) ([]float32, error) {
	if m.pair.Vision == nil {
		return nil, fmt.Errorf("embedding: %w: an image encoder", ErrNoPart)
	}
	pixels, err := m.pixels(ctx, m.pair.Processor(), img)
	if err != nil {
		return nil, err
	}
	run, done, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	defer done()
	return vectorOf("embedding: "+img.name, m.pair.EmbedPictures(run, pixels))
}

// embedWords is a text's.
func (m *Model) embedWords(text string) ([]float32, error) {
	if m.pair.Text == nil || m.pair.Tokenizer == nil {
		return nil, fmt.Errorf("embedding: %w: a text encoder with its tokenizer", ErrNoPart)
	}
	run, done, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	defer done()
	row, err := m.pair.EmbedText(run, text)
	if err != nil {
		return nil, fmt.Errorf("embedding: %w", err)
	}
	return vectorOf("embedding a text", row)
}

// Slot is what a template has where a text belongs.
const Slot = "{}"

// Labels are texts that pictures are compared with: classes, or captions.
type Labels struct {
	Names []string

	model *Model
	texts [][]string  // of each name, filled into each template
	rows  [][]float32 // of a CLIP: the mean of a name's embeddings, of length 1
	all   []string    // of another model: all texts
	each  []float32   // and their embeddings, side by side, where it has any
}

// Labels reads texts to compare pictures with. Each is put into every template where that has a Slot, and what the templates say is
// averaged: a CLIP's embeddings, or another model's scores. Without templates the texts are read as they are.
func (m *Model) Labels(ctx context.Context, names []string, templates ...string) (*Labels, error) {
	if len(templates) == 0 {
		templates = []string{Slot}
	}
	for _, t := range templates {
		if !strings.Contains(t, Slot) {
			return nil, fmt.Errorf("reading labels: template %q: there is no %s in it", t, Slot)
		}
	}
	l := &Labels{Names: slices.Clone(names), model: m}
	for _, name := range names {
		var texts []string
		for _, t := range templates {
			texts = append(texts, strings.ReplaceAll(t, Slot, name))
		}
		l.texts = append(l.texts, texts)
		if m.pair == nil {
			l.all = append(l.all, texts...)
			continue
		}
		row, err := m.meanOf(ctx, texts)
		if err != nil {
			return nil, err
		}
		l.rows = append(l.rows, row)
	}
	if len(l.all) == 0 || !m.Embeds() {
		return l, nil
	}
	run, done, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("reading labels: %w", err)
	}
	defer done()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	l.each = m.system.EmbedTexts(run, l.all)
	return l, nil
}

// meanOf is the mean of texts' embeddings, of length 1.
func (m *Model) meanOf(ctx context.Context, texts []string) ([]float32, error) {
	var sum []float32
	for _, text := range texts {
		row, err := m.EmbedText(ctx, text)
		if err != nil {
			return nil, err
		}
		if sum == nil {
			sum = make([]float32, len(row))
		}
		for i, v := range row {
			sum[i] += v
		}
	}
	length := math.Sqrt(dot(sum, sum))
	for i := range sum {
		sum[i] /= float32(max(length, 1e-12))
	}
	return sum, nil
}

// Score says how well a picture goes with each label.
func (l *Labels) Score(ctx context.Context, img Image) ([]Score, error) {
	if l.model.pair == nil {
		return l.averages(ctx, img)
	}
	row, err := l.model.embedPicture(ctx, img)
	if err != nil {
		return nil, err
	}
	run, done, err := l.model.run()
	if err != nil {
		return nil, fmt.Errorf("matching: %w", err)
	}
	defer done()
	scale := float64(l.model.pair.Scale(run).Data()[0])
	scores := make([]Score, len(l.rows))
	for i, text := range l.rows {
		scores[i].ITC = dot(row, text)
	}
	share(scores, scale)
	for _, s := range scores {
		if err := finite("matching: "+img.name, s.Probability); err != nil {
			return nil, err
		}
	}
	return scores, nil
}

// share shares 1 out among scores: the softmax of their cosines, times a scale.
func share(scores []Score, scale float64) {
	best, sum := math.Inf(-1), 0.0
	for _, s := range scores {
		best = max(best, s.ITC)
	}
	for i := range scores {
		scores[i].Probability = math.Exp(scale * (scores[i].ITC - best))
		sum += scores[i].Probability
	}
	for i := range scores {
		scores[i].Probability /= sum
	}
}

// averages scores every template's texts, and averages over the templates.
func (l *Labels) averages(ctx context.Context, img Image) ([]Score, error) {
	done, err := l.model.use()
	if err != nil {
		return nil, fmt.Errorf("matching: %w", err)
	}
	defer done()
	each, err := l.model.matchTexts(ctx, img, l.all, l.each)
	if err != nil {
		return nil, err
	}
	scores := make([]Score, len(l.texts))
	for i, texts := range l.texts {
		n := float64(len(texts))
		for _, s := range each[:len(texts)] {
			scores[i].ITM += s.ITM / n
			scores[i].ITC += s.ITC / n
		}
		each = each[len(texts):]
	}
	if !l.model.HasMatchingHead() {
		share(scores, 1/float64(l.model.system.Bridge.Temperature()))
	}
	return scores, nil
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

// tracePair is Trace for a CLIP.
func (m *Model) tracePair(q TraceRequest) ([]weights.Tensor, error) {
	if q.Head == "itm" || q.Loss != "" {
		return nil, fmt.Errorf("tracing: %w: a head that reads picture and text at once", ErrNoPart)
	}
	return m.pair.Trace(tensor.Options{Compute: m.compute}, q.trace())
}

// pairInputs makes a trace's inputs of pictures and a text.
func (m *Model) pairInputs(images []Image, text string) (weights.Source, error) {
	var in []weights.Tensor
	if len(images) > 0 {
		if m.pair.Vision == nil {
			return nil, fmt.Errorf("tracing: %w: an image encoder", ErrNoPart)
		}
		pixels, err := m.pixels(context.Background(), m.pair.Processor(), images...)
		if err != nil {
			return nil, err
		}
		in = append(in, weights.FromFloat32("pixel_values", pixels.Shape(), pixels.Data()))
	}
	if text != "" {
		if m.pair.Text == nil || m.pair.Tokenizer == nil {
			return nil, fmt.Errorf("tracing: %w: a text encoder with its tokenizer", ErrNoPart)
		}
		ids, err := m.pair.Encode(text)
		if err != nil {
			return nil, fmt.Errorf("tracing: %w", err)
		}
		in = append(in, repeated("input_ids", ids, 1)...)
	}
	return weights.NewMemory(in...), nil
}

// pairNames makes inputs of a CLIP for a list of what can be traced: an empty picture and one token.
func (m *Model) pairNames() ([]weights.Tensor, error) {
	var in []weights.Tensor
	if v := m.pair.Vision; v != nil {
		size := v.Config.ImageSize
		in = append(in, weights.FromFloat32("pixel_values", []int{1, 3, size, size}, make([]float32, 3*size*size)))
	}
	if m.pair.Text != nil {
		in = append(in, repeated("input_ids", []int32{0}, 1)...)
	}
	return m.tracePair(TraceRequest{Inputs: weights.NewMemory(in...), Maps: true})
}
