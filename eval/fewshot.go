package eval

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model/flamingo"
	"dragoman/picture"
	"dragoman/tensor"
)

// Seen is a picture that is asked about, or shown as an example.
type Seen struct {
	Decode   func() (*picture.RGBA, error)
	Texts    []string // what is right to say of it
	Keywords []string // words that belong to it
	Concept  string   // what it shows: pictures of one concept are examples of each other
}

// FewShotOptions say how a model is measured with examples before what is asked.
type FewShotOptions struct {
	Shots     []int // how many examples
	Most      int   // pictures that are asked about, drawn from all; 0: all
	MaxTokens int
	Seed      uint64
	Compute   kernel.DType
	Progress  func(done, all int)
}

// Shots is how a model does with so many examples. All but N and Shots are percent.
type Shots struct {
	Shots int `json:"shots"`
	// Right is captions of pictures behind examples that are other pictures of the set with their texts; Wrong the same with each example's
	// text exchanged for another's: what only the form of examples is good for.
	Right Captions `json:"captions"`
	Wrong Captions `json:"captions_behind_wrong_texts"`
	Word  *Word    `json:"new_word,omitempty"`
}

// Word is what a model does with a word that nobody knows: examples show two concepts, half the examples each, under a new word each,
// in an order that is drawn; what is asked about are other pictures. One example shows the first alone.
type Word struct {
	N     int     `json:"n"`
	Ranks float64 `json:"ranks"` // the first word is likelier for a picture of the first concept than for one of the other: 50 by chance
	Used  float64 `json:"used"`  // it is what is said of a picture of the first concept
	Other float64 `json:"used_for_the_other"`
	False float64 `json:"used_for_neither"` // either word is said of a picture of a third concept
}

// FewShot measures a model on a set of pictures, whose examples are other pictures of the set.
func FewShot(ctx context.Context, m *flamingo.Model, set []Seen, o FewShotOptions) ([]Shots, error) {
	e := &fewShot{m: m, set: set, o: o, run: tensor.NewRun(tensor.Options{Compute: o.Compute})}
	e.decoder = language.NewDecoder(m.Language, tensor.Options{Compute: o.Compute})
	if err := e.encode(ctx); err != nil {
		return nil, fmt.Errorf("evaluate with examples: %w", err)
	}
	var out []Shots
	for n, k := range o.Shots {
		s, err := e.measure(ctx, k, func(done, all int) {
			if o.Progress != nil {
				o.Progress(n*all+done, len(o.Shots)*all)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("evaluate with %d examples: %w", k, err)
		}
		out = append(out, s)
	}
	return out, nil
}

type fewShot struct {
	m        *flamingo.Model
	set      []Seen
	o        FewShotOptions
	run      *tensor.Run
	decoder  *language.Decoder
	raw      []float32 // the set's pictures, encoded
	concepts map[string][]int
	names    []string // of concepts with two pictures or more, in order
}

func (e *fewShot) encode(ctx context.Context) error {
	e.concepts = map[string][]int{}
	for i, s := range e.set {
		e.concepts[s.Concept] = append(e.concepts[s.Concept], i)
	}
	for i, s := range e.set {
		if of := e.concepts[s.Concept]; len(of) > 1 && of[0] == i {
			e.names = append(e.names, s.Concept)
		}
	}
	p := e.m.Processor()
	e.raw = make([]float32, len(e.set)*e.m.FeatureLen())
	pixels := make([]float32, p.Len())
	for i, s := range e.set {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := prepare(&p, s.Decode, pixels); err != nil {
			return err
		}
		e.run.Reset()
		e.m.EncodePictures(e.run, tensor.FromFloats(pixels, 1, 3, p.Size[0], p.Size[1]), e.raw[i*e.m.FeatureLen():])
	}
	return nil
}

// example is a picture with what is said of it on a page.
type example struct {
	at   int
	text string
}

func (e *fewShot) measure(ctx context.Context, k int, progress func(done, all int)) (Shots, error) {
	s := Shots{Shots: k}
	r := rand.New(rand.NewPCG(e.o.Seed, uint64(k)))
	order := r.Perm(len(e.set))
	if e.o.Most > 0 {
		order = order[:min(e.o.Most, len(order))]
	}
	var right, wrong []string
	var references, keywords [][]string
	for n, at := range order {
		var page []example
		for len(page) < k {
			other := r.IntN(len(e.set))
			if e.set[other].Concept != e.set[at].Concept || len(e.concepts) == 1 {
				page = append(page, example{other, e.set[other].Texts[0]})
			}
		}
		said, err := e.say(ctx, page, at)
		if err != nil {
			return s, err
		}
		right = append(right, said)
		if k > 0 {
			texts := e.exchanged(page, r)
			for i := range page {
				page[i].text = texts[i]
			}
			if said, err = e.say(ctx, page, at); err != nil {
				return s, err
			}
		}
		wrong = append(wrong, said)
		references, keywords = append(references, e.set[at].Texts), append(keywords, e.set[at].Keywords)
		progress(n+1, 2*len(order))
	}
	s.Right, s.Wrong = ScoreCaptions(right, references, keywords), ScoreCaptions(wrong, references, keywords)
	if k == 0 || len(e.names) < 3 {
		return s, nil
	}
	w := Word{N: len(order)}
	for n := range order {
		if err := e.word(ctx, k, r, &w); err != nil {
			return s, err
		}
		progress(len(order)+n+1, 2*len(order))
	}
	for _, v := range []*float64{&w.Ranks, &w.Used, &w.Other, &w.False} {
		*v *= 100 / float64(w.N)
	}
	s.Word = &w
	return s, nil
}

// exchanged are a page's texts, each in another's place; of a single example, that of a picture which is not on the page.
func (e *fewShot) exchanged(page []example, r *rand.Rand) []string {
	if len(page) == 1 {
		for range 100 {
			if text := e.set[r.IntN(len(e.set))].Texts[0]; text != page[0].text {
				return []string{text}
			}
		}
	}
	var texts []string
	for i := range page {
		texts = append(texts, page[(i+1)%len(page)].text)
	}
	return texts
}

// word teaches two words and asks about three pictures.
func (e *fewShot) word(ctx context.Context, k int, r *rand.Rand, w *Word) error {
	chosen := r.Perm(len(e.names))[:3]
	var pictures [3][]int
	for i, c := range chosen {
		pictures[i] = slices.Clone(e.concepts[e.names[c]])
		r.Shuffle(len(pictures[i]), func(a, b int) { pictures[i][a], pictures[i][b] = pictures[i][b], pictures[i][a] })
	}
	words := [2]string{NonceWord(r), NonceWord(r)}
	var page []example
	for i := range k {
		of := i % 2
		page = append(page, example{pictures[of][1+i/2%(len(pictures[of])-1)], words[of]})
	}
	r.Shuffle(k, func(a, b int) { page[a], page[b] = page[b], page[a] })
	var likely [2]float64
	for i := range likely {
		var err error
		if likely[i], err = e.likelihood(ctx, page, words[0], pictures[i][0]); err != nil {
			return err
		}
	}
	w.Ranks += toOne(likely[0] > likely[1])
	for i, share := range []*float64{&w.Used, &w.Other, &w.False} {
		said, err := e.say(ctx, page, pictures[i][0])
		if err != nil {
			return err
		}
		*share += toOne(said == words[0] || i == 2 && k > 1 && said == words[1])
	}
	return nil
}

// read has the decoder read examples and the picture that is asked about behind them, where a text goes on that describes it.
func (e *fewShot) read(ctx context.Context, examples []example, ask int) (before []flamingo.Part, ids []int32, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	width := e.m.FeatureLen()
	var raw []float32
	for _, x := range append(examples[:len(examples):len(examples)], example{at: ask}) {
		raw = append(raw, e.raw[x.at*width:(x.at+1)*width]...)
	}
	for _, x := range examples {
		before = append(before, e.m.Example("", x.text)...)
	}
	if ids, err = e.m.Encode(append(before[:len(before):len(before)], e.m.Prompt(nil, flamingo.Shot{Pictures: 1})...)); err != nil {
		return nil, nil, err
	}
	d := e.decoder
	d.Reset()
	media := e.m.Media(d.Run(), raw)
	return before, ids, e.m.Read(d, ids, d.Run().Reshape(media, 1, media.Dim(0), media.Dim(1), media.Dim(2)))
}

// say lets the model describe a picture behind examples.
func (e *fewShot) say(ctx context.Context, examples []example, ask int) (string, error) {
	_, ids, err := e.read(ctx, examples, ask)
	if err != nil {
		return "", err
	}
	d := e.decoder
	results, err := generate.Run(ctx, d, d.Before([][]int32{ids}), generate.Options{MaxTokens: e.o.MaxTokens, StopIDs: e.m.StopIDs(), NeverIDs: e.m.NeverIDs()})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(e.m.Tokenizer.Decode(results[0].Tokens, true)), nil
}

// likelihood is the log-probability that a text, up to its end, is what is said of a picture behind examples.
func (e *fewShot) likelihood(ctx context.Context, examples []example, text string, ask int) (sum float64, err error) {
	before, ids, err := e.read(ctx, examples, ask)
	if err != nil {
		return 0, err
	}
	whole, err := e.m.Encode(append(before, e.m.Example("", text)...))
	if err != nil {
		return 0, err
	}
	if len(whole) <= len(ids) || !slices.Equal(whole[:len(ids)], ids) {
		return 0, fmt.Errorf("%q does not go on where a picture is asked about", text)
	}
	scores, err := e.decoder.Score([][]int32{whole[len(ids):]})
	if err != nil {
		return 0, err
	}
	for _, s := range scores[0] {
		sum += float64(s)
	}
	return sum, nil
}

// NonceWord is a word of two or three syllables that nobody knows.
func NonceWord(r *rand.Rand) string {
	const consonants, vowels = "bdfgklmnprstvwz", "aeiou"
	var word []byte
	for range 2 + r.IntN(2) {
		word = append(word, consonants[r.IntN(len(consonants))], vowels[r.IntN(len(vowels))])
	}
	return string(append(word, "bdgklmnprstx"[r.IntN(12)]))
}
