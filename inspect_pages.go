package dragoman

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dragoman/tensor"
	"dragoman/vision"
)

// Gate is how far one of Flamingo's blocks is open: what its two gates let through, tanh of what was learnt.
type Gate struct {
	Layer       int    `json:"layer"` // of the language model, that the block stands before
	Attention   Spread `json:"attention"`
	FeedForward Spread `json:"feed_forward"`
}

// Spread is the mean, the least and the largest of a gate's values: all the same where it has one for all columns.
type Spread struct {
	Mean float64 `json:"mean"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

func spreadOf(x []float32) Spread {
	s := Spread{Min: float64(slices.Min(x)), Max: float64(slices.Max(x))}
	for _, v := range x {
		s.Mean += float64(v) / float64(len(x))
	}
	return s
}

// PageInspection is what was seen of a page: which picture each token looks at, and what is read of each picture.
type PageInspection struct {
	Page     string        `json:"page"`
	Tokens   []PageToken   `json:"tokens"`
	Pictures []*Inspection `json:"pictures"`
	Gates    []Gate        `json:"gates"`
}

// PageToken is a token of a page.
type PageToken struct {
	ID      int32  `json:"id"`
	Text    string `json:"text"`
	Picture int    `json:"picture"` // that it looks at, from 0; −1: none
}

// InspectPage looks inside while a page is read, without writing on behind it. It takes a model that learnt from pages.
func (m *Model) InspectPage(ctx context.Context, page []Part) (*PageInspection, error) {
	if m.pages == nil {
		return nil, m.noPages("inspecting a page")
	}
	done, err := m.use()
	if err != nil {
		return nil, fmt.Errorf("inspecting a page: %w", err)
	}
	defer done()
	if err := checkParts(page); err != nil {
		return nil, fmt.Errorf("inspecting a page: %w", err)
	}
	parts, pictures := partsOf(page)
	ids, err := m.pages.Encode(parts)
	if err != nil {
		return nil, fmt.Errorf("inspecting a page: %w", err)
	}
	in := &PageInspection{Gates: m.gates()}
	for _, g := range in.Gates {
		if err := finite("inspecting a page: gates", g.Attention.Mean, g.FeedForward.Mean); err != nil {
			return nil, err
		}
	}
	for _, g := range pictures {
		look, err := m.inspectLatents(ctx, g)
		if err != nil {
			return nil, err
		}
		in.Pictures = append(in.Pictures, look)
	}
	seen := m.pages.Seen(ids, len(in.Pictures))
	for i, id := range ids {
		t := PageToken{ID: id, Text: m.pages.Tokenizer.Decode([]int32{id}, false), Picture: -1}
		if n := len(in.Pictures); n > 0 {
			t.Picture = slices.Index(seen[i*n:(i+1)*n], 1)
		}
		in.Tokens = append(in.Tokens, t)
	}
	return in, nil
}

// inspectPicture is Inspect for a model that reads pages: its queries are the resampler's latents, which stand for no words.
func (m *Model) inspectPicture(ctx context.Context, img Image, g *Generate) (*Inspection, error) {
	done, err := m.use()
	if err != nil {
		return nil, fmt.Errorf("inspecting: %w", err)
	}
	defer done()
	seen := &glance{image: img}
	in, err := m.inspectLatents(ctx, seen)
	if err != nil {
		return nil, err
	}
	in.Gates = m.gates()
	text, err := m.captionSeen(ctx, seen, g)
	if err != nil {
		return nil, err
	}
	in.Caption = strings.TrimSpace(text.Text)
	return in, nil
}

// inspectLatents is what each latent reads of a picture, or of a video's frames together, layer by layer. Where the text looks at the encoder's
// features themselves there are none.
func (m *Model) inspectLatents(ctx context.Context, g *glance) (*Inspection, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	pixels, err := m.framePixels(ctx, g.image)
	if err != nil {
		return nil, err
	}
	shape := m.pages.Vision.Shape()
	in := &Inspection{Image: g.image.name, Grid: shape.Grid}
	r := m.pages.Resampler
	if r == nil {
		return in, nil
	}
	maps := &mapObserver{below: r.Path() + "."}
	seen, err := g.look(ctx, m, pixels, maps)
	if err != nil {
		return nil, err
	}
	in.Queries = seen.latent
	in.Outputs = rowsOf(tensor.FromFloats(seen.media, seen.latent, len(seen.media)/seen.latent))
	for i, path := range maps.paths {
		probs := maps.maps[i]
		if frames := pixels.Dim(0); frames > 1 {
			probs, in.Frames = overFrames(probs, frames, shape.Tokens)
		}
		in.Layers = append(in.Layers, latentLayer(path, probs, shape))
	}
	in.Extra = extraKeys(shape)
	if !r.Config.FeaturesOnly {
		in.Extra = append(in.Extra, "the latents themselves")
	}
	return in, in.finite()
}

// overFrames sums a map [1, heads, latents, frames·tokens + own] over the frames of a video; shares are how much of what is read of the video is
// of each frame.
func overFrames(probs *tensor.Tensor, frames, tokens int) (sum *tensor.Tensor, shares []float32) {
	heads, latents, keys := probs.Dim(1), probs.Dim(2), probs.Dim(3)
	own := keys - frames*tokens
	all := make([]float32, 0, heads*latents*(tokens+own))
	shares = make([]float32, frames)
	var total float32
	for q := range heads * latents {
		row := probs.Data()[q*keys : (q+1)*keys]
		sum := make([]float32, tokens, tokens+own)
		for k, v := range row[:frames*tokens] {
			sum[k%tokens] += v
			shares[k/tokens] += v
			total += v
		}
		all = append(all, append(sum, row[frames*tokens:]...)...)
	}
	for i := range shares {
		shares[i] /= total
	}
	return tensor.FromFloats(all, 1, heads, latents, tokens+own), shares
}

// extraKeys name the encoder's tokens that are no cells of its map.
func extraKeys(s vision.Shape) (names []string) {
	for i := range s.Tokens - s.Grid[0]*s.Grid[1] {
		name := fmt.Sprintf("token %d", i)
		if i == 0 && s.First == 1 {
			name = "the class token"
		}
		names = append(names, name)
	}
	return names
}

// latentLayer is layerOf for latents, whose own keys stand behind the encoder's: together they are one.
func latentLayer(path string, probs *tensor.Tensor, shape vision.Shape) Layer {
	l := layerOf(path, probs, shape)
	for q, w := range l.Weights {
		if len(w) == shape.Tokens {
			continue
		}
		var own float32
		for _, v := range w[shape.Tokens:] {
			own += v
		}
		l.Weights[q] = append(w[:shape.Tokens:shape.Tokens], own)
	}
	return l
}

// gates are how far the blocks are open, in the order of the language model's layers.
func (m *Model) gates() []Gate {
	var gates []Gate
	for layer := range m.pages.Gates.Config.Layers {
		if attention, feedForward := m.pages.Gates.Open(layer); attention != nil {
			gates = append(gates, Gate{layer, spreadOf(attention), spreadOf(feedForward)})
		}
	}
	return gates
}
