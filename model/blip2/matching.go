package blip2

import (
	"math"
	"strings"

	"dragoman/tensor"
)

// Matching is what says whether a picture and a text belong together where a model has one, in the matching head's place: the
// logarithm of the odds, as a sum of what is known of both. A cosine is no more than how near two points are: one of the points may be
// near to everything. So a picture's cosine counts against those with all captions that the model remembers, which is how likely the text
// is among them; a text's counts less where other captions crowd around it (hubness: Bogolin et al. 2022 do both with a bank of
// queries, inverted softmax, Smith et al. 2017, is the first alone). The remembered pictures tell more of a text that was met: the
// regression that the cosine is from leans towards captions that it met often, and smooths over the one picture that looks the same.
//
//	bias + cosine·c − others·log Σ exp c(picture, caption) − crowd·log Σ exp c(text, caption) + met − far·(distance) − count·ln(how many)
//
// where c is a cosine divided by the temperature, the sums run over remembered captions, a text's without the nearest, and the last three
// stand for a text that was met.
type Matching struct {
	Bias   float64 `json:"bias"`
	Cosine float64 `json:"cosine"`
	Others float64 `json:"others"`
	Crowd  float64 `json:"crowd"`
	Met    float64 `json:"met"`
	Far    float64 `json:"far"`
	Count  float64 `json:"count"`
}

// Evidence is what is known of a picture and a text, to be weighed by Matching: in the order of its fields, without the bias.
type Evidence [6]float64

// EvidenceOf gathers it: the cosine divided by the temperature, the sums of the picture (Crowded) and of the text (CrowdedText), and on how many pictures the text was
// met, the nearest of them how far away.
func EvidenceOf(cosine, others, crowd float64, far float32, count int32) Evidence {
	e := Evidence{cosine, -others, -crowd}
	if count > 0 {
		e[3], e[4], e[5] = 1, -float64(far), -math.Log(float64(count))
	}
	return e
}

// NewMatching are weights in Evidence's order.
func NewMatching(weights []float64, bias float64) *Matching {
	return &Matching{bias, weights[0], weights[1], weights[2], weights[3], weights[4], weights[5]}
}

// Odds is the logarithm of the odds.
func (w *Matching) Odds(e Evidence) float64 {
	return w.Bias + w.Cosine*e[0] + w.Others*e[1] + w.Crowd*e[2] + w.Met*e[3] + w.Far*e[4] + w.Count*e[5]
}

// Crowded is the logarithm of Σ exp(cosine/temperature) over the captions that were met: met is on how many pictures each was.
func Crowded(cosines []float32, temperature float64, met []int32) float64 {
	return crowdedBut(cosines, temperature, met, -1)
}

// CrowdedText is Crowded for a text among captions, but for the nearest of them: the text itself where it was met, and otherwise the
// caption that says most nearly the same.
func CrowdedText(cosines []float32, temperature float64, met []int32) float64 {
	nearest := -1
	for c, v := range cosines {
		if met[c] > 0 && (nearest < 0 || v > cosines[nearest]) {
			nearest = c
		}
	}
	return crowdedBut(cosines, temperature, met, nearest)
}

func crowdedBut(cosines []float32, temperature float64, met []int32, but int) float64 {
	highest := math.Inf(-1)
	for c, v := range cosines {
		if met[c] > 0 && c != but {
			highest = max(highest, float64(v))
		}
	}
	var sum float64
	for c, v := range cosines {
		if met[c] > 0 && c != but {
			sum += math.Exp((float64(v) - highest) / temperature)
		}
	}
	if sum == 0 { // the one caption that there is
		return 0
	}
	return highest/temperature + math.Log(sum)
}

// Weighs says whether the model weighs what it knows of a picture and a text, in place of asking a matching head.
func (m *Model) Weighs() bool {
	b := m.Bridge
	return m.Config.Extras.Matching != nil && m.Memory != nil && len(m.Memory.Landmarks) > 0 &&
		b.Heads.Vision != nil && b.Heads.Text != nil && b.Head != nil && b.Head.Landmarks != nil
}

// Compared are texts that pictures are matched with.
type Compared struct {
	vectors *tensor.Tensor // [texts, shared]
	caption []int32        // of each text, as the memory numbers it; −1: it was never met
	crowd   []float64
}

// Compare reads texts, whose vectors [texts, shared] have length 1, for Odds.
func (m *Model) Compare(run *tensor.Run, texts []string, vectors *tensor.Tensor) Compared {
	c := Compared{vectors: vectors, caption: make([]int32, len(texts)), crowd: make([]float64, len(texts))}
	captions := len(m.Memory.Captions)
	near := run.MatMul(vectors, m.Memory.Texts, true).Data()
	for i, text := range texts {
		c.caption[i] = -1
		if n, ok := m.Memory.number[text]; ok {
			c.caption[i] = n
		}
		c.crowd[i] = CrowdedText(near[i*captions:(i+1)*captions], float64(m.Bridge.Temperature()), m.Memory.counts)
	}
	return c
}

// Odds is the logarithm of the odds that pictures and texts belong together: [pictures, texts]. summary is View's, images are
// EmbedImages'.
func (m *Model) Odds(run *tensor.Run, summary, images *tensor.Tensor, t Compared) []float64 {
	temperature := float64(m.Bridge.Temperature())
	near, cosines := Cosines(run, images, m.Memory.Texts).Data(), Cosines(run, images, t.vectors).Data()
	far := m.Bridge.Head.Far(run, summary).Data()
	captions, marks, texts := len(m.Memory.Captions), len(m.Memory.Landmarks), len(t.caption)
	odds := make([]float64, images.Dim(0)*texts)
	for b := range images.Dim(0) {
		nearest := Nearest(far[b*marks:(b+1)*marks], m.Memory.Landmarks, captions)
		others := Crowded(near[b*captions:(b+1)*captions], temperature, m.Memory.counts)
		for i, c := range t.caption {
			distance, count := float32(0), int32(0)
			if c >= 0 {
				distance, count = nearest[c], m.Memory.counts[c]
			}
			e := EvidenceOf(float64(cosines[b*texts+i])/temperature, others, t.crowd[i], distance, count)
			odds[b*texts+i] = m.Config.Extras.Matching.Odds(e)
		}
	}
	return odds
}

// Nearest is how far the nearest landmark of each caption is, where far are the distances of all and of their captions; +Inf where
// there is none, or of is negative for all.
func Nearest(far []float32, of []int32, captions int) []float32 {
	nearest := make([]float32, captions)
	for c := range nearest {
		nearest[c] = float32(math.Inf(1))
	}
	for j, c := range of {
		if c >= 0 {
			nearest[c] = min(nearest[c], far[j])
		}
	}
	return nearest
}

// settle numbers the captions, counts the landmarks of each, and parts the kinds.
func (m *Memory) settle() {
	ofClasses := make([]string, len(m.Classes))
	for i, c := range m.Classes {
		_, ofClasses[i], _ = strings.Cut(c, ", ")
	}
	m.kinds, m.classKinds = kindsOf(m.Kinds), kindsOf(ofClasses)
	m.number, m.counts = make(map[string]int32, len(m.Captions)), make([]int32, len(m.Captions))
	for i, c := range m.Captions {
		m.number[c] = int32(i)
	}
	for _, c := range m.Landmarks {
		m.counts[c]++
	}
}
