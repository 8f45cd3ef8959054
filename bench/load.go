package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dragoman"
	"dragoman/internal/atomicfile"
	"dragoman/internal/rss"
	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
)

func init() {
	Register(Part{Name: "load", Run: load, Opens: opensNamed})
}

// opensNamed says why the model that is named does not open.
func opensNamed(r *Runner) error {
	m, err := dragoman.Open(r.Model)
	if err == nil {
		err = m.Close()
	}
	return err
}

// load measures what a checkpoint costs before it speaks: opening it, and how much longer the first caption takes than the second, with the
// file in the page cache; and how much memory the process has had at most. As stored it is a bf16 file, of the shape's size, in the folder
// for temporary files. Where a dtype is named, it is a float32 file that is read as that. Without a shape it is the model that is named, or the
// built-in one, as it lies on the disk.
func load(ctx context.Context, r *Runner) (err error) {
	if r.Shape == "" {
		return r.loadNamed(ctx)
	}
	r.free()
	dir, err := os.MkdirTemp("", "dragoman-bench-")
	if err != nil {
		return err
	}
	defer atomicfile.Track(dir)()
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "model.gguf")
	stored, wanted, what := kernel.BF16, kernel.BF16, r.Shape+" as stored"
	var p blip2.Precision
	if r.DType != nil {
		stored, wanted, what = kernel.F32, *r.DType, r.Shape+" from f32"
		p = blip2.Precision{Some: wanted != kernel.F32, Matrices: wanted}
	}
	bytes, err := r.writeShape(path, stored, p)
	if err != nil {
		return err
	}
	r.free()
	rss.Reset()
	start := time.Now()
	m, err := blip2.Open(path, blip2.Options{Precision: p})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	opened := time.Since(start)
	say := r.captioner(ctx, m, wanted, 1)
	var captions [2]time.Duration
	for i := range captions {
		start := time.Now()
		if err := say(); err != nil {
			return err
		}
		captions[i] = time.Since(start)
	}
	r.Emit(Record{
		Part: "load", What: what, DType: wanted.String(), ISA: r.Engine.Family().String(), Threads: r.Workers.Size(),
		Seconds: (opened + captions[0] - captions[1]).Seconds(), Bytes: bytes, PeakRSS: rss.Peak(),
	})
	return nil
}

// loadNamed is load for a model that is there. What a model does that has nothing to say is its first use: a text that goes on, or a vector.
func (r *Runner) loadNamed(ctx context.Context) (err error) {
	r.free()
	rss.Reset()
	rec := Record{Part: "load", What: cmp.Or(r.Name, r.Model, "mini"), ISA: r.Engine.Family().String(), Threads: r.Workers.Size()}
	if r.DType != nil {
		rec.DType = r.DType.String()
	}
	start := time.Now()
	m, err := dragoman.Open(r.Model, dragoman.WithDType(cmp.Or(rec.DType, "auto")))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	rec.Seconds = time.Since(start).Seconds()
	for _, sign := range []float64{1, -1} {
		start := time.Now()
		if err := use(ctx, m); err != nil {
			return err
		}
		rec.Seconds += sign * time.Since(start).Seconds()
	}
	rec.PeakRSS = rss.Peak()
	r.Emit(rec)
	return nil
}

// use is one use of a model: a caption, or what it can do instead.
func use(ctx context.Context, m *dragoman.Model) error {
	one, _, pair := m.Systems()
	picture := dragoman.ImageOf(image.NewGray(image.Rect(0, 0, 64, 64)))
	g := &dragoman.Generate{MaxTokens: captionTokens, MinTokens: captionTokens}
	var err error
	switch {
	case pair != nil && pair.Vision == nil:
		_, err = m.EmbedText(ctx, "a cat")
	case pair != nil || one != nil && one.Language == nil:
		_, err = m.EmbedImage(ctx, picture)
	case one != nil && one.Vision == nil:
		_, err = m.Chat(ctx, []dragoman.Message{{Role: "user", Content: "a cat"}}, g)
	default:
		_, err = m.Caption(ctx, picture, g)
	}
	return err
}

// writeShape writes the shape's model into one file as blip2.Pack would, seeded, matrices as a dtype, and says how many bytes the weights are
// once they are loaded under a precision.
func (r *Runner) writeShape(path string, d kernel.DType, loaded blip2.Precision) (bytes float64, err error) {
	s, err := known(r.Shape)
	if err == nil && s.config == "" {
		err = fmt.Errorf("there is no file to write of %s", r.Shape)
	}
	if err != nil {
		return 0, err
	}
	p := blip2.Precision{Some: d != kernel.F32, Matrices: d}
	var outputs []weights.Output
	_, err = blip2.Fresh([]byte(s.config), func(name string, init nn.Init, dims []int) *tensor.Tensor {
		x := seeded{name: name, init: init, shape: slices.Clone(dims)}
		to := kernel.F32
		if d, ok := p.Store(weights.Tensor{Name: name, Type: weights.F32, Shape: dims}); ok {
			to = d
		}
		held := to
		if d, ok := loaded.Store(weights.Tensor{Name: name, Type: weights.TypeOf(to), Shape: dims}); ok {
			held = d
		}
		bytes += float64(tensor.Count(dims) / held.BlockLen() * held.BlockBytes())
		outputs = append(outputs, weights.Output{Name: name, Type: weights.TypeOf(to), Shape: x.shape, Write: func(w io.Writer) error {
			cols := x.shape[len(x.shape)-1]
			data := make([]byte, tensor.Count(x.shape)/max(1, cols)*to.RowBytes(cols))
			x.encode(r.Workers, to, data)
			_, err := w.Write(data)
			return err
		}})
		return tensor.NewWeight(name, kernel.Mat{DType: kernel.BF16, Rows: tensor.Count(dims), Cols: 1}, x.shape...) // its values are not asked for
	}, blip2.Rooms{Vision: true, Bridge: true, Language: true})
	if err != nil {
		return 0, fmt.Errorf("writing a file of %s: %w", r.Shape, err)
	}
	const tokenizer = `{"model":{"type":"BPE","vocab":{"a":0,"b":1,"c":2},"merges":[]}}` // nothing is said with it
	return bytes, weights.StreamGGUF(path, outputs, weights.Meta{
		"general.architecture": "blip-2", "dragoman.file.config.json": s.config, "dragoman.file.tokenizer.json": tokenizer,
	})
}
