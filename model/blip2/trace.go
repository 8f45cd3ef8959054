package blip2

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"dragoman/bridge/qformer"
	"dragoman/internal/hint"
	"dragoman/language"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
)

// Trace asks what goes through a model: one forward pass over given inputs, with every module's output kept.
type Trace struct {
	// Inputs have the names of transformers' forward arguments: pixel_values, input_ids, attention_mask, decoder_input_ids, qformer_input_ids, qformer_attention_mask, labels; for the
	// first stage's losses also itm_negative_images and itm_negative_texts.
	Inputs weights.Source
	Head   string                 // "itm" or "itc" for a matching model; "": itc, or the language model where there is one
	Loss   string                 // "stage1", or "": the language model's, where there are labels
	Seed   uint64                 // of the hard negatives that are drawn
	Select func(name string) bool // which outputs; nil: all
	Maps   bool                   // attention weights too
	Grad   func(name string) bool // nil, or of which parameters the loss's gradients are wanted; the model was opened Trainable
}

// Trace runs the pass and returns its outputs, float32, named by module path as in transformers.
func (m *Model) Trace(opt tensor.Options, t Trace) ([]weights.Tensor, error) {
	seen := model.NewRecorder(t.Select, t.Maps)
	opt.Observer, opt.Grad = seen, t.Grad != nil
	p := &tracePass{Model: m, run: tensor.NewRun(opt), seen: seen, in: t}
	var loss *tensor.Tensor
	var err error
	switch {
	case t.Loss == "stage1":
		loss, err = p.stage1()
	case t.Loss != "":
		return nil, fmt.Errorf("trace: loss %.60q is not stage1", t.Loss)
	case t.Head != "" || m.Language == nil:
		err = p.match(t.Head)
	default:
		loss, err = p.generate()
	}
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	if loss != nil {
		seen.Keep("loss", loss)
	}
	if t.Grad == nil {
		return seen.Out, nil
	}
	if loss == nil {
		return nil, fmt.Errorf("trace: gradients need a loss: labels among the inputs, or the first stage's")
	}
	seen.Gradients(p.run, loss, slices.Concat(m.params, m.frozen), t.Grad)
	return seen.Out, nil
}

type tracePass struct {
	*Model
	run  *tensor.Run
	seen *model.Recorder
	in   Trace
}

// view encodes the pictures; nil where there are none.
func (p *tracePass) view() (*View, error) {
	w, ok := p.in.Inputs.Lookup("pixel_values")
	if !ok {
		return nil, nil
	}
	if p.Vision == nil {
		return nil, fmt.Errorf("pixel_values: the model reads no pictures")
	}
	size := p.Vision.Processor().Size
	if len(w.Shape) != 4 || w.Shape[0] < 1 || w.Shape[1] != 3 || w.Shape[2] != size[0] || w.Shape[3] != size[1] {
		return nil, hint.Wrap(fmt.Errorf("pixel_values: %v, the encoder reads [pictures 3 %d %d]", w.Shape, size[0], size[1]),
			"--size N reads pictures of N×N, interpolating between the positions that the encoder learnt")
	}
	values, err := w.Float32()
	if err != nil {
		return nil, err
	}
	pixels := tensor.FromFloats(values, w.Shape...)
	p.seen.Keep("pixel_values", pixels)
	if !p.Config.projected() && summaryWidth(p.groups) == 0 {
		return &View{Tokens: p.Vision.Encode(p.run, pixels).Tokens}, nil
	}
	raw := make([]float32, w.Shape[0]*p.FeatureLen())
	p.Encode(p.run, pixels, raw)
	v := p.Features(p.run, raw)
	return &v, nil
}

// tokens reads input_ids and attention_mask, whose names begin with kind. Placeholders of the queries, where the config names their id, are
// cut off where they lead and cut says so; none but those that stand for (soft words are there) is among ids beyond the vocabulary.
func (p *tracePass) tokens(kind string, vocab int, cut, soft bool) (ids []int32, mask []uint8, rows, length int, err error) {
	ids, rows, err = model.Ints(p.in.Inputs, kind+"input_ids")
	if err != nil || ids == nil {
		return nil, nil, 0, 0, err
	}
	length = len(ids) / rows
	if mask, err = p.mask(kind+"attention_mask", len(ids)); err != nil {
		return nil, nil, 0, 0, err
	}
	if q := p.Config.QFormer.Queries; cut && p.Config.ImageID >= 0 && length > q && ids[0] == p.Config.ImageID {
		ids = cutColumns(ids, rows, length, q)
		if mask != nil {
			mask = cutColumns(mask, rows, length, q)
		}
		length -= q
	}
	for _, id := range ids {
		if id < 0 || int(id) >= vocab && !(soft && id == p.Config.ImageID) {
			return nil, nil, 0, 0, fmt.Errorf("%sinput_ids: %d is not among %d tokens", kind, id, vocab)
		}
	}
	return ids, mask, rows, length, nil
}

// mask reads which of so many tokens count; absent is nil without an error.
func (p *tracePass) mask(name string, tokens int) (mask []uint8, err error) {
	m, _, err := model.Ints(p.in.Inputs, name)
	if err != nil {
		return nil, err
	}
	if m != nil && len(m) != tokens {
		return nil, fmt.Errorf("%s: %d values for %d tokens", name, len(m), tokens)
	}
	for _, v := range m {
		mask = append(mask, uint8(min(1, max(0, v))))
	}
	return mask, nil
}

func cutColumns[T any](x []T, rows, length, cut int) []T {
	out := make([]T, 0, rows*(length-cut))
	for r := range rows {
		out = append(out, x[r*length+cut:(r+1)*length]...)
	}
	return out
}

// text is the Q-Former's text input, whose names begin with kind.
func (p *tracePass) text(kind string) (*qformer.Text, error) {
	if _, ok := p.in.Inputs.Lookup(kind + "input_ids"); !ok {
		return nil, nil
	}
	if !p.Config.QFormer.Text {
		return nil, fmt.Errorf("the model has no text stream to match with")
	}
	ids, mask, _, length, err := p.tokens(kind, p.Config.QFormer.Vocab, kind == "", false) // an instruction has no placeholders
	if err != nil || ids == nil {
		return nil, err
	}
	if length > p.Config.QFormer.Positions {
		return nil, fmt.Errorf("%sinput_ids: %d tokens, there are %d positions", kind, length, p.Config.QFormer.Positions)
	}
	return &qformer.Text{IDs: ids, Mask: mask, Len: length}, nil
}

// reading is what the language model makes of texts, where the bridge wants it.
func (p *tracePass) reading(t qformer.Text) (*tensor.Tensor, error) {
	if p.Bridge.Reading == nil {
		return nil, nil
	}
	texts, err := p.textsOf(t)
	if err != nil {
		return nil, fmt.Errorf("text_reading: %w", err)
	}
	return p.Readings(p.run, texts), nil
}

// match is a matching model's forward under one of its heads.
func (p *tracePass) match(head string) error {
	b, run := p.Bridge, p.run
	view, err := p.view()
	if err != nil {
		return err
	}
	text, err := p.text("")
	if err != nil {
		return err
	}
	switch head {
	case "itm":
		if b.Heads.Match == nil {
			return fmt.Errorf("the model has no matching head")
		}
		if view == nil || text == nil || view.Tokens.Dim(0) != text.Batch() {
			return fmt.Errorf("matching needs as many pictures (pixel_values) as texts (input_ids)")
		}
		logits := b.MatchLogits(run, b.QFormer.Look(run, view.Tokens), nil, *text)
		p.seen.Keep("itm_logits", logits)
		p.seen.Keep("logits_per_image", logits)
	case "", "itc":
		if b.Heads.Vision == nil && (view != nil || text == nil) || b.Heads.Text == nil && (text != nil || view == nil) {
			return fmt.Errorf("the model has no projections to compare with")
		}
		var images, texts *tensor.Tensor
		if view != nil {
			images = b.EmbedImages(run, b.QFormer.Query(run, b.QFormer.Look(run, view.Tokens), nil), view.Picture)
			p.seen.Keep("image_embeds", images)
		}
		if text != nil {
			reading, err := p.reading(*text)
			if err != nil {
				return err
			}
			texts = b.EmbedTexts(run, *text, reading)
			p.seen.Keep("text_embeds", texts)
		}
		if images != nil && texts != nil {
			p.seen.Keep("logits_per_image", Cosines(run, images, texts))
		}
	default:
		return fmt.Errorf("head %.60q is neither itm nor itc", head)
	}
	return nil
}

// stage1 is the first stage's losses.
func (p *tracePass) stage1() (*tensor.Tensor, error) {
	view, err := p.view()
	if err != nil {
		return nil, err
	}
	text, err := p.text("")
	if err != nil {
		return nil, err
	}
	h := p.Bridge.Heads
	if h.Vision == nil || h.Text == nil || h.Match == nil || h.Language == nil {
		err := fmt.Errorf("the model lacks heads of the first stage (vision_projection, text_projection, itm_head, cls.predictions)")
		if h.Vision != nil && h.Text != nil && h.Match != nil { // as of released matching models
			err = hint.Wrap(errors.New("the model lacks a head of the first stage: cls.predictions"), "--extra FILE.safetensors brings what a released matching model lacks: cls.predictions.*, temp")
		}
		return nil, err
	}
	if view == nil || text == nil || view.Tokens.Dim(0) != text.Batch() {
		return nil, fmt.Errorf("the first stage needs as many pictures (pixel_values) as texts (input_ids)")
	}
	if text.Len < 2 {
		return nil, fmt.Errorf("the first stage needs texts of two tokens or more")
	}
	pairs := Pairs{View: *view, Text: *text, Rand: rand.New(rand.NewPCG(p.in.Seed, 1))}
	if pairs.Reading, err = p.reading(*text); err != nil {
		return nil, err
	}
	for _, n := range []struct {
		name string
		to   *[]int32
	}{{"itm_negative_images", &pairs.NegativeImages}, {"itm_negative_texts", &pairs.NegativeTexts}} {
		if *n.to, _, err = model.Ints(p.in.Inputs, n.name); err != nil {
			return nil, err
		}
		if *n.to != nil && (len(*n.to) != text.Batch() || slices.Min(*n.to) < 0 || int(slices.Max(*n.to)) >= text.Batch()) {
			return nil, fmt.Errorf("%s: not an index below %d for each pair", n.name, text.Batch())
		}
	}
	l := p.Bridge.Stage1(p.run, pairs, PaperObjective())
	p.seen.Keep("loss.itc", l.ITC)
	p.seen.Keep("loss.itg", l.ITG)
	if l.ITM != nil {
		p.seen.Keep("loss.itm", l.ITM)
		p.seen.Keep("itm_logits", l.MatchLogits)
	}
	return l.Total, nil
}

// generate is the forward of a model with a language model behind the bridge; the loss is nil without labels.
func (p *tracePass) generate() (*tensor.Tensor, error) {
	view, err := p.view()
	if err != nil {
		return nil, err
	}
	vocab := p.Language.Config().Vocab
	ids, mask, rows, length, err := p.tokens("", vocab, false, view != nil)
	if err != nil {
		return nil, err
	}
	var soft *tensor.Tensor
	if view != nil {
		answer, err := p.answer(view)
		if err != nil {
			return nil, err
		}
		soft = p.Bridge.Prompt.Forward(p.run, answer, *view)
	}
	if ids == nil {
		if soft == nil {
			return nil, fmt.Errorf("there is neither pixel_values nor input_ids")
		}
		if p.Tokenizer == nil && p.Language.Config().BOS < 0 {
			return nil, fmt.Errorf("input_ids: there are none, nor a tokenizer, and the configuration has no token that begins a text")
		}
		rows = soft.Dim(0)
		for range rows {
			ids = append(ids, p.PromptIDs(p.Config.Extras.Prompt)...)
		}
		length = len(ids) / rows
	}
	embeds, mask, total, err := p.splice(soft, ids, mask, rows, length)
	if err != nil {
		return nil, err
	}
	if c := p.Language.Config(); c.Bounded && total > c.Context {
		return nil, fmt.Errorf("input_ids: %d tokens: %w of %d", total, language.ErrContext, c.Context)
	}
	in := language.Input{Embeds: embeds, Mask: mask}
	if reader, ok := p.Language.(language.Reader); ok {
		return p.write(reader, in, rows)
	}
	logits := p.Language.Logits(p.run, p.Language.Forward(p.run, in))
	p.seen.Keep("logits", logits)
	labels, n, err := p.labels(rows)
	if err != nil || labels == nil {
		return nil, err
	}
	if n > total {
		return nil, fmt.Errorf("labels: %d for rows of %d tokens", n, total)
	}
	targets := make([]int32, 0, rows*(n-1))
	for r := range rows {
		targets = append(targets, labels[r*n+1:(r+1)*n]...)
	}
	// Each token is predicted from the one before it.
	return p.run.CrossEntropy(p.run.Slice(logits, 1, total-n, total-1), targets, 0), nil
}

// answer is what the queries bring from the pictures.
func (p *tracePass) answer(view *View) (*qformer.Answer, error) {
	pictures := p.Bridge.QFormer.Look(p.run, view.Tokens)
	if !p.Config.Instruct {
		return p.Bridge.QFormer.Query(p.run, pictures, nil), nil
	}
	t, err := p.text("qformer_")
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, fmt.Errorf("qformer_input_ids: there is none, and the queries read an instruction")
	}
	if t.Batch() != pictures.Len() {
		return nil, fmt.Errorf("qformer_input_ids: %d rows for %d pictures", t.Batch(), pictures.Len())
	}
	return p.instructed(p.run, pictures, *t), nil
}

// splice puts the soft prompt where input_ids have placeholders, of as many pictures as there are in any row, or in front where the config
// names none.
func (p *tracePass) splice(soft *tensor.Tensor, ids []int32, mask []uint8, rows, length int) (embeds *tensor.Tensor, all []uint8, total int, err error) {
	run := p.run
	if soft == nil {
		return p.Language.Embed(run, ids, rows, length), mask, length, nil
	}
	pictures, queries, width := soft.Dim(0), soft.Dim(1), soft.Dim(2)
	if p.Config.ImageID < 0 || !slices.Contains(ids, p.Config.ImageID) {
		if pictures != rows {
			return nil, nil, 0, fmt.Errorf("%d pictures for %d rows of input_ids", pictures, rows)
		}
		embeds = soft
		if length > 0 {
			embeds = run.Concat(1, soft, p.Language.Embed(run, ids, rows, length))
		}
		if mask != nil {
			for r := range rows {
				for range queries {
					all = append(all, 1)
				}
				all = append(all, mask[r*length:(r+1)*length]...)
			}
		}
		return embeds, all, queries + length, nil
	}
	// One table of all rows, words first: a placeholder's entry is the next soft word, in order.
	safe := slices.Clone(ids)
	index := make([]int32, len(ids))
	placed := 0
	for i, id := range ids {
		index[i] = int32(i)
		if id == p.Config.ImageID {
			if int(id) >= p.Language.Config().Vocab {
				safe[i] = 0
			}
			index[i] = int32(len(ids) + placed)
			placed++
		}
	}
	if placed != pictures*queries {
		return nil, nil, 0, fmt.Errorf("input_ids: %d placeholders for %d soft words", placed, pictures*queries)
	}
	words := run.Reshape(p.Language.Embed(run, safe, rows, length), rows*length, width)
	table := run.Concat(0, words, run.Reshape(soft, pictures*queries, width))
	return run.Reshape(run.Gather(table, index), rows, length, width), mask, length, nil
}
