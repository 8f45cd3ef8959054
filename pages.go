package dragoman

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dragoman/internal/hint"
	"dragoman/language"
	"dragoman/model/blip2"
	"dragoman/model/flamingo"
	"dragoman/tensor"
	"dragoman/weights"
)

// Part is a stretch of a page: a picture, or a text, and not both.
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

// ReadsPages says whether what a user calls a model learnt from pages of pictures and text: IDEFICS or OpenFlamingo.
func ReadsPages(name string) bool {
	path, err := resolve(name)
	return err == nil && flamingo.Is(path)
}

// Needs are the models that a released one stands upon, which come apart from it; none for those that come whole.
func Needs(name string) []string { return flamingo.Needs(name) }

// Continue writes on behind a page: pictures and text in any order. It takes a model that learnt from pages. A text is passed through as it
// is, but among pictures without what spells a picture's token, which each brings itself and no text of a page had that was learnt from;
// where there are no pictures, such a token is an error.
func (m *Model) Continue(ctx context.Context, page []Part, g *Generate) (*Text, error) {
	const what = "continuing a page"
	if err := checkParts(page); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if m.pages != nil && slices.ContainsFunc(page, func(p Part) bool { return p.Image != nil }) {
		page = slices.Clone(page)
		for i := range page {
			page[i].Text = m.pages.Unmarked(page[i].Text)
		}
	}
	l, err := m.pageOf(what, page)
	if err != nil {
		return nil, err
	}
	return m.continueLeaf(ctx, what, l, g)
}

// AnswerLike answers what is asked as the examples before it were answered, or describes a picture as theirs were described. A Prompt
// reads examples once for many questions.
func (m *Model) AnswerLike(ctx context.Context, shots []Shot, ask Shot, g *Generate) (*Text, error) {
	p, err := m.Prompt(shots)
	if err != nil {
		return nil, err
	}
	return p.once().Answer(ctx, ask, g)
}

func (m *Model) noPages(what string) error {
	return hint.Wrap(fmt.Errorf("%s: %w: what reads pages of pictures and text", what, ErrNoPart),
		"examples and pages need a model that learnt from interleaved pages: --model mini-flamingo, IDEFICS or OpenFlamingo")
}

// leaf is a page that is to be read: its parts, their tokens, and its pictures in order.
type leaf struct {
	parts    []flamingo.Part
	ids      []int32
	pictures []*glance
}

// leaf writes a page's parts as tokens, and refuses one that is too long before anything is looked at.
func (m *Model) leaf(what string, parts []flamingo.Part, pictures []*glance) (*leaf, error) {
	if m.pages == nil {
		return nil, m.noPages(what)
	}
	ids, err := m.pages.Encode(parts)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s: there is nothing to read: no picture, and no word", what)
	}
	if limit := m.pages.Language.Config().Context; limit > 0 && len(ids) > limit {
		return nil, hint.Wrap(fmt.Errorf("%s: %d tokens: %w of %d", what, len(ids), language.ErrContext, limit), "show fewer examples, or shorter ones")
	}
	return &leaf{parts, ids, pictures}, nil
}

// pageOf is a page of pictures and text in any order.
func (m *Model) pageOf(what string, page []Part) (*leaf, error) {
	parts, pictures := partsOf(page)
	return m.leaf(what, parts, pictures)
}

// checkParts refuses a part whose text would not be read.
func checkParts(page []Part) error {
	for i, p := range page {
		if p.Image != nil && p.Text != "" {
			return fmt.Errorf("part %d is a picture and a text: each is a part of its own", i+1)
		}
	}
	return nil
}

func partsOf(page []Part) (parts []flamingo.Part, pictures []*glance) {
	for _, p := range page {
		if p.Image != nil {
			pictures = append(pictures, &glance{image: *p.Image})
		}
		parts = append(parts, flamingo.Part{Text: p.Text, Picture: p.Image != nil})
	}
	return parts, pictures
}

// readLeaf reads the tokens of a page from a place on, of which the pictures from one on are seen; a decoder has read those before.
func (m *Model) readLeaf(ctx context.Context, d *language.Decoder, l *leaf, from, pictures int, spent *Seconds) error {
	media, err := m.look(ctx, l.pictures[pictures:], spent)
	if err != nil {
		return err
	}
	defer spent.prefill(time.Now())
	return m.pages.ReadOn(ctx, d, l.ids, from, media)
}

// goOn writes on behind a page that a decoder has read.
func (m *Model) goOn(ctx context.Context, d *language.Decoder, l *leaf, g *Generate, spent Seconds) (*Text, error) {
	return m.write(ctx, d, d.Before([][]int32{l.ids}), func(text string) []int32 { return m.pages.ChoiceIDs(l.parts, text) }, g, spent)
}

// seenLeaf is a page whose pictures were looked at, but those of a beginning that is read by itself.
type seenLeaf struct {
	*leaf
	behind      *Prompt        // nil, or whose examples are the beginning
	from, shown int            // tokens and pictures of the beginning
	media       *tensor.Tensor // what the pictures behind it became
}

// lookAtLeaf looks at the pictures of a page.
func (m *Model) lookAtLeaf(ctx context.Context, what string, l *seenLeaf) looked {
	seen := looked{what: what, page: l, spent: Seconds{Load: m.load}}
	l.media, seen.err = m.look(ctx, l.pictures[l.shown:], &seen.spent)
	return seen
}

// alikePages says whether pages differ in the pictures behind their beginning alone, so that they may be read and continued side by side.
func alikePages(seen []looked) bool {
	var first *seenLeaf
	for i := range seen {
		switch p := seen[i].page; {
		case seen[i].err != nil:
		case first == nil:
			first = p
		case p.media == nil || !slices.Equal(p.ids, first.ids) || !slices.Equal(p.media.Shape(), first.media.Shape()):
			return false
		}
	}
	return true
}

// readPages reads such pages, their beginning once, and writes on behind each.
func (m *Model) readPages(ctx context.Context, rows []looked, g *Generate) ([]*Text, error) {
	d, release, err := m.decoder()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rows[0].what, err)
	}
	defer release()
	l, n := rows[0].page, len(rows)
	var all Seconds
	if l.behind != nil {
		if err := l.behind.begin(ctx, d, &leaf{l.parts, l.ids[:l.from], l.pictures[:l.shown]}, &all); err != nil {
			return nil, fmt.Errorf("%s: %w", rows[0].what, err)
		}
	}
	began := time.Now()
	media := l.media
	if n > 1 {
		var each []float32
		for r := range rows {
			each = append(each, rows[r].page.media.Data()...)
		}
		media = tensor.FromFloats(each, append([]int{n}, media.Shape()[1:]...)...)
	}
	if err := m.pages.ReadOn(ctx, d, l.ids, l.from, media); err != nil {
		return nil, fmt.Errorf("%s: %w", rows[0].what, err)
	}
	all.prefill(began)
	spent := make([]Seconds, n)
	prompts := make([][]int32, n)
	for r := range rows {
		prompts[r], spent[r] = l.ids, rows[r].spent
		spent[r].Vision += all.Vision / float64(n)
		spent[r].Prefill += all.Prefill / float64(n)
	}
	if n > 1 {
		return m.writeRows(ctx, d, d.Before(prompts), g, spent)
	}
	text, err := m.goOn(ctx, d, l.leaf, g, spent[0])
	return []*Text{text}, err
}

// continueLeaf reads a page and writes on.
func (m *Model) continueLeaf(ctx context.Context, what string, l *leaf, g *Generate) (*Text, error) {
	return m.writeOne(ctx, m.lookAtLeaf(ctx, what, &seenLeaf{leaf: l}), g)
}

// captionSeen describes a picture, or writes on behind it and a prompt that is passed through as it is.
func (m *Model) captionSeen(ctx context.Context, seen *glance, g *Generate) (*Text, error) {
	return m.writeOne(ctx, m.lookAtPicture(ctx, seen, g), g)
}

// lookAtPicture looks at a picture for captionSeen.
func (m *Model) lookAtPicture(ctx context.Context, seen *glance, g *Generate) looked {
	if g != nil && (g.Prompt != "" || g.Verbatim) {
		const what = "continuing a page"
		l, err := m.leaf(what, []flamingo.Part{{Picture: true}, {Text: g.Prompt}}, []*glance{seen})
		if err != nil {
			return looked{err: err}
		}
		return m.lookAtLeaf(ctx, what, &seenLeaf{leaf: l})
	}
	return m.unshown().lookAt(ctx, seenShot{pictures: []*glance{seen}})
}

// unshown is the prompt of no examples, to ask behind once.
func (m *Model) unshown() *Prompt { return (&Prompt{m: m}).once() }

// openPages opens a model that reads pages; what asks for no pictures sees its language model alone.
func (m *Model) openPages(path string, o flamingo.Options) error {
	pages, err := flamingo.Open(path, o)
	if err != nil {
		return err
	}
	m.pages = pages
	m.system = &blip2.Model{Config: blip2.Config{ImageID: -1}, Language: pages.Language}
	if pages.Tokenizer != nil {
		m.system.Tokenizer = pages.Tokenizer
	}
	return nil
}

// tracePages is Trace for a model that reads pages.
func (m *Model) tracePages(q TraceRequest) ([]weights.Tensor, error) {
	if q.Head != "" || q.Loss != "" {
		return nil, fmt.Errorf("tracing: %w: heads and losses of a matching model", ErrNoPart)
	}
	return m.pages.Trace(tensor.Options{Compute: m.compute}, q.trace())
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
		if pixels, err = m.pixels(context.Background(), m.pages.Processor(), images...); err != nil {
			return nil, err
		}
	}
	return m.pages.TraceInputs(ids, pixels), nil
}
