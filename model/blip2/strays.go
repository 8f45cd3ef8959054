package blip2

import (
	"fmt"
	"regexp"

	"dragoman/weights"
)

// ofLayer is the name of a tensor in one of the layers of an encoder, a Q-Former or a language model, as transformers has them.
var ofLayer = regexp.MustCompile(`^(vision_model\.encoder\.layers|qformer\.encoder\.layer|language_model\.model\.(decoder\.)?layers|` +
	`language_model\.(encoder|decoder)\.block|language_model\.gpt_neox\.layers|language_model\.transformer\.blocks)\.\d+\.`)

// ofNobody is one of what layers have in files that no model reads: tables that are computed, and a bias by distance that the first T5s had
// too many.
var ofNobody = regexp.MustCompile(`\.(inv_freq|position_ids|attention\.bias|attention\.masked_bias|EncDecAttention\.relative_attention_bias\.weight)$`)

// ofText is one of the text stream's feed-forwards, which a bridge without a text stream may have.
var ofText = regexp.MustCompile(`^qformer\.encoder\.layer\.\d+\.(intermediate|output)\.`)

// strays refuses a checkpoint of which the model did not ask for all of its layers: a configuration that has fewer of them, or of what is in
// them, than the file. LAVIS's encoder has a block that it never runs.
func (m *Model) strays(own weights.Source, asked map[string]bool) error {
	var first string
	more := 0
	for _, name := range own.Names() {
		if asked[name] || !ofLayer.MatchString(name) || ofNobody.MatchString(name) || !m.Config.QFormer.Text && ofText.MatchString(name) {
			continue
		}
		if first != "" {
			more++
			continue
		}
		first = name
	}
	if first == "" {
		return nil
	}
	t, _ := own.Lookup(first)
	err := fmt.Errorf("tensor %s: config.json has no place for it", first)
	if file := t.File(); file != "" {
		err = fmt.Errorf("%s: %w", file, err)
	}
	if more > 0 {
		err = fmt.Errorf("%w, nor for %d more", err, more)
	}
	return err
}
