package flamingo

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"dragoman/kernel"
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
	tensors, err := m.upstreamTensors()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), append(raw, '\n'), 0o644); err != nil {
		return err
	}
	return weights.WriteTorch(filepath.Join(dir, checkpointName), tensors)
}

// upstreamTensors are what was trained, under the project's names, with all rows of the word tables.
func (m *Model) upstreamTensors() ([]weights.Tensor, error) {
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
			return nil, fmt.Errorf("tensor %s is not in the language model", name)
		}
		x, err := t.Float32()
		if err != nil {
			return nil, err
		}
		width := t.Shape[1]
		all := append(x[:m.own.words.First*width:m.own.words.First*width], fresh...)
		if m.own.words.Pad { // a row for <PAD>, which upstream adds, and which nothing reads
			all = append(all, make([]float32, width)...)
		}
		tensors = append(tensors, weights.FromFloat32(languageOf+"."+name, []int{len(all) / width, width}, all))
	}
	return tensors, nil
}

// WriteCheckpoint writes what was trained of the model at path, a directory or a file, into one file as OpenFlamingo's project publishes it:
// torch.load gives what its load_state_dict(…, strict=False) takes. Matrices are rounded to 16 bits, or not at all; coarser ones become float32.
func WriteCheckpoint(path, out string, p model.Precision) error {
	if p.Some && p.Matrices.BlockLen() != 1 {
		return fmt.Errorf("convert model: %s: a checkpoint of PyTorch's cannot say %v", out, p.Matrices)
	}
	store := p.StoreAs(openFlamingoPart)
	finer := func(t weights.Tensor) (kernel.DType, bool) {
		d, ok := store(t)
		if !ok && t.Type.Quantized() {
			return kernel.F32, true
		}
		return d, ok
	}
	var outputs []weights.Output
	learnt := func(kind, name string) bool {
		inner, language := strings.CutPrefix(name, languageOf+".")
		table := inner == tables[kind][0] || inner == tables[kind][1] || inner == "lm_head.weight"
		return strings.HasPrefix(name, "perceiver.") || language && (table || strings.Contains(inner, ".gated_cross_attn_layer."))
	}
	if !IsOwn(path) {
		return collect(path, func(m *Model, k *model.Packer) error {
			if !m.isOpenFlamingo() {
				return errors.New("only an OpenFlamingo has such a checkpoint")
			}
			for _, t := range k.Tensors {
				if _, trained := m.upon.trained.Lookup(t.Name); trained && learnt(m.upon.kind, t.Name) { // in one file everything seems trained
					outputs = append(outputs, model.Output(t, finer))
				}
			}
			return weights.StreamTorch(out, outputs)
		})
	}
	m, err := Open(path, Options{Trainable: true})
	if err != nil {
		return fmt.Errorf("convert model: %w", err)
	}
	defer m.Close()
	if !m.upstream() {
		return fmt.Errorf("convert model: %s: OpenFlamingo's project has no such system: its checkpoints are of bridges as docs/training.md says", path)
	}
	tensors, err := m.upstreamTensors()
	if err != nil {
		return fmt.Errorf("convert model: %w", err)
	}
	for _, t := range tensors {
		outputs = append(outputs, model.Output(t, finer))
	}
	return weights.StreamTorch(out, outputs)
}
