package dragoman

import (
	"context"
	"fmt"
	"time"

	"dragoman/internal/hint"
	"dragoman/model/blip2"
	"dragoman/model/flamingo"
	"dragoman/tensor"
	"dragoman/weights"
)

// Part is a stretch of a page: a picture, or text where there is none.
type Part struct {
	Image *Image
	Text  string
}

// Shot is an example for a model that learnt from pages: pictures, what is asked about them ("" where they are to be described), and the
// text that a model is to give. Of what is asked itself, the text is missing.
type Shot struct {
	Images         []Image
	Question, Text string
}

// Continue writes on behind a page: pictures and text in any order, passed through as they are. It takes a model that learnt from pages.
func (m *Model) Continue(ctx context.Context, page []Part, g *Generate) (*Text, error) {
	var parts []flamingo.Part
	var images []Image
	for _, p := range page {
		if p.Image != nil {
			images = append(images, *p.Image)
		}
		parts = append(parts, flamingo.Part{Text: p.Text, Picture: p.Image != nil})
	}
	return m.readPage(ctx, "continuing a page", parts, images, g)
}

// AnswerLike answers what is asked as the examples before it were answered, or describes a picture as theirs were described.
func (m *Model) AnswerLike(ctx context.Context, shots []Shot, ask Shot, g *Generate) (*Text, error) {
	const what = "answering by examples"
	if m.pages == nil {
		return nil, m.noPages(what)
	}
	var images []Image
	count := func(s Shot) flamingo.Shot {
		images = append(images, s.Images...)
		return flamingo.Shot{Pictures: len(s.Images), Question: s.Question, Text: s.Text}
	}
	examples := make([]flamingo.Shot, len(shots))
	for i, s := range shots {
		examples[i] = count(s)
	}
	return m.readPage(ctx, what, m.pages.Prompt(examples, count(ask)), images, g)
}

func (m *Model) noPages(what string) error {
	return hint.Wrap(fmt.Errorf("%s: %w: what reads pages of pictures and text", what, ErrNoPart),
		"examples and pages need a model that learnt from interleaved pages: IDEFICS or OpenFlamingo")
}

// readPage reads a page whose pictures stand in order, and writes on.
func (m *Model) readPage(ctx context.Context, what string, parts []flamingo.Part, images []Image, g *Generate) (*Text, error) {
	if m.pages == nil {
		return nil, m.noPages(what)
	}
	began := time.Now()
	ids, err := m.pages.Encode(parts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	d, release := m.decoder()
	defer release()
	var media *tensor.Tensor
	if len(images) > 0 {
		pixels, err := m.pagePixels(ctx, images)
		if err != nil {
			return nil, err
		}
		media = m.pages.Look(d.Run(), pixels, 1)
	}
	spent := Seconds{Load: m.load, Vision: time.Since(began).Seconds()}
	began = time.Now()
	if err := m.pages.Read(d, ids, media); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	spent.Prefill = time.Since(began).Seconds()
	return m.write(ctx, d, d.Before([][]int32{ids}), g, spent)
}

// pagePixels decodes pictures: [pictures, 3, H, W].
func (m *Model) pagePixels(ctx context.Context, images []Image) (*tensor.Tensor, error) {
	p := m.pages.Processor()
	values := make([]float32, len(images)*p.Len())
	for i, img := range images {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		picture, err := img.Decode(m.opt.pictures)
		if err != nil {
			return nil, err
		}
		p.ApplyTo(values[i*p.Len():(i+1)*p.Len()], picture, nil)
	}
	return tensor.FromFloats(values, len(images), 3, p.Size[0], p.Size[1]), nil
}

// captionPage describes a picture, or writes on behind it and a prompt that is passed through as it is.
func (m *Model) captionPage(ctx context.Context, img Image, g *Generate) (*Text, error) {
	if g != nil && g.Prompt != "" {
		return m.Continue(ctx, []Part{{Image: &img}, {Text: g.Prompt}}, g)
	}
	return m.AnswerLike(ctx, nil, Shot{Images: []Image{img}}, g)
}

// openPages opens a model that reads pages; what asks for no pictures sees its language model alone.
func (m *Model) openPages(path string, store blip2.Precision, gradients bool) error {
	if m.opt.imageSize > 0 {
		return fmt.Errorf("opening a model: %s: pictures of another size: its encoder reads its own alone", path)
	}
	pages, err := flamingo.Open(path, flamingo.Options{Store: store.Store, Gradients: gradients, Finite: m.opt.finite})
	if err != nil {
		return err
	}
	m.pages = pages
	m.system = &blip2.Model{Config: blip2.Config{ImageID: -1}, Language: pages.Language, Tokenizer: pages.Tokenizer}
	return nil
}

// tracePages is Trace for a model that reads pages.
func (m *Model) tracePages(q TraceRequest) ([]weights.Tensor, error) {
	if q.Head != "" || q.Loss != "" {
		return nil, fmt.Errorf("tracing: %w: heads and losses of a matching model", ErrNoPart)
	}
	t := flamingo.Trace{Inputs: q.Inputs, Maps: q.Maps, Select: matcher(q.Select)}
	if len(q.Grad) > 0 {
		t.Grad = matcher(q.Grad)
	}
	return m.pages.Trace(tensor.Options{Compute: m.compute}, t)
}

// pageInputs makes a trace's inputs of a page: pictures, then a text.
func (m *Model) pageInputs(images []Image, text string) (weights.Source, error) {
	var parts []flamingo.Part
	for range images {
		parts = append(parts, flamingo.Part{Picture: true})
	}
	if text != "" {
		parts = append(parts, flamingo.Part{Text: text})
	}
	ids, err := m.pages.Encode(parts)
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	var pixels *tensor.Tensor
	if len(images) > 0 {
		if pixels, err = m.pagePixels(context.Background(), images); err != nil {
			return nil, err
		}
	}
	return m.pages.TraceInputs(ids, pixels), nil
}
