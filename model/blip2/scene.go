package blip2

import (
	"math"
	"slices"

	"dragoman/tensor"
	"dragoman/vision"
)

// A bridge that learnt from drawings on plain grounds has never met the things of a photograph, but the encoder was trained on
// photographs. So, where a picture is a scene and the encoder is sure enough of its class, the class's name joins the first hint.
const (
	sceneStep  = 12.0 // of 255: how far a colour is from the frame's to count as another
	sceneShare = 0.5  // how much of the frame is another colour in a scene
	frameWidth = 2    // pixels
	classSure  = 0.2  // probability of a class that is worth naming
)

// sceneClasses names, for each picture that is a scene, what the encoder takes it for; "" for the others.
func (m *Model) sceneClasses(pixels *tensor.Tensor, f vision.Features) []string {
	if m.Memory == nil || len(m.Memory.Classes) == 0 || f.Logits == nil || f.Logits.Dim(-1) != len(m.Memory.Classes) {
		return nil
	}
	p := m.Processor()
	names := make([]string, pixels.Dim(0))
	size, classes := pixels.Len()/len(names), len(m.Memory.Classes)
	for b := range names {
		var step [3]float32
		for c := range step {
			step[c] = float32(sceneStep*p.Rescale) / p.Std[c]
		}
		if !isScene(pixels.Data()[b*size:(b+1)*size], pixels.Dim(2), pixels.Dim(3), step) {
			continue
		}
		probabilities := softmax(f.Logits.Data()[b*classes : (b+1)*classes])
		best := 0
		for i, v := range probabilities {
			if v > probabilities[best] {
				best = i
			}
		}
		if probabilities[best] > classSure {
			names[b] = m.Memory.Classes[best]
		}
	}
	return names
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
