package dragoman

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"dragoman/model/flamingo"
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
	var parts []flamingo.Part
	in := &PageInspection{Gates: m.gates()}
	for _, p := range page {
		parts = append(parts, flamingo.Part{Text: p.Text, Picture: p.Image != nil})
		if p.Image == nil {
			continue
		}
		look, err := m.inspectLatents(ctx, *p.Image)
		if err != nil {
			return nil, err
		}
		in.Pictures = append(in.Pictures, look)
	}
	ids, err := m.pages.Encode(parts)
	if err != nil {
		return nil, fmt.Errorf("inspecting a page: %w", err)
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

// inspectPicture is Inspect for a model that reads pages: its queries are the resampler's latents.
func (m *Model) inspectPicture(ctx context.Context, img Image, o InspectOptions) (*Inspection, error) {
	in, err := m.inspectLatents(ctx, img)
	if err != nil {
		return nil, err
	}
	in.Gates = m.gates()
	text, err := m.captionPage(ctx, img, o.Generate)
	if err != nil {
		return nil, err
	}
	in.Caption = strings.TrimSpace(text.Text)
	return in, nil
}

// inspectLatents is what each latent reads of a picture, layer by layer. Where the text looks at the encoder's features themselves there are
// none.
func (m *Model) inspectLatents(ctx context.Context, img Image) (*Inspection, error) {
	run, done := m.run()
	defer done()
	pixels, err := m.pagePixels(ctx, []Image{img})
	if err != nil {
		return nil, err
	}
	shape := m.pages.Vision.Shape()
	in := &Inspection{Image: img.name, Grid: shape.Grid}
	r := m.pages.Resampler
	if r == nil {
		return in, nil
	}
	maps := &mapObserver{below: r.Path() + "."}
	run.SetObserver(maps)
	defer run.SetObserver(nil)
	media := m.pages.Look(run, pixels, 1)
	in.Queries = media.Dim(2)
	in.Outputs = rowsOf(run.Reshape(media, 1, media.Dim(2), media.Dim(3)))
	for i, path := range maps.paths {
		in.Layers = append(in.Layers, latentLayer(path, maps.maps[i], shape))
	}
	in.Extra = extraKeys(shape)
	if !r.Config.FeaturesOnly {
		in.Extra = append(in.Extra, "the latents themselves")
	}
	return in, nil
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
