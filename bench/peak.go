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
			// A round takes a few to a few hundred nanoseconds; many make it worth starting the workers.
			const rounds = 1 << 14
			n := r.Workers.Size()
			best, median, err := r.Time(ctx, func() {
				r.Workers.Do(n, func(_, _ int) { p.Run(rounds) })
			})
			if err != nil {
				return err
			}
			rate := float64(n) * rounds * float64(p.Flops) / best.Seconds()
			name := p.DType.String()
			if p.DType == kernel.Q8_0 {
				name = "int8"
			}
			r.Emit(Record{
				Part: "peak", DType: name, ISA: e.Family().String(), Threads: n, FlopsPerS: rate,
				Spread: float64(median-best) / float64(best),
			})
			r.peaks[p.DType] = max(r.peaks[p.DType], rate)
		}
	}
	// A wider type's instructions serve a narrower one that has none of its own.
	r.peaks[kernel.BF16] = max(r.peaks[kernel.BF16], r.peaks[kernel.F32])
	r.peaks[kernel.Q8_0] = max(r.peaks[kernel.Q8_0], r.peaks[kernel.BF16])

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
