package dragoman

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"dragoman/internal/hint"
	"dragoman/internal/rank"
	"dragoman/model/blip2"
	"dragoman/tensor"
	"dragoman/vision"
)

// InspectOptions say what Inspect is to find out besides where the queries look. Words and Without are about queries that stand for words: a
// model that reads pages has none, and nothing is found out of it.
type InspectOptions struct {
	Words   int  // how many nearest words a query; 0: none
	Without bool // caption without each query
	// Generate is how captions are made; nil: greedy. Its Prompt, Choices and Stream are not heeded.
	Generate *Generate
}

// Inspect looks inside while the bridge reads a picture. Looking changes nothing of what is computed.
func (m *Model) Inspect(ctx context.Context, img Image, o InspectOptions) (*Inspection, error) {
	if m.pair != nil {
		return nil, hint.Wrap(fmt.Errorf("inspecting: %w: learned queries", ErrNoPart), "trace --maps shows what the layers of a CLIP attend to")
	}
	if g := o.Generate; g != nil {
		plain := *g
		plain.Prompt, plain.Verbatim, plain.Choices, plain.Stream = "", false, nil, nil
		o.Generate = &plain
	}
	if m.pages != nil {
		return m.inspectPicture(ctx, img, o.Generate)
	}
	run, done, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("inspecting: %w", err)
	}
	defer done()
	maps := &mapObserver{}
	run.SetObserver(maps)
	defer run.SetObserver(nil)
	seen, err := m.see(ctx, run, img)
	if err != nil {
		return nil, err
	}
	run.SetObserver(nil)
	shape := m.system.Vision.Shape()
	in := &Inspection{Image: img.name, Queries: seen.Answer.Hidden.Dim(1), Grid: shape.Grid, Outputs: rowsOf(seen.Answer.Hidden)}
	in.Extra = m.system.ExtraTokens()
	for i, path := range maps.paths {
		in.Layers = append(in.Layers, layerOf(path, maps.maps[i], shape))
	}
	if err := in.finite(); err != nil {
		return nil, err
	}
	if m.system.Language == nil || m.system.Bridge.Prompt == nil {
		return in, nil
	}
	soft := m.system.Soft(run, *seen)
	if o.Words > 0 {
		if in.Words, err = m.nearestWords(ctx, soft, in.Queries, o.Words); err != nil {
			return nil, err
		}
	}
	in.Hints = m.system.HintsFor(run, *seen)
	if err := m.captionWithout(ctx, in, soft, o); err != nil {
		return nil, err
	}
	return in, nil
}

// captionWithout adds the caption and, if asked for, those without each query: its soft word is left out of the prompt. All are
// written as one batch.
func (m *Model) captionWithout(ctx context.Context, in *Inspection, soft *tensor.Tensor, o InspectOptions) error {
	d, release, err := m.decoder()
	if err != nil {
		return fmt.Errorf("inspecting: %w", err)
	}
	defer release()
	g := m.options(o.Generate)
	prompt := m.system.PromptIDs(m.system.Config.Extras.Prompt)
	say := func(soft *tensor.Tensor, prompts ...[]int32) ([]string, error) {
		d.Reset()
		results, err := m.system.Write(ctx, d, soft, prompts, g)
		if err != nil {
			return nil, fmt.Errorf("inspecting: %s: %w", in.Image, err)
		}
		said := make([]string, len(results))
		for i, r := range results {
			said[i] = strings.TrimSpace(r.Text)
		}
		return said, nil
	}
	whole, err := say(soft, prompt)
	if err != nil {
		return err
	}
	in.Caption = whole[0]
	if in.Hints != nil {
		in.Alone = whole[0]
		if whole, err = say(soft, m.system.PromptIDs(m.system.HintedPrompt(in.Hints))); err != nil {
			return err
		}
		in.Caption = whole[0]
	}
	if !o.Without {
		return nil
	}
	words, width := soft.Dim(1), soft.Dim(2)
	less := make([]float32, 0, in.Queries*(words-1)*width)
	prompts := make([][]int32, in.Queries)
	for q := range in.Queries {
		less = append(less, soft.Data()[:q*width]...)
		less = append(less, soft.Data()[(q+1)*width:words*width]...)
		prompts[q] = prompt
	}
	in.Without, err = say(tensor.FromFloats(less, in.Queries, words-1, width), prompts...)
	return err
}

// nearestWords finds, for each query's soft word, the entries of the language model's vocabulary with the largest cosine that
// are whole words.
func (m *Model) nearestWords(ctx context.Context, soft *tensor.Tensor, queries, n int) ([][]Word, error) {
	const block = 4096
	vocab, width := m.system.Language.Config().Vocab, soft.Dim(2)
	run, done, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("inspecting: %w", err)
	}
	defer done()
	mine := run.Normalize(tensor.FromFloats(soft.Data()[:queries*width], queries, width))
	best := make([][]Word, queries)
	ids := make([]int32, 0, block)
	for from := 0; from < vocab; from += block {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		ids = ids[:0]
		for id := from; id < min(from+block, vocab); id++ {
			ids = append(ids, int32(id))
		}
		table := run.Normalize(m.system.Language.Embed(run, ids, len(ids)))
		cosines := run.MatMul(mine, table, true).Data()
		for q := range queries {
			for i, c := range cosines[q*len(ids) : (q+1)*len(ids)] {
				if len(best[q]) == n && float64(c) <= best[q][n-1].Cosine {
					continue
				}
				text := strings.TrimSpace(m.system.Tokenizer.Decode(ids[i:i+1], true))
				if !isWord(text) || slices.ContainsFunc(best[q], func(w Word) bool { return strings.EqualFold(w.Text, text) }) {
					continue
				}
				at, _ := slices.BinarySearchFunc(best[q], float64(c), func(w Word, x float64) int {
					if w.Cosine > x {
						return -1
					}
					return 1
				})
				best[q] = slices.Insert(best[q], at, Word{text, float64(c)})
				best[q] = best[q][:min(n, len(best[q]))]
			}
		}
	}
	return best, nil
}

// isWord leaves out pieces that say nothing to a reader: punctuation, broken characters, single letters.
func isWord(s string) bool {
	if len(s) < 2 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' && r < 'a' || r > 'z' && r < 0xC0 || r == '\uFFFD' })
}

// layerOf turns a map [1, heads, queries, keys] into a layer, the keys of the encoder's grid first.
func layerOf(path string, probs *tensor.Tensor, shape vision.Shape) Layer {
	heads, queries, keys := probs.Dim(1), probs.Dim(2), probs.Dim(3)
	cells := shape.Grid[0] * shape.Grid[1]
	order := make([]int, 0, keys)
	for k := shape.First; k < shape.First+cells; k++ {
		order = append(order, k)
	}
	for k := range keys {
		if k < shape.First || k >= shape.First+cells {
			order = append(order, k)
		}
	}
	l := Layer{Path: path, Heads: heads, PerHead: make([]float32, 0, heads*queries*keys), Weights: make([][]float32, queries)}
	for q := range l.Weights {
		l.Weights[q] = make([]float32, keys)
	}
	for h := range heads {
		for q := range queries {
			row := probs.Data()[(h*queries+q)*keys:][:keys]
			for i, k := range order {
				l.PerHead = append(l.PerHead, row[k])
				l.Weights[q][i] += row[k] / float32(heads)
			}
		}
	}
	return l
}

// mapObserver keeps the cross-attention maps of the queries' pass, or all maps of modules whose paths begin with below.
type mapObserver struct {
	below string
	paths []string
	maps  []*tensor.Tensor
}

func (o *mapObserver) Module(string, *tensor.Tensor) {}

func (o *mapObserver) WantsModule(string) bool { return false }

func (o *mapObserver) WantsMap(path string) bool {
	if o.below != "" {
		return strings.HasPrefix(path, o.below)
	}
	return strings.Contains(path, "crossattention")
}

func (o *mapObserver) Map(path string, probs *tensor.Tensor) {
	o.paths = append(o.paths, strings.TrimSuffix(path, ".attention_probs"))
	o.maps = append(o.maps, tensor.FromFloats(slices.Clone(probs.Data()), slices.Clone(probs.Shape())...))
}

// Faithful says how well the last layer's maps tell what a query reads: how far a query's output moves (relative to its
// length) when so many cells of the map that it reads most are hidden from it, and when as many are that it reads least. A map that tells the truth
// has the first well above the second.
func (m *Model) Faithful(ctx context.Context, img Image, cells int) (read, other float64, err error) {
	run, done, err := m.run()
	if err != nil {
		return 0, 0, fmt.Errorf("inspecting: %w", err)
	}
	defer done()
	maps := &mapObserver{}
	run.SetObserver(maps)
	seen, err := m.see(ctx, run, img)
	run.SetObserver(nil)
	if err != nil {
		return 0, 0, err
	}
	shape := m.system.Vision.Shape()
	grid := shape.Grid[0] * shape.Grid[1]
	if cells < 0 || cells > grid {
		return 0, 0, fmt.Errorf("inspecting: %d cells of %d", cells, grid)
	}
	queries := seen.Answer.Hidden.Dim(1)
	// What a query reads is the sum over the layers that look.
	total := make([][]float32, queries)
	for i, path := range maps.paths {
		for q, w := range layerOf(path, maps.maps[i], shape).Weights {
			if total[q] == nil {
				total[q] = make([]float32, grid)
			}
			for k := range grid {
				total[q][k] += w[k]
			}
		}
	}
	for q := range queries {
		order := rank.Best(total[q], grid)
		moved := func(hide []int) float64 {
			return m.moved(run, seen, q, hide, shape.First)
		}
		read += moved(order[:cells]) / float64(queries)
		other += moved(order[grid-cells:]) / float64(queries)
	}
	return read, other, nil
}

// moved is how far query q's output moves when cells of the picture are hidden: replaced by the mean of the others.
func (m *Model) moved(run *tensor.Run, seen *blip2.Seen, q int, hide []int, first int) float64 {
	tokens, width := seen.Tokens.Dim(1), seen.Tokens.Dim(2)
	x := slices.Clone(seen.Tokens.Data())
	mean := make([]float32, width)
	for t := range tokens {
		if !slices.Contains(hide, t-first) {
			for i, v := range x[t*width : (t+1)*width] {
				mean[i] += v / float32(tokens-len(hide))
			}
		}
	}
	for _, c := range hide {
		copy(x[(c+first)*width:], mean)
	}
	f := m.system.Bridge.QFormer
	after := f.Query(run, f.Look(run, tensor.FromFloats(x, 1, tokens, width)), nil).Hidden
	w := after.Dim(2)
	var d, n float64
	for i, v := range seen.Answer.Hidden.Data()[q*w : (q+1)*w] {
		e := float64(after.Data()[q*w+i] - v)
		d += e * e
		n += float64(v) * float64(v)
	}
	return math.Sqrt(d / max(n, 1e-12))
}
