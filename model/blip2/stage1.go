package blip2

import (
	"fmt"
	"math"
	"math/rand/v2"

	"dragoman/bridge/qformer"
	"dragoman/kernel"
	"dragoman/tensor"
)

// Pairs is a batch of pictures with a caption each, as the first stage learns from them.
type Pairs struct {
	View
	Text    qformer.Text   // [CLS] caption [SEP], padded behind
	Reading *tensor.Tensor // what the language model makes of the captions (Model.Readings)
	Same    []int32        // nil, or a number a pair: pairs of one number have equal captions and are not each other's negatives
	// NegativeImages and NegativeTexts are, for each pair, the index of a picture that its text does not fit and of a text
	// that its picture does not; those that are nil are drawn, by similarity, from Rand.
	NegativeImages, NegativeTexts []int32
	Rand                          *rand.Rand
	// Bank, where there is one, are all captions, against which each picture is contrasted. Captions are the numbers of the pairs' own among
	// them, and Fits those of all that are said of each pair's picture, none of which is a negative of it.
	Bank     *Bank
	Captions []int32
	Fits     [][]int32
}

// Bank are all captions that there are, as vectors, for a contrast that a batch alone is too small for.
type Bank struct {
	Texts *tensor.Tensor // [captions, shared], as they were when somebody last looked
	Near  []float32      // [captions, captions]: how the share Spread of a target is spread over captions like it
	Share float32
	// IDs, where there are any, are the captions' tokens: matching's negative texts are then drawn, by similarity, from all captions.
	IDs [][]int32
}

// Objective weighs the three losses; one that weighs nothing is not computed.
type Objective struct {
	Contrast, Matching, Generation float32
	Smoothing                      float32 // of the labels of contrast and generation
	RandomNegatives                bool    // matching's negatives are drawn uniformly: what to begin with
	MatchingPairs                  int     // how many of the batch matching looks at; 0: all
}

// PaperObjective is the first stage as BLIP-2 trains it.
func PaperObjective() Objective {
	return Objective{Contrast: 1, Matching: 1, Generation: 1, Smoothing: 0.1}
}

// Stage1Losses are the first stage's losses of a batch; those not computed are nil.
type Stage1Losses struct {
	ITC, ITM, ITG *tensor.Tensor  // each of one element, not weighted
	Total         *tensor.Tensor  // what to go back from; nil where nothing was weighed
	Similarity    *tensor.Tensor  // [pictures, texts], the cosine of the best query divided by the temperature
	MatchLogits   *tensor.Tensor  // [3·batch, 2]
	Answer        *qformer.Answer // of the queries by themselves, one for each picture
	View          View            // what they looked at
}

// Stage1 computes image-text contrast, matching and generation (Li et al. 2023, section 3.1). The pictures' keys and values are
// made once; contrast and generation share one pass of the queries, matching looks at the same pictures in another order.
func (b *Bridge) Stage1(run *tensor.Run, p Pairs, o Objective) Stage1Losses {
	n := p.Text.Batch()
	if p.Tokens.Dim(0) != n {
		panic(fmt.Sprintf("blip2: %d pictures for %d texts", p.Tokens.Dim(0), n))
	}
	picture := b.QFormer.Look(run, p.Tokens)
	answer := b.QFormer.Query(run, picture, nil)
	l := Stage1Losses{Answer: answer, View: p.View}
	var parts []*tensor.Tensor
	if o.Contrast != 0 || (o.Matching != 0 && !o.RandomNegatives && (p.NegativeImages == nil || p.NegativeTexts == nil)) {
		images, texts := b.EmbedImages(run, answer, p.Picture), b.EmbedTexts(run, p.Text, p.Reading)
		l.Similarity = b.similarity(run, images, texts)
		if p.Bank != nil && o.Contrast != 0 {
			l.ITC = b.contrastBank(run, images, texts, p, o.Smoothing)
		}
	}
	if o.Contrast != 0 {
		if l.ITC == nil {
			l.ITC = contrast(run, l.Similarity, p.Same, o.Smoothing)
		}
		parts = append(parts, weighed(run, l.ITC, o.Contrast))
	}
	if o.Matching != 0 && n > 1 {
		images, texts := p.NegativeImages, p.NegativeTexts
		if images == nil || texts == nil {
			drawnImages, drawnTexts := drawNegatives(l.Similarity, n, p.Same, o.RandomNegatives, p.Rand)
			if images == nil {
				images = drawnImages
			}
			if texts == nil {
				texts = drawnTexts
			}
		}
		if most := o.MatchingPairs; most > 0 {
			images, texts = images[:min(most, n)], texts[:min(most, n)]
		}
		strangers := rowsOf(p.Text, texts)
		if p.Bank != nil && p.Bank.IDs != nil && !o.RandomNegatives && p.NegativeTexts == nil {
			strangers = b.drawStrangers(run, answer, p, len(texts))
		}
		l.MatchLogits, l.ITM = b.matching(run, picture, p.Text, images, strangers)
		parts = append(parts, weighed(run, l.ITM, o.Matching))
	}
	if o.Generation != 0 {
		l.ITG = b.generation(run, answer, p.Text, o.Smoothing)
		parts = append(parts, weighed(run, l.ITG, o.Generation))
	}
	switch len(parts) {
	case 0:
	case 1:
		l.Total = parts[0]
	default:
		l.Total = run.AddN(parts...)
	}
	return l
}

func weighed(run *tensor.Run, loss *tensor.Tensor, weight float32) *tensor.Tensor {
	if weight == 1 {
		return loss
	}
	return run.Scale(loss, weight)
}

// EmbedImages projects the queries' answers into the shared space, added to the picture as a whole where there is a head for it:
// [pictures, queries, shared], each of length 1.
func (b *Bridge) EmbedImages(run *tensor.Run, a *qformer.Answer, picture *tensor.Tensor) *tensor.Tensor {
	x := b.Heads.Vision.Forward(run, a.Hidden)
	if picture != nil {
		n, queries := x.Dim(0), x.Dim(1)
		whole := run.Gather(picture, eachTimes(n, queries))
		x = run.Add(run.ScaleBy(x, b.Lead), run.Reshape(whole, n, queries, x.Dim(2)))
	}
	return run.Normalize(x)
}

// eachTimes is 0, 0, …, 1, 1, …: every index so many times.
func eachTimes(n, times int) []int32 {
	index := make([]int32, 0, n*times)
	for i := range n {
		for range times {
			index = append(index, int32(i))
		}
	}
	return index
}

// EmbedTexts projects texts into the shared space: [texts, shared], each of length 1. reading is what Model.Readings gives for them.
func (b *Bridge) EmbedTexts(run *tensor.Run, t qformer.Text, reading *tensor.Tensor) *tensor.Tensor {
	x := b.Heads.Text.Forward(run, b.poolTexts(run, t))
	if b.Reading != nil {
		x = run.Add(x, run.Linear(reading, b.Reading, nil, kernel.NoAct))
	}
	return run.Normalize(x)
}

// poolTexts makes one vector of each text: [texts, width].
func (b *Bridge) poolTexts(run *tensor.Run, t qformer.Text) *tensor.Tensor {
	x := b.QFormer.Text(run, t)
	if b.Config.Extras.TextPooling != "mean" {
		return run.Reshape(run.Slice(x, 1, 0, 1), t.Batch(), -1)
	}
	mask := t.Mask
	if mask == nil {
		mask = ones(len(t.IDs))
	}
	return run.MaskedMean(x, mask)
}

// Cosines is how near each picture's nearest query is to each text: [pictures, texts].
func Cosines(run *tensor.Run, images, texts *tensor.Tensor) *tensor.Tensor {
	n, queries, width := images.Dim(0), images.Dim(1), images.Dim(2)
	all := run.MatMul(run.Reshape(images, n*queries, width), texts, true)
	return run.MaxAxis(run.Reshape(all, n, queries, texts.Dim(0)), 1)
}

// Temperature is what cosines are divided by.
func (b *Bridge) Temperature() float32 {
	if b.Heads.Temp == nil {
		return defaultTemperature
	}
	return b.Heads.Temp.Data()[0]
}

func (b *Bridge) similarity(run *tensor.Run, images, texts *tensor.Tensor) *tensor.Tensor {
	cos := Cosines(run, images, texts)
	if b.Heads.Temp == nil {
		return run.Scale(cos, 1/defaultTemperature)
	}
	return run.DivBy(cos, b.Heads.Temp)
}

// contrast is the mean of both directions' cross-entropies: which text fits the picture, which picture fits the text.
func contrast(run *tensor.Run, similarity *tensor.Tensor, same []int32, smoothing float32) *tensor.Tensor {
	n := similarity.Dim(0)
	other := run.Transpose(similarity, 0, 1)
	if same == nil {
		targets := make([]int32, n)
		for i := range targets {
			targets[i] = int32(i)
		}
		return run.Scale(run.AddN(
			run.CrossEntropy(similarity, targets, smoothing),
			run.CrossEntropy(other, targets, smoothing)), 0.5)
	}
	targets := sharedTargets(same, smoothing)
	return run.Scale(run.AddN(
		run.SoftCrossEntropy(similarity, targets),
		run.SoftCrossEntropy(other, targets)), 0.5)
}

// sharedTargets [n, n] spreads each row over all pairs with an equal caption, then smooths.
func sharedTargets(same []int32, smoothing float32) []float32 {
	n := len(same)
	count := make(map[int32]int, n)
	for _, s := range same {
		count[s]++
	}
	targets := make([]float32, n*n)
	for i := range n {
		share := (1 - smoothing) / float32(count[same[i]])
		for j := range n {
			targets[i*n+j] = smoothing / float32(n)
			if same[i] == same[j] {
				targets[i*n+j] += share
			}
		}
	}
	return targets
}

// contrastBank is the cross-entropy of every picture over all captions. Those of the batch are live, and learn; the others are as
// the bank has them.
func (b *Bridge) contrastBank(run *tensor.Run, images, texts *tensor.Tensor, p Pairs, smoothing float32) *tensor.Tensor {
	bank, n := p.Bank, images.Dim(0)
	captions, width := bank.Texts.Dim(0), bank.Texts.Dim(1)
	column := make([]int, captions) // of each caption
	for c := range column {
		column[c] = -1
	}
	var live []int32
	for i, c := range p.Captions {
		if column[c] < 0 {
			column[c] = len(live)
			live = append(live, int32(i))
		}
	}
	rest := run.New(captions-len(live), width)
	at := 0
	for c := range column {
		if column[c] < 0 {
			copy(rest.Data()[at*width:], bank.Texts.Data()[c*width:(c+1)*width])
			column[c] = len(live) + at
			at++
		}
	}
	logits := b.similarity(run, images, run.Concat(0, run.Gather(texts, live), rest))
	targets := make([]float32, n*captions)
	for i, own := range p.Captions {
		row := targets[i*captions : (i+1)*captions]
		for c, to := range column {
			row[to] = smoothing/float32(captions) + bank.Share*bank.Near[int(own)*captions+c]
		}
		row[column[own]] += 1 - smoothing - bank.Share
	}
	return run.SoftCrossEntropy(logits, targets)
}

// matching asks of three times as many pairs as there are negatives whether they belong together: texts [own, own, stranger] with
// pictures [own, negative, own].
func (b *Bridge) matching(run *tensor.Run, picture *qformer.Picture, t qformer.Text, images []int32, strangers qformer.Text) (logits, loss *tensor.Tensor) {
	n := len(images)
	rows, labels := make([]int32, 0, 3*n), make([]int32, 3*n)
	for i := range n {
		labels[i] = 1
		rows = append(rows, int32(i))
	}
	rows = append(append(rows, images...), rows...)
	own := rowsOf(t, rows[:n])
	logits = b.MatchLogits(run, picture, rows, stacked(own, own, strangers))
	return logits, run.CrossEntropy(logits, labels, 0)
}

// rowsOf are some texts of a batch.
func rowsOf(t qformer.Text, rows []int32) qformer.Text {
	out := qformer.Text{Len: t.Len}
	for _, r := range rows {
		from, to := int(r)*t.Len, (int(r)+1)*t.Len
		out.IDs = append(out.IDs, t.IDs[from:to]...)
		if t.Mask != nil {
			out.Mask = append(out.Mask, t.Mask[from:to]...)
		}
	}
	return out
}

// stacked puts batches of texts under one another, the shorter ones padded behind.
func stacked(texts ...qformer.Text) qformer.Text {
	var out qformer.Text
	padded := false
	for _, t := range texts {
		padded = padded || t.Mask != nil || t.Len != texts[0].Len
		out.Len = max(out.Len, t.Len)
	}
	for _, t := range texts {
		for i := range t.Batch() {
			from, to := i*t.Len, (i+1)*t.Len
			rest := out.Len - t.Len
			out.IDs = append(append(out.IDs, t.IDs[from:to]...), make([]int32, rest)...)
			if !padded {
				continue
			}
			mask := ones(t.Len)
			if t.Mask != nil {
				mask = t.Mask[from:to]
			}
			out.Mask = append(append(out.Mask, mask...), make([]uint8, rest)...)
		}
	}
	return out
}

// drawStrangers draws for each of the first n pictures one of all captions that are not said of it, by similarity.
func (b *Bridge) drawStrangers(run *tensor.Run, answer *qformer.Answer, p Pairs, n int) qformer.Text {
	recording := run.Recording()
	run.SetRecording(false)
	defer run.SetRecording(recording)
	similarity := b.similarity(run, b.EmbedImages(run, answer, p.Picture), p.Bank.Texts)
	captions := similarity.Dim(1)
	logits, drawn := make([]float64, captions), make([][]int32, n)
	for i := range drawn {
		for j, v := range similarity.Data()[i*captions : (i+1)*captions] {
			logits[j] = float64(v)
		}
		for _, c := range p.Fits[i] {
			logits[c] = math.Inf(-1)
		}
		drawn[i] = p.Bank.IDs[drawLogits(logits, p.Rand)]
	}
	return PadTexts(drawn, 0)
}

// MatchLogits are the matching head's logits [batch, 2] (index 1: they match) of text i with picture rows[i] (nil: i).
func (b *Bridge) MatchLogits(run *tensor.Run, p *qformer.Picture, rows []int32, t qformer.Text) *tensor.Tensor {
	return run.MeanAxis(b.Heads.Match.Forward(run, b.QFormer.Match(run, p, rows, t)), 1)
}

// Matches says whether there is something that was taught to match: a matching head, or the weights in its place.
func (m *Model) Matches() bool {
	return m.Bridge != nil && (m.Weighs() || m.Bridge.Heads.Match != nil && !m.Config.Extras.NoMatching)
}

// generation predicts every next token of the captions, which begin with [DEC] in place of [CLS]. Padding is not predicted, even where no mask
// says that it is padding.
func (b *Bridge) generation(run *tensor.Run, a *qformer.Answer, t qformer.Text, smoothing float32) *tensor.Tensor {
	n, length := t.Batch(), t.Len
	decoder := qformer.Text{Len: length - 1, IDs: make([]int32, 0, n*(length-1))}
	targets := make([]int32, 0, n*(length-1))
	for i := range n {
		ids := t.IDs[i*length : (i+1)*length]
		decoder.IDs = append(append(decoder.IDs, b.Config.decoderStart()), ids[1:length-1]...)
		for j := 1; j < length; j++ {
			target := ids[j]
			if target == b.Config.QFormer.Pad || t.Mask != nil && t.Mask[i*length+j] == 0 {
				target = -100
			}
			targets = append(targets, target)
		}
		if t.Mask != nil {
			decoder.Mask = append(decoder.Mask, t.Mask[i*length:(i+1)*length-1]...)
		}
	}
	logits := b.Heads.Language.Forward(run, b.QFormer.Generate(run, a, nil, decoder))
	return run.CrossEntropy(logits, targets, smoothing)
}

// drawNegatives picks a picture for each text and a text for each picture that do not belong together: by similarity, so
// that the hard ones are picked most, or uniformly. similarity is [pictures, texts].
func drawNegatives(similarity *tensor.Tensor, n int, same []int32, uniform bool, rng *rand.Rand) (images, texts []int32) {
	images, texts = make([]int32, n), make([]int32, n)
	logits := make([]float64, n)
	draw := func(own int, at func(other int) float64) int32 {
		strangers := 0
		for j := range n {
			logits[j] = math.Inf(-1)
			if j != own && (same == nil || same[j] != same[own]) {
				logits[j] = at(j)
				strangers++
			}
		}
		if strangers == 0 { // a batch of one caption: whatever is not the pair itself
			for j := range n {
				if j != own {
					logits[j] = 0
				}
			}
		}
		return int32(drawLogits(logits, rng))
	}
	var s []float32
	if !uniform {
		s = similarity.Data()
	}
	for i := range n {
		if uniform {
			images[i] = draw(i, func(int) float64 { return 0 })
			texts[i] = draw(i, func(int) float64 { return 0 })
			continue
		}
		images[i] = draw(i, func(j int) float64 { return float64(s[j*n+i]) })
		texts[i] = draw(i, func(j int) float64 { return float64(s[i*n+j]) })
	}
	return images, texts
}

// drawLogits draws an index with the probabilities of a softmax; −Inf is never drawn.
func drawLogits(logits []float64, rng *rand.Rand) int {
	highest := math.Inf(-1)
	for _, v := range logits {
		highest = max(highest, v)
	}
	var sum float64
	for _, v := range logits {
		sum += math.Exp(v - highest)
	}
	u, last := rng.Float64()*sum, 0
	for i, v := range logits {
		if p := math.Exp(v - highest); p > 0 {
			if last = i; u < p {
				return i
			}
			u -= p
		}
	}
	return last
}

func ones(n int) []uint8 {
	m := make([]uint8, n)
	for i := range m {
		m[i] = 1
	}
	return m
}
