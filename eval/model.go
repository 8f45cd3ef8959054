package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model/blip2"
	"dragoman/picture"
	"dragoman/tensor"
)

// Item is a picture with what is right to say of it, or a question about it with people's answers.
type Item struct {
	Name       string
	Picture    string                        // tells pictures apart: in retrieval, items of one are one; "": unknown
	Decode     func() (*picture.RGBA, error) // reads the picture; no item is without
	Bytes      func() ([]byte, error)        // of the picture's file, for who looks at what moves; nil: it does not
	Question   string                        // "": the picture is to be captioned
	References []string                      // captions; a caption that equals one of them is right, in retrieval too. Or answers
	Weights    []float64                     // of the answers; nil: each counts once
	Keywords   []string                      // words that belong to the picture, which count for a shared content word
	Concept    string                        // what the picture shows, where that is told apart from what is said of it
}

var errNoPicture = errors.New("no picture was given")

// Check says why the picture cannot be prepared for an encoder; nil: it can.
func (it *Item) Check(p *picture.Processor) error {
	if it.Decode == nil {
		return errNoPicture
	}
	img, err := it.Decode()
	if err != nil {
		return err
	}
	return p.Check(img.W, img.H)
}

// Options say how a model is measured. The zero value measures everything there is but the matching head.
type Options struct {
	Name       string
	Labels     []string     // texts to choose among besides the items' own
	Rerank     int          // how many candidates the matching head looks at again, for each picture and each text; 0: it is not asked
	HeadWeight float64      // how much log p(match) counts beside cosine/temperature then; 0 stands for what the model says, or 1
	MaxTokens  int          // of a caption; 0 stands for 20
	Batch      int          // pictures at a time; 0 stands for 32
	NoCaptions bool         // do not ask the language model
	Compute    kernel.DType // as tensor.Options has it
	Progress   func(done, all int)
	Generate   generate.Options
}

// Report is how a model did on a set.
type Report struct {
	Name     string     `json:"name"`
	N        int        `json:"n"`
	Skipped  int        `json:"skipped,omitempty"` // pictures that could not be read
	Captions *Captions  `json:"captions,omitempty"`
	Answers  *Answers   `json:"answers,omitempty"`
	Labels   int        `json:"labels,omitempty"`   // texts that retrieval chose among
	Pictures int        `json:"pictures,omitempty"` // pictures that it chose among, where several items are of one
	Text     *Retrieval `json:"image_to_text,omitempty"`
	Image    *Retrieval `json:"text_to_image,omitempty"`
	Left     []Left     `json:"-"` // why
	Items    []Item     `json:"-"` // those whose pictures could be read
	Said     []string   `json:"-"` // the captions, one for each of Items

	FewShot *FewShotReport `json:"few_shot,omitempty"` // of a model that reads pages: by how many examples stand before
}

// Left is an item that does not count, as its picture cannot be read.
type Left struct {
	Name string
	Err  error
}

// Retrieval is recall by cosine, and after the matching head looked at the best again.
type Retrieval struct {
	Cosine   Recall  `json:"cosine"`
	Reranked *Recall `json:"with_matching_head,omitempty"`
}

// Evaluate measures a model on items.
func Evaluate(ctx context.Context, m *blip2.Model, items []Item, o Options) (Report, error) {
	if o.Batch == 0 {
		o.Batch = 32
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	e := &evaluation{m: m, o: o, run: tensor.NewRun(tensor.Options{Compute: o.Compute}), proc: m.Processor()}
	for from := 0; from < len(items); from += o.Batch {
		if err := context.Cause(ctx); err != nil {
			return Report{}, err
		}
		if err := e.look(ctx, items[from:min(from+o.Batch, len(items))]); err != nil {
			return Report{}, fmt.Errorf("evaluate: %w", err)
		}
		o.Progress(min(from+o.Batch, len(items)), len(items))
	}
	r := Report{Name: o.Name, N: len(e.items), Skipped: len(e.left), Left: e.left, Items: e.items, Said: e.said}
	if e.said != nil {
		e.score(&r)
	}
	if e.embedded != nil && !e.questions { // answers do not tell pictures apart
		if err := e.retrieve(ctx, &r); err != nil {
			return Report{}, fmt.Errorf("evaluate: %w", err)
		}
	}
	return r, nil
}

// score compares captions with captions, and answers with answers.
func (e *evaluation) score(r *Report) {
	var said, answers []string
	var references, keywords, people [][]string
	var weights [][]float64
	for i, it := range e.items {
		if it.Question != "" {
			answers, people, weights = append(answers, e.said[i]), append(people, it.References), append(weights, it.Weights)
			continue
		}
		said, references, keywords = append(said, e.said[i]), append(references, it.References), append(keywords, it.Keywords)
	}
	if len(said) > 0 {
		r.Captions = new(ScoreCaptions(said, references, keywords))
	}
	if len(answers) > 0 {
		r.Answers = new(ScoreAnswers(answers, people, weights))
	}
}

// evaluation is one under way.
type evaluation struct {
	m         *blip2.Model
	o         Options
	run       *tensor.Run
	decoder   *language.Decoder
	proc      picture.Processor
	items     []Item    // those whose pictures could be read
	left      []Left    // the others
	raw       []float32 // their features
	embedded  []float32 // [items, queries, shared]
	said      []string
	questions bool // there are some
}

// look reads a batch of pictures: their features, embeddings and captions.
func (e *evaluation) look(ctx context.Context, items []Item) error {
	size := e.proc.Len()
	pixels, errs := make([]float32, len(items)*size), make([]error, len(items))
	tensor.DefaultPool().Do(len(items), func(i, _ int) {
		errs[i] = prepare(&e.proc, items[i].Decode, pixels[i*size:(i+1)*size])
	})
	n := 0
	for i, it := range items {
		if errs[i] != nil {
			e.left = append(e.left, Left{it.Name, errs[i]})
			continue
		}
		copy(pixels[n*size:(n+1)*size], pixels[i*size:])
		e.items = append(e.items, it)
		n++
	}
	if n == 0 {
		return nil
	}
	raw := make([]float32, n*e.m.FeatureLen())
	e.run.Reset()
	kept := e.items[len(e.items)-n:]
	prompts := make([]string, n)
	questions := false
	for i, it := range kept {
		prompts[i] = e.m.Config.Extras.Prompt
		if it.Question != "" {
			prompts[i], questions = e.m.Question(it.Question), true
		}
	}
	seen := e.m.SeeInto(e.run, tensor.FromFloats(pixels[:n*size], n, 3, e.proc.Size[0], e.proc.Size[1]), raw, prompts...)
	e.raw = append(e.raw, raw...)
	e.questions = e.questions || questions
	if h := e.m.Bridge.Heads; h.Vision != nil && h.Text != nil && e.m.Words != nil && !e.questions {
		e.embedded = append(e.embedded, e.m.Bridge.EmbedImages(e.run, seen.Answer, seen.Picture).Data()...)
	}
	if e.o.NoCaptions || e.m.Language == nil || e.m.Bridge.Prompt == nil {
		return nil
	}
	for i, p := range e.m.Prompts(e.run, seen) { // with hints
		if kept[i].Question == "" {
			prompts[i] = p
		}
	}
	return e.say(ctx, seen, prompts)
}

// prepare decodes a picture and writes it to dst as an encoder reads it.
func prepare(p *picture.Processor, decode func() (*picture.RGBA, error), dst []float32) error {
	if decode == nil {
		return errNoPicture
	}
	img, err := decode()
	if err != nil {
		return err
	}
	return p.Prepare(dst, img.Flatten(p.Alpha), nil)
}

// say lets the language model caption pictures, or answer questions about them.
func (e *evaluation) say(ctx context.Context, seen blip2.Seen, texts []string) error {
	if e.decoder == nil {
		e.decoder = language.NewDecoder(e.m.Language, e.run.Options())
	}
	prompts := make([][]int32, len(texts))
	for i, p := range texts {
		prompts[i] = e.m.CutPrompt(e.m.PromptIDs(p), math.MaxInt32, cmp.Or(e.o.MaxTokens, 20))
	}
	e.decoder.Reset()
	o := e.o.Generate
	o.MaxTokens = e.o.MaxTokens
	results, err := e.m.Write(ctx, e.decoder, e.m.Soft(e.run, seen), prompts, o)
	if err != nil {
		return err
	}
	for _, r := range results {
		e.said = append(e.said, strings.TrimSpace(e.m.Tokenizer.Decode(r.Tokens, true)))
	}
	return nil
}

// retrieve ranks all texts for every picture and all pictures for every text that is right for one.
func (e *evaluation) retrieve(ctx context.Context, r *Report) error {
	labels, number := e.labels()
	r.Labels = len(labels)
	if e.join(); len(e.items) < r.N {
		r.Pictures = len(e.items)
	}
	texts := e.m.EmbedTexts(e.run, labels)
	shared := e.m.Config.Shared
	n := len(e.items)
	scores := make([]float32, 0, n*len(labels))
	perItem := len(e.embedded) / n
	for from := 0; from < n; from += e.o.Batch {
		to := min(from+e.o.Batch, n)
		e.run.Reset()
		images := tensor.FromFloats(e.embedded[from*perItem:to*perItem], to-from, perItem/shared, shared)
		scores = append(scores, blip2.Cosines(e.run, images, tensor.FromFloats(texts, len(labels), shared)).Data()...)
	}
	if err := generate.Finite(scores...); err != nil {
		return err
	}
	right := make([]map[int]bool, n)
	for i, it := range e.items {
		right[i] = map[int]bool{}
		for _, ref := range it.References {
			right[i][number[ref]] = true
		}
	}
	isRight := func(i, j int) bool { return right[i][j] }
	isRightBack := func(j, i int) bool { return right[i][j] }
	r.Text = &Retrieval{Cosine: RecallOf(scores, len(labels), isRight)}
	r.Image = &Retrieval{Cosine: RecallOf(Transposed(scores, len(labels)), n, isRightBack)}
	if e.o.Rerank == 0 || !e.m.Matches() {
		return nil
	}
	byImage, byText, err := e.rerank(ctx, labels, texts, scores, right)
	if err != nil {
		return err
	}
	text, image := RecallOf(byImage, len(labels), isRight), RecallOf(byText, n, isRightBack)
	r.Text.Reranked, r.Image.Reranked = &text, &image
	return nil
}

// join makes one item of all that are of one picture, as a table with a row for each caption has it: what is said by any of them is right, and the
// picture is there to be found once.
func (e *evaluation) join() {
	count := len(e.items)
	width, perItem := len(e.raw)/count, len(e.embedded)/count
	of := map[string]int{} // items of pictures that are known
	var items []Item       // the report has the old ones
	for i, it := range e.items {
		if at, known := of[it.Picture]; known && it.Picture != "" {
			items[at].References = slices.Concat(items[at].References, it.References)
			continue
		}
		n := len(items)
		of[it.Picture] = n
		copy(e.raw[n*width:(n+1)*width], e.raw[i*width:])
		copy(e.embedded[n*perItem:(n+1)*perItem], e.embedded[i*perItem:])
		items = append(items, it)
	}
	e.items, e.raw, e.embedded = items, e.raw[:len(items)*width], e.embedded[:len(items)*perItem]
}

// labels lists all texts to choose among, each once, and numbers them.
func (e *evaluation) labels() (texts []string, number map[string]int) {
	number = map[string]int{}
	add := func(t string) {
		if _, ok := number[t]; !ok {
			number[t] = len(texts)
			texts = append(texts, t)
		}
	}
	for _, it := range e.items {
		for _, ref := range it.References {
			add(ref)
		}
	}
	for _, l := range e.o.Labels {
		add(l)
	}
	return texts, number
}
