package gated

import (
	"fmt"
	"slices"

	"dragoman/bridge"
	"dragoman/kernel"
	"dragoman/tensor"
)

// Sight is what a batch of texts can see: the keys and values of its pictures in every block, and which pictures each token of the pass
// at hand sees. It is one batch's, and not for concurrent use.
type Sight struct {
	stack            *Stack
	memory           []tensor.KV // a layer each, [rows, pictures·latents, heads·dim]
	apart            []tensor.KV // the same as [rows·pictures, latents, heads·dim]
	rows             []int32     // the row of pictures that each row of texts reads
	pictures, latent int
	length           int
	mask             []uint8 // [rows, length, pictures]: what each token sees

	view view // of the pass at hand
}

// view is what a block reads in a pass.
type view struct {
	kv     tensor.KV // of this block; K nil where nobody sees anything
	apart  bool      // each row sees one picture: kv is of single pictures
	index  []int32   // which of kv's rows each row of texts reads
	mask   []uint8   // nil, or [rows, tokens, keys]
	even   bool      // observers are shown tokens that see nothing as attending to all alike
	choose []int32   // nil, or for each token its place among those of x and then those of y
	blind  bool      // no token sees a picture
	some   bool      // there are tokens that see none
}

// See projects pictures [rows, pictures, latents, media width] for all passes to come; nil is texts without pictures. What is kept
// outlives the run's memory, as decoding needs; it is rounded as a language model's cache is, has no gradient, and is for
// each row what it would be by itself.
func (s *Stack) See(run *tensor.Run, media *tensor.Tensor, rows int, keep bool) *Sight {
	v := &Sight{stack: s}
	for i := range rows {
		v.rows = append(v.rows, int32(i))
	}
	if media == nil || media.Dim(1) == 0 {
		return v
	}
	if media.Dim(0) != rows {
		panic(fmt.Sprintf("gated: pictures %v for %d rows of text", media.Shape(), rows))
	}
	v.pictures, v.latent = media.Dim(1), media.Dim(2)
	v.memory, v.apart = make([]tensor.KV, len(s.blocks)), make([]tensor.KV, len(s.blocks))
	all := run.Reshape(media, rows, v.pictures*v.latent, media.Dim(3))
	for layer, k := range s.blocks {
		if k == nil {
			continue
		}
		if keep {
			v.memory[layer], v.apart[layer] = v.stored(run, k.attention, all)
			continue
		}
		kv := k.attention.Remember(run, all)[0]
		width := kv.K.Dim(2)
		v.memory[layer] = kv
		v.apart[layer] = tensor.KV{K: run.Reshape(kv.K, -1, v.latent, width), V: run.Reshape(kv.V, -1, v.latent, width)}
	}
	return v
}

// stored is keys and values of each row's media [rows, keys, media width], outside of the run's memory.
func (v *Sight) stored(run *tensor.Run, a *bridge.Attention, media *tensor.Tensor) (memory, apart tensor.KV) {
	dtype := kernel.BF16
	if run.Options().Compute == kernel.F32 {
		dtype = kernel.F32
	}
	rows, keys, width := media.Dim(0), media.Dim(1), 0
	var data [2][]byte
	for row := range rows {
		mark := run.Mark()
		kv := a.Remember(run, run.Slice(media, 0, row, row+1))[0]
		width = kv.K.Dim(2)
		for i, x := range []*tensor.Tensor{kv.K, kv.V} {
			stored := make([]byte, keys*dtype.RowBytes(width))
			kernel.Encode(dtype, stored, x.Data())
			data[i] = append(data[i], stored...)
		}
		run.Release(mark, nil)
	}
	over := func(data []byte) (all, single *tensor.Tensor) {
		m := kernel.MatOf(dtype, rows*keys, width, data)
		return tensor.NewWeight("media", m, rows, keys, width), tensor.NewWeight("media", m, rows*v.pictures, v.latent, width)
	}
	memory.K, apart.K = over(data[0])
	memory.V, apart.V = over(data[1])
	return memory, apart
}

// Show says which pictures the tokens of the next pass see: mask [rows, length, pictures], 0 hides. Tokens that are read one at a time
// after it see what the last of it did.
func (v *Sight) Show(mask []uint8, length int) {
	if len(mask) != len(v.rows)*length*v.pictures {
		panic(fmt.Sprintf("gated: a mask of %d for %d rows of %d tokens and %d pictures", len(mask), len(v.rows), length, v.pictures))
	}
	v.mask, v.length = mask, length
	v.view = v.look()
}

// Row is what a row can see, as a text by itself.
func (v *Sight) Row(row int) *Sight {
	one := *v
	one.rows, one.mask, one.length = v.rows[row:row+1:row+1], nil, 0
	return &one
}

// Select makes row i of the texts what row parents[i] was. A row may be taken several times, or not at all.
func (v *Sight) Select(parents []int) {
	v.last()
	rows := make([]int32, len(parents))
	mask := make([]uint8, 0, len(parents)*v.pictures)
	for i, p := range parents {
		rows[i] = v.rows[p]
		mask = append(mask, v.mask[p*v.pictures:(p+1)*v.pictures]...)
	}
	v.rows, v.mask = rows, mask
	v.view = v.look()
}

// last keeps what the last token of each row saw, for those behind it.
func (v *Sight) last() {
	if v.length == 1 {
		return
	}
	mask := make([]uint8, 0, len(v.rows)*v.pictures)
	for b := range v.rows {
		end := (b + 1) * v.length * v.pictures
		mask = append(mask, v.mask[end-v.pictures:end]...)
	}
	v.mask, v.length = mask, 1
	v.view = v.look()
}

// Onward says that the next pass is of so many tokens of each row, which see what the last token before them did.
func (v *Sight) Onward(length int) {
	v.last()
	if length == 1 {
		return
	}
	mask := make([]uint8, 0, len(v.mask)*length)
	for b := range v.rows {
		for range length {
			mask = append(mask, v.mask[b*v.pictures:(b+1)*v.pictures]...)
		}
	}
	v.mask, v.length = mask, length
	v.view = v.look()
}

// look makes the view of a pass.
func (v *Sight) look() view {
	tokens := len(v.rows) * v.length
	blind := 0 // tokens that see nothing
	for i := range tokens {
		if !slices.Contains(v.mask[i*v.pictures:(i+1)*v.pictures], 1) {
			blind++
		}
	}
	if blind == tokens {
		return view{blind: true, some: true, index: v.rows}
	}
	w := view{index: v.rows, some: blind > 0}
	if v.length == 1 && blind == 0 && v.one(&w) {
		return w
	}
	w.mask = v.keys()
	if blind > 0 && v.stack.Config.Untouched {
		w.choose = make([]int32, tokens)
		for i := range w.choose {
			w.choose[i] = int32(i)
			if slices.Contains(v.mask[i*v.pictures:(i+1)*v.pictures], 1) {
				w.choose[i] += int32(tokens)
			}
		}
	}
	return w
}

// keys is the mask for every key.
func (v *Sight) keys() []uint8 {
	mask := make([]uint8, 0, len(v.mask)*v.latent)
	for _, m := range v.mask {
		for range v.latent {
			mask = append(mask, m)
		}
	}
	return mask
}

// shown says whether there are observers, who are shown how a token looks that sees none of the pictures.
func (v *Sight) shown(run *tensor.Run) bool { return run.Observed() && v.pictures > 0 }

// even says whether such a token attends to all pictures alike for them: so it does in transformers' IDEFICS, and what it finds is thrown
// away behind the attention. In OpenFlamingo it finds zeros.
func (v *Sight) even(run *tensor.Run) bool { return v.shown(run) && v.stack.Config.Names == IDEFICS }

// one lets each row read its one picture alone, if all have one.
func (v *Sight) one(w *view) bool {
	index := make([]int32, len(v.rows))
	for b := range v.rows {
		seen := v.mask[b*v.pictures : (b+1)*v.pictures]
		at := slices.Index(seen, 1)
		if slices.Contains(seen[at+1:], 1) {
			return false
		}
		index[b] = v.rows[b]*int32(v.pictures) + int32(at)
	}
	w.apart, w.index = true, index
	return true
}

// Hook is what is done before a layer of the language model: hidden [rows, tokens, width], of as many tokens as Show was told, or one.
func (v *Sight) Hook(run *tensor.Run, layer int, hidden *tensor.Tensor) *tensor.Tensor {
	k := v.stack.blocks[layer]
	if k == nil {
		return hidden
	}
	if hidden.Dim(1) == 1 {
		v.last()
	}
	if hidden.Dim(0) != len(v.rows) || hidden.Dim(1) != v.length {
		panic(fmt.Sprintf("gated: hidden states %v, pictures are shown to %d rows of %d", hidden.Shape(), len(v.rows), v.length))
	}
	w := v.view
	switch {
	case w.blind && v.stack.Config.Untouched:
		return hidden
	case w.blind && !v.shown(run):
	case w.apart:
		w.kv = v.apart[layer]
	default:
		w.kv = v.memory[layer]
	}
	w.kv.Index = w.index
	if w.some && v.shown(run) {
		w.mask, w.even = v.keys(), v.even(run)
	}
	return k.forward(run, hidden, w)
}
