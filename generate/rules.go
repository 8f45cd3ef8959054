package generate

import "slices"

// Rules are what a model's own generation_config.json forbids or forces; in brackets what transformers calls it. The zero value has none.
type Rules struct {
	Never      []int32   // ids that are not chosen (suppress_tokens)
	NeverFirst []int32   // ids that are not the first new one (begin_suppress_tokens)
	Phrases    [][]int32 // runs of ids that are not completed (bad_words_ids)
	NoRepeat   int       // no run of so many ids comes twice, the prompt's among them (no_repeat_ngram_size); 0: any may
	First      []int32   // what follows the one id that a text begins with (forced_bos_token_id)
	Last       []int32   // what the last token that is allowed must be among (forced_eos_token_id)
}

func (r *Rules) empty() bool {
	return len(r.Never) == 0 && len(r.NeverFirst) == 0 && len(r.Phrases) == 0 && r.NoRepeat == 0 && len(r.First) == 0 && len(r.Last) == 0
}

// forbid applies the rules that come before the minimum length: of phrases and of what was said already.
func (o *Options) forbid(scores []float32, prompt, made []int32) {
	r := &o.Rules
	if n := r.NoRepeat; n > 0 && len(prompt)+len(made) >= n {
		all := slices.Concat(prompt, made)
		tail := all[len(all)-n+1:]
		for i := 0; i+n <= len(all); i++ {
			if slices.Equal(all[i:i+n-1], tail) {
				ban(scores, all[i+n-1:i+n])
			}
		}
	}
	for _, p := range r.Phrases {
		switch head := len(p) - 1; {
		case head < 0 || head == 0 && o.stopID(p[0]):
		case head == 0:
			ban(scores, p)
		case endsWith(prompt, made, p[:head]):
			ban(scores, p[head:])
		}
	}
}

// endsWith says whether the two texts, one behind the other, end with a run.
func endsWith(prompt, made, run []int32) bool {
	if n := len(made) - len(run); n >= 0 {
		return slices.Equal(made[n:], run)
	}
	cut := len(run) - len(made)
	return cut <= len(prompt) && slices.Equal(prompt[len(prompt)-cut:], run[:cut]) && slices.Equal(made, run[cut:])
}

// force applies the rules that come behind the minimum length.
func (o *Options) force(scores []float32, prompt, made []int32) {
	r := &o.Rules
	starts := len(prompt) == 1 && len(r.First) > 0
	if starts && len(made) == 0 {
		only(scores, r.First)
	}
	if len(r.Last) > 0 && len(made) == o.maxTokens()-1 {
		only(scores, r.Last)
	}
	ban(scores, r.Never)
	if starts && len(made) == 1 || !starts && len(made) == 0 {
		ban(scores, r.NeverFirst)
	}
}

// only leaves these ids, each as likely as the other.
func only(scores []float32, ids []int32) {
	for i := range scores {
		scores[i] = minusInf
	}
	for _, id := range ids {
		if id >= 0 && int(id) < len(scores) {
			scores[id] = 0
		}
	}
}
