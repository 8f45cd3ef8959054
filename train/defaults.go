package train

import (
	"fmt"
	"maps"
	"slices"

	yaml "go.yaml.in/yaml/v4"
)

// defaults puts values where a recipe has none. A zero that a recipe gives there is none either, and refused, as it would not count.
type defaults struct {
	doc *yaml.Node
	err error // the first
}

func orDefault[T comparable](d *defaults, path string, to *T, value T) {
	var zero T
	if *to != zero || value == zero {
		return
	}
	if n := valueAt(d.doc, path); n != nil && n.ShortTag() != "!!null" && d.err == nil {
		d.err = fmt.Errorf("%s%s: %.40q would stand for the default, %v: give another value, or leave it out", lineOf(n), path, n.Value, value)
	}
	*to = value
}

// sizes are the sizes of a fresh bridge, of which one that is not given is as in the papers' models.
var sizes = map[string][]string{
	"model.qformer.": {
		"hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "num_query_tokens", "cross_attention_frequency",
		"encoder_hidden_size", "max_position_embeddings", "image_text_hidden_size",
	},
	"model.flamingo.resampler.": {"hidden_size", "num_latents", "num_hidden_layers", "num_attention_heads", "head_dim", "intermediate_size"},
	"model.flamingo.gated.":     {"cross_attn_every_n_layers", "num_attention_heads", "head_dim", "intermediate_size"},
}

// refuseZeros is for those sizes: none of them is nothing.
func (d *defaults) refuseZeros() {
	for _, group := range slices.Sorted(maps.Keys(sizes)) {
		for _, key := range sizes[group] {
			size := 1
			if n := valueAt(d.doc, group+key); n != nil && n.ShortTag() != "!!null" && n.Decode(&size) == nil && size == 0 && d.err == nil {
				d.err = fmt.Errorf("%s%s: %.40q would stand for the default: give another value, or leave it out", lineOf(n), group+key, n.Value)
			}
		}
	}
}

// fill writes the defaults, so that the resolved recipe says all.
func (r *Recipe) fill(d *defaults) {
	d.refuseZeros()
	orDefault(d, "dtype", &r.DType, "auto")
	orDefault(d, "views.augment", &r.Views.Augment, "none")
	orDefault(d, "data.validation_limit", &r.Data.Limit, 512)
	orDefault(d, "data.max_tokens", &r.Data.MaxTokens, 32)
	if r.Model.system() == systemBLIP2 {
		orDefault(d, "data.max_prompt_tokens", &r.Data.MaxPrompt, 128)
	}
	orDefault(d, "data.clean", &r.Data.Clean, cleanNone)
	for i := range r.Stages {
		r.Stages[i].fill(d, fmt.Sprintf("stages.%d.", i))
	}
}

// fill writes a stage's defaults.
func (s *Stage) fill(d *defaults, path string) {
	orDefault(d, path+"name", &s.Name, s.Kind)
	orDefault(d, path+"accumulate", &s.Accumulate, 1)
	orDefault(d, path+"every", &s.Every, max(1, s.Steps/10))
	orDefault(d, path+"log", &s.Log, 10)
	orDefault(d, path+"beta1", &s.Beta1, 0.9)
	orDefault(d, path+"beta2", &s.Beta2, 0.999)
	orDefault(d, path+"eps", &s.Eps, 1e-8)
	orDefault(d, path+"min_lr", &s.MinLR, s.Final*s.LR)
	if s.Kind == KindWarm || s.Kind == KindStage2 && s.HintFolds != "" {
		orDefault(d, path+"near_ridge", &s.NearRidge, 0.3)
	}
	switch {
	case s.Kind == KindWords && s.Ridge > 0:
		orDefault(d, path+"gain", &s.Gain, 1)
	case s.Kind == KindStage1 && s.ITC == 0 && s.ITM == 0 && s.ITG == 0:
		orDefault(d, path+"itc", &s.ITC, 1)
		orDefault(d, path+"itm", &s.ITM, 1)
		orDefault(d, path+"itg", &s.ITG, 1)
	case s.Kind == KindStage2:
		orDefault(d, path+"lm", &s.LM, 1)
	}
}
