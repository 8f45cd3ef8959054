package vit

import (
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/vision"
)

var _ vision.Encoder = (*Model)(nil)

// Encode implements vision.Encoder: the rows after the last layer norm are the tokens, the class row first.
func (m *Model) Encode(r *tensor.Run, pixels *tensor.Tensor) vision.Features {
	return vision.Features{Tokens: m.Forward(r, pixels)}
}

// Shape implements vision.Encoder.
func (m *Model) Shape() vision.Shape {
	g := m.Config.Grid()
	return vision.Shape{Tokens: m.Config.Tokens(), Width: m.Config.HiddenSize, First: 1, Grid: [2]int{g, g}}
}

// Processor implements vision.Encoder: what the released BLIP-2 models use where their folder says nothing else.
func (m *Model) Processor() picture.Processor { return picture.BLIP2Processor(m.Config.ImageSize) }
