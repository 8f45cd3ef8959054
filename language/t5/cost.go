package t5

import "dragoman/language"

// Cost is what it takes to write a token.
func (m *Model) Cost() language.Cost {
	var c language.Cost
	c.AddHead(m.head)
	for i := range m.decoder.blocks {
		b := &m.decoder.blocks[i]
		m.addAttention(&c, &b.self)
		c.Add(b.cross.query.weight, b.cross.out.weight)
		c.Attention += m.cfg.Heads * m.cfg.HeadDim // to what was read
		addFeedForward(&c, &b.mlp)
		c.CacheRow += 2 * m.cfg.Heads * m.cfg.HeadDim
	}
	return c
}

func (m *Model) addAttention(c *language.Cost, a *attention) {
	c.Add(a.query.weight, a.key.weight, a.value.weight, a.out.weight)
	c.Attention += m.cfg.Heads * m.cfg.HeadDim
}

func addFeedForward(c *language.Cost, f *feedForward) {
	c.Add(f.in.weight, f.out.weight)
	if f.gate.weight != nil {
		c.Add(f.gate.weight)
	}
}
