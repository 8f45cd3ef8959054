// Package qformer is BLIP-2's querying transformer (Li et al. 2023, section 3): a few learned vectors, the queries, that
// look at a picture and carry away what language needs of it.
//
// It is a BERT whose tokens come in two kinds, each a stream of hidden states [batch, tokens, width]:
//
//	queries   learned, the same for every picture; in every other layer they also attend to the picture's features
//	text      words with positions; never see the picture except through the queries
//
// Both streams share the self-attention of every layer, where each projects its own keys and values. They differ in the
// feed-forward behind it. What the paper draws as three masks is here the choice of which keys a stream reads:
//
//	                  queries read         text reads            serves
//	contrast          queries              text                  Query, Text       (uni-modal)
//	matching          queries, text        queries, text         Match             (bi-directional)
//	generation        queries              queries, text so far  Query, Generate   (multi-modal causal)
//
// Since in generation the queries never see the text, their pass is the same one that contrast needs: Query keeps the keys
// and values of its self-attentions, and Generate reads them. In the same way a picture's features are projected to keys and
// values once, by Look, however many passes read it; where two passes read the same rows, their gradients meet there.
//
// Names of tensors and modules are those of transformers' Blip2ForImageTextRetrieval, with the language-modelling head
// (cls.predictions) and the temperature (temp) named as in the original code, which drops them on release.
package qformer
