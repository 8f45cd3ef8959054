package dragoman

import (
	"context"
	"fmt"

	"dragoman/model/blip2"
	"dragoman/tensor"
)

// Caption says what is in a picture. With g.Prompt the model continues that text instead of the one it was trained with (which,
// where the model remembers its training's captions, has hints from them).
func (m *Model) Caption(ctx context.Context, img Image, g *Generate) (*Text, error) {
	if m.pages != nil {
		return m.captionSeen(ctx, &glance{image: img}, g)
	}
	return first(m.say(ctx, m.caption(g), []Image{img}, g))
}

// caption is what Caption asks for.
func (m *Model) caption(g *Generate) asked {
	if g != nil && (g.Prompt != "" || g.Verbatim) {
		return asked{"captioning", &g.Prompt, func(*tensor.Run, blip2.Seen) string { return g.Prompt }}
	}
	return asked{"captioning", nil, func(run *tensor.Run, s blip2.Seen) string { return m.system.Prompts(run, s)[0] }}
}

// Answer answers a question about a picture, asked as the model's family was trained to be asked; where the model remembers its
// training's captions, it has hints from them, and says at least a word.
func (m *Model) Answer(ctx context.Context, img Image, question string, g *Generate) (*Text, error) {
	if m.pages != nil {
		return m.unshown().Answer(ctx, Shot{Images: []Image{img}, Question: question}, g)
	}
	asked, g := m.answer(question, g)
	return first(m.say(ctx, asked, []Image{img}, g))
}

// answer is what Answer asks for, and how.
func (m *Model) answer(question string, g *Generate) (asked, *Generate) {
	if m.system.TakesHints() {
		var least Generate
		if g != nil {
			least = *g
		}
		least.MinTokens = max(least.MinTokens, 1)
		g = &least
	}
	text := m.system.Question(question)
	return asked{"answering", &text, func(run *tensor.Run, s blip2.Seen) string { return m.system.Hinted(run, s, text) }}, g
}

// Describes says whether the model writes about pictures, in Caption and Answer.
func (m *Model) Describes() bool {
	return m.pages != nil || m.system.Language != nil && m.system.Bridge != nil && m.system.Bridge.Prompt != nil
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
