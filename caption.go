package dragoman

import (
	"context"
	"fmt"
	"time"

	"dragoman/model/blip2"
	"dragoman/tensor"
)

// Caption says what is in a picture. With g.Prompt the model continues that text instead of the one it was trained with (which,
// where the model remembers its training's captions, has hints from them).
func (m *Model) Caption(ctx context.Context, img Image, g *Generate) (*Text, error) {
	if m.pages != nil {
		return m.captionSeen(ctx, &glance{image: img}, g)
	}
	if g != nil && (g.Prompt != "" || g.Verbatim) {
		return m.say(ctx, "captioning", img, &g.Prompt, func(*tensor.Run, blip2.Seen) string { return g.Prompt }, g)
	}
	return m.say(ctx, "captioning", img, nil, func(run *tensor.Run, s blip2.Seen) string { return m.system.Prompts(run, s)[0] }, g)
}

// Answer answers a question about a picture, asked as the model's family was trained to be asked; where the model remembers its
// training's captions, it has hints from them, and says at least a word.
func (m *Model) Answer(ctx context.Context, img Image, question string, g *Generate) (*Text, error) {
	if m.pages != nil {
		return m.AnswerLike(ctx, nil, Shot{Images: []Image{img}, Question: question}, g)
	}
	if m.system.TakesHints() {
		var least Generate
		if g != nil {
			least = *g
		}
		least.MinTokens = max(least.MinTokens, 1)
		g = &least
	}
	asked := m.system.Question(question)
	return m.say(ctx, "answering", img, &asked, func(run *tensor.Run, s blip2.Seen) string { return m.system.Hinted(run, s, asked) }, g)
}

// Describes says whether the model writes about pictures, in Caption and Answer.
func (m *Model) Describes() bool {
	return m.pages != nil || m.system.Language != nil && m.system.Bridge != nil && m.system.Bridge.Prompt != nil
}

// say lets the language model continue a prompt behind a picture. The instruction is what the bridge may heed; nil: none.
func (m *Model) say(ctx context.Context, what string, img Image, instruction *string, prompt func(*tensor.Run, blip2.Seen) string, g *Generate) (*Text, error) {
	if !m.Describes() {
		return nil, fmt.Errorf("%s: %w: a language model behind a bridge", what, ErrNoPart)
	}
	began := time.Now()
	run, done := m.run()
	defer done()
	var instructions []string
	if instruction != nil {
		instructions = []string{*instruction}
	}
	seen, err := m.see(ctx, run, img, instructions...)
	if err != nil {
		return nil, err
	}
	soft := m.system.Soft(run, *seen)
	text := prompt(run, *seen)
	ids := m.system.PromptIDs(text)
	if g != nil && g.Verbatim {
		ids = m.system.ReadIDs(text)
	}
	spent := Seconds{Load: m.load, Vision: time.Since(began).Seconds()}
	began = time.Now()
	d, release := m.decoder()
	defer release()
	if _, err := m.system.Read(d, soft, [][]int32{ids}); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", what, img.name, err)
	}
	spent.Prefill = time.Since(began).Seconds()
	choice := func(c string) []int32 { return m.system.ChoiceIDs(text, c) }
	return m.write(ctx, d, m.system.Before(d, [][]int32{ids}), choice, g, spent)
}

// see decodes a picture and lets the bridge read it, with an instruction where there is one and the model heeds it.
func (m *Model) see(ctx context.Context, run *tensor.Run, img Image, instructions ...string) (*blip2.Seen, error) {
	if m.system.Vision == nil {
		return nil, fmt.Errorf("looking at %s: %w: an image encoder", img.name, ErrNoPart)
	}
	pixels, err := m.pixels(ctx, m.system.Processor(), img)
	if err != nil {
		return nil, err
	}
	seen := m.system.See(run, pixels, instructions...)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return &seen, nil
}
