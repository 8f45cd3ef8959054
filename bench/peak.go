package bench

import (
	"context"
	"time"

	"dragoman/kernel"
)

// measurePeaks measures what the multipliers reach in each family up to the engine's, and how fast memory is read, on all
// workers at the same time.
func (r *Runner) measurePeaks(ctx context.Context) error {
	for _, e := range kernel.Engines() {
		if e.Family() > r.Engine.Family() {
			break
		}
		for _, p := range e.Peaks() {
			best, median, err := r.Time(ctx, func() { r.runPeak(p) })
			if err != nil {
				return err
			}
			rate := r.peakRate(p, best)
			name := p.DType.String()
			if p.DType == kernel.Q8_0 {
				name = "int8"
			}
			r.Emit(Record{
				Part: "peak", DType: name, ISA: e.Family().String(), Threads: r.Workers.Size(), FlopsPerS: rate,
				Spread: float64(median-best) / float64(best),
			})
			if rate > r.peaks[p.DType] {
				r.peaks[p.DType], r.multiply[p.DType] = rate, p
			}
		}
	}
	// A wider type's instructions serve a narrower one that has none of its own.
	for _, types := range [][2]kernel.DType{{kernel.F32, kernel.BF16}, {kernel.BF16, kernel.Q8_0}} {
		if wide, narrow := types[0], types[1]; r.peaks[wide] > r.peaks[narrow] {
			r.peaks[narrow], r.multiply[narrow] = r.peaks[wide], r.multiply[wide]
		}
	}

	r.fill()
	var best, median time.Duration
	for _, reader := range r.Engine.Readers() {
		fast, usual, err := r.Time(ctx, func() { r.readOnce(reader, cold) })
		if err != nil {
			return err
		}
		if best == 0 || fast < best {
			best, median, r.reader = fast, usual, reader
		}
	}
	r.read = cold / best.Seconds()
	r.Emit(Record{
		Part: "peak", What: "read", ISA: r.Engine.Family().String(), Threads: r.Workers.Size(), Bytes: cold, Seconds: best.Seconds(),
		BytesPerS: r.read, Spread: float64(median-best) / float64(best),
	})
	return nil
}
