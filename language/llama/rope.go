package llama

import (
	"cmp"
	"fmt"
	"math"

	"dragoman/language"
	"dragoman/tensor"
)

// ropeParameters is rope_parameters, or rope_scaling as it was before.
type ropeParameters struct {
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

const ropeDefault = "default"

func (r *ropeParameters) kind() string { return cmp.Or(r.Type, r.TypeOld, ropeDefault) }

// ropeSize is what a stretch depends on besides.
type ropeSize struct {
	context, dim int
	base         float32
	first        float32 // original_max_position_embeddings of the whole configuration, which counts more; 0: none
}

// stretch is how rotations are slowed.
func (r *ropeParameters) stretch(size ropeSize) (s tensor.Stretch, err error) {
	kind := r.kind()
	s.Factor = r.Factor
	s.First = cmp.Or(size.first, r.First, float32(size.context))
	switch kind {
	case ropeDefault:
		return tensor.Stretch{}, nil
	case "linear":
		s.Kind = tensor.StretchLinear
	case "llama3":
		s.Kind, s.Low, s.High = tensor.StretchLlama3, r.Low, r.High
		if !(s.Low > 0 && s.High > s.Low && s.First >= 1) {
			return s, fmt.Errorf("rotation of type llama3 with factors %v and %v within %v positions", s.Low, s.High, s.First)
		}
	case "dynamic":
		s.Kind, s.First = tensor.StretchDynamic, float32(size.context)
		if size.dim < 4 {
			return s, fmt.Errorf("rotation of type dynamic of %d columns", size.dim)
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
func (r *ropeParameters) yarn(s *tensor.Stretch, size ropeSize) {
	s.Kind = tensor.StretchYaRN
	if s.Factor == 0 {
		s.Factor = float32(size.context) / s.First
	}
	at := func(turns float64) float64 {
		return float64(size.dim) * math.Log(float64(s.First)/(turns*2*math.Pi)) / (2 * math.Log(float64(size.base)))
	}
	low, high := at(cmp.Or(r.Fast, 32)), at(cmp.Or(r.Slow, 1))
	if r.Truncate == nil || *r.Truncate {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(size.dim-1))
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
func (r *ropeParameters) longrope(s *tensor.Stretch, size ropeSize) error {
	s.Kind, s.Pairs = tensor.StretchLong, &tensor.StretchPairs{Short: r.Short, Long: r.Long}
	if len(r.Short) != size.dim/2 || len(r.Long) != size.dim/2 {
		return fmt.Errorf("rotation of type longrope with %d and %d factors for %d pairs", len(r.Short), len(r.Long), size.dim/2)
	}
	if s.Factor == 0 {
		s.Factor = max(1, float32(size.context)/s.First)
	}
	switch {
	case r.Loud != nil:
		s.Loud = *r.Loud
	case s.Factor > 1:
		s.Loud = float32(math.Sqrt(1 + math.Log(float64(s.Factor))/math.Log(float64(s.First))))
	}
	return nil
}

// longest is how long a text may be: rotations that slow down as it grows were made for more.
func (c *Config) longest() int {
	if s := c.Rope.Stretch; s.Kind == tensor.StretchDynamic {
		return int(min(float32(c.Context)*s.Factor, language.MaxSize))
	}
	return c.Context
}
