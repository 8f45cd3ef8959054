package language

import (
	"cmp"
	"fmt"
	"math"

	"dragoman/tensor"
)

// RopeParameters is rope_parameters of a config.json, or rope_scaling as it was before.
type RopeParameters struct {
	Theta     float32   `json:"rope_theta"`
	Type      string    `json:"rope_type"`
	TypeOld   string    `json:"type"`
	Fraction  float32   `json:"partial_rotary_factor"`
	Factor    float32   `json:"factor"`
	Low       float32   `json:"low_freq_factor"`
	High      float32   `json:"high_freq_factor"`
	First     float32   `json:"original_max_position_embeddings"`
	Loud      *float32  `json:"attention_factor"`
	Fast      float64   `json:"beta_fast"`
	Slow      float64   `json:"beta_slow"`
	MScale    float64   `json:"mscale"`
	MScaleAll float64   `json:"mscale_all_dim"`
	Truncate  *bool     `json:"truncate"`
	Short     []float32 `json:"short_factor"`
	Long      []float32 `json:"long_factor"`
}

// RopeDefault is the kind that slows none.
const RopeDefault = "default"

// Kind is how rotations are slowed, by its name.
func (r *RopeParameters) Kind() string { return cmp.Or(r.Type, r.TypeOld, RopeDefault) }

// RopeSize is what a stretch depends on besides.
type RopeSize struct {
	Context, Dim int
	Base         float32
	First        float32 // original_max_position_embeddings of the whole configuration, which counts more; 0: none
}

// Stretch is how rotations are slowed.
func (r *RopeParameters) Stretch(size RopeSize) (s tensor.Stretch, err error) {
	kind := r.Kind()
	s.Factor = r.Factor
	s.First = cmp.Or(size.First, r.First, float32(size.Context))
	switch kind {
	case RopeDefault:
		return tensor.Stretch{}, nil
	case "linear":
		s.Kind = tensor.StretchLinear
	case "llama3":
		s.Kind, s.Low, s.High = tensor.StretchLlama3, r.Low, r.High
		if !(s.Low > 0 && s.High > s.Low && s.First >= 1) {
			return s, fmt.Errorf("rotation of type llama3 with factors %v and %v within %v positions", s.Low, s.High, s.First)
		}
	case "dynamic":
		s.Kind, s.First = tensor.StretchDynamic, float32(size.Context)
		if size.Dim < 4 {
			return s, fmt.Errorf("rotation of type dynamic of %d columns", size.Dim)
		}
	case "yarn":
		r.yarn(&s, size)
	case "longrope":
		if err := r.longrope(&s, size); err != nil {
			return s, err
		}
	default:
		return s, fmt.Errorf("rotation of type %.60q is not supported", kind)
	}
	if !(s.Factor >= 1) {
		return s, fmt.Errorf("rotation of type %s with factor %v", kind, s.Factor)
	}
	if l := s.Loud; l != 0 && !(l > 0 && l < math.MaxFloat32) || s.Kind == tensor.StretchYaRN && (s.Low != s.Low || s.High != s.High || s.First < 1) {
		return s, fmt.Errorf("rotation of type %s with numbers that give none", kind)
	}
	return s, nil
}

// yarn says between which pairs a share is slowed: those that turn Fast and Slow times within First positions.
func (r *RopeParameters) yarn(s *tensor.Stretch, size RopeSize) {
	s.Kind = tensor.StretchYaRN
	if s.Factor == 0 {
		s.Factor = float32(size.Context) / s.First
	}
	at := func(turns float64) float64 {
		return float64(size.Dim) * math.Log(float64(s.First)/(turns*2*math.Pi)) / (2 * math.Log(float64(size.Base)))
	}
	low, high := at(cmp.Or(r.Fast, 32)), at(cmp.Or(r.Slow, 1))
	if r.Truncate == nil || *r.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(size.Dim-1))
	if low == high {
		high += 0.001
	}
	s.Low, s.High = float32(low), float32(high)
	louder := func(by float64) float64 {
		if s.Factor <= 1 {
			return 1
		}
		return 0.1*by*math.Log(float64(s.Factor)) + 1
	}
	switch {
	case r.Loud != nil:
		s.Loud = *r.Loud
	case r.MScale != 0 && r.MScaleAll != 0:
		s.Loud = float32(louder(r.MScale) / louder(r.MScaleAll))
	default:
		s.Loud = float32(louder(1))
	}
}

// longrope says by how much each pair is slowed.
func (r *RopeParameters) longrope(s *tensor.Stretch, size RopeSize) error {
	s.Kind, s.Pairs = tensor.StretchLong, &tensor.StretchPairs{Short: r.Short, Long: r.Long}
	if len(r.Short) != size.Dim/2 || len(r.Long) != size.Dim/2 {
		return fmt.Errorf("rotation of type longrope with %d and %d factors for %d pairs", len(r.Short), len(r.Long), size.Dim/2)
	}
	if s.Factor == 0 {
		s.Factor = max(1, float32(size.Context)/s.First)
	}
	switch {
	case r.Loud != nil:
		s.Loud = *r.Loud
	case s.Factor > 1:
		s.Loud = float32(math.Sqrt(1 + math.Log(float64(s.Factor))/math.Log(float64(s.First))))
	}
	return nil
}

// Longest is how long a text may be: rotations that slow down as it grows were made for more.
func (s *Sizes) Longest(by tensor.Stretch) int {
	if by.Kind == tensor.StretchDynamic {
		return int(min(float32(s.Context)*by.Factor, MaxSize))
	}
	return s.Context
}
