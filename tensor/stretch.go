package tensor

import "math"

// StretchKind is how rotations are slowed for texts that are longer than a model was first trained on.
type StretchKind uint8

const (
	// StretchNone slows nothing.
	StretchNone StretchKind = iota
	// StretchLinear slows all by Factor (Chen et al. 2023).
	StretchLinear
	// StretchLlama3 slows pairs that turn less than Low times within First positions by Factor, those that turn more than High times not at
	// all, and those between by a share, as LLaMA 3.1 does.
	StretchLlama3
	// StretchYaRN slows pairs up to Low not at all, those from High on by Factor, and those between by a share (Peng et al. 2023, section 3.2).
	StretchYaRN
	// StretchDynamic grows the base with a text that is longer than First positions, by Factor.
	StretchDynamic
	// StretchLong slows each pair by a factor of its own, another one for texts longer than First positions (Ding et al. 2024).
	StretchLong
)

// Stretch is a kind with its numbers.
type Stretch struct {
	Kind      StretchKind
	Factor    float32
	Low, High float32
	First     float32
	Loud      float32       // what cosines and sines are multiplied with; 0: nothing
	Pairs     *StretchPairs // of StretchLong
}

// StretchPairs are factors for each pair of columns.
type StretchPairs struct{ Short, Long []float32 }

// length is what frequencies depend on of a text's length; 0: on none of it.
func (s Stretch) length(text int) int {
	switch {
	case float32(text) <= s.First:
	case s.Kind == StretchDynamic:
		return text
	case s.Kind == StretchLong:
		return 1
	}
	return 0
}

// loud is what cosines and sines are multiplied with.
func (s Stretch) loud() float32 {
	if s.Loud == 0 {
		return 1
	}
	return s.Loud
}

// frequency is how far pair j turns from one position to the next, in a text whose length is as Stretch.length says.
func (r Rope) frequency(j, length int) float32 {
	s, base := r.Stretch, float64(r.Base)
	if s.Kind == StretchDynamic && length > 0 {
		dim := float64(r.Dim)
		base *= math.Pow(float64(s.Factor*float32(length)/s.First-(s.Factor-1)), dim/(dim-2))
	}
	slowness := float32(math.Pow(base, float64(float32(2*j)/float32(r.Dim))))
	frequency := 1 / slowness
	switch s.Kind {
	case StretchLinear:
		return frequency / s.Factor
	case StretchLlama3:
		turns := s.First * frequency / (2 * math.Pi)
		return between(frequency, frequency/s.Factor, (turns-s.Low)/(s.High-s.Low))
	case StretchYaRN:
		return between(frequency, 1/(s.Factor*slowness), 1-(float32(j)-s.Low)/(s.High-s.Low))
	case StretchLong:
		factors := s.Pairs.Short
		if length > 0 {
			factors = s.Pairs.Long
		}
		return 1 / (factors[j] * slowness)
	}
	return frequency
}

// between is a share of fast, and the rest of slow.
func between(fast, slow, share float32) float32 {
	share = min(max(share, 0), 1)
	return (1-share)*slow + share*fast
}
