package bench

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"dragoman/kernel"
	"dragoman/tensor"
)

func TestUnknownPart(t *testing.T) {
	err := Run(context.Background(), Options{Parts: []string{"liner"}, Emit: func(Record) {}})
	if err == nil || !strings.Contains(err.Error(), `"liner"`) || !strings.Contains(err.Error(), "linear") {
		t.Errorf("got %v", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Run(ctx, Options{Parts: []string{"linear"}, Emit: func(Record) {}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestShare: whichever limit asks for more time is the bound, and the share is of it.
func TestShare(t *testing.T) {
	r := &Runner{read: 10}
	r.peaks[kernel.F32], r.peaks[kernel.BF16], r.peaks[kernel.Q8_0] = 100, 200, 400
	for _, c := range []struct {
		d                     kernel.DType
		flops, bytes, seconds float64
		bound                 string
		share                 float64
	}{
		{kernel.F32, 1000, 10, 20, "compute", 0.5},
		{kernel.BF16, 1000, 10, 10, "compute", 0.5},
		{kernel.Q4_0, 1000, 10, 5, "compute", 0.5},
		{kernel.F32, 1000, 400, 80, "memory", 0.5},
	} {
		if bound, share := r.Share(c.d, c.flops, c.bytes, c.seconds); bound != c.bound || share != c.share {
			t.Errorf("%+v: %s %v", c, bound, share)
		}
	}
}

// TestMeasure: the emitted object has the fields that are promised.
func TestMeasure(t *testing.T) {
	var got []Record
	r := &Runner{Options: Options{Engine: kernel.Default(), Emit: func(rec Record) { got = append(got, rec) }}, Workers: tensor.DefaultPool(), read: 1e9}
	r.peaks[kernel.BF16] = 1e9
	runs := 0
	rec := Record{Part: "linear", Shape: []int{1, 2, 3}, Flops: 12, Bytes: 6}
	if err := r.Measure(context.Background(), rec, kernel.BF16, 2, func() { runs++ }); err != nil {
		t.Fatal(err)
	}
	if runs < leastRun || len(got) != 1 {
		t.Fatalf("%d runs, %d records", runs, len(got))
	}
	line, err := json.Marshal(got[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{`"part":"linear"`, `"dtype":"bf16"`, `"shape":[1,2,3]`, `"seconds":`, `"flops":12`, `"bytes":6`, `"share_of_peak":`, `"bound":"compute"`} {
		if !strings.Contains(string(line), field) {
			t.Errorf("no %s in %s", field, line)
		}
	}
}

// TestAround: a share is of what memory gave beside the run that counts, not in another second.
func TestAround(t *testing.T) {
	runs := []time.Duration{5, 3, 4}
	for _, c := range []struct {
		reads []float64
		want  float64
	}{
		{[]float64{50, 20, 30, 60}, 30},
		{[]float64{50, 30, 20, 60}, 30},
	} {
		if got := around(runs, c.reads); got != c.want {
			t.Errorf("beside the best of %v, of reads %v: %g, want %g", runs, c.reads, got, c.want)
		}
	}
}

// TestRepeatBeside: each bound's own limit is measured around the runs, and what was measured around others is forgotten.
func TestRepeatBeside(t *testing.T) {
	r := &Runner{Options: Options{Engine: kernel.Default()}, Workers: kernelWorkers{}}
	multiplied := 0
	r.multiply[kernel.BF16] = kernel.Peak{DType: kernel.BF16, Flops: 8, Run: func(int) { multiplied++ }}
	runs, before := 0, 0
	work := timed(func() {
		runs++
		if multiplied == before {
			t.Error("nothing was multiplied before a run")
		}
		before = multiplied
		time.Sleep(100 * time.Millisecond)
	})
	if _, _, err := r.repeat(t.Context(), "compute", kernel.F16, work); err != nil {
		t.Fatal(err)
	}
	if multiplied == before || r.beside.peaks[kernel.BF16] <= 0 || r.beside.read != 0 {
		t.Errorf("%d runs, and nothing behind the last: %+v", runs, r.beside)
	}
	if _, _, err := r.repeat(t.Context(), "", kernel.F16, timed(func() { time.Sleep(100 * time.Millisecond) })); err != nil {
		t.Fatal(err)
	}
	if r.beside != (beside{}) {
		t.Errorf("kept %+v", r.beside)
	}
}

func TestCold(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a gigabyte")
	}
	r := &Runner{}
	mats := r.Cold(kernel.Q4_0, 1024, 4096)
	total := 0
	for _, m := range mats {
		total += len(m.Data)
	}
	if total < cold*9/10 || &mats[0].Data[0] == &mats[1].Data[0] {
		t.Errorf("%d matrices of %d bytes", len(mats), total)
	}
}
