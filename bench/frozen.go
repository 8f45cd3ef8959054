package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"dragoman/internal/builtin"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/language/llama"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/vision/efficientnet"
	"dragoman/weights"
)

func init() {
	Register(Part{Name: "vision", Default: true, Run: vision, Opens: func(r *Runner) error {
		_, _, err := r.encoder()
		return err
	}})
	speaks := func(r *Runner) error {
		data, err := r.checkpoint(".gguf")
		if err == nil {
			_, err = languageModel(data)
		}
		return err
	}
	Register(Part{Name: "prefill", Default: true, Run: prefill, Opens: speaks})
	Register(Part{Name: "decode", Default: true, Run: decode, Opens: speaks})
}

// errNoFile says that the model to measure has no file of a part's kind.
var errNoFile = errors.New("no file to measure")

// checkpoint is the bytes of the file to measure: Model where it names a file with that ending, or else the built-in one.
func (r *Runner) checkpoint(ending string) ([]byte, error) {
	if strings.HasSuffix(r.Model, ending) {
		var err error
		if r.file == nil {
			r.file, err = os.ReadFile(r.Model)
		}
		return r.file, err
	}
	if r.Model == "" || r.Model == "mini" {
		for _, name := range builtin.Names() {
			if strings.HasSuffix(name, ending) {
				return builtin.ReadFile(name)
			}
		}
	}
	return nil, fmt.Errorf("%w: a %s file, which --model may name", errNoFile, ending)
}

// encoder is the image encoder to measure.
func (r *Runner) encoder() (m *efficientnet.Model, cfg efficientnet.Config, err error) {
	data, err := r.checkpoint(".pth")
	if err != nil {
		return nil, cfg, err
	}
	f, err := weights.OpenBytes("image encoder", data)
	if err != nil {
		return nil, cfg, err
	}
	b := nn.NewBuilder(f, nn.BuilderOptions{})
	if cfg, err = efficientnet.Detect(b); err == nil {
		m = efficientnet.New(b, cfg)
		err = b.Err()
	}
	return m, cfg, err
}

// vision measures the built-in image encoder on one picture at a time, or the shape's.
func vision(ctx context.Context, r *Runner) error {
	if r.Shape != "" || r.loads {
		return shapeVision(ctx, r)
	}
	m, cfg, err := r.encoder()
	if err != nil {
		return err
	}
	pixels := tensor.FromFloats(Values(3*cfg.Size*cfg.Size), 1, 3, cfg.Size, cfg.Size)
	for _, d := range []kernel.DType{kernel.F32, kernel.BF16} {
		run := tensor.NewRun(tensor.Options{Compute: d, Engine: r.Engine})
		rec := Record{Part: "vision", What: cfg.Name, Bound: "compute", Shape: []int{cfg.Size, cfg.Size}, Flops: float64(cfg.Flops())}
		err := r.measureItems(ctx, rec, d, 1, func(rec *Record, rate float64) { rec.SamplesPerS = rate }, func() error {
			run.Reset()
			m.Encode(run, pixels)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// measureItems is Measure for work that can fail and does so many items; put enters how many were done a second.
func (r *Runner) measureItems(ctx context.Context, rec Record, d kernel.DType, items int, put func(*Record, float64), f func() error) error {
	best, median, err := r.repeat(ctx, rec.Bound, d, func() (time.Duration, error) {
		start := time.Now()
		err := f()
		return time.Since(start), err
	})
	if err != nil {
		return err
	}
	r.emit(rec, d, best, median, 1, func(rec *Record) { put(rec, float64(items)/rec.Seconds) })
	return nil
}

func tokens(rec *Record, rate float64) { rec.TokensPerS = rate }

// languageModel opens a GGUF file's model.
func languageModel(data []byte) (*llama.Model, error) {
	f, err := weights.OpenBytes("language model", data)
	if err != nil {
		return nil, err
	}
	return llama.FromGGUF(f, "", nn.BuilderOptions{})
}

// prompt is n ids, all over the vocabulary.
func prompt(n, vocab int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((101 + 37*i) % vocab)
	}
	return ids
}

// prefill measures reading 512 tokens: bf16 operands, and what a quantised model does by default.
func prefill(ctx context.Context, r *Runner) error {
	if r.Shape != "" || r.loads {
		return shapePrefill(ctx, r)
	}
	data, err := r.checkpoint(".gguf")
	if err != nil {
		return err
	}
	m, err := languageModel(data)
	if err != nil {
		return err
	}
	for _, d := range r.types(kernel.BF16, kernel.Q8_0) {
		if err := r.measurePrefill(ctx, m, m.Cost(), d, 512, nil); err != nil {
			return err
		}
	}
	return nil
}

// readable is so many tokens, or as many as fit into the model's context.
func readable(m language.Model, tokens int) int {
	if c := m.Config().Context; c > 0 {
		return min(tokens, c)
	}
	return tokens
}

// readier lets a decoder's next tokens, so many, see what they are to see.
type readier func(dec *language.Decoder, tokens int)

// measurePrefill measures a model's reading of so many tokens, by a decoder that ready, unless it is nil, makes ready.
func (r *Runner) measurePrefill(ctx context.Context, m language.Model, c language.Cost, d kernel.DType, length int, ready readier) error {
	ids, n := prompt(length, m.Config().Vocab), float64(length)
	// A pair of positions costs two multiply-adds a column; a token sees those before it and itself.
	flops := 2*float64(c.Weights)*n + 2*float64(c.Head) + 4*float64(c.Attention)*n*(n+1)/2
	dec := language.NewDecoder(m, tensor.Options{Compute: computeFor(d), Engine: r.Engine})
	rec := Record{Part: "prefill", What: r.what(), Bound: "compute", Shape: []int{length}, Flops: flops}
	return r.measureItems(ctx, rec, d, length, tokens, func() error {
		dec.Reset()
		if ready != nil {
			ready(dec, length)
		}
		return dec.Read(ids)
	})
}

// decode measures 64 tokens, one after the other, behind a prompt of 32. Each is made with another copy of the weights, so many
// that no cache holds them.
func decode(ctx context.Context, r *Runner) error {
	if r.Shape != "" || r.loads {
		return shapeDecode(ctx, r)
	}
	data, err := r.checkpoint(".gguf")
	if err != nil {
		return err
	}
	copies, err := r.copies(data)
	if err != nil {
		return err
	}
	models := make([]language.Model, len(copies))
	for i, m := range copies {
		models[i] = m
	}
	for _, d := range r.types(kernel.BF16, kernel.Q8_0) {
		if err := r.measureDecode(ctx, models, copies[0].Cost(), d, 64, nil); err != nil {
			return err
		}
	}
	return nil
}

// measureDecode measures so many tokens, with one model after another; ready is measurePrefill's.
func (r *Runner) measureDecode(ctx context.Context, models []language.Model, c language.Cost, d kernel.DType, made int, ready readier) error {
	before := 32
	if c := models[0].Config().Context; c > 0 && before+made > c {
		before = max(1, c/2)
		made = c - before
	}
	ids, n := prompt(before+made, models[0].Config().Vocab), float64(made)
	rec := Record{
		Part: "decode", What: r.what(), Bound: "memory", Shape: []int{made},
		Flops: 2 * n * float64(c.Weights+c.Head),
		Bytes: n * (float64(c.Bytes+c.HeadBytes) + float64(kernel.BF16.RowBytes(c.CacheRow))*(float64(before)+n/2)),
	}
	dec := language.NewDecoder(models[0], tensor.Options{Compute: computeFor(d), Engine: r.Engine})
	at := 0
	best, median, err := r.repeat(ctx, rec.Bound, d, func() (time.Duration, error) {
		dec.Reset()
		if ready != nil {
			ready(dec, before)
		}
		if err := dec.Read(ids[:before]); err != nil {
			return 0, err
		}
		start := time.Now()
		for i := range made {
			at++
			dec.Model = models[at%len(models)]
			if err := dec.Advance([]int{0}, ids[before+i:before+i+1]); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	})
	if err != nil {
		return err
	}
	r.emit(rec, d, best, median, 1, func(rec *Record) {
		tokens(rec, n/rec.Seconds)
		rec.ShareOfPeak = r.share(rec.ShareOfPeak, c)
	})
	return nil
}

// copies are models over copies of a file, a gigabyte of them.
func (r *Runner) copies(data []byte) ([]*llama.Model, error) {
	n := (cold + len(data) - 1) / len(data)
	if len(r.arena) < n*len(data) {
		r.arena = make([]byte, n*len(data))
	}
	models := make([]*llama.Model, n)
	for i := range models {
		at := r.arena[i*len(data) : (i+1)*len(data)]
		copy(at, data)
		m, err := languageModel(at)
		if err != nil {
			return nil, err
		}
		models[i] = m
	}
	return models, nil
}
