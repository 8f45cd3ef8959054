package eval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"dragoman/bridge/gated"
	"dragoman/generate"
	"dragoman/internal/plural"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model/flamingo"
	"dragoman/tensor"
)

// Windows cut a long text: each has Size tokens and begins Stride tokens after the one before it, and predicts those of its tokens that
// no window before it did, so that every token but a text's first is predicted once, with Size−Stride tokens before it or more.
type Windows struct {
	Size   int `json:"window"`
	Stride int `json:"stride"`
}

// window is tokens from…to, of which those from first on are predicted.
type window struct{ from, first, to int }

// DefaultWindow is how many tokens a window has where nobody says.
const DefaultWindow = 512

// fit completes windows for a model that reads at most context tokens (0: any number), of which some are taken.
func (w Windows) fit(context, taken int) (Windows, error) {
	limit := math.MaxInt32
	if context > 0 {
		limit = context - taken
	}
	if w.Size == 0 {
		w.Size = min(DefaultWindow, limit)
	}
	if w.Size > limit {
		return w, fmt.Errorf("a window of %d tokens and %d for a picture: %w of %d", w.Size, taken, language.ErrContext, context)
	}
	if w.Stride == 0 {
		w.Stride = max(1, w.Size/2)
	}
	if w.Size < 2 || w.Stride < 1 || w.Stride >= w.Size {
		return w, fmt.Errorf("windows of %d tokens that begin every %d: a stride must be from 1 to less than a window", w.Size, w.Stride)
	}
	return w, nil
}

// of are the windows of so many tokens.
func (w Windows) of(tokens int) (all []window) {
	first := 1
	for from := 0; first < tokens; from += w.Stride {
		to := min(from+w.Size, tokens)
		all = append(all, window{from, first, to})
		first = to
	}
	return all
}

// Forgetting is how well a language model predicts a text by itself and through a bridge: perplexities, e to the mean negative
// log-probability of a token. What does not apply is nil.
type Forgetting struct {
	Name   string `json:"text,omitempty"`
	Tokens int    `json:"tokens"` // that were predicted
	Windows
	Plain    float64  `json:"plain"`                  // the language model alone
	Shut     *float64 `json:"gates_shut,omitempty"`   // with gates at 0, looking at a picture
	SameBits *bool    `json:"same_bits,omitempty"`    // its hidden states are then, to the bit, the plain ones
	Open     *float64 `json:"gates_open,omitempty"`   // gates as they were trained, and no picture
	Picture  *float64 `json:"with_picture,omitempty"` // and a picture before each window
	Note     string   `json:"note,omitempty"`
}

// Markdown prints the perplexities as a table; picture is what stands before each window, in words.
func (f Forgetting) Markdown(picture string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s: %d tokens, windows of %d by %d | perplexity |\n|---|---|\n", cell(f.Name), f.Tokens, f.Size, f.Stride)
	fmt.Fprintf(&b, "| the language model alone | %.4f |\n", f.Plain)
	if f.Shut != nil {
		bits := "the same bits"
		if !*f.SameBits {
			bits = "NOT the same bits"
		}
		fmt.Fprintf(&b, "| gates shut: %s | %.4f |\n", bits, *f.Shut)
		fmt.Fprintf(&b, "| gates open, no picture | %.4f |\n", *f.Open)
		fmt.Fprintf(&b, "| gates open, %s before it | %.4f |\n", picture, *f.Picture)
	}
	if f.Note != "" {
		fmt.Fprintf(&b, "\n%s\n", f.Note)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Forget measures what becomes of a text's perplexity through a model's gates; media [1, 1, latents, width] is the picture that is
// looked at. All four predict the same tokens behind the same tokens.
func Forget(ctx context.Context, m *flamingo.Model, compute kernel.DType, text string, media func(*tensor.Run) *tensor.Tensor, w Windows, progress func(done, all int)) (Forgetting, error) {
	ids, err := m.Encode([]flamingo.Part{{Text: text}})
	if err != nil {
		return Forgetting{}, err
	}
	picture, begin := m.PictureIDs()
	p, err := newPredictor(ctx, m.Language, compute, ids, w, len(picture))
	if err != nil {
		return Forgetting{}, err
	}
	p.progress = progress
	shut := m.Gates.Shut()
	seen := media(p.run)
	look := slices.Clone(seen.Shape())
	values := slices.Clone(seen.Data())
	same := true
	var sums [4]float64
	err = p.each(func(ids []int32, first int) {
		n := len(ids)
		p.run.Reset()
		media := tensor.FromFloats(values, look...)
		plain := p.hidden(ids, nil)
		sums[0] += p.score(plain, ids, first)
		sight := shut.See(p.run, media, 1, false)
		sight.Show(bytes.Repeat([]byte{1}, n), n)
		closed := p.hidden(ids, sight)
		sums[1] += p.score(closed, ids, first)
		same = same && slices.EqualFunc(plain.Data(), closed.Data(), func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) })
		blind := m.Gates.See(p.run, nil, 1, false)
		blind.Show(nil, n)
		sums[2] += p.score(p.hidden(ids, blind), ids, first)
		at := 0
		if n > 0 && begin >= 0 && ids[0] == begin {
			at = 1
		}
		with := slices.Concat(ids[:at], picture, ids[at:])
		open := m.Gates.See(p.run, media, 1, false)
		open.Show(m.Seen(with, 1), len(with))
		// A text's token right behind the picture has it for what stands before; the first of all tokens is predicted by none.
		sums[3] += p.score(p.hidden(with, open), with, first+len(picture))
	})
	if err != nil {
		return Forgetting{}, err
	}
	f := p.result(sums[0])
	f.Shut, f.Open, f.Picture = new(p.perplexity(sums[1])), new(p.perplexity(sums[2])), new(p.perplexity(sums[3]))
	f.SameBits = &same
	return f, generate.Finite(f.Plain, *f.Shut, *f.Open, *f.Picture)
}

// PlainPerplexity is Forget for a model whose bridge hands its language model words and does not reach into it.
func PlainPerplexity(ctx context.Context, m language.Model, compute kernel.DType, ids []int32, w Windows, progress func(done, all int)) (Forgetting, error) {
	if _, apart := m.(language.Reader); apart {
		return Forgetting{}, errors.New("an encoder-decoder model reads one text and writes another: it gives a text by itself no probability")
	}
	p, err := newPredictor(ctx, m, compute, ids, w, 0)
	if err != nil {
		return Forgetting{}, err
	}
	p.progress = progress
	sum := 0.0
	err = p.each(func(ids []int32, first int) {
		p.run.Reset()
		sum += p.score(p.hidden(ids, nil), ids, first)
	})
	if err != nil {
		return Forgetting{}, err
	}
	f := p.result(sum)
	return f, generate.Finite(f.Plain)
}

// predictor walks over a text.
type predictor struct {
	ctx      context.Context
	m        language.Model
	run      *tensor.Run
	ids      []int32
	windows  Windows
	progress func(done, all int)
}

func newPredictor(ctx context.Context, m language.Model, compute kernel.DType, ids []int32, w Windows, taken int) (*predictor, error) {
	if len(ids) < 2 {
		return nil, fmt.Errorf("a text of %s: none is predicted by another", plural.Of(len(ids), "token"))
	}
	if err := language.CheckIDs(ids, m.Config().Vocab); err != nil {
		return nil, err
	}
	w, err := w.fit(m.Config().Context, taken)
	if err != nil {
		return nil, err
	}
	return &predictor{ctx: ctx, m: m, run: tensor.NewRun(tensor.Options{Compute: compute}), ids: ids, windows: w}, nil
}

// each hands every window to f, with the place in it of the first token to be predicted.
func (p *predictor) each(f func(ids []int32, first int)) error {
	all := p.windows.of(len(p.ids))
	for i, w := range all {
		if p.ctx.Err() != nil {
			return context.Cause(p.ctx)
		}
		f(p.ids[w.from:w.to], w.first-w.from)
		if p.progress != nil {
			p.progress(i+1, len(all))
		}
	}
	return nil
}

// hidden are the last hidden states [1, tokens, width].
func (p *predictor) hidden(ids []int32, sight *gated.Sight) *tensor.Tensor {
	in := language.Input{Embeds: p.m.Embed(p.run, ids, 1, len(ids))}
	if sight != nil {
		in.Hook = sight.Hook
	}
	return p.m.Forward(p.run, in)
}

// score is Σ −log p of the tokens from first on.
func (p *predictor) score(hidden *tensor.Tensor, ids []int32, first int) (sum float64) {
	const rows = 64 // at a time: a vocabulary is wide
	vocab := p.m.Config().Vocab
	for from := first - 1; from < len(ids)-1; from += rows {
		to := min(from+rows, len(ids)-1)
		mark := p.run.Mark()
		logits := p.m.Logits(p.run, p.run.Slice(hidden, 1, from, to)).Data()
		for i := range to - from {
			row := logits[i*vocab : (i+1)*vocab]
			score := row[ids[from+i+1]]
			sum -= float64(score - kernel.Default().Softmax(row))
		}
		p.run.Release(mark, nil)
	}
	return sum
}

func (p *predictor) perplexity(sum float64) float64 { return math.Exp(sum / float64(len(p.ids)-1)) }

func (p *predictor) result(sum float64) Forgetting {
	return Forgetting{Tokens: len(p.ids) - 1, Windows: p.windows, Plain: p.perplexity(sum)}
}
