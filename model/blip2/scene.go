package blip2

import (
	"math"
	"slices"
	"strings"

	"dragoman/tensor"
	"dragoman/vision"
)

const (
	sceneStep  = 12.0 // of 255: how far a colour is from the frame's to count as another
	sceneShare = 0.5  // how much of the frame is another colour in a scene
	frameWidth = 2    // pixels
)

// Guess is what the encoder takes a picture for.
type Guess struct {
	Class       string  // the likeliest class
	Probability float64 // of the class
	Scene       bool    // whether the picture fills its frame

	kinds map[string]float64 // the probability of each kind, all its classes together
}

// Guesses is what the frozen encoder takes pictures for, by their pixels [B, 3, H, W]; nil where the model does not remember what the classes
// are called.
func (m *Model) Guesses(run *tensor.Run, pixels *tensor.Tensor) []Guess {
	if m.Memory == nil || len(m.Memory.Classes) == 0 {
		return nil
	}
	recording := run.Recording()
	run.SetRecording(false)
	defer run.SetRecording(recording)
	return m.guesses(pixels, m.Vision.Encode(run, pixels))
}

// guesses are the encoder's, where the model remembers what its classes are called: "name, kind, wider kind".
func (m *Model) guesses(pixels *tensor.Tensor, f vision.Features) []Guess {
	if m.Memory == nil || len(m.Memory.Classes) == 0 || f.Logits == nil || f.Logits.Dim(-1) != len(m.Memory.Classes) {
		return nil
	}
	guesses := make([]Guess, pixels.Dim(0))
	size, classes := pixels.Len()/len(guesses), len(m.Memory.Classes)
	step := m.colourStep()
	for b := range guesses {
		g := &guesses[b]
		g.Scene = isScene(pixels.Data()[b*size:(b+1)*size], pixels.Dim(2), pixels.Dim(3), step)
		g.kinds = map[string]float64{}
		probabilities := softmax(f.Logits.Data()[b*classes : (b+1)*classes])
		best := 0
		for i, v := range probabilities {
			if v > probabilities[best] {
				best = i
			}
			for _, kind := range m.Memory.classKinds[i] {
				g.kinds[kind] += v
			}
		}
		g.Class, _, _ = strings.Cut(m.Memory.Classes[best], ", ")
		g.Probability = probabilities[best]
	}
	return guesses
}

// colourStep is sceneStep as the encoder's processor scales pixels.
func (m *Model) colourStep() (step [3]float32) {
	p := m.Processor()
	for c := range step {
		step[c] = float32(sceneStep*p.Rescale) / p.Std[c]
	}
	return step
}

// isScene says whether a picture [3, h, w] fills its frame: whether more than sceneShare of the outermost pixels are further than step
// from the frame's median colour in some channel.
func isScene(x []float32, h, w int, step [3]float32) bool {
	_, scene := ground(x, h, w, step)
	return scene
}

// ground is the median colour of a picture's frame, and whether the picture fills it.
func ground(x []float32, h, w int, step [3]float32) (median [3]float32, scene bool) {
	if h <= 2*frameWidth || w <= 2*frameWidth {
		return median, false
	}
	var frame []int
	for i := range h * w {
		if r, c := i/w, i%w; r < frameWidth || r >= h-frameWidth || c < frameWidth || c >= w-frameWidth {
			frame = append(frame, i)
		}
	}
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
		if differs(x, i, h*w, median, step) {
			other++
		}
	}
	return median, float64(other) > sceneShare*float64(len(frame))
}

// differs says whether pixel i of a picture of so many is further than step from a colour in some channel.
func differs(x []float32, i, pixels int, from, step [3]float32) bool {
	for c := range from {
		if math.Abs(float64(x[c*pixels+i]-from[c])) > float64(step[c]) {
			return true
		}
	}
	return false
}
