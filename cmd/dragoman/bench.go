package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/bench"
	"dragoman/internal/hint"
	"dragoman/kernel"
)

func (c *cli) benchCommand() *cobra.Command {
	var parts []string
	var shape string
	cmd := &cobra.Command{
		Use:   "bench [--model M | --shape NAME] [--part P]…",
		Short: "speed, as a share of what this machine can do",
		Long: `Measures the machine's peaks, then each part, and gives each part's share of the peak that bounds it. The best of several
runs is taken (behind it, how much longer the median took), and only useful operations are counted. Where others use the machine a share may pass 100 %:
the peak is tried around that run, not in it. A part takes half a minute to two.

Of a --model the parts are measured that it has, under each of bf16, q8_0 and q4_0 that matters to a part, or as --dtype says: image encoder
(vision), queries (qformer) or latents (resampler) and gated blocks, reading 512 tokens (prefill), writing (decode), and all of that (caption);
of a CLIP its image encoder and its text encoder (text). --part load is what opening it and the first use take, and the memory for both.

Parts: ` + strings.Join(bench.Names(), ", "),
		Args: takesNone,
	}
	c.modelFlags(cmd)
	cmd.Flags().StringArrayVar(&parts, "part", nil, "only this part (may be given again)")
	cmd.Flags().StringVar(&shape, "shape", "", "weights of a known model's shapes, seeded, without reading a file: "+strings.Join(bench.Shapes(), ", "))
	oneOf(cmd, "shape", bench.Shapes()...)
	oneOf(cmd, "part", bench.Names()...)
	cmd.RunE = work(func(cmd *cobra.Command, _ []string) error {
		if err := unused(cmd, "is about a model that is used, and bench measures one", "memory", "check"); err != nil {
			return err
		}
		known := map[string]bool{"peak": true}
		for _, n := range bench.Names() {
			known[n] = true
		}
		for _, p := range parts {
			if !known[p] {
				return hint.Wrap(usagef("--part: there is no part %q", p), "parts are %s", strings.Join(bench.Names(), ", "))
			}
		}
		if shape != "" && !slices.Contains(bench.Shapes(), shape) {
			return hint.Wrap(usagef("--shape: there is no shape %q", shape), "shapes are %s", strings.Join(bench.Shapes(), ", "))
		}
		if cmd.Flags().Changed("model") {
			switch {
			case shape != "":
				return usagef("--model and --shape exclude each other: a shape's weights are read from no file")
			case len(parts) > 0 && !slices.ContainsFunc(parts, bench.UsesModel):
				return usagef("--model is about none of the parts that are asked for")
			}
		}
		path := c.model
		if c.model != "" && !slices.Contains(dragoman.BuiltIn(), c.model) { // said before the peaks are measured, not minutes behind them
			var err error
			if path, err = dragoman.Locate(c.model); err != nil {
				return err
			}
		}
		var dtype *kernel.DType
		if c.dtype != "" && c.dtype != "auto" {
			d, err := kernel.ParseDType(c.dtype)
			if err != nil {
				return usagef("--dtype: %w", err)
			}
			dtype = &d
		}
		// A figure that cannot be written ends the call: no further one could be.
		ctx, stop := context.WithCancelCause(cmd.Context())
		defer stop(nil)
		err := bench.Run(ctx, bench.Options{
			Parts: parts, Shape: shape, Model: path, Name: c.model, DType: dtype,
			Emit: func(r bench.Record) {
				if err := c.emit(r, describeRecord(r)); err != nil {
					stop(err)
				}
			},
		})
		if output := (*outputError)(nil); errors.As(context.Cause(ctx), &output) {
			return output
		}
		return err
	})
	return cmd
}

// describeRecord is a figure as a line of a table.
func describeRecord(r bench.Record) string {
	name := r.Part
	if r.What != "" {
		name += " " + r.What
	}
	shape := ""
	if len(r.Shape) > 0 {
		shape = strings.ReplaceAll(strings.Trim(fmt.Sprint(r.Shape), "[]"), " ", "×")
	}
	line := fmt.Sprintf("%-16s %-6s %-11s %-16s", name, r.DType, r.ISA, shape)
	if r.Seconds > 0 {
		line += fmt.Sprintf(" %10.3f ms", 1e3*r.Seconds)
	}
	switch {
	case r.FlopsPerS > 0 && r.Bound != "memory":
		line += fmt.Sprintf(" %9.0f Gflop/s", r.FlopsPerS/1e9)
	case r.BytesPerS > 0:
		line += fmt.Sprintf(" %9.1f GB/s", r.BytesPerS/1e9)
	}
	if r.Spread > 0 {
		line += fmt.Sprintf(" %+5.1f %%", 100*r.Spread)
	}
	if r.ShareOfPeak > 0 {
		line += fmt.Sprintf(" %5.1f %% of %s", 100*r.ShareOfPeak, r.Bound)
	}
	if r.TokensPerS > 0 {
		line += fmt.Sprintf(" %8.1f tokens/s", r.TokensPerS)
	}
	if r.SamplesPerS > 0 {
		line += fmt.Sprintf(" %8.2f samples/s", r.SamplesPerS)
	}
	if r.PeakRSS > 0 {
		line += fmt.Sprintf(" %5.1f GB at most", float64(r.PeakRSS)/1e9)
	}
	if r.Drift != nil {
		line += fmt.Sprintf(" drift %.2g", *r.Drift)
	}
	if r.Same != nil {
		line += fmt.Sprintf(", likeliest id the same %.1f %%, all ids the same %.0f %%", 100**r.Likeliest, 100**r.Same)
	}
	return strings.TrimRight(line, " ")
}
