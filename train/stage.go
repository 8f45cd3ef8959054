package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"dragoman/model/blip2"
)

// check says what a stage cannot be given, for a system.
func (s *Stage) check(system string) error {
	if err := oneOf("kind", s.Kind, KindWarm, KindStage1, KindStage2, KindWords, KindPages); err != nil {
		return err
	}
	if strings.ContainsAny(s.Name, `/\ `) || strings.HasPrefix(s.Name, ".") || len(s.Name) > mostName {
		return fmt.Errorf("name: %.200q cannot be a part of a folder's name", s.Name)
	}
	pages := s.Kind == KindWords || s.Kind == KindPages
	if pages != (system == systemFlamingo) {
		return fmt.Errorf("kind: a stage of kind %s does not train a model.system of %s", s.Kind, system)
	}
	if s.Steps == 0 && (s.Kind != KindWarm && s.Kind != KindWords || s.Ridge == 0) {
		return errors.New("steps: 0 is for warm and words stages that begin with a regression")
	}
	steps := s.Steps
	if steps == 0 {
		steps = 1
	}
	for _, v := range []struct {
		key   string
		value int
	}{{"steps", steps}, {"batch", s.Batch}, {"accumulate", s.Accumulate}, {"every", s.Every}, {"log", s.Log}} {
		if v.value < 1 {
			return fmt.Errorf("%s: %d is not positive", v.key, v.value)
		}
	}
	for _, v := range []struct {
		key         string
		value, most int
	}{{"steps", s.Steps, mostSteps}, {"batch", s.Batch, mostBatch}, {"accumulate", s.Accumulate, mostBatch}} {
		if v.value > v.most {
			return fmt.Errorf("%s: %d is more than %d", v.key, v.value, v.most)
		}
	}
	if err := s.checkRanges(); err != nil {
		return err
	}
	if err := unused(*s, s.Kind, "a stage of kind "+s.Kind); err != nil {
		return err
	}
	if (s.Folds != "" || s.Gain != 0 || s.HintFolds != "") && s.Ridge == 0 {
		return errors.New("folds, hint_folds, gain: they take a regression, and ridge is missing")
	}
	if s.Kind == KindStage2 && s.HintFolds == "" && (s.Ridge != 0 || s.NearRidge != 0 || s.NearViews != 0) {
		return errors.New("ridge, near_ridge, near_views: in a stage of kind stage2 they are for hint_folds, which is missing")
	}
	if s.NearViews != 0 && s.Ridge == 0 {
		return errors.New("near_views: they are for a regression, and ridge is missing")
	}
	for i, set := range s.Sets {
		if slices.ContainsFunc(s.Sets[:i], func(o SetSpec) bool { return o.Name == set.Name }) {
			return fmt.Errorf("sets: %q stands there twice", set.Name)
		}
		if w := set.weight(); set.Batch < 1 || set.Batch > mostBatch || !(w > 0 && w <= math.MaxFloat32) {
			return fmt.Errorf("sets: %s: batch is %d, weight %v", set.Name, set.Batch, w)
		}
	}
	return nil
}

// mostBatch and mostSteps are far above any batch, or any run, and keep a wrong number in a file from becoming an allocation, or a sum that
// overflows. mostName leaves room in a folder's name for what stands around a stage's.
const (
	mostBatch = 1 << 16
	mostSteps = 1 << 30
	mostName  = 100

	mostNearViews = 64
)

// checkRanges says which number of a stage is out of range; one that is not a number is out of every range.
func (s *Stage) checkRanges() error {
	const anything, under1 = math.MaxFloat32, 1 - 1e-6
	type within struct {
		key                string
		value, least, most float64
	}
	ranges := []within{
		{"lr", s.LR, math.SmallestNonzeroFloat32, 10},
		{"min_lr", s.MinLR, 0, 10},
		{"final", s.Final, 0, anything},
		{"warmup", float64(s.Warmup), 0, anything},
		{"beta1", s.Beta1, 0, under1},
		{"beta2", s.Beta2, 0, under1},
		{"eps", s.Eps, 0, anything},
		{"weight_decay", s.Decay, 0, anything},
		{"clip", s.Clip, 0, anything},
		{"itc", float64(s.ITC), 0, anything},
		{"itm", float64(s.ITM), 0, anything},
		{"itg", float64(s.ITG), 0, anything},
		{"lm", float64(s.LM), 0, anything},
		{"smoothing", float64(s.Smoothing), 0, under1},
		{"random_negatives", float64(s.RandomNegatives), 0, anything},
		{"itm_pairs", float64(s.MatchingPairs), 0, anything},
		{"ridge", s.Ridge, 0, anything},
		{"near_ridge", s.NearRidge, 0, anything},
		{"near_views", float64(s.NearViews), 0, mostNearViews},
		{"gain", s.Gain, 0, anything},
		{"whiten", s.Whiten, 0, 1},
		{"noise", s.Noise, 0, anything},
		{"dropout", float64(s.Dropout), 0, under1},
		{"neighbours", float64(s.Neighbour), 0, 1},
	}
	for _, g := range s.Groups {
		ranges = append(ranges, within{"lr_groups: " + g.Match, g.Scale, 0, anything})
	}
	for _, r := range ranges {
		if !(r.value >= r.least && r.value <= r.most) {
			return fmt.Errorf("%s: %v is out of range", r.key, r.value)
		}
	}
	return nil
}

// learns says which losses the stage has.
func (s *Stage) learns() blip2.Learns {
	return blip2.Learns{Head: s.Kind == KindWarm, First: s.ITC != 0 || s.ITM != 0 || s.ITG != 0, Second: s.LM != 0}
}

// weight is of the dataset's loss.
func (s SetSpec) weight() float64 {
	if s.Weight == nil {
		return 1
	}
	return *s.Weight
}

// rate is the learning rate of a step counted from 0: linear up to lr over the warm-up, then half a cosine down to min.
func (s *Stage) rate(step int) float64 {
	if step < s.Warmup {
		return s.LR * float64(step+1) / float64(s.Warmup)
	}
	done := float64(step-s.Warmup) / float64(max(1, s.Steps-s.Warmup))
	return s.MinLR + (s.LR-s.MinLR)*0.5*(1+math.Cos(math.Pi*min(1, done)))
}
