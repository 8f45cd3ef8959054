package dragoman

import (
	"context"
	"fmt"
	"slices"

	"dragoman/model/flamingo"
)

// Conversation is one that goes on. Its pictures are looked at once, and a model that reads pages reads what was said before once. It is one
// caller's, and not for concurrent use.
type Conversation struct {
	m     *Model
	said  []Message
	turns []flamingo.Turn // the same, of a model that reads pages
	shown []*glance
	begun *beginning // nil, or what was read before the last answer
}

// Converse begins a conversation; system, unless empty, is what the model is told of itself.
func (m *Model) Converse(system string) *Conversation {
	c := &Conversation{m: m}
	if system != "" {
		c.add(Message{Role: "system", Content: system})
	}
	return c
}

// Say answers what a user says, and remembers both; what fails was never said.
func (c *Conversation) Say(ctx context.Context, user Message, g *Generate) (*Text, error) {
	said, turns, shown := len(c.said), len(c.turns), len(c.shown)
	c.add(user)
	answer, err := c.m.converse(ctx, c, g)
	if err != nil {
		c.said, c.turns, c.shown = c.said[:said], c.turns[:turns], c.shown[:shown]
		return nil, err
	}
	c.add(Message{Role: "assistant", Content: answer.Text})
	return answer, nil
}

func (c *Conversation) add(said Message) {
	c.said = append(c.said, said)
	parts, pictures := partsOf(said.parts())
	c.turns, c.shown = append(c.turns, flamingo.Turn{Role: said.Role, Parts: parts}), append(c.shown, pictures...)
}

// Chat continues a conversation with the language model; with pictures, where the model learnt from pages. A model that knows ChatML's
// turns reads them, one that follows instructions as IDEFICS does its own; any other reads what was said, a line a turn, and continues it.
func (m *Model) Chat(ctx context.Context, said []Message, g *Generate) (*Text, error) {
	c := &Conversation{m: m}
	for _, s := range said {
		c.add(s)
	}
	return m.converse(ctx, c, g)
}

// converse is what the model says next.
func (m *Model) converse(ctx context.Context, c *Conversation, g *Generate) (*Text, error) {
	const what = "chatting"
	if m.system.Language == nil {
		return nil, fmt.Errorf("%s: %w: a language model", what, ErrNoPart)
	}
	for i, s := range c.said {
		if !slices.Contains([]string{"system", "user", "assistant"}, s.Role) {
			return nil, fmt.Errorf("%s: turn %d: role %.60q is none of system, user, assistant", what, i+1, s.Role)
		}
		if err := checkParts(s.parts()); err != nil {
			return nil, fmt.Errorf("%s: turn %d: %w", what, i+1, err)
		}
	}
	if m.pages != nil {
		l, err := m.leaf(what, m.pages.Chat(c.turns), c.shown)
		if err != nil {
			return nil, err
		}
		return c.readOn(ctx, what, l, g)
	}
	if len(c.shown) > 0 {
		return nil, m.noPages(what)
	}
	return m.chatAlone(ctx, what, c.said, g)
}

// readOn reads what has come since, and goes on.
func (c *Conversation) readOn(ctx context.Context, what string, l *leaf, g *Generate) (*Text, error) {
	m := c.m
	d, release, err := m.decoder()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	defer release()
	spent := Seconds{Load: m.load}
	from, pictures := 0, 0
	if b := c.begun; b.of(l.ids[:max(0, len(l.ids)-1)]) {
		if err := d.Resume(b.kept); err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		from = len(b.ids)
		pictures = max(0, m.pages.Pictures(b.ids)-1) // what follows still sees the last of them
	}
	if err := m.readLeaf(ctx, d, l, from, pictures, &spent); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if c.begun, err = keep(d, l.ids); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return m.goOn(ctx, d, l, g, spent)
}
