package dragoman

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/tensor"
)

// Captions is Caption of each picture, in order, with an error in the place of one that fails. They are looked at one after the other, and the texts
// of Together(g) of them are written side by side: a step of writing reads all weights, for one text or for several. A text hangs on
// nothing but its own picture, and is Caption's to the last bit.
func (m *Model) Captions(ctx context.Context, images []Image, g *Generate) iter.Seq2[*Text, error] {
	if m.pages != nil {
		return m.sideBySide(ctx, len(images), g, func(i int) looked { return m.lookAtPicture(ctx, &glance{image: images[i]}, g) })
	}
	return m.say(ctx, m.caption(g), images, g)
}

// Answers is Answer to one question about each picture, as Captions is Caption.
func (m *Model) Answers(ctx context.Context, images []Image, question string, g *Generate) iter.Seq2[*Text, error] {
	if m.pages != nil {
		return m.unshown().Answers(ctx, images, question, g)
	}
	asked, g := m.answer(question, g)
	return m.say(ctx, asked, images, g)
}

// Together is how many texts Captions and Answers write side by side, from what is stored and how this machine computes with it; of a search each beam
// counts. It is 1 where texts come in pieces (Generate.Stream) or are chosen.
func (m *Model) Together(g *Generate) int {
	if !m.Describes() {
		return 1
	}
	d, release, err := m.decoder()
	if err != nil {
		return 1
	}
	defer release()
	var gates []*tensor.Tensor
	if m.pages != nil {
		gates = m.pages.Gates.Matrices()
	}
	n := d.Together(gates...)
	if g != nil {
		if len(g.Choices) > 0 || g.Stream != nil {
			return 1
		}
		n /= max(1, g.Beams)
	}
	return min(max(1, n), mostTogether)
}

// mostTogether bounds how many pictures are looked at before the first text comes.
const mostTogether = 8

// first is the one text that there is.
func first(texts iter.Seq2[*Text, error]) (text *Text, err error) {
	for text, err = range texts {
		return text, err
	}
	return nil, nil
}

func oneByOne(images []Image, say func(Image) (*Text, error)) iter.Seq2[*Text, error] {
	return func(yield func(*Text, error) bool) {
		for _, img := range images {
			if !yield(say(img)) {
				return
			}
		}
	}
}

// asked is what the language model is to continue behind a picture.
type asked struct {
	what        string  // for errors
	instruction *string // what the bridge may heed; nil: none
	prompt      func(*tensor.Run, blip2.Seen) string
}

// looked is a picture as the language model is to read it.
type looked struct {
	what   string // that is being done, for errors
	name   string
	soft   []float32 // [words, width]
	words  int
	prompt string
	ids    []int32
	page   *seenLeaf // instead of all these, of a model that reads pages
	spent  Seconds
	err    error
}

// say lets the language model continue a prompt behind each picture.
func (m *Model) say(ctx context.Context, a asked, images []Image, g *Generate) iter.Seq2[*Text, error] {
	if !m.Describes() {
		err := fmt.Errorf("%s: %w: a language model behind a bridge", a.what, ErrNoPart)
		return oneByOne(images, func(Image) (*Text, error) { return nil, err })
	}
	return m.sideBySide(ctx, len(images), g, func(i int) looked { return m.lookAt(ctx, a, images[i], g) })
}

// sideBySide looks at one after the other of so many pictures, and writes of up to Together(g) of them at a time.
func (m *Model) sideBySide(ctx context.Context, pictures int, g *Generate, look func(i int) looked) iter.Seq2[*Text, error] {
	return func(yield func(*Text, error) bool) {
		together := 1
		if pictures > 1 {
			together = m.Together(g)
		}
		for from := 0; from < pictures; from += together {
			seen := make([]looked, min(together, pictures-from))
			for i := range seen {
				seen[i] = look(from + i)
			}
			for i, text := range m.writeAll(ctx, seen, g) {
				if !yield(text, seen[i].err) {
					return
				}
			}
		}
	}
}

// lookAt decodes a picture, lets the bridge read it, and lays out what stands behind it.
func (m *Model) lookAt(ctx context.Context, a asked, img Image, g *Generate) (l looked) {
	began := time.Now()
	l.what, l.name = a.what, img.name
	run, done, err := m.run()
	if err != nil {
		l.err = fmt.Errorf("%s: %s: %w", l.what, l.name, err)
		return l
	}
	defer done()
	var instructions []string
	if a.instruction != nil {
		instructions = []string{*a.instruction}
	}
	seen, err := m.see(ctx, run, img, instructions...)
	if err != nil {
		l.err = err
		return l
	}
	soft := m.system.Soft(run, *seen)
	l.soft, l.words = slices.Clone(soft.Data()), soft.Dim(1)
	l.prompt = a.prompt(run, *seen)
	if l.ids = m.system.PromptIDs(l.prompt); g != nil && g.Verbatim {
		l.ids = m.system.ReadIDs(l.prompt)
	}
	l.spent = Seconds{Load: m.load, Vision: time.Since(began).Seconds()}
	return l
}

// writeAll writes behind each picture that was looked at: nil where that failed, or where writing did, and then the picture has the error. Where
// several fail together each is tried alone, so that none fails for another's sake.
func (m *Model) writeAll(ctx context.Context, seen []looked, g *Generate) []*Text {
	texts := make([]*Text, len(seen))
	var open []int
	for i := range seen {
		if seen[i].err == nil {
			open = append(open, i)
		}
	}
	group := len(open)
	if !m.alike(seen, g) {
		group = 1
	}
	for places := range slices.Chunk(open, max(1, group)) {
		rows := make([]looked, len(places))
		for r, i := range places {
			rows[r] = seen[i]
		}
		made, err := m.readAndWrite(ctx, rows, g)
		for r, i := range places {
			switch {
			case err == nil:
				texts[i] = made[r]
			case len(rows) == 1 || ctx.Err() != nil:
				seen[i].err = err
			default:
				texts[i] = m.writeAll(ctx, seen[i:i+1], g)[0]
			}
		}
	}
	return texts
}

// writeOne is writeAll of one picture.
func (m *Model) writeOne(ctx context.Context, l looked, g *Generate) (*Text, error) {
	seen := []looked{l}
	text := m.writeAll(ctx, seen, g)[0]
	return text, seen[0].err
}

// alike says whether texts may be written side by side and be what each is by itself: where their prompts are long enough to be read as several are,
// and none comes near the context's end, before which it stops.
func (m *Model) alike(seen []looked, g *Generate) bool {
	if m.pages != nil {
		return alikePages(seen)
	}
	limit := m.system.Language.Config().Context
	for i := range seen {
		l := &seen[i]
		length := l.words + len(l.ids)
		if l.err == nil && (length <= kernel.ManyRows || limit > 0 && length+mostTokens(g) > limit) {
			return false
		}
	}
	return true
}

// mostTokens is how many tokens a text may have.
func mostTokens(g *Generate) int {
	if g == nil {
		g = &Generate{}
	}
	return cmp.Or(g.MaxTokens, 20)
}

// readAndWrite reads prompts side by side and continues them.
func (m *Model) readAndWrite(ctx context.Context, rows []looked, g *Generate) ([]*Text, error) {
	if m.pages != nil {
		return m.readPages(ctx, rows, g)
	}
	began := time.Now()
	d, release, err := m.decoder()
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", rows[0].what, rows[0].name, err)
	}
	defer release()
	var soft []float32
	prompts := make([][]int32, len(rows))
	for r := range rows {
		soft = append(soft, rows[r].soft...)
		prompts[r] = rows[r].ids
	}
	n, words := len(rows), rows[0].words
	if err := m.system.Read(d, tensor.FromFloats(soft, n, words, len(soft)/n/words), prompts); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", rows[0].what, rows[0].name, err)
	}
	prefill := time.Since(began).Seconds()
	spent := make([]Seconds, n)
	for r := range rows {
		spent[r] = rows[r].spent
		spent[r].Prefill = prefill / float64(n)
	}
	before := m.system.Before(d, prompts)
	if n > 1 {
		return m.writeRows(ctx, d, before, g, spent)
	}
	text, err := m.write(ctx, d, before, func(c string) []int32 { return m.system.ChoiceIDs(rows[0].prompt, c) }, g, spent[0])
	return []*Text{text}, err
}
