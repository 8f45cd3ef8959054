package blip2

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"dragoman/kernel"
	"dragoman/model"
	"dragoman/tensor"
)

// Learns says which losses a stage has.
type Learns struct {
	Head   bool // the picture's head alone, against fixed embeddings of texts
	First  bool // any of the first stage's
	Second bool // the caption's, through the language model
}

// StageParams are the parameters that a stage's losses reach. The others are told that they want no gradient.
func (m *Model) StageParams(l Learns) []*tensor.Tensor {
	var params []*tensor.Tensor
	for _, p := range m.params {
		wanted := l.Head && (strings.HasPrefix(p.Name(), "picture_head.") || p.Name() == "temp") ||
			l.First && !isPrompt(p.Name()) || l.Second && m.speaks(p.Name())
		p.SetTrainable(wanted)
		if wanted {
			params = append(params, p)
		}
	}
	return params
}

// isPrompt says whether a parameter is on the way into the language model, where the first stage does not go.
func isPrompt(name string) bool { return strings.HasPrefix(name, "language_") }

// unreleased begin the names of what the first stage trains and no released checkpoint has.
var unreleased = []string{"cls.", "temp", "vision_scale"}

// firstHeads begin the names of what only the first stage needs, besides the text stream's layers.
var firstHeads = append([]string{"embeddings.", "vision_projection.", "text_projection.", readingProjection + ".", "itm_head."}, unreleased...)

// speaks says whether the caption's loss reaches a parameter.
func (m *Model) speaks(name string) bool {
	if m.Config.Extras.SoftPrompt == softLinear {
		return isPrompt(name) || strings.HasPrefix(name, "picture_head.")
	}
	if m.Config.resampled() {
		return isPrompt(name) || hasPrefixOf(name, []string{"picture_head.", "feature_"})
	}
	// The queries of InstructBLIP read text in the second stage, too.
	return m.Config.Instruct || !isFirst(name)
}

// isFirst says whether only the first stage needs a parameter: heads, and the text stream.
func isFirst(name string) bool {
	if hasPrefixOf(name, firstHeads) {
		return true
	}
	layer, ok := strings.CutPrefix(name, "qformer.encoder.layer.")
	if !ok {
		return false
	}
	_, module, _ := strings.Cut(layer, ".")
	return strings.HasPrefix(module, "intermediate.") || strings.HasPrefix(module, "output.")
}

// FrozenHash is the SHA-256 of everything that training must not change: the tensors of the frozen parts.
func (m *Model) FrozenHash() string {
	h := sha256.New()
	for _, f := range m.open {
		model.HashTensors(h, f)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// EncodingHash is the SHA-256 of everything that Encode's numbers depend on besides the pixels.
func (m *Model) EncodingHash() string {
	h := sha256.New()
	model.HashTensors(h, m.encoder)
	for _, g := range m.groups {
		fmt.Fprintln(h, g.kind, g.tokens, g.width)
	}
	fmt.Fprintln(h, m.Config.summary(), m.Config.Extras.Nearer)
	if m.Bridge.Classes != nil {
		h.Write(kernel.Bytes(m.Bridge.Classes.Data()))
	}
	return hex.EncodeToString(h.Sum(nil))
}
