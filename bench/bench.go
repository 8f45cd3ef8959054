// Package bench measures how fast this machine does the work of the models, each figure beside the limit that was measured
// in the same run: the multipliers' peak for a number type, or the rate at which memory can be read.
//
// Only useful operations count (a product of m×k and k×n is 2·m·n·k, padding is nothing), and only useful bytes (weights and
// activations once each). Work that memory bounds walks over at least a gigabyte of different weights, so that no cache helps.
// Every figure is the best of several runs, with the spread of the runs beside it.
//
// A part is a kind of work. This package brings linear and attention; who owns a model registers its parts.
package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"dragoman/kernel"
	"dragoman/tensor"
)

// Options are what to measure.
type Options struct {
	Parts  []string       // names of parts; nil for those of a bare run
	Shape  string         // whose shapes a model's parts take, with seeded weights (one of Shapes); empty for what the part chooses
	DType  *kernel.DType  // what a model's weights are; nil for each that matters to the part
	Model  string         // a model to load instead, a directory, a file or a built-in one's name; empty for the one that is built in
	Name   string         // what the model is called in records; Model where empty
	Engine *kernel.Engine // nil for kernel.Default()
	Emit   func(Record)   // called for each figure, in order, on the goroutine that called Run
}

// Record is one figure. Zero fields do not apply.
type Record struct {
	Part        string  `json:"part"`
	What        string  `json:"what,omitempty"`
	DType       string  `json:"dtype,omitempty"`
	ISA         string  `json:"isa,omitempty"`
	Threads     int     `json:"threads,omitempty"`
	Shape       []int   `json:"shape,omitempty"`
	Seconds     float64 `json:"seconds,omitempty"` // of the best run
	Spread      float64 `json:"spread,omitempty"`  // how much longer than the best the median run took, as a share of the best
	Flops       float64 `json:"flops,omitempty"`
	Bytes       float64 `json:"bytes,omitempty"`
	FlopsPerS   float64 `json:"flops_per_s,omitempty"`
	BytesPerS   float64 `json:"bytes_per_s,omitempty"`
	ShareOfPeak float64 `json:"share_of_peak,omitempty"`
	Limit       float64 `json:"limit_per_s,omitempty"` // what the share is of: operations, or bytes read, a second
	Bound       string  `json:"bound,omitempty"`       // compute or memory: which limit asks for more time
	TokensPerS  float64 `json:"tokens_per_s,omitempty"`
	SamplesPerS float64 `json:"samples_per_s,omitempty"`
	PeakRSS     int64   `json:"peak_rss,omitempty"` // bytes

	// Of the part agreement, beside the same under f32. A share of 0 is written too.
	Drift     *float64 `json:"drift,omitempty"`     // root mean square of the differences, as a share of the spread
	Likeliest *float64 `json:"likeliest,omitempty"` // share of positions whose likeliest id is the same
	Same      *float64 `json:"same,omitempty"`      // share of prompts whose greedy ids are all the same
}

// Part is a kind of work that can be measured.
type Part struct {
	Name    string
	Default bool // measured when no parts are named
	Run     func(ctx context.Context, r *Runner) error

	// Opens is nil for a part that uses no model of a file's, or says what is wrong with the model, or the lack of one: before anything
	// is measured, and not minutes behind it. It is not asked where the part takes a shape's.
	Opens func(r *Runner) error
}

var parts []Part

// Register adds a part, for use from an init function. It panics if there is one of that name.
func Register(p Part) {
	if slices.ContainsFunc(parts, func(q Part) bool { return q.Name == p.Name }) {
		panic("bench: two parts are named " + p.Name)
	}
	parts = append(parts, p)
}

// Names lists the parts.
func Names() []string {
	var names []string
	for _, p := range parts {
		names = append(names, p.Name)
	}
	return names
}

// UsesModel says whether a part measures the model that Options names.
func UsesModel(part string) bool {
	return slices.Contains(wholeParts, part) || slices.ContainsFunc(parts, func(p Part) bool { return p.Name == part && p.Opens != nil })
}

// Run measures the peaks and then the parts, of which "peak" is none more. It ends early, with ctx's error, between two runs.
func Run(ctx context.Context, o Options) (err error) {
	var chosen []Part
	for _, name := range o.Parts {
		if name == "peak" {
			continue
		}
		i := slices.IndexFunc(parts, func(p Part) bool { return p.Name == name })
		if i < 0 {
			return fmt.Errorf("no part %q to measure (%s)", name, strings.Join(Names(), ", "))
		}
		chosen = append(chosen, parts[i])
	}
	var of []string
	if o.Shape != "" {
		s, err := known(o.Shape)
		if err != nil {
			return err
		}
		of = s.parts
	}
	r := &Runner{Options: o, Workers: tensor.DefaultPool()}
	if r.Engine == nil {
		r.Engine = kernel.Default()
	}
	defer func() { err = errors.Join(err, r.unload()) }()
	if r.whole("vision") {
		of = wholeParts
	}
	if len(o.Parts) == 0 {
		for _, p := range parts {
			if p.Default && o.Shape == "" && !r.whole("vision") || slices.Contains(of, p.Name) {
				chosen = append(chosen, p)
			}
		}
	}
	if chosen, err = r.open(chosen); err != nil {
		return err
	}
	if err := r.measurePeaks(ctx); err != nil {
		return err
	}
	for _, p := range chosen {
		if err := r.measure(ctx, p); err != nil {
			return fmt.Errorf("part %s: %w", p.Name, err)
		}
	}
	return nil
}

// measure runs a part, as the shape or the model has it that is measured.
func (r *Runner) measure(ctx context.Context, p Part) error {
	named := r.Shape
	defer func() { r.Shape = named }() // a part that only one shape has takes that
	own := shapes[r.Shape].own
	if r.loads = r.whole(p.Name); r.loads && r.pages {
		own = flamingoShape.own
	}
	if f, ok := own[p.Name]; ok {
		p.Run = f
	}
	return p.Run(ctx, r)
}

// open asks the parts for what is wrong with the model that they are to measure. Of a bare run's those are left out that find no file of their
// kind, but one at least is to measure the model.
func (r *Runner) open(chosen []Part) (left []Part, err error) {
	if r.Shape != "" {
		return chosen, nil
	}
	bare := len(r.Parts) == 0
	measured := r.Model == "" || r.Model == "mini" || !bare
	for _, p := range chosen {
		if r.whole(p.Name) {
			m, err := r.load(nil)
			if err != nil {
				return nil, fmt.Errorf("part %s: %w", p.Name, err)
			}
			r.pages, measured = m.pages != nil, true
			switch {
			case m.has(p.Name):
				left = append(left, p)
			case !bare:
				return nil, fmt.Errorf("part %s: the model has none", p.Name)
			}
			continue
		}
		if p.Opens != nil {
			switch err := p.Opens(r); {
			case bare && errors.Is(err, errNoFile):
				continue
			case err != nil:
				return nil, fmt.Errorf("part %s: %w", p.Name, err)
			}
			measured = true
		}
		left = append(left, p)
	}
	if !measured {
		return nil, fmt.Errorf("%s: without --part an image encoder's .pth file or a language model's .gguf file is measured", r.Model)
	}
	return left, nil
}
