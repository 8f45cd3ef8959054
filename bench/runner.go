package bench

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"dragoman/kernel"
)

// Runner is what a part measures with.
type Runner struct {
	Options
	Workers kernel.Workers

	peaks    [kernel.Q8_0 + 1]float64     // operations a second, by number type, at the start
	read     float64                      // bytes a second, at the start
	beside   beside                       // the same, around the best run of what is being measured
	multiply [kernel.Q8_0 + 1]kernel.Peak // the loop that multiplies fastest here, by number type
	reader   func([]byte) uint64          // the loop that reads fastest here
	arena    []byte                       // what memory-bound parts walk over
	file     []byte                       // Model, where it is one file that parts read: once for all
	loads    bool                         // the part at hand is of the model that is named, whole
	loaded   *loaded                      // which is open, or nil
	pages    bool                         // it is one that reads pages
}

const (
	enough   = 400 * time.Millisecond // of runs of the same work
	longer   = 4                      // times as long where memory bounds it, whose rate varies more
	leastRun = 5                      // runs, at least
	plenty   = 4 * time.Second        // after which three will do
	cold     = 1 << 30                // bytes that no cache holds
)

// beside is what a limit was around the best run of what is being measured; 0 where it was not measured then.
type beside struct {
	read  float64
	peaks [kernel.Q8_0 + 1]float64
}

// Time runs f until there have been several runs and some time has passed, and returns the best and the median.
func (r *Runner) Time(ctx context.Context, f func()) (best, median time.Duration, err error) {
	return r.repeat(ctx, "", 0, timed(f))
}

// timed is work that cannot fail, of which all counts.
func timed(f func()) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		start := time.Now()
		f()
		return time.Since(start), nil
	}
}

// repeat is Time for work that can fail, and says itself how long the part that counts took. Where memory bounds it, memory is read
// between the runs, and where the multipliers do, those of a number type multiply: on a machine that others share both change from one
// second to the next, by half and more, and a share is of what there was.
func (r *Runner) repeat(ctx context.Context, bound string, d kernel.DType, f func() (time.Duration, error)) (best, median time.Duration, err error) {
	var runs []time.Duration
	var limits []float64 // before each run, and after the last
	r.beside = beside{}
	memory := bound == "memory"
	limit := func() {
		switch bound {
		case "memory":
			r.fill()
			limits = append(limits, r.readOnce(r.reader, cold))
		case "compute":
			limits = append(limits, r.multiplyOnce(d))
		}
	}
	for start := time.Now(); !settled(memory, len(runs), time.Since(start)); {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		limit()
		took, err := f()
		if err != nil {
			return 0, 0, err
		}
		runs = append(runs, took)
	}
	limit()
	switch bound {
	case "memory":
		r.beside.read = around(runs, limits)
	case "compute":
		r.beside.peaks[peakType(d)] = around(runs, limits)
	}
	slices.Sort(runs)
	return runs[0], runs[len(runs)/2], nil
}

// around is what a limit was beside the shortest of runs, where it was measured before each and after the last: the higher of the
// two, as nobody knows which of them the run was like.
func around(runs []time.Duration, limits []float64) float64 {
	best := 0
	for i, d := range runs {
		if d < runs[best] {
			best = i
		}
	}
	return max(limits[best], limits[best+1])
}

// settled says whether work has been done often enough.
func settled(memory bool, runs int, spent time.Duration) bool {
	long := enough
	if memory {
		long *= longer
	}
	return runs >= leastRun && spent >= long || runs >= 3 && spent >= plenty
}

// readOnce reads the first n bytes of the arena and returns how many a second that was.
func (r *Runner) readOnce(reader func([]byte) uint64, n int) float64 {
	const piece = 1 << 20
	start := time.Now()
	r.Workers.Do(n/piece, func(task, _ int) { reader(r.arena[task*piece : (task+1)*piece]) })
	return float64(n) / time.Since(start).Seconds()
}

// peakRounds is how long the loops that only multiply run. A round takes a few to a few hundred nanoseconds; many make it worth starting
// the workers.
const peakRounds = 1 << 14

// peakTime is how long multiplying is tried between runs: other programs take turns of some milliseconds.
const peakTime = 8 * time.Millisecond

// multiplyOnce is how many operations of a number type the workers together do in a second, the best of a few moments now; what was
// measured at the start where there is no loop.
func (r *Runner) multiplyOnce(d kernel.DType) (best float64) {
	p := r.multiply[peakType(d)]
	if p.Run == nil {
		return r.peaks[peakType(d)]
	}
	for start := time.Now(); time.Since(start) < peakTime; {
		once := time.Now()
		r.runPeak(p)
		if took := time.Since(once); took > 0 { // a clock may be coarse
			best = max(best, r.peakRate(p, took))
		}
	}
	return cmp.Or(best, r.peaks[peakType(d)])
}

func (r *Runner) runPeak(p kernel.Peak) {
	r.Workers.Do(r.Workers.Size(), func(_, _ int) { p.Run(peakRounds) })
}

func (r *Runner) peakRate(p kernel.Peak, took time.Duration) float64 {
	return float64(r.Workers.Size()) * peakRounds * float64(p.Flops) / took.Seconds()
}

// fill makes the arena a gigabyte of memory that was written: before, every page is the same page of zeros.
func (r *Runner) fill() {
	if len(r.arena) >= cold {
		return
	}
	r.arena = make([]byte, cold)
	for i := 0; i < len(r.arena); i += 4096 {
		r.arena[i] = byte(i >> 12)
	}
}

// Measure times f and emits rec with the time, rates, bound and share filled in. f does the work of rec.Flops and rec.Bytes
// so many times over; the figures are for once. The number type says which peak limits it. Where rec.Bound is set, to compute
// because the same memory is used again and again, or to memory, the share is of that limit.
func (r *Runner) Measure(ctx context.Context, rec Record, d kernel.DType, times int, f func()) error {
	best, median, err := r.repeat(ctx, rec.Bound, d, timed(f))
	if err != nil {
		return err
	}
	r.emit(rec, d, best, median, times, nil)
	return nil
}

// emit enters what was measured into rec, for one of so many times that the work was done, and emits it; put enters what else
// there is.
func (r *Runner) emit(rec Record, d kernel.DType, best, median time.Duration, times int, put func(*Record)) {
	rec.DType, rec.ISA, rec.Threads = d.String(), r.Engine.Family().String(), r.Workers.Size()
	rec.Seconds = best.Seconds() / float64(times)
	rec.Spread = float64(median-best) / float64(best)
	rec.FlopsPerS, rec.BytesPerS = rec.Flops/rec.Seconds, rec.Bytes/rec.Seconds
	flops, bytes := rec.Flops, rec.Bytes
	switch rec.Bound {
	case "compute":
		bytes = 0
	case "memory":
		flops = 0
	}
	rec.Bound, rec.ShareOfPeak = r.Share(d, flops, bytes, rec.Seconds)
	if rec.Bound == "memory" {
		rec.Limit = r.ReadPeak()
	} else {
		rec.Limit = r.Peak(d)
	}
	if put != nil {
		put(&rec)
	}
	r.Emit(rec)
}

// Share says which limit bounds a piece of work, and how much of it was reached in so many seconds.
func (r *Runner) Share(d kernel.DType, flops, bytes, seconds float64) (bound string, share float64) {
	computing, reading := flops/r.Peak(d), bytes/r.ReadPeak()
	if reading > computing {
		return "memory", reading / seconds
	}
	return "compute", computing / seconds
}

// Peak is the most operations a second that any family up to the engine's reached for a number type: F32, BF16 (F16 counts as
// it), or int8 for the quantised types. It is as measured around the best run of the work at hand, or else at the start.
func (r *Runner) Peak(d kernel.DType) float64 {
	t := peakType(d)
	return cmp.Or(r.beside.peaks[t], r.peaks[t])
}

// peakType is the number type whose peak limits work with weights of a type.
func peakType(d kernel.DType) kernel.DType {
	switch d {
	case kernel.F32:
		return kernel.F32
	case kernel.F16, kernel.BF16:
		return kernel.BF16
	}
	return kernel.Q8_0
}

// ReadPeak is how many bytes a second all workers together can read from memory, as measured around the best run of the work at hand
// or else at the start.
func (r *Runner) ReadPeak() float64 { return cmp.Or(r.beside.read, r.read) }

// Cold makes copies of a matrix of seeded weights, [out,in] of a type, that fill a gigabyte: a walk over them finds none in a
// cache. They are good until the next call.
func (r *Runner) Cold(d kernel.DType, out, in int) []kernel.Mat {
	one := Weights(d, out, in)
	size := (len(one.Data) + 63) &^ 63
	n := (cold + size - 1) / size
	if len(r.arena) < n*size {
		r.arena = make([]byte, n*size)
	}
	mats := make([]kernel.Mat, n)
	for i := range mats {
		at := r.arena[i*size : i*size+len(one.Data)]
		copy(at, one.Data)
		mats[i] = kernel.MatOf(d, out, in, at)
	}
	return mats
}

// Weights is a seeded matrix [out,in] of a type.
func Weights(d kernel.DType, out, in int) kernel.Mat {
	rng := rand.New(rand.NewPCG(1, uint64(out*in)))
	data := make([]byte, out*d.RowBytes(in))
	row := make([]float32, in)
	for i := range out {
		for j := range row {
			row[j] = rng.Float32()*0.1 - 0.05
		}
		kernel.Encode(d, data[i*d.RowBytes(in):(i+1)*d.RowBytes(in)], row)
	}
	return kernel.MatOf(d, out, in, data)
}

// Values are seeded activations, between −1 and 1.
func Values(n int) []float32 {
	rng := rand.New(rand.NewPCG(2, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = rng.Float32()*2 - 1
	}
	return x
}
