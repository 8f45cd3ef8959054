package dragoman

import (
	"errors"
	"sync"

	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model/blip2"
	"dragoman/model/clip"
	"dragoman/model/flamingo"
	"dragoman/picture"
	"dragoman/tensor"
	"dragoman/weights"
)

// Model is a loaded model. It is safe for concurrent use: calls at the same time share the weights and the worker pool, and each
// has its own activations.
type Model struct {
	system  *blip2.Model
	pages   *flamingo.Model // nil, or what reads pages; system is then its language model alone
	pair    *clip.Model     // nil, or a CLIP; system then has nothing but its tokenizer
	opt     options
	compute kernel.DType
	extra   *weights.File
	load    float64 // seconds

	mu       sync.Mutex
	closed   bool
	runs     []*tensor.Run       // that no call is using
	decoders []*language.Decoder // likewise
}

// Close gives back the model's files. No call may be under way, and one that follows panics: its weights are gone.
func (m *Model) Close() error {
	m.mu.Lock()
	was := m.closed
	m.closed = true
	m.mu.Unlock()
	if was {
		return nil
	}
	err := m.system.Close()
	if m.pages != nil {
		err = errors.Join(err, m.pages.Close())
	}
	if m.pair != nil {
		err = errors.Join(err, m.pair.Close())
	}
	if m.extra != nil {
		err = errors.Join(err, m.extra.Close())
	}
	return err
}

// Systems are what the model is made of, for those who measure it: a BLIP-2, or a language model by itself; what reads pages; a CLIP. The
// others are nil.
func (m *Model) Systems() (one *blip2.Model, pages *flamingo.Model, pair *clip.Model) {
	if m.pages != nil || m.pair != nil {
		return nil, m.pages, m.pair
	}
	return m.system, nil, nil
}

// ReadsPages says whether the model learnt from pages of pictures and text.
func (m *Model) ReadsPages() bool { return m.pages != nil }

// Fit is a picture as the image encoder sees it: cut, squeezed or padded to its size. Maps of Inspect lie on it.
func (m *Model) Fit(img *picture.Image) *picture.Image {
	p, _ := m.processor()
	return p.FitTo(img, nil)
}

// processor prepares pictures for the image encoder; ok is false where there is none.
func (m *Model) processor() (p picture.Processor, ok bool) {
	switch {
	case m.pages != nil:
		return m.pages.Processor(), true
	case m.pair != nil && m.pair.Vision != nil:
		return m.pair.Processor(), true
	case m.system.Vision != nil:
		return m.system.Processor(), true
	}
	return picture.Processor{}, false
}

// mustBeOpen panics after Close: reading memory that files were mapped to would end the process, which nobody can recover from.
func (m *Model) mustBeOpen() {
	if m.closed {
		panic("dragoman: a Model was used after its Close")
	}
}

// run hands out the memory of a pass; done takes it back.
func (m *Model) run() (r *tensor.Run, done func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mustBeOpen()
	if n := len(m.runs); n > 0 {
		r, m.runs = m.runs[n-1], m.runs[:n-1]
	} else {
		r = tensor.NewRun(tensor.Options{Compute: m.compute})
	}
	return r, func() {
		r.Reset()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.runs = append(m.runs, r)
	}
}

// decoder hands out what continues a text; done takes it back.
func (m *Model) decoder() (d *language.Decoder, done func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mustBeOpen()
	if n := len(m.decoders); n > 0 {
		d, m.decoders = m.decoders[n-1], m.decoders[:n-1]
	} else {
		d = language.NewDecoder(m.system.Language, tensor.Options{Compute: m.compute})
	}
	return d, func() {
		d.Reset()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.decoders = append(m.decoders, d)
	}
}
