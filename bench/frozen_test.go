package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"dragoman/kernel"
)

// TestNothingToMeasure: without a built-in model a bare run passes the models' parts over, and one that names them says what
// is missing.
func TestNothingToMeasure(t *testing.T) {
	for _, part := range []string{"vision", "prefill", "decode"} {
		r := &Runner{Options: Options{Emit: func(rec Record) { t.Errorf("%s emits %+v", part, rec) }}}
		chosen := parts[slices.IndexFunc(parts, func(p Part) bool { return p.Name == part }):][:1]
		run := func() error {
			left, err := r.open(chosen)
			for _, p := range left {
				err = errors.Join(err, p.Run(context.Background(), r))
			}
			return err
		}
		if err := run(); err != nil {
			t.Errorf("%s in a bare run: %v", part, err)
		}
		r.Parts = []string{part}
		if err := run(); err == nil || !strings.Contains(err.Error(), "no file to measure: a .") {
			t.Errorf("%s by name: %v", part, err)
		}
	}
}

// TestEmit: rates and shares of a model's part follow from its time.
func TestEmit(t *testing.T) {
	var got Record
	r := &Runner{Options: Options{Engine: kernel.Default(), Emit: func(rec Record) { got = rec }}, Workers: kernelWorkers{}, read: 1000}
	r.peaks[kernel.BF16] = 400
	r.emit(Record{Part: "prefill", Bound: "compute", Flops: 400}, kernel.BF16, 2*time.Second, 3*time.Second, 1, func(rec *Record) { tokens(rec, 512/rec.Seconds) })
	if got.Seconds != 2 || got.Spread != 0.5 || got.TokensPerS != 256 || got.FlopsPerS != 200 || got.ShareOfPeak != 0.5 || got.Limit != 400 {
		t.Errorf("emits %+v", got)
	}
	r.emit(Record{Part: "decode", Bound: "memory", Bytes: 500, Flops: 1e9}, kernel.BF16, time.Second, time.Second, 1, nil)
	if got.ShareOfPeak != 0.5 || got.Limit != 1000 {
		t.Errorf("emits %+v", got)
	}
	r.beside.peaks[kernel.BF16] = 200 // what the multipliers did between the runs counts, too
	r.emit(Record{Part: "prefill", Bound: "compute", Flops: 400}, kernel.F16, 4*time.Second, 4*time.Second, 1, nil)
	if got.ShareOfPeak != 0.5 || got.Limit != 200 {
		t.Errorf("emits %+v", got)
	}
	r.beside.read = 500 // what memory gave between the runs counts, not what it gave at the start
	r.emit(Record{Part: "decode", Bound: "memory", Bytes: 500}, kernel.BF16, 2*time.Second, 2*time.Second, 2, nil)
	if got.ShareOfPeak != 1 || got.Limit != 500 || got.Seconds != 1 {
		t.Errorf("emits %+v", got)
	}
}

type kernelWorkers struct{}

func (kernelWorkers) Do(n int, f func(task, worker int)) {
	for i := range n {
		f(i, 0)
	}
}

func (kernelWorkers) Size() int { return 1 }
