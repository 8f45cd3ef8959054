package flamingo

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"dragoman/language"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/vision"
)

// What a run of training asks of a system that was put together here. A picture goes through the frozen encoder once, to FeatureLen
// numbers that can lie on a disk (EncodePictures); what follows has gradients (Media, Loss).

// FeatureLen is how many numbers EncodePictures gives for a picture.
func (m *Model) FeatureLen() int {
	n := 0
	for _, g := range m.own.groups {
		n += g.tokens * g.width
	}
	return n
}

// EncodePictures runs the frozen encoder over pixels [B, 3, H, W] and writes what the bridge reads of each picture into dst, FeatureLen numbers
// one after another. Nothing is recorded.
func (m *Model) EncodePictures(run *tensor.Run, pixels *tensor.Tensor, dst []float32) {
	recording := run.Recording()
	run.SetRecording(false)
	defer run.SetRecording(recording)
	m.gather(run, m.Vision.Encode(run, pixels), dst[:pixels.Dim(0)*m.FeatureLen()])
}

// gather writes the numbers of EncodePictures of what the encoder gave.
func (m *Model) gather(run *tensor.Run, f vision.Features, dst []float32) {
	at, stride := 0, m.FeatureLen()
	for _, g := range m.own.groups {
		n := g.tokens * g.width
		for b := range len(dst) / stride {
			to := dst[b*stride+at:][:n]
			if g.kind == kindPooled {
				vision.Root(to, f.Whole(run).Data()[b*n:])
			} else {
				copy(to, f.Tokens.Data()[b*n:])
			}
		}
		at += n
	}
}

// EachFeature gives each feature token of what EncodePictures wrote.
func (m *Model) EachFeature(raw []float32, each func(token []float32)) {
	for len(raw) > 0 {
		for _, g := range m.own.groups {
			for range g.tokens {
				each(raw[:g.width])
				raw = raw[g.width:]
			}
		}
	}
}

// EncodingHash is the SHA-256 of everything that EncodePictures' numbers depend on besides the pixels.
func (m *Model) EncodingHash() string {
	h := sha256.New()
	model.HashTensors(h, m.own.encoder)
	for _, g := range m.own.groups {
		fmt.Fprintln(h, g.kind, g.tokens, g.width)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// FrozenHash is the SHA-256 of the frozen parts' tensors.
func (m *Model) FrozenHash() string {
	h := sha256.New()
	for _, src := range m.own.frozen {
		model.HashTensors(h, src)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Media is what texts look at, of what EncodePictures wrote for some pictures: [pictures, latents, width].
func (m *Model) Media(run *tensor.Run, raw []float32) *tensor.Tensor {
	var groups []*tensor.Tensor
	at := 0
	for _, g := range m.own.groups {
		groups = append(groups, model.Group(run, raw, m.FeatureLen(), at, g.tokens, g.width))
		at += g.tokens * g.width
	}
	return m.media(run, groups)
}

// media is Media of each group's numbers, [pictures, tokens, width].
func (m *Model) media(run *tensor.Run, groups []*tensor.Tensor) *tensor.Tensor {
	var parts []*tensor.Tensor
	for i, g := range m.own.groups {
		x := groups[i]
		if m.own.inputs != nil {
			x = m.own.inputs[g.kind].Forward(run, x)
		}
		parts = append(parts, x)
	}
	features := parts[0]
	if len(parts) > 1 {
		features = run.Concat(1, parts...)
	}
	return m.Resampler.Forward(run, features)
}

// Lesson is a page to learn from: its tokens, and which of them are to be predicted, each from those before it.
type Lesson struct {
	IDs      []int32
	Learn    []bool
	Sees     []int32 // which of its pictures each token looks at, the first of them 1; 0: none
	Pictures []int   // of each picture token, in order, its place among the pictures that Loss is given
}

// Teaches says whether there is something to be predicted.
func (l *Lesson) Teaches() bool { return slices.Contains(l.Learn, true) }

// Loss is the mean of the cross-entropies of all tokens to be predicted, over pages of any lengths; media is [pictures, latents, width].
// Every page has a picture, and one token to be predicted or more. In training, pages of like lengths are read together, so that little of
// them is padding.
func (m *Model) Loss(run *tensor.Run, media *tensor.Tensor, lessons []Lesson) *tensor.Tensor {
	lengths := make([]int, len(lessons))
	for i, l := range lessons {
		lengths[i] = len(l.IDs)
	}
	var states []*tensor.Tensor
	var targets []int32
	for _, part := range language.Parts(run, lengths) {
		some := make([]Lesson, len(part))
		for i, row := range part {
			some[i] = lessons[row]
			for k, learn := range lessons[row].Learn {
				if learn && k > 0 {
					targets = append(targets, lessons[row].IDs[k])
				}
			}
		}
		states = append(states, m.predicting(run, media, some))
	}
	all := states[0]
	if len(states) > 1 {
		all = run.Concat(0, states...)
	}
	return run.CrossEntropy(m.Language.Logits(run, all), targets, 0)
}

// predicting are the hidden states that the tokens to be predicted come from, page by page: [tokens, Hidden].
func (m *Model) predicting(run *tensor.Run, media *tensor.Tensor, lessons []Lesson) *tensor.Tensor {
	rows, length, pictures := len(lessons), 0, 0
	for _, l := range lessons {
		length, pictures = max(length, len(l.IDs)), max(pictures, len(l.Pictures))
	}
	ids, mask := make([]int32, 0, rows*length), make([]uint8, 0, rows*length)
	var shown []uint8
	var at, places []int32
	for row, l := range lessons {
		padded := append(slices.Clip(l.IDs), make([]int32, length-len(l.IDs))...)
		for i := range padded {
			real := min(i, len(l.IDs)-1) // padding sees what the last token does, so that no row has tokens that see nothing for its sake
			if mask = append(mask, 0); i == real {
				mask[len(mask)-1] = 1
			}
			row := make([]uint8, pictures)
			if sees := l.Sees[real]; sees > 0 {
				row[sees-1] = 1
			}
			shown = append(shown, row...)
		}
		ids = append(ids, padded...)
		for i := range pictures {
			at = append(at, int32(l.Pictures[min(i, len(l.Pictures)-1)]))
		}
		for i, learn := range l.Learn {
			if learn && i > 0 {
				places = append(places, int32(row*length+i-1))
			}
		}
	}
	latents, width := media.Dim(1), media.Dim(2)
	each := run.Gather(run.Reshape(media, media.Dim(0), latents*width), at)
	sight := m.Gates.See(run, run.Reshape(each, rows, pictures, latents, width), rows, false)
	sight.Show(shown, length)
	hidden := m.Language.Forward(run, language.Input{Embeds: m.Language.Embed(run, ids, rows, length), Mask: mask, Hook: sight.Hook})
	return run.Gather(run.Reshape(hidden, rows*length, hidden.Dim(2)), places)
}

// Teach is the lesson of a page whose pictures have these places: what OpenFlamingo learns of one. Texts behind a picture are to be
// predicted, up to the end of their chunk and with it; pictures, what stands before the first, what stands between an end and the next
// picture, and what is given are not. Of more than most tokens the first count; but of a question that would leave no room for its answer, the
// end.
func (m *Model) Teach(parts []Part, pictures []int, most int) (Lesson, error) {
	ids, err := m.Encode(parts)
	if err != nil {
		return Lesson{}, err
	}
	given := m.given(parts, ids)
	ids, given = shorten(ids, given, most)
	return m.teach(ids, given, pictures), nil
}

// given says which tokens of a page stand for what is given, and for nothing else.
func (m *Model) given(parts []Part, ids []int32) []bool {
	given := make([]bool, len(ids))
	upTo := func(n int) int { // where what the first parts are as a page of their own ends to be what the whole is
		head := m.Tokenizer.Encode(m.dialect.page(parts[:n]), m.dialect.special())
		same := 0
		for same < min(len(head), len(ids)) && head[same] == ids[same] {
			same++
		}
		return same
	}
	for n, p := range parts {
		if !p.Given || p.Text == "" {
			continue
		}
		for i := upTo(n); i < upTo(n+1); i++ {
			given[i] = true
		}
	}
	return given
}

// shorten cuts a page to its first tokens, once the first question has left half of the room to its answer.
func shorten(ids []int32, given []bool, most int) ([]int32, []bool) {
	from := slices.Index(given, true)
	to := from
	for from >= 0 && to < len(ids) && given[to] {
		to++
	}
	if from >= 0 && to >= most {
		cut := min(to-from, to-most+min(len(ids)-to, max(1, (most-from)/2)))
		ids, given = slices.Delete(ids, from, from+cut), slices.Delete(given, from, from+cut)
	}
	n := min(most, len(ids))
	return ids[:n], given[:n]
}

func (m *Model) teach(ids []int32, given []bool, pictures []int) Lesson {
	l := Lesson{IDs: ids, Learn: make([]bool, len(ids)), Sees: make([]int32, len(ids))}
	behind, n := false, 0
	end := m.StopIDs()[0]
	for i, id := range ids {
		if id == m.dialect.image() {
			behind, n = true, n+1
			l.Sees[i] = int32(n)
			continue
		}
		l.Learn[i], l.Sees[i] = behind && !given[i], int32(n)
		behind = behind && id != end
	}
	l.Pictures = pictures[:n]
	return l
}

// Words is the loss of the first block alone, without the language model behind it: at a picture's token, the hidden state that comes
// into the first layer, read by the output head, is to be the words that are said of the picture, in any order. It costs a hundredth of
// Loss, and lets the block before the first layer say in the language model's own words what a picture shows. vocabulary is the ids that
// count, and targets [pictures, len(vocabulary)] how much of each picture's text each is.
func (m *Model) Words(run *tensor.Run, media *tensor.Tensor, vocabulary []int32, targets []float32) *tensor.Tensor {
	n := media.Dim(0)
	sight := m.Gates.See(run, run.Reshape(media, n, 1, media.Dim(1), media.Dim(2)), n, false)
	shown, ids := make([]uint8, n), make([]int32, n)
	for i := range n {
		shown[i], ids[i] = 1, m.dialect.image()
	}
	sight.Show(shown, 1)
	hidden := sight.Hook(run, 0, m.Language.Embed(run, ids, n, 1))
	table := m.Language.Embed(run, vocabulary, len(vocabulary))
	logits := run.MatMul(run.Reshape(hidden, n, hidden.Dim(2)), run.Detach(table), true)
	return run.SoftCrossEntropy(logits, targets)
}

// HasWords says whether a block stands before the first layer and reads words as they are embedded, which Words trains.
func (m *Model) HasWords() bool {
	c := m.Language.Config()
	return m.Gates.Config.First && c.Hidden == c.Width
}

// SaysWords says whether Words reaches a parameter.
func (m *Model) SaysWords(name string) bool {
	return !strings.HasPrefix(name, languageOf+".") || strings.HasPrefix(name, m.Gates.Path(0)+".")
}

// Example is a picture and what is said of it, behind what is asked about it, if anything is, as part of a page to learn from.
func (m *Model) Example(question, text string) []Part {
	d := m.dialect.(*ownDialect)
	return []Part{{Picture: true}, {Text: d.wording().before(question), Given: true}, {Text: d.said(text)}}
}

// TextIDs are the tokens of what is said of a picture, without its end.
func (m *Model) TextIDs(text string) []int32 {
	return m.Tokenizer.Encode(" "+strings.TrimSpace(text), false)
}

// PageTokens are the tokens of a picture and of the end of a chunk, and the one that begins a text, −1 where there is none.
func (m *Model) PageTokens() (image, end, bos int32) {
	bos = -1
	if ids := m.Tokenizer.Encode(m.dialect.page(nil), m.dialect.special()); len(ids) > 0 {
		bos = ids[0]
	}
	return m.dialect.image(), m.StopIDs()[0], bos
}

// Own says whether the system was put together here, so that its bridge can learn.
func (m *Model) Own() bool { return m.own != nil }

// Mute takes what stands behind some of the page's pictures, by their numbers, out of what is to be predicted.
func (l *Lesson) Mute(m *Model, pictures []int) {
	n := -1
	for i, id := range l.IDs {
		if id == m.dialect.image() {
			n++
		}
		if slices.Contains(pictures, n) {
			l.Learn[i] = false
		}
	}
}
