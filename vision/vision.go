// Package vision says what an image encoder is to the rest of the house: something that turns pixels into a row of feature
// tokens for a bridge to read. Each architecture is a package below this one.
package vision

import (
	"dragoman/picture"
	"dragoman/tensor"
)

// Encoder is a frozen image encoder. It may be used by many runs at a time.
type Encoder interface {
	// Encode reads pixels [B, 3, H, W], made by Processor.
	Encode(r *tensor.Run, pixels *tensor.Tensor) Features
	// Shape is what Encode gives for pictures of the processor's size.
	Shape() Shape
	// Processor makes the pixels that the encoder was trained on.
	Processor() picture.Processor
}

// Features are what an encoder sees in B pictures. What an encoder does not have is nil.
type Features struct {
	Tokens *tensor.Tensor // [B, Shape.Tokens, Shape.Width]: what a bridge attends to
	Fine   *tensor.Tensor // [B, Shape.FineTokens, Shape.FineWidth]: the same at twice the resolution
	Pooled *tensor.Tensor // [B, Shape.Pooled]: the whole picture
	Logits *tensor.Tensor // [B, Shape.Classes]: over the classes that the encoder was trained to tell apart
}

// Shape is the shape of Features.
type Shape struct {
	Tokens, Width         int
	FineTokens, FineWidth int // 0 where there are none
	Pooled, Classes       int // 0 where there are none

	Rectified bool // Features.Pooled are means of activations that are never negative

	// Tokens First … First+Grid[0]·Grid[1]−1 are the picture's patches, row by row; those before are of the whole picture.
	First int
	Grid  [2]int // rows, columns
}
