// Package resampler is Flamingo's Perceiver Resampler (Alayrac et al. 2022, section 3.1.1): a fixed number of learned vectors, the
// latents, that read any number of features, of one picture or of the frames of a video, and stand for them from then on.
//
//	features [batch, frames, tokens, width] ↦ [batch, latents, width]
//
// Each of a few layers is one attention and a perceptron:
//
//	x ← x + Attention(queries: x; keys and values: [features ; x])
//	x ← x + FeedForward(x)
//
// The latents' own keys and values stand behind the features', so that what a latent may take from the picture and what it may take
// from the other latents compete in one softmax. The Perceiver before it reads the features alone (Config.FeaturesOnly); the paper
// finds its own way slightly better. Behind the last layer is a norm.
//
// A frame is known by a learned vector that is added to all its features; positions within it are not marked, since the encoder's
// features carry theirs. A video of more frames than were trained with has vectors between the learned ones, by linear interpolation.
//
// OpenFlamingo and IDEFICS released such resamplers; what they chose differently is in Config.
package resampler
