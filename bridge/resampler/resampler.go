package resampler

import (
	"dragoman/bridge"
	"dragoman/nn"
	"dragoman/tensor"
)

// Resampler holds the parameters: the learned latents, the frames' vectors where there are any, and the layers.
type Resampler struct {
	Config  Config
	Latents *tensor.Tensor // [latents, width]
	frames  *tensor.Tensor // [frames, width], or nil
	layers  []layer
	norm    bridge.Norm
	path    string
}

// layer is one attention and a perceptron, each added to the latents.
type layer struct {
	features, latents bridge.Norm // of what the attention reads
	attention         *bridge.Attention
	feedForward       *bridge.FeedForward
}

// New binds the resampler of a checkpoint below b, or makes a fresh one.
func New(b *nn.Builder, c Config) *Resampler {
	w := c.Names.words()
	random := nn.Init{Kind: nn.Normal, Std: 1}
	s := &Resampler{
		Config:  c,
		Latents: b.Tensor("latents", random, c.Latents, c.Width),
		norm:    bridge.NewNorm(b.Sub(w.lastNorm), bridge.LayerNorm, c.Width, c.Eps),
		path:    b.Path(),
	}
	if c.Frames > 0 {
		s.frames = b.Tensor("frame_embs", random, c.Frames, c.Width)
	}
	for i := range b.Count(c.Layers) {
		s.layers = append(s.layers, newLayer(b.Sub(w.layers, i), w, c))
	}
	return s
}

func newLayer(b *nn.Builder, w words, c Config) layer {
	attention := bridge.AttentionConfig{
		QueryWidth: c.Width, KeyWidth: c.Width, Heads: c.Heads, HeadDim: c.HeadDim, Eps: c.Eps, Names: w.attention,
	}
	if c.HeadNorm {
		attention.HeadNorm = bridge.LayerNorm
	}
	look, think := b.Sub(0), b.Sub(1)
	return layer{
		features:  bridge.NewNorm(look.Sub(w.features), bridge.LayerNorm, c.Width, c.Eps),
		latents:   bridge.NewNorm(look.Sub(w.latents), bridge.LayerNorm, c.Width, c.Eps),
		attention: bridge.NewAttention(look, attention),
		feedForward: bridge.NewFeedForward(think, bridge.FeedForwardConfig{
			Width: c.Width, Hidden: c.FeedForward, Act: c.Act, Norm: bridge.LayerNorm, Eps: c.Eps, Names: w.feedForward,
		}),
	}
}

// Path is where the resampler's tensors are.
func (s *Resampler) Path() string { return s.path }

// Forward reads features [batch, frames, tokens, width], or [batch, tokens, width] of one frame each: [batch, latents, width].
func (s *Resampler) Forward(run *tensor.Run, features *tensor.Tensor) *tensor.Tensor {
	features = s.mark(run, features)
	x := run.Expand(run.Reshape(s.Latents, 1, s.Config.Latents, s.Config.Width), features.Dim(0))
	for _, l := range s.layers {
		x = run.Add(x, l.look(run, x, features, s.Config.FeaturesOnly))
		x = run.Add(x, l.feedForward.Forward(run, x))
	}
	x = s.norm.Forward(run, x)
	run.Observe(s.path, x)
	return x
}

// look is what the latents x find in the features, and in one another unless the features alone are read.
func (l *layer) look(run *tensor.Run, x, features *tensor.Tensor, featuresOnly bool) *tensor.Tensor {
	x = l.latents.Forward(run, x)
	pieces := []*tensor.Tensor{l.features.Forward(run, features)}
	if !featuresOnly {
		pieces = append(pieces, x)
	}
	return l.attention.Read(run, x, nil, false, l.attention.Remember(run, pieces...)...)
}

// mark adds to every feature its frame's vector and lays the frames one behind another: [batch, frames·tokens, width].
func (s *Resampler) mark(run *tensor.Run, features *tensor.Tensor) *tensor.Tensor {
	if len(features.Shape()) == 3 {
		features = run.Reshape(features, features.Dim(0), 1, features.Dim(1), features.Dim(2))
	}
	batch, frames, tokens, width := features.Dim(0), features.Dim(1), features.Dim(2), features.Dim(3)
	features = run.Reshape(features, batch, frames*tokens, width)
	if s.frames == nil {
		return features
	}
	index := make([]int32, frames*tokens)
	for i := range index {
		index[i] = int32(i / tokens)
	}
	return run.Add(features, run.Gather(s.frameVectors(run, frames), index))
}

// frameVectors is a vector for each frame [frames, width]: the first of those that were learned, or, where there are more frames
// than that, as many from the first to the last by linear interpolation.
func (s *Resampler) frameVectors(run *tensor.Run, frames int) *tensor.Tensor {
	learned := s.Config.Frames
	if frames <= learned {
		return run.Slice(s.frames, 0, 0, frames)
	}
	between := make([]float32, frames*learned)
	for i := range frames {
		at := float64(i) * float64(learned-1) / float64(frames-1)
		low := min(int(at), max(0, learned-2))
		between[i*learned+low] = float32(1 - (at - float64(low)))
		if low+1 < learned {
			between[i*learned+low+1] = float32(at - float64(low))
		}
	}
	return run.MatMul(tensor.FromFloats(between, frames, learned), run.Reshape(s.frames, learned, s.Config.Width), false)
}
