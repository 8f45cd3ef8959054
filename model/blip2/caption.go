package blip2

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dragoman/bridge/qformer"
	"dragoman/generate"
	"dragoman/language"
	"dragoman/tensor"
)

// ErrNoLanguage is returned where a model without a language model is asked to say something.
var ErrNoLanguage = errors.New("the model has no language model behind its bridge")

// Seen is a batch of pictures as the bridge has read them.
type Seen struct {
	View
	Pictures *qformer.Picture
	Answer   *qformer.Answer // of the queries by themselves; where they read an instruction, to it
	Guesses  []Guess         // nil, or what the encoder takes each picture for
}

// See encodes pixels [B, 3, H, W] and sends the queries to them. In InstructBLIP they read an instruction for each picture; without
// any, they are asked for captions. Other models know no instructions.
func (m *Model) See(run *tensor.Run, pixels *tensor.Tensor, instructions ...string) Seen {
	return m.SeeInto(run, pixels, make([]float32, pixels.Dim(0)*m.FeatureLen()), instructions...)
}

// SeeInto is See, and leaves in raw what Encode writes.
func (m *Model) SeeInto(run *tensor.Run, pixels *tensor.Tensor, raw []float32, instructions ...string) Seen {
	f := m.encode(run, pixels, raw)
	s := m.SeeFeatures(run, raw, instructions...)
	s.Guesses = m.guesses(pixels, f)
	return s
}

// SeeFeatures is See for what Encode wrote, which does not say what the encoder takes a picture for.
func (m *Model) SeeFeatures(run *tensor.Run, raw []float32, instructions ...string) Seen {
	s := Seen{View: m.Features(run, raw)}
	s.Pictures = m.Bridge.QFormer.Look(run, s.Tokens)
	if !m.Config.Instruct {
		s.Answer = m.Bridge.QFormer.Query(run, s.Pictures, nil)
		return s
	}
	for len(instructions) < s.Pictures.Len() {
		instructions = append(instructions, m.Config.Extras.Prompt)
	}
	s.Answer = m.instructed(run, s.Pictures, m.Texts(instructions, m.Config.QFormer.Positions))
	return s
}

// instructed is the queries' answer where they read an instruction for each picture.
func (m *Model) instructed(run *tensor.Run, p *qformer.Picture, instructions qformer.Text) *qformer.Answer {
	return &qformer.Answer{Hidden: m.Bridge.QFormer.Match(run, p, nil, instructions)}
}

// Soft is the soft prompt of each picture: [B, words, language width].
func (m *Model) Soft(run *tensor.Run, s Seen) *tensor.Tensor {
	return m.Bridge.Prompt.Forward(run, s.Answer, s.View)
}

// Read lays the soft prompt of each row before its prompt and has the decoder read them. soft [B, words, width] may be nil: the prompts alone.
func (m *Model) Read(d *language.Decoder, soft *tensor.Tensor, prompts [][]int32) error {
	if m.Language == nil {
		return ErrNoLanguage
	}
	if soft != nil && soft.Dim(0) != len(prompts) {
		return fmt.Errorf("%d prompts for %d pictures", len(prompts), soft.Dim(0))
	}
	return d.ReadBehind(soft, prompts)
}

// Write continues prompts behind soft prompts, as Read lays them out. Rows do not influence one another.
func (m *Model) Write(ctx context.Context, d *language.Decoder, soft *tensor.Tensor, prompts [][]int32, o generate.Options) ([]generate.Result, error) {
	if err := m.Read(d, soft, prompts); err != nil {
		return nil, err
	}
	if soft == nil {
		return generate.Run(ctx, d, d.Before(prompts), m.GenerateOptions(o))
	}
	return generate.Run(ctx, d, m.Before(d, prompts), m.GenerateOptions(o))
}

// Before is what penalties and rules count besides what is made, as the decoder has it; where the configuration names a placeholder for a
// query in input_ids, behind as many of them as transformers has there.
func (m *Model) Before(d *language.Decoder, prompts [][]int32) [][]int32 {
	before := d.Before(prompts)
	if _, ok := m.Language.(language.Reader); ok || m.Config.ImageID < 0 {
		return before
	}
	with := make([][]int32, len(before))
	for i, ids := range before {
		with[i] = append(slices.Repeat([]int32{m.Config.ImageID}, m.Config.QFormer.Queries), ids...)
	}
	return with
}

// GenerateOptions adds what every generation of this model needs: where a text ends, and how ids are read.
func (m *Model) GenerateOptions(o generate.Options) generate.Options {
	if o.StopIDs == nil {
		o.StopIDs = m.StopIDs()
	}
	o.Rules = m.Rules
	if o.Text == nil {
		o.Text = func(ids []int32) string { return m.Tokenizer.Decode(ids, true) }
	}
	return o
}
