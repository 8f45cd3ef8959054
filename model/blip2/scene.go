package blip2

import (
	"math"
	"slices"
	"strings"

	"dragoman/tensor"
	"dragoman/vision"
)

// A bridge that learnt from drawings on plain grounds has never met the things of a photograph, but the encoder was trained on
// photographs. So where a picture is a scene, or like nothing that the model remembers, and the encoder is sure enough of its class,
// the class's name joins the first hint.
const (
	sceneStep  = 12.0 // of 255: how far a colour is from the frame's to count as another
	sceneShare = 0.5  // how much of the frame is another colour in a scene
	frameWidth = 2    // pixels
	sceneSure  = 0.2  // probability of a class that is worth naming in a scene
	unlike     = 0.4  // score below which a remembered caption is no more than a guess
	unlikeSure = 0.5  // probability of a class that is worth naming beside such a guess
	kindSure   = 0.5  // probability, all classes of a kind together, with which the kind is worth naming in a scene
)

// Guess is what the encoder takes a picture for.
type Guess struct {
	Class       string  // the likeliest class, with what kinds of thing it is
	Kind        string  // the narrowest kind of thing that it is sure of; "" if there is none
	Probability float64 // of the class
	Scene       bool    // whether the picture fills its frame
}

// addition is what joins a first hint of that score; "" for nothing.
func (g Guess) addition(score float32) string {
	switch {
	case g.Scene && g.Probability > sceneSure, score < unlike && g.Probability > unlikeSure:
		return g.Class
	case g.Scene:
		return g.Kind
	}
	return ""
}

// guesses are the encoder's, where the model remembers what its classes are called: "name, kind, wider kind".
func (m *Model) guesses(pixels *tensor.Tensor, f vision.Features) []Guess {
	if m.Memory == nil || len(m.Memory.Classes) == 0 || f.Logits == nil || f.Logits.Dim(-1) != len(m.Memory.Classes) {
		return nil
	}
	p := m.Processor()
	guesses := make([]Guess, pixels.Dim(0))
	size, classes := pixels.Len()/len(guesses), len(m.Memory.Classes)
	var step [3]float32
	for c := range step {
		step[c] = float32(sceneStep*p.Rescale) / p.Std[c]
	}
	for b := range guesses {
		g := &guesses[b]
		g.Scene = isScene(pixels.Data()[b*size:(b+1)*size], pixels.Dim(2), pixels.Dim(3), step)
		best, kinds := 0, map[string]float64{}
		probabilities := softmax(f.Logits.Data()[b*classes : (b+1)*classes])
		for i, v := range probabilities {
			if v > probabilities[best] {
				best = i
			}
			for _, kind, ok := strings.Cut(m.Memory.Classes[i], ", "); ok; _, kind, ok = strings.Cut(kind, ", ") {
				kinds[kind] += v
			}
		}
		g.Class, g.Probability = m.Memory.Classes[best], probabilities[best]
		g.Kind = narrowest(kinds)
	}
	return guesses
}

// narrowest is the kind that least of the probability falls on while it is enough; "" if none has enough.
func narrowest(kinds map[string]float64) string {
	best := ""
	for kind, v := range kinds {
		if v > kindSure && (best == "" || v < kinds[best] || v == kinds[best] && kind < best) {
			best = kind
		}
	}
	return best
}

// isScene says whether a picture [3, h, w] fills its frame: whether more than sceneShare of the outermost pixels are further than step
// from the frame's median colour in some channel.
func isScene(x []float32, h, w int, step [3]float32) bool {
	if h <= 2*frameWidth || w <= 2*frameWidth {
		return false
	}
	var frame []int
	for i := range h * w {
		if r, c := i/w, i%w; r < frameWidth || r >= h-frameWidth || c < frameWidth || c >= w-frameWidth {
			frame = append(frame, i)
		}
	}
	var median [3]float32
	values := make([]float32, len(frame))
	for c := range median {
		for k, i := range frame {
			values[k] = x[c*h*w+i]
		}
		slices.Sort(values)
		median[c] = values[len(values)/2]
	}
	other := 0
	for _, i := range frame {
		for c := range median {
			if math.Abs(float64(x[c*h*w+i]-median[c])) > float64(step[c]) {
				other++
				break
			}
		}
	}
	return float64(other) > sceneShare*float64(len(frame))
}
