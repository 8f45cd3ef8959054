package blip2

import (
	"cmp"
	"slices"
	"strings"

	"dragoman/tensor"
)

// A caption that the model remembers is as good as the remembered picture of it that looks most like what is shown. Where none is near,
// that caption is a guess, and is said as one: with what the encoder takes the picture for, or else the second caption, and with the kind
// of thing that the candidates agree on ("some animal, horse or zebra"). A picture that fills its frame is a photograph or a scene, of which
// drawings on plain grounds teach nothing: there the encoder's classes alone say what kind of thing it is.
//
// The numbers were chosen on pictures that were trained on, by heads that never met their style, or any clip art (recipes/mini/README.md).
const (
	unlike        = 1.9  // distance of the nearest remembered picture of a caption, as Landmarks.Far has it, beyond which it is a guess
	unlikeScore   = 0.4  // where no pictures are remembered: the score below which it is
	plausible     = 0.2  // probability of a class that is worth naming
	agreed        = 0.25 // how much of the candidates has to be of a kind for it to be named
	agreedInScene = 0.5  // of the classes alone, in a scene
	classShare    = 0.5  // how much the encoder's classes count among the candidates beside the captions
)

// hints are the captions that stand in the prompt of each picture; nil for a model that takes none. A guess stands there as often as there
// would be captions: among others, the language model would shorten it to one of them.
func (m *Model) hints(run *tensor.Run, s Seen) [][]string {
	if !m.TakesHints() {
		return nil
	}
	scores := m.Scores(run, s)
	hints := m.Memory.Hints(scores, m.Config.Extras.Hints)
	var far []float32 // of so many landmarks
	marks := 0
	if h := m.Bridge.Head; len(s.Guesses) > 0 && len(m.Memory.Landmarks) > 0 && s.Summary != nil && h != nil && h.Landmarks != nil {
		far, marks = h.Far(run, s.Summary).Data(), len(m.Memory.Landmarks)
	}
	width, temperature := len(m.Memory.Captions), float64(m.Bridge.Temperature())
	for i := range hints {
		row := scores[i*width : (i+1)*width]
		if len(s.Guesses) > 0 && m.Memory.guess(hints[i], row, far[i*marks:(i+1)*marks], temperature, s.Guesses[i]) {
			continue
		}
		hints[i] = m.Memory.Likely(hints[i], row, temperature, m.Config.Extras.HintShare)
	}
	return hints
}

// guess rewrites the hints of a picture whose first is one, and says whether it is. scores are those of all captions; far the distances of
// all landmarks, or nil.
func (m *Memory) guess(hints []string, scores, far []float32, temperature float64, g Guess) bool {
	unfamiliar := g.Scene
	if far == nil {
		unfamiliar = unfamiliar || slices.Max(scores) < unlikeScore
	} else {
		unfamiliar = unfamiliar || Unfamiliar(m.number[hints[0]], far, m.Landmarks)
	}
	if unfamiliar {
		said := m.Unsure(hints, scores, temperature, g)
		for k := range hints {
			hints[k] = said
		}
	}
	return unfamiliar
}

// Unfamiliar says whether a caption is a guess: whether no remembered picture of it is near. far are the distances of the landmarks, of their
// captions (−1: of none).
func Unfamiliar(caption int32, far []float32, of []int32) bool {
	for i, c := range of {
		if c == caption && !(far[i] > unlike) {
			return false
		}
	}
	return true
}

// Unsure is the first of a picture's hints, said as a guess; scores are those of all captions.
func (m *Memory) Unsure(hints []string, scores []float32, temperature float64, g Guess) string {
	said, other := hints[0], ""
	switch {
	case g.Probability > plausible:
		other = g.Class
	case !g.Scene && len(hints) > 1:
		other = hints[1]
	}
	if !saysAll(said, other) {
		said += " or " + other
	}
	least, share := agreed, classShare
	if g.Scene || len(m.kinds) == 0 {
		least, share = agreedInScene, 1
	}
	kinds := map[string]float64{}
	for kind, v := range g.kinds {
		kinds[kind] += share * v
	}
	if share < 1 {
		warmth := make([]float32, len(scores))
		for c, v := range scores {
			warmth[c] = v / float32(temperature)
		}
		for c, v := range softmax(warmth) {
			for _, kind := range m.kinds[c] {
				kinds[kind] += (1 - share) * v
			}
		}
	}
	if kind := narrowest(kinds, least, said); kind != "" {
		return "some " + kind + ", " + said
	}
	return said
}

// narrowest is the kind that least of the probability falls on while it is more than enough, of those that are not said yet; "" if none
// has enough.
func narrowest(kinds map[string]float64, enough float64, said string) string {
	best := ""
	for kind, v := range kinds {
		if v > enough && !saysAll(said, kind) && (best == "" || cmp.Or(cmp.Compare(v, kinds[best]), cmp.Compare(kind, best)) < 0) {
			best = kind
		}
	}
	return best
}

// saysAll says whether each of the words is among those that were said.
func saysAll(said, words string) bool {
	had := strings.FieldsFunc(strings.ToLower(said), notInWord)
	for _, w := range strings.FieldsFunc(strings.ToLower(words), notInWord) {
		if !slices.Contains(had, w) {
			return false
		}
	}
	return true
}

func notInWord(r rune) bool { return r == ' ' || r == ',' || r == ':' }

// kindsOf parts lists of kinds.
func kindsOf(lists []string) [][]string {
	out := make([][]string, len(lists))
	for i, l := range lists {
		if l != "" {
			out[i] = strings.Split(l, ", ")
		}
	}
	return out
}
