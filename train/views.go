package train

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"dragoman/internal/hint"
	"dragoman/kernel"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/weights"
)

// views makes what the frozen encoder sees of pictures: views drawn anew, or the picture as it is and a few views of it that were drawn
// and encoded once and lie on the disk.
type views struct {
	model   encoder
	run     *tensor.Run // of the encoder, without a tape
	augment *picture.Augment
	proc    picture.Processor
	seed    uint64
	cached  int // views a picture in the cache; 0: drawn anew
	shards  []*weights.File
	place   []int // in the cache, of each pair that is trained on: those of one picture share one
	pixels  []float32
	took    time.Duration // drawing and encoding, so far
}

const (
	encodeBatch = 32  // pictures that go through the encoder at once
	shardRows   = 512 // pictures a file of the cache
)

func newViews(m encoder, r *Recipe, compute kernel.DType) *views {
	v := &views{
		model: m, run: tensor.NewRun(tensor.Options{Compute: compute}), proc: m.Processor(),
		seed: mix(r.Seed, "views"), cached: r.Views.Cached,
	}
	if r.Views.Augment == "drawing" {
		a := picture.DefaultAugment(v.proc.Size[0])
		v.augment = &a
	}
	return v
}

func (v *views) close() {
	for _, f := range v.shards {
		f.Close()
	}
	v.shards = nil
}

// request asks for one view of a pair.
type request struct {
	pair  *pair
	index int    // of the pair among those trained on; negative: it is not one of them
	view  uint64 // which of its views: the epoch, or a number in the cache
	plain bool   // as outside of training
}

// view is which view of a pair an epoch of the stage that is on has: each has others than the stage before it began with, of two that are cached, too.
func (t *trainer) view(epoch uint64) uint64 { return epoch + uint64(t.state.Stage)*0x9e3779b97f4a7c15 }

// features are what the model's Encode gives for each request, one after another.
func (v *views) features(reqs []request) ([]float32, error) {
	out := make([]float32, len(reqs)*v.model.FeatureLen())
	if len(v.shards) > 0 && reqs[0].index >= 0 {
		v.read(reqs, out)
		return out, nil
	}
	return out, v.encode(reqs, out)
}

// encode draws the views and runs them through the encoder.
func (v *views) encode(reqs []request, out []float32) error {
	began := time.Now()
	defer func() { v.took += time.Since(began) }()
	for from := 0; from < len(reqs); from += encodeBatch {
		px, err := v.drawn(reqs[from:min(from+encodeBatch, len(reqs))])
		if err != nil {
			return err
		}
		v.run.Reset()
		v.model.Encode(v.run, px, out[from*v.model.FeatureLen():])
	}
	return nil
}

// drawn are the pixels of at most encodeBatch views, [views, 3, H, W], until the next are drawn.
func (v *views) drawn(reqs []request) (*tensor.Tensor, error) {
	size := v.proc.Len()
	if v.pixels == nil {
		v.pixels = make([]float32, encodeBatch*size)
	}
	errs := make([]error, len(reqs))
	tensor.DefaultPool().Do(len(reqs), func(i, _ int) {
		errs[i] = v.draw(reqs[i], v.pixels[i*size:(i+1)*size])
	})
	return tensor.FromFloats(v.pixels[:len(reqs)*size], len(reqs), 3, v.proc.Size[0], v.proc.Size[1]), errors.Join(errs...)
}

// draw makes the pixels of one view.
func (v *views) draw(r request, pixels []float32) error {
	m, err := r.pair.decode()
	if err != nil {
		return err
	}
	var view *picture.Image
	if v.augment != nil && !r.plain {
		view = v.augment.View(m, r.pair.mayFlip, v.seed, r.view, uint64(r.index))
	} else {
		view = m.Flatten(v.proc.Alpha)
	}
	if err := v.proc.Check(view.W, view.H); err != nil {
		return err
	}
	v.proc.ApplyTo(pixels, view, nil)
	return nil
}

// stored is how many rows a picture has in the cache: as it is, then its views, where they are others.
func (v *views) stored() int {
	if v.augment == nil {
		return 1
	}
	return 1 + v.cached
}

// slot is which of them a request asks for.
func (v *views) slot(r request) int {
	if r.plain || v.augment == nil {
		return 0
	}
	return 1 + int(r.view%uint64(v.cached))
}

// read takes views from the cache.
func (v *views) read(reqs []request, out []float32) {
	n := v.model.FeatureLen()
	tensor.DefaultPool().Do(len(reqs), func(i, _ int) {
		r := reqs[i]
		place := v.place[r.index]
		t, _ := v.shards[place/shardRows].Lookup("features")
		at := (place%shardRows*v.stored() + v.slot(r)) * n
		kernel.Decode(kernel.F16, out[i*n:(i+1)*n], t.Data[2*at:2*(at+n)])
	})
}

// fill makes the cache where it is not there yet, shard by shard, so that a killed run goes on where it was.
func (v *views) fill(ctx context.Context, r *Recipe, set *pairSet, progress func(done, all int)) error {
	if v.cached == 0 {
		return nil
	}
	var reqs []request
	reqs, v.place = different(set.pairs)
	key, err := v.key(r, reqs)
	if err != nil {
		return err
	}
	dir := r.Views.Cache
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return fmt.Errorf("feature cache: %w", err)
		}
		dir = filepath.Join(dir, "dragoman", "features")
	}
	dir = filepath.Join(dir, key)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("feature cache: %w", err)
	}
	for from := 0; from < len(reqs); from += shardRows {
		part := reqs[from:min(from+shardRows, len(reqs))]
		path := filepath.Join(dir, fmt.Sprintf("%05d.safetensors", from/shardRows))
		f, err := weights.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			if err := v.fillShard(ctx, path, part, func(done int) { progress(from+done, len(reqs)) }); err != nil {
				return err
			}
			f, err = weights.Open(path)
		}
		if err != nil {
			return fmt.Errorf("feature cache: %w", err)
		}
		want := []int{len(part), v.stored(), v.model.FeatureLen()}
		if t, ok := f.Lookup("features"); !ok || t.Type != weights.F16 || !slices.Equal(t.Shape, want) {
			f.Close()
			return hint.Wrap(fmt.Errorf("feature cache: %s: it does not hold features %v in f16", path, want), "remove that folder: it is made anew")
		}
		v.shards = append(v.shards, f)
		progress(from+len(part), len(reqs))
	}
	return nil
}

// different are the pictures of pairs, each as its first pair asks for it, and which of them each pair has. A picture is flipped where all of its pairs may be.
func different(pairs []pair) (reqs []request, place []int) {
	places := map[int]int{} // of pictures, by their numbers
	place = make([]int, len(pairs))
	for i := range pairs {
		p := &pairs[i]
		n, known := places[p.picture]
		if known = known && p.media == nil; !known { // a page's pictures have no numbers, and stand once
			n = len(reqs)
			reqs = append(reqs, request{pair: p, index: i})
			if p.media == nil {
				places[p.picture] = n
			}
		} else if first := reqs[n].pair; first.mayFlip && !p.mayFlip {
			reqs[n].pair = new(*first)
			reqs[n].pair.mayFlip = false
		}
		place[i] = n
	}
	return reqs, place
}

// fillShard encodes all views of some pictures.
func (v *views) fillShard(ctx context.Context, path string, pictures []request, progress func(done int)) error {
	n, stored := v.model.FeatureLen(), v.stored()
	data := make([]byte, 2*n*stored*len(pictures))
	per := max(1, encodeBatch/stored)
	out := make([]float32, per*stored*n)
	for from := 0; from < len(pictures); from += per {
		if err := ctx.Err(); err != nil {
			return err
		}
		var reqs []request
		for _, r := range pictures[from:min(from+per, len(pictures))] {
			plain := r
			plain.plain = true
			reqs = append(reqs, plain)
			for r.view = range uint64(stored - 1) {
				reqs = append(reqs, r)
			}
		}
		if err := v.encode(reqs, out); err != nil {
			return err
		}
		kernel.Encode(kernel.F16, data[2*n*stored*from:][:2*n*len(reqs)], out[:n*len(reqs)])
		progress(from)
	}
	return weights.WriteSafetensors(path, []weights.Tensor{
		{Name: "features", Type: weights.F16, Shape: []int{len(pictures), stored, n}, Data: data},
	}, nil)
}

// key names the cache by everything that its contents depend on: the encoder, how views are drawn, and the pictures.
func (v *views) key(r *Recipe, pictures []request) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "5 %s %v %s\n", v.model.EncodingHash(), v.run.Options().Compute, r.Views.Augment)
	if v.augment != nil {
		fmt.Fprintln(h, v.cached, v.seed)
	}
	sums := make([][sha256.Size]byte, len(pictures))
	errs := make([]error, len(pictures))
	tensor.DefaultPool().Do(len(pictures), func(i, _ int) {
		b, err := pictures[i].pair.bytes()
		if err == nil {
			sums[i] = sha256.Sum256(b)
		}
		errs[i] = err
	})
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	for i, r := range pictures {
		h.Write(sums[i][:])
		if v.augment != nil { // a view depends on where the picture stands, and on whether it may be flipped
			fmt.Fprintln(h, r.index, r.pair.mayFlip)
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:24], nil
}
