package blip2

import (
	"fmt"
	"math"
	"slices"

	"dragoman/internal/rank"
	"dragoman/model"
	"dragoman/tensor"
	"dragoman/vision"
)

// Kinds of features, the values of Extras.Features.
const (
	kindTokens  = "tokens"  // the cells of the encoder's map
	kindFine    = "fine"    // the same at twice the resolution
	kindPooled  = "pooled"  // the whole picture: square roots, brought to a fixed length
	kindClasses = "classes" // what the encoder takes it for: the names of its likeliest classes, embedded
)

const (
	classesScale = 4
	likeliest    = 10 // classes that count
)

// Kinds of summaries besides those features that are one, the values of Extras.Summary: of each channel of the encoder's map, or of the
// map at twice the resolution, the mean, and the largest value.
const (
	kindMean        = "mean"
	kindLargest     = "largest"
	kindFineMean    = "fine_mean"
	kindFineLargest = "fine_largest"
)

// summaryKinds are the values of Extras.Summary.
var summaryKinds = []string{kindPooled, kindClasses, kindMean, kindLargest, kindFineMean, kindFineLargest}

// momentLength is the length that those are brought to.
const momentLength = 6

// kindSummary is no feature that queries read: the picture as a whole, as its head and a linear soft prompt read it.
const kindSummary = "summary"

// featureGroup is a stretch of feature tokens of one kind.
type featureGroup struct {
	kind          string
	tokens, width int
}

// groups are the features that a bridge over an encoder of that shape reads, in order, and last the summary, where there is one.
func (c Config) groups(s vision.Shape) ([]featureGroup, error) {
	kinds := c.Extras.Features
	if len(kinds) == 0 {
		kinds = []string{kindTokens}
	}
	var groups []featureGroup
	for _, kind := range kinds {
		g := featureGroup{kind: kind}
		switch kind {
		case kindTokens:
			g.tokens, g.width = s.Tokens, s.Width
		case kindFine:
			g.tokens, g.width = s.FineTokens, s.FineWidth
		case kindPooled:
			g.tokens, g.width = 1, s.WholeWidth()
		case kindClasses:
			g.tokens, g.width = min(1, s.Classes), c.Shared
		}
		if g.tokens*g.width == 0 {
			return nil, fmt.Errorf("config.json: features: the encoder has no %.60q", kind)
		}
		groups = append(groups, g)
	}
	if !c.hasHead() && c.Extras.SoftPrompt != softLinear {
		return groups, nil
	}
	whole := featureGroup{kind: kindSummary, tokens: 1}
	for _, kind := range c.summary() {
		n := c.wholeWidth(s, kind)
		if n == 0 {
			return nil, fmt.Errorf("config.json: picture_summary: the encoder has no %.60q", kind)
		}
		whole.width += n
	}
	return append(groups, whole), nil
}

// wholeWidth is how many numbers a kind of summary is.
func (c Config) wholeWidth(s vision.Shape, kind string) int {
	switch kind {
	case kindPooled:
		return s.WholeWidth()
	case kindClasses:
		return c.Shared
	case kindMean, kindLargest:
		return s.Width
	default:
		return s.FineWidth
	}
}

// projected says whether features pass a projection of their own before the bridge reads them.
func (c Config) projected() bool {
	return c.hasHead() || len(c.Extras.Features) > 0 && !slices.Equal(c.Extras.Features, []string{kindTokens})
}

// summary lists what the picture as a whole is made of.
func (c Config) summary() []string {
	if len(c.Extras.Summary) > 0 {
		return c.Extras.Summary
	}
	var kinds []string
	for _, kind := range c.Extras.Features {
		if kind == kindPooled || kind == kindClasses {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// summaryWidth is how many numbers that are.
func summaryWidth(groups []featureGroup) int {
	for _, g := range groups {
		if g.kind == kindSummary {
			return g.width
		}
	}
	return 0
}

// FeatureLen is how many numbers Encode gives for a picture.
func (m *Model) FeatureLen() int {
	n := 0
	for _, g := range m.groups {
		n += g.tokens * g.width
	}
	return n
}

// Encode runs the frozen encoder over pixels [B, 3, H, W] and writes what the bridge reads of each picture into dst, FeatureLen
// numbers one after another. Nothing is recorded.
func (m *Model) Encode(run *tensor.Run, pixels *tensor.Tensor, dst []float32) {
	m.encode(run, pixels, dst)
}

func (m *Model) encode(run *tensor.Run, pixels *tensor.Tensor, dst []float32) vision.Features {
	recording := run.Recording()
	run.SetRecording(false)
	defer run.SetRecording(recording)
	f := m.Vision.Encode(run, pixels)
	at, stride := 0, m.FeatureLen()
	for _, g := range m.groups {
		n := g.tokens * g.width
		for b := range pixels.Dim(0) {
			to := dst[b*stride+at:][:n]
			switch g.kind {
			case kindTokens:
				copy(to, f.Tokens.Data()[b*n:])
			case kindFine:
				copy(to, f.Fine.Data()[b*n:])
			case kindSummary:
				m.summarise(to, run, f, b)
			default:
				m.whole(to, run, f, b, g.kind)
			}
		}
		at += n
	}
	if m.Config.Extras.Nearer && summaryWidth(m.groups) > 0 {
		m.lookNearer(run, pixels, dst)
	}
	return f
}

// summarise writes the summary of picture b.
func (m *Model) summarise(dst []float32, run *tensor.Run, f vision.Features, b int) {
	for _, kind := range m.Config.summary() {
		n := m.Config.wholeWidth(m.Vision.Shape(), kind)
		m.whole(dst[:n], run, f, b, kind)
		dst = dst[n:]
	}
}

// whole writes what a kind of summary is of picture b.
func (m *Model) whole(dst []float32, run *tensor.Run, f vision.Features, b int, kind string) {
	width := len(dst)
	cells := f.Tokens
	switch kind {
	case kindPooled:
		vision.Root(dst, f.Whole(run).Data()[b*width:(b+1)*width])
		return
	case kindClasses:
		classes := f.Logits.Dim(-1)
		m.named(dst, f.Logits.Data()[b*classes:(b+1)*classes])
		return
	case kindFineMean, kindFineLargest:
		cells = f.Fine
	}
	n := cells.Dim(1) * width
	moments(dst, cells.Data()[b*n:(b+1)*n], kind == kindLargest || kind == kindFineLargest)
}

// moments writes the mean of each channel of one picture's cells, or the largest value, and brings them to a fixed length.
func moments(dst, cells []float32, largest bool) {
	width := len(dst)
	clear(dst)
	if largest {
		copy(dst, cells)
	}
	for i, v := range cells {
		if largest {
			dst[i%width] = max(dst[i%width], v)
		} else {
			dst[i%width] += v
		}
	}
	var sum float64
	for _, v := range dst {
		sum += float64(v) * float64(v)
	}
	scale := float32(momentLength / math.Sqrt(max(sum, 1e-12)))
	for i := range dst {
		dst[i] *= scale
	}
}

// named writes the likeliest classes' names, embedded and weighed by their probabilities (ConSE, Norouzi et al. 2014).
func (m *Model) named(dst, logits []float32) {
	clear(dst)
	probabilities := softmax(logits)
	table, width := m.Bridge.Classes.Data(), len(dst)
	for _, c := range rank.Best(probabilities, likeliest) {
		p := float32(probabilities[c]) * classesScale
		for i, v := range table[c*width : (c+1)*width] {
			dst[i] += p * v
		}
	}
}

func softmax(logits []float32) []float64 {
	highest := slices.Max(logits)
	p := make([]float64, len(logits))
	var sum float64
	for i, v := range logits {
		p[i] = math.Exp(float64(v - highest))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// View is what the bridge reads of a batch of pictures.
type View struct {
	Tokens  *tensor.Tensor // [B, tokens, feature width], what the queries attend to
	Picture *tensor.Tensor // [B, shared], of length 1: the picture as a whole; nil without a head for it
	Summary *tensor.Tensor // [B, in], what that is made of; nil where nothing reads it
}

// Features makes a view of what Encode wrote for B pictures.
func (m *Model) Features(run *tensor.Run, raw []float32) View {
	stride := m.FeatureLen()
	n := len(raw) / stride
	if g := m.groups[0]; !m.Config.projected() {
		if summaryWidth(m.groups) == 0 {
			return View{Tokens: tensor.FromFloats(raw, n, g.tokens, g.width)}
		}
		return View{Tokens: model.Group(run, raw, stride, 0, g.tokens, g.width), Summary: m.Summary(run, raw)}
	}
	var v View
	var parts []*tensor.Tensor
	at := 0
	for _, g := range m.groups {
		if g.kind == kindSummary {
			v.Summary = m.Summary(run, raw)
			continue
		}
		x := model.Group(run, raw, stride, at, g.tokens, g.width)
		at += g.tokens * g.width
		parts = append(parts, m.Bridge.inputs[g.kind].Forward(run, x))
	}
	if m.Bridge.Head != nil {
		v.Picture = m.Picture(run, m.Bridge.Head.Centre(run, v.Summary))
		token := run.Reshape(v.Picture, n, 1, v.Picture.Dim(1))
		parts = append(parts, m.Bridge.inputs[kindPicture].Forward(run, token))
	}
	v.Tokens = run.Add(run.Concat(1, parts...), m.Bridge.places)
	return v
}

// kindPicture is the token that the picture's head adds to those of the encoder.
const kindPicture = "picture"

// Summary is what the picture's head reads of B pictures: [B, in].
func (m *Model) Summary(run *tensor.Run, raw []float32) *tensor.Tensor {
	stride, width := m.FeatureLen(), summaryWidth(m.groups)
	n := len(raw) / stride
	x := run.New(n, width)
	for b := range n {
		copy(x.Data()[b*width:(b+1)*width], raw[(b+1)*stride-width:(b+1)*stride])
	}
	return x
}

// Picture is where the head puts pictures, by their centred summaries, in the shared space: [B, shared], of length 1.
func (m *Model) Picture(run *tensor.Run, centred *tensor.Tensor) *tensor.Tensor {
	return run.Normalize(m.Bridge.Head.Forward(run, centred))
}

// ExtraTokens names the feature tokens that are no cells of the encoder's map, in their order.
func (m *Model) ExtraTokens() []string {
	var names []string
	shape := m.Vision.Shape()
	for i := range shape.Tokens - shape.Grid[0]*shape.Grid[1] {
		if i == 0 && shape.First == 1 {
			names = append(names, "the class token")
		} else {
			names = append(names, fmt.Sprintf("token %d", i))
		}
	}
	for _, g := range m.groups {
		switch g.kind {
		case kindPooled:
			names = append(names, "the whole picture")
		case kindClasses:
			names = append(names, "the encoder's class names")
		case kindFine:
			for i := range g.tokens {
				names = append(names, fmt.Sprintf("fine cell %d", i))
			}
		}
	}
	if m.Bridge.Head != nil {
		names = append(names, "the picture's own vector")
	}
	return names
}
