package bench

import (
	"context"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/tensor"
)

// TestWholeModels measures the parts that a named model has, and no others; a part that is measured on a shape leaves the next one alone.
func TestWholeModels(t *testing.T) {
	f32 := kernel.F32
	for model, want := range map[string]string{
		"../testdata/blip2-opt":                       "qformer caption vision prefill decode",
		"../testdata/instructblip-t5":                 "qformer caption vision prefill decode",
		"../testdata/blip2-itm":                       "qformer vision",
		"../language/opt/testdata/before":             "prefill decode",
		"../model/flamingo/testdata/idefics":          "caption resampler gated vision prefill decode",
		"../model/flamingo/testdata/idefics-plain":    "caption gated vision prefill decode",
		"../model/clip/testdata/clip":                 "vision text",
		"../model/flamingo/testdata/openflamingo-mpt": "caption resampler gated vision prefill decode",
	} {
		var got []Record
		r := &Runner{Options: Options{Model: model, Name: "m", DType: &f32, Engine: kernel.Default(), Emit: func(rec Record) { got = append(got, rec) }}, Workers: tensor.DefaultPool(), read: 1e9}
		r.peaks[kernel.F32], r.peaks[kernel.BF16] = 1e9, 1e9
		var all []Part
		for _, p := range parts {
			if r.whole(p.Name) {
				all = append(all, p)
			}
		}
		chosen, err := r.open(all)
		if err != nil {
			t.Fatalf("%s: %v", model, err)
		}
		var has []string
		for _, p := range chosen {
			has = append(has, p.Name)
			if p.Name == "decode" || p.Name == "caption" { // between whose runs a gigabyte is read
				continue
			}
			got = nil
			if err := r.measure(context.Background(), p); err != nil {
				t.Errorf("%s: %s: %v", model, p.Name, err)
			} else if len(got) != 1 || got[0].Part != p.Name || got[0].What != "m" || got[0].DType != "f32" || got[0].Seconds <= 0 || got[0].Flops <= 0 || got[0].ShareOfPeak <= 0 || r.Shape != "" {
				t.Errorf("%s: %s: %+v", model, p.Name, got)
			}
		}
		if err := r.unload(); err != nil {
			t.Error(err)
		}
		if s := strings.Join(has, " "); len(has) != len(strings.Fields(want)) || !sameWords(s, want) {
			t.Errorf("%s has %s, want %s", model, s, want)
		}
	}
	r := &Runner{Options: Options{DType: &f32, Engine: kernel.Default(), Emit: func(Record) {}}, Workers: tensor.DefaultPool(), read: 1e9}
	if err := r.measure(context.Background(), Part{Name: "resampler", Run: flamingoPart(func(context.Context, *Runner) error { return nil })}); err != nil || r.Shape != "" {
		t.Errorf("%v: behind a part of a shape the shape is %q", err, r.Shape)
	}
}

// TestLoad measures what is there to open and use, whatever it is: with matrices as they lie, or as a type.
func TestLoad(t *testing.T) {
	q8 := kernel.Q8_0
	for _, model := range []string{
		"../testdata/blip2-opt", "../testdata/blip2-itm", "../language/opt/testdata/before", "../model/flamingo/testdata/idefics", "../model/clip/testdata/clip",
	} {
		for _, d := range []*kernel.DType{nil, &q8} {
			var got []Record
			r := &Runner{Options: Options{Model: model, DType: d, Engine: kernel.Default(), Emit: func(rec Record) { got = append(got, rec) }}, Workers: tensor.DefaultPool()}
			if chosen, err := r.open([]Part{{Name: "load", Opens: opensNamed}}); err != nil || len(chosen) != 1 {
				t.Fatalf("%s: %v", model, err)
			}
			if err := load(context.Background(), r); err != nil {
				t.Fatalf("%s: %v", model, err)
			}
			if len(got) != 1 || got[0].What != model || got[0].Seconds == 0 || got[0].PeakRSS <= 0 || (got[0].DType == "q8_0") != (d != nil) {
				t.Errorf("%s: %+v", model, got)
			}
		}
	}
}

func sameWords(a, b string) bool {
	for _, w := range strings.Fields(a) {
		if !strings.Contains(" "+b+" ", " "+w+" ") {
			return false
		}
	}
	return true
}
