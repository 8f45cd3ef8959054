package blip2

import (
	"math"

	"dragoman/tensor"
)

// recallTerms is how many numbers Extras.MatchMemory has.
const recallTerms = 3

// Recall is what the pictures that a model remembers tell, beside the cosine, of whether a text belongs to a picture: how near the
// nearest of those is that were met with the text, and how many there were. Of a text that was never met they tell nothing. The
// regression that the cosine is from leans towards captions that it met often, and smooths over the one picture that looks the same.
//
//	known · (w₀ − w₁·(how far the nearest is) − w₂·ln(how many)),  w = Extras.MatchMemory
type Recall struct {
	m   *Model
	far []float32 // [pictures, captions], +Inf where a caption was not met
}

// RecallTerms are the three terms of a caption that was met on so many pictures, the nearest of them so far away.
func RecallTerms(far float32, count int) [recallTerms]float64 {
	if count == 0 {
		return [recallTerms]float64{}
	}
	return [recallTerms]float64{1, -float64(far), -math.Log(float64(count))}
}

// Recall looks for pictures like those of a view; nil where the model does not count them.
func (m *Model) Recall(run *tensor.Run, v View) *Recall {
	if m.Memory == nil || len(m.Memory.Landmarks) == 0 || len(m.Config.Extras.MatchMemory) != recallTerms || v.Summary == nil {
		return nil
	}
	far := m.Bridge.Head.Landmarks.Far(run, m.Bridge.Head.Centre(run, v.Summary)).Data()
	marks, captions := len(m.Memory.Landmarks), len(m.Memory.Captions)
	r := &Recall{m: m, far: make([]float32, len(far)/marks*captions)}
	for i := range r.far {
		r.far[i] = float32(math.Inf(1))
	}
	for i, d := range far {
		at := i/marks*captions + int(m.Memory.Landmarks[i%marks])
		r.far[at] = min(r.far[at], d)
	}
	return r
}

// Odds is what they add to the logarithm of the odds that a text belongs to one of the view's pictures.
func (r *Recall) Odds(picture int, text string) float64 {
	if r == nil {
		return 0
	}
	c, ok := r.m.Memory.number[text]
	if !ok {
		return 0
	}
	var odds float64
	terms := RecallTerms(r.far[picture*len(r.m.Memory.Captions)+int(c)], int(r.m.Memory.counts[c]))
	for i, w := range r.m.Config.Extras.MatchMemory {
		odds += w * terms[i]
	}
	return odds
}

// settle numbers the captions, and counts the landmarks of each.
func (m *Memory) settle() {
	m.number, m.counts = make(map[string]int32, len(m.Captions)), make([]int32, len(m.Captions))
	for i, c := range m.Captions {
		m.number[c] = int32(i)
	}
	for _, c := range m.Landmarks {
		m.counts[c]++
	}
}
