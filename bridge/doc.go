// Package bridge holds what Flamingo's two parts are made of, the resampler and the gated blocks: attention that reads what was
// remembered (Attention), and a perceptron (FeedForward), each behind a norm, none with biases in its linear maps. OpenFlamingo and
// IDEFICS trained the same layers under other names and with a few choices of their own; both are options here, not copies.
//
// Each bridge is a package below this one:
//
//	qformer     BLIP-2's queries: a BERT that looks at the picture
//	resampler   Flamingo's: latents that read any number of features
//	gated       Flamingo's way into the language model: cross-attention behind gates that start shut
//	linear      the baseline without queries
package bridge
