package dragoman

import (
	"errors"
	"runtime/debug"
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

// ErrClosed is wrapped where a model is used after its Close.
var ErrClosed = errors.New("the model is closed")

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

	mu     sync.Mutex
	closed bool
	using  int // who reads weights

	grads sync.Mutex // of the parameters

	// What no call is using. The memory of many calls at a time goes, where there are not as many again.
	runs     sync.Pool // of *tensor.Run
	decoders sync.Pool // of *language.Decoder
}

// Close gives back the model's files. It does not wait for calls that are under way: they end as they would have or with ErrClosed, and the
// files go with the last of them.
func (m *Model) Close() error {
	m.mu.Lock()
	idle := !m.closed && m.using == 0
	m.closed = true
	m.mu.Unlock()
	if !idle {
		return nil
	}
	return m.closeFiles()
}

func (m *Model) closeFiles() error {
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

// use keeps the files open until done: reading memory that files were mapped to would end the process. Where a file is cut short by somebody
// else, reading it is a panic that can be recovered from.
func (m *Model) use() (done func(), err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrClosed
	}
	m.using++
	before := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(before)
		m.used()
	}, nil
}

func (m *Model) used() {
	m.mu.Lock()
	m.using--
	last := m.closed && m.using == 0
	m.mu.Unlock()
	if last {
		_ = m.closeFiles() // Close is over
	}
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

// Fit is a picture as the image encoder sees it: cut, squeezed or padded to its size. Maps of Inspect lie on it. Of a model without one it
// is the picture.
func (m *Model) Fit(img *picture.Image) *picture.Image {
	p, ok := m.processor()
	if !ok {
		return img
	}
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

// run hands out the memory of a pass; done takes it back.
func (m *Model) run() (r *tensor.Run, done func(), err error) {
	return lend(m, &m.runs, func() *tensor.Run { return tensor.NewRun(tensor.Options{Compute: m.compute}) })
}

// decoder hands out what continues a text; done takes it back.
func (m *Model) decoder() (d *language.Decoder, done func(), err error) {
	return lend(m, &m.decoders, func() *language.Decoder {
		return language.NewDecoder(m.system.Language, tensor.Options{Compute: m.compute})
	})
}

// lend takes something out of what no call is using, or makes it where there is nothing, and keeps the model's files open until it is back.
func lend[T interface{ Reset() }](m *Model, idle *sync.Pool, fresh func() T) (lent T, done func(), err error) {
	used, err := m.use()
	if err != nil {
		return lent, nil, err
	}
	lent, ok := idle.Get().(T)
	if !ok {
		lent = fresh()
	}
	return lent, func() {
		lent.Reset()
		idle.Put(lent)
		used()
	}, nil
}
