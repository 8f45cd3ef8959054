package flamingo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"dragoman/model"
	"dragoman/weights"
)

// upstreamDir is the folder, in the one that Save writes, of the same system as OpenFlamingo's project has it, where it has such a system.
const upstreamDir = "open_flamingo"

// tables are the names of each language model's embedding and, where it is another, output head.
var tables = map[string][2]string{
	model.Llama: {"model.embed_tokens.weight", "lm_head.weight"}, model.OPT: {"model.decoder.embed_tokens.weight", "lm_head.weight"},
	model.GPTNeoX: {"gpt_neox.embed_in.weight", "embed_out.weight"}, model.MPT: {"transformer.wte.weight", "lm_head.weight"},
	model.MosaicGPT: {"transformer.wte.weight", "lm_head.weight"},
}

// upstream says whether OpenFlamingo's project has such a system: CLIP's patches as they come, heads of 64, perceptrons of four times the width
// with GELU, a block before every n-th layer that acts on all text, and two new tokens.
func (m *Model) upstream() bool {
	c := &m.own.config
	r, g := c.Resampler, c.Gated
	_, known := tables[m.own.kind]
	return known && c.Vision.Type == model.CLIP && m.own.inputs == nil && m.own.words != nil && m.own.words.Rows == 2 && !r.FeaturesOnly && !g.First && g.TouchText &&
		r.HeadDim == headDim && g.HeadDim == headDim && r.Act == "gelu" && g.Act == "gelu" && r.FeedForward == 4*r.Width &&
		g.FeedForward == 4*m.Gates.Config.Width
}

// saveUpstream writes a directory that opens as OpenFlamingo's: config.json with its factory's arguments, and what was trained, with all
// rows of the word tables.
func (m *Model) saveUpstream(dir string) error {
	c := &m.own.config
	vision, err := c.Vision.Weights()
	if err != nil {
		return err
	}
	words, err := c.Language.Weights()
	if err != nil {
		return err
	}
	raw, err := json.MarshalIndent(struct {
		Type string `json:"model_type"`
		openFlamingoConfig
	}{typeOpenFlamingo, openFlamingoConfig{Vision: vision, Language: words, Tokenizer: words, Every: c.Gated.Every}}, "", "  ")
	if err != nil {
		return err
	}
	var tensors []weights.Tensor
	rows := map[string][]float32{}
	for _, p := range m.own.bridge {
		switch p.Name() {
		case "new_words.embedding.weight":
			rows[tables[m.own.kind][0]] = p.Data()
		case "new_words.head.weight":
			rows[tables[m.own.kind][1]] = p.Data()
		default:
			tensors = append(tensors, weights.FromFloat32(p.Name(), p.Shape(), p.Data()))
		}
	}
	for _, name := range tables[m.own.kind] {
		fresh, ok := rows[name]
		if !ok {
			continue
		}
		t, ok := m.own.text.src.Lookup(languageOf + "." + name)
		if !ok {
			return fmt.Errorf("tensor %s is not in the language model", name)
		}
		x, err := t.Float32()
		if err != nil {
			return err
		}
		width := t.Shape[1]
		all := append(x[:m.own.words.First*width:m.own.words.First*width], fresh...)
		if m.own.words.Pad { // a row for <PAD>, which upstream adds, and which nothing reads
			all = append(all, make([]float32, width)...)
		}
		tensors = append(tensors, weights.FromFloat32(languageOf+"."+name, []int{len(all) / width, width}, all))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return weights.WriteSafetensors(filepath.Join(dir, "checkpoint.safetensors"), tensors, map[string]string{"format": "pt"})
}
