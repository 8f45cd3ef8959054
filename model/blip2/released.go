package blip2

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path"

	"dragoman/model"
	"dragoman/tokenizer"
)

// Names of transformers' classes.
const (
	classLanguage = "Blip2ForConditionalGeneration"
	classMatching = "Blip2ForImageTextRetrieval"
)

// keepAssembled makes a model that was put together here a whole one, if transformers has a class for it: an encoder and a language
// model that it knows, from directories, and nothing that only this project has.
func (m *Model) keepAssembled(p Parts) error {
	x := m.Config.Extras
	x.Prompt, x.QuestionPrompt, x.DecoderStart, x.MatchWeight = "", "", 0, 0
	if x.TextPooling == "cls" {
		x.TextPooling = ""
	}
	plain, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if string(plain) != "{}" || m.Config.Vision.Type != model.ViT || !m.sayable() {
		return nil
	}
	o := &origin{small: map[string][]byte{}}
	if m.Language != nil {
		at := p.Files.Below(p.Language)
		if _, err := at.ReadFile("config.json"); errors.Is(err, fs.ErrNotExist) || model.IsNotDir(err) {
			return nil // a GGUF file, whose tokenizer is inside
		} else if err != nil {
			return err
		}
		m.Config.ImageID = placeholder(m.Tokenizer, m.Language.Config().Vocab)
		if err := readSmall(o.small, at, append([]string{model.GenerationFile}, tokenizerFiles...)); err != nil {
			return err
		}
	} else { // its only words are the text stream's
		o.small["vocab.txt"], o.small["tokenizer_config.json"] = m.vocab, []byte(wordsConfig)
	}
	if m.vocab != nil {
		o.small[path.Join(wordsDir, "vocab.txt")] = m.vocab
	}
	if o.config, err = m.releasedConfig(); err != nil {
		return err
	}
	size := m.Vision.Processor().Size
	if o.small["preprocessor_config.json"], err = preprocessorJSON(size[0], size[1]); err != nil {
		return err
	}
	m.origin = o
	return nil
}

// wordsConfig says which tokenizer reads the text stream's vocabulary.
const wordsConfig = `{"tokenizer_class": "BertTokenizer", "do_lower_case": true, "bos_token": "[DEC]"}
`

// placeholder is the token that stands for a query in transformers' input_ids: the first row of the embeddings that no token has; or, in
// a vocabulary without one to spare, its last token, which is the rarest.
func placeholder(t tokenizer.Tokenizer, rows int) int32 {
	if n := t.Size(); n < rows {
		return int32(n)
	}
	return int32(rows - 1)
}

// releasedConfig is the config.json by transformers' keys, in which the parts are in the same directory.
func (m *Model) releasedConfig() ([]byte, error) {
	fields := map[string]any{}
	raw, err := json.Marshal(m.Config)
	if err == nil {
		err = json.Unmarshal(raw, &fields)
	}
	if err != nil {
		return nil, err
	}
	class := classMatching
	if m.Language != nil {
		class = classLanguage
	}
	fields["architectures"] = []string{class}
	delete(fields, "image_token_id") // image_token_index, by its newer name
	for key, part := range map[string]string{"vision_config": model.ViT, "text_config": "opt", "qformer_config": "blip_2_qformer"} {
		inner, ok := fields[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			fields[key] = inner
		}
		delete(inner, "weights")
		if _, ok := inner["model_type"]; !ok {
			inner["model_type"] = part
		}
	}
	raw, err = json.MarshalIndent(fields, "", "  ")
	return append(raw, '\n'), err
}

// preprocessorJSON is a preprocessor_config.json for BLIP-2's encoder at a size.
func preprocessorJSON(height, width int) ([]byte, error) {
	raw, err := json.MarshalIndent(map[string]any{
		"do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true,
		"image_mean": []float64{0.48145466, 0.4578275, 0.40821073}, "image_std": []float64{0.26862954, 0.26130258, 0.27577711},
		"image_processor_type": "BlipImageProcessor", "resample": 3, "rescale_factor": 1.0 / 255,
		"size": map[string]int{"height": height, "width": width},
	}, "", "  ")
	return append(raw, '\n'), err
}
