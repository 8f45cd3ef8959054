package bench

import (
	"context"
	"slices"

	"dragoman/bridge/gated"
	"dragoman/bridge/resampler"
	"dragoman/generate"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model/flamingo"
	"dragoman/tensor"
	"dragoman/vision/clip"
)

func init() {
	Register(Part{Name: "resampler", Run: flamingoPart(flamingoResampler)})
	Register(Part{Name: "gated", Run: flamingoPart(flamingoGated)})
}

// flamingoShape is OpenFlamingo-3B: CLIP's ViT-L/14, a resampler of six layers, MPT-1B with a gated block before each of its layers.
var flamingoShape = shape{
	parts: []string{"vision", "resampler", "gated", "prefill", "decode", "caption"},
	own: map[string]func(context.Context, *Runner) error{
		"prefill": flamingoPrefill, "decode": flamingoDecode, "caption": flamingoCaption,
	},
}

const flamingoName = "openflamingo-3b"

var openFlamingo3B = flamingo.Sizes{
	Vision: `{"hidden_size":1024,"intermediate_size":4096,"num_hidden_layers":24,"num_attention_heads":16,"patch_size":14}`,
	Language: `{"model_type":"mosaic_gpt","d_model":2048,"n_layers":24,"n_heads":16,"mlp_ratio":4,"max_seq_len":2048,"vocab_size":50280,
		"alibi":true,"attn_qk_ln":true,"no_bias":true}`,
	Every: 1, Picture: 50278, End: 50277,
}

// flamingoPart is a part that only this shape has.
func flamingoPart(run func(context.Context, *Runner) error) func(context.Context, *Runner) error {
	return func(ctx context.Context, r *Runner) error {
		if !r.loads {
			r.Shape = flamingoName
		}
		return run(ctx, r)
	}
}

// freshFlamingo makes parts with matrices as a dtype. The memory of cold reads is given up for it.
func (r *Runner) freshFlamingo(d kernel.DType, want flamingo.Rooms) (*flamingo.Model, error) {
	r.free()
	return flamingo.Fresh(openFlamingo3B, r.maker(d), want)
}

func (r *Runner) newRun(d kernel.DType) *tensor.Run {
	return tensor.NewRun(tensor.Options{Compute: computeFor(d), Engine: r.Engine})
}

// clipWork is what one picture takes in CLIP's encoder.
func clipWork(c clip.Config) float64 {
	n, w, f := float64(1+c.Grid()*c.Grid()), float64(c.HiddenSize), float64(c.IntermediateSize)
	patches := 2 * (n - 1) * w * 3 * float64(c.PatchSize*c.PatchSize)
	return patches + float64(c.Layers)*(2*n*w*(4*w+2*f)+4*n*n*w)
}

// flamingoResampler measures the latents' reading of one picture's features.
func flamingoResampler(ctx context.Context, r *Runner) error {
	for _, d := range r.types(kernel.BF16) {
		m, err := r.flamingo(d, flamingo.Rooms{Resampler: true})
		if err != nil {
			return err
		}
		c, s, run := m.Resampler.Config, m.Vision.Shape(), r.newRun(d)
		var look func()
		if m.Own() { // which may read other features, projected first
			raw := Values(m.FeatureLen())
			look = func() { m.Media(run, raw) }
		} else {
			features := tensor.FromFloats(Values(s.Tokens*s.Width), 1, s.Tokens, s.Width)
			look = func() { m.Resampler.Forward(run, features) }
		}
		rec := Record{Part: "resampler", What: r.what(), Bound: "compute", Shape: []int{c.Latents, featuresRead(m), s.Width}, Flops: resamplerWork(c, featuresRead(m))}
		if err := r.measureItems(ctx, rec, d, 1, samples, func() error {
			run.Reset()
			look()
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// resamplerWork is what the features of one picture take.
func resamplerWork(c resampler.Config, features int) float64 {
	n, v, w, f := float64(c.Latents), float64(features), float64(c.Width), float64(c.FeedForward)
	inner := float64(c.Heads * c.HeadDim)
	layer := 2*(v+n)*w*2*inner + 2*n*w*2*inner + 4*n*(v+n)*inner + 2*n*w*2*f
	return float64(c.Layers) * layer
}

// What the gated blocks are measured on: a page of so many pictures and tokens.
const (
	gatedPictures = 5
	gatedTokens   = 512
)

// flamingoGated measures all gated blocks on a page: its pictures' keys and values, and every token's looking and thinking. A token's useful
// work is with the one picture that it sees.
func flamingoGated(ctx context.Context, r *Runner) error {
	for _, d := range r.types(kernel.BF16) {
		m, err := r.flamingo(d, flamingo.Rooms{Language: true})
		if err != nil {
			return err
		}
		c, latents, run := m.Gates.Config, latents(m), r.newRun(d)
		media := tensor.FromFloats(Values(gatedPictures*latents*c.MediaWidth), 1, gatedPictures, latents, c.MediaWidth)
		hidden := tensor.FromFloats(Values(gatedTokens*c.Width), 1, gatedTokens, c.Width)
		mask := make([]uint8, gatedTokens*gatedPictures)
		for t := range gatedTokens {
			mask[t*gatedPictures+t*gatedPictures/gatedTokens] = 1
		}
		rec := Record{
			Part: "gated", What: r.what(), Bound: "compute", Shape: []int{gatedTokens, gatedPictures, c.Width},
			Flops: gatedWork(m.Gates, gatedTokens, gatedPictures, latents),
		}
		if err := r.measureItems(ctx, rec, d, gatedTokens, tokens, func() error {
			run.Reset()
			sight := m.Gates.See(run, media, 1, false)
			sight.Show(mask, gatedTokens)
			mark := run.Mark()
			for layer := range c.Layers {
				sight.Hook(run, layer, hidden)
				run.Release(mark, nil)
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// gatedWork is what a page takes in all blocks.
func gatedWork(s *gated.Stack, tokens, pictures, latents int) float64 {
	c, blocks := s.Config, 0
	for i := range c.Layers {
		if s.Path(i) != "" {
			blocks++
		}
	}
	inner := float64(c.Heads * c.HeadDim)
	media := 2 * float64(pictures*latents) * float64(c.MediaWidth) * 2 * inner
	look := 4 * float64(tokens) * float64(latents) * inner
	weights := 0
	for _, w := range s.Matrices() {
		weights += w.Len()
	}
	return float64(blocks)*(media+look) + 2*float64(weights)*float64(tokens)
}

// flamingoCost is what a token takes, gated blocks included.
func flamingoCost(m *flamingo.Model) language.Cost {
	c := cost(m.Language)
	c.Add(m.Gates.Matrices()...)
	return c
}

// latents is how many numbers' rows a text finds of a picture: the resampler's, of a shape's that has none here the released one's, or what
// the encoder sees.
func latents(m *flamingo.Model) int {
	switch {
	case m.Resampler != nil:
		return m.Resampler.Config.Latents
	case m.Tokenizer == nil:
		return resampler.Released(m.Gates.Config.MediaWidth).Latents
	}
	return m.Vision.Shape().Tokens
}

// shown lets a decoder's tokens see one picture.
func shown(m *flamingo.Model) readier {
	c, latents := m.Gates.Config, latents(m)
	values := Values(latents * c.MediaWidth)
	return func(dec *language.Decoder, tokens int) {
		sight := m.Gates.See(dec.Run(), tensor.FromFloats(values, 1, 1, latents, c.MediaWidth), 1, true)
		mask := make([]uint8, tokens)
		for i := range mask {
			mask[i] = 1
		}
		sight.Show(mask, tokens)
		dec.Hook, dec.Moved = sight.Hook, sight.Select
	}
}

// flamingoPrefill measures the reading of 512 tokens that see a picture.
func flamingoPrefill(ctx context.Context, r *Runner) error {
	for _, d := range r.types(kernel.BF16, kernel.Q8_0) {
		m, err := r.flamingo(d, flamingo.Rooms{Language: true})
		if err == nil {
			err = r.measurePrefill(ctx, m.Language, flamingoCost(m), d, readable(m.Language, 512), shown(m))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flamingoDecode measures tokens one after the other that see a picture.
func flamingoDecode(ctx context.Context, r *Runner) error {
	for _, d := range r.types(kernel.BF16, kernel.Q8_0, kernel.Q4_0) {
		m, err := r.flamingo(d, flamingo.Rooms{Language: true})
		if err == nil {
			err = r.measureDecode(ctx, []language.Model{m.Language}, flamingoCost(m), d, 16, shown(m))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flamingoPrompt is a picture behind as many words as two examples without pictures have.
const flamingoPrompt = 32

// flamingoCaption measures a picture's way to a sentence: encoder, resampler, the prompt, and the tokens one after the other; then that of as
// many pictures as are written of side by side, whose prompts are read one at a time. Its share is of the least time that all of that takes.
func flamingoCaption(ctx context.Context, r *Runner) error {
	for _, d := range r.types(kernel.BF16, kernel.Q8_0, kernel.Q4_0) {
		m, err := r.flamingo(d, flamingo.Rooms{Vision: true, Resampler: true, Language: true})
		if err != nil {
			return err
		}
		if err := r.captions(ctx, flamingoCost(m), d, func(n int) (float64, float64, float64, string) { return r.flamingoWork(m, d, n) },
			func(n int) func() error { return r.flamingoCaptioner(ctx, m, d, n) }); err != nil {
			return err
		}
	}
	return nil
}

// flamingoCaptioner is the work of so many captions, with memory of its own.
func (r *Runner) flamingoCaptioner(ctx context.Context, m *flamingo.Model, d kernel.DType, n int) func() error {
	dec := language.NewDecoder(m.Language, tensor.Options{Compute: computeFor(d), Engine: r.Engine})
	pixels := squarePicture(m.Vision.Processor().Size[0])
	ids := flamingoIDs(m)
	texts := slices.Repeat([][]int32{ids}, n)
	o := generate.Options{MaxTokens: captionTokens, MinTokens: captionTokens}
	return func() error {
		dec.Reset()
		var media []float32
		var shape []int
		for range n {
			dec.Run().Reset()
			one := m.Look(dec.Run(), pixels, 1)
			media, shape = append(media, one.Data()...), one.Shape()
		}
		if err := m.Read(dec, ids, tensor.FromFloats(media, append([]int{n}, shape[1:]...)...)); err != nil {
			return err
		}
		_, err := generate.Run(ctx, dec, texts, o)
		return err
	}
}

// flamingoIDs is a text with a picture near its end.
func flamingoIDs(m *flamingo.Model) []int32 {
	if m.Tokenizer == nil { // a shape's
		ids := prompt(flamingoPrompt, int(openFlamingo3B.End))
		ids[flamingoPrompt-3] = openFlamingo3B.Picture
		return ids
	}
	picture, _ := m.PictureIDs()
	var ids []int32
	for _, id := range prompt(m.Language.Config().Vocab, m.Language.Config().Vocab) {
		if len(ids) < flamingoPrompt-len(picture)-2 && !slices.Contains(picture, id) {
			ids = append(ids, id)
		}
	}
	return slices.Concat(ids[:len(ids)-2], picture, ids[len(ids)-2:])
}

// featuresRead is how many features of a picture the resampler reads.
func featuresRead(m *flamingo.Model) (features int) {
	if !m.Own() {
		return m.Vision.Shape().Tokens
	}
	m.EachFeature(make([]float32, m.FeatureLen()), func([]float32) { features++ })
	return features
}

// flamingoWork is the least time for so many captions, their multiplications and bytes, and which of the two takes longer.
func (r *Runner) flamingoWork(m *flamingo.Model, d kernel.DType, n int) (least, flops, bytes float64, bound string) {
	c, rows := flamingoCost(m), float64(n)
	read := float64(c.Bytes + c.HeadBytes)
	looks := 0.0
	if m.Resampler != nil {
		looks = resamplerWork(m.Resampler.Config, featuresRead(m))
	}
	return r.leastTime([]step{
		{d, work{flops: encoderWork(m.Vision)}, rows},
		{kernel.BF16, work{flops: looks}, rows},
		{d, work{2*float64(c.Weights)*flamingoPrompt + 2*float64(c.Head), read}, rows},
		{d, work{rows * 2 * float64(c.Weights+c.Head), read}, captionTokens - 1}, // the first comes out of the prompt
	})
}
