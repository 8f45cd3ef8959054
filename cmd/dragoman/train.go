package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"dragoman/train"
)

func (c *cli) trainCommand() *cobra.Command {
	var settings []string
	var resume, force, dry bool
	cmd := &cobra.Command{
		Use:   "train RECIPE.yaml [--set key=value]… [--resume] [--dry-run]",
		Short: "train a bridge between a frozen image encoder and a frozen language model",
		Long: `Runs a recipe. Its output folder gets the checkpoints, metrics.jsonl, curves.svg, the resolved recipe, and in the end the model and
a report on what was held out. A run that was killed goes on with --resume and ends in the same bytes. For - the recipe is read from
standard input, and its paths are from here.`,
		Example: "  dragoman train recipes/tiny.yaml\n  dragoman train my.yaml --set stages.0.lr=1e-4 --dry-run",
		Args:    takesOne("recipe"),
	}
	cmd.Flags().StringArrayVar(&settings, "set", nil, "lay key=value over the recipe (may be given again)")
	cmd.Flags().BoolVar(&resume, "resume", false, "go on with the run in the output folder")
	cmd.Flags().BoolVar(&force, "force", false, "resume even under another kernel family, or with other data")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "count and check the data, foresee time and memory, train nothing")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("seed") {
			settings = append(settings, fmt.Sprintf("seed=%d", c.seed))
		}
		read := func(settings []string) (*train.Recipe, error) { return train.ReadRecipe(args[0], settings) }
		if args[0] == stream {
			raw, _, err := c.readFile("recipe", args[0])
			if err != nil {
				return err
			}
			read = func(settings []string) (*train.Recipe, error) {
				r, err := train.ParseRecipe(raw, settings)
				if err != nil {
					err = fmt.Errorf("recipe: %s: %w", args[0], err)
				}
				return r, err
			}
		}
		recipe, err := read(settings)
		if err != nil {
			if _, without := read(nil); len(settings) > 0 && without == nil {
				return &usage{fmt.Errorf("--set, laid over it: %w", err)} // the file is right, the call is not
			}
			return err
		}
		show := c.trainProgress()
		o := train.Options{
			Resume: resume, Force: force, Progress: show.update,
			Notice: func(line string) {
				show.clear()
				c.note("%s", line)
			},
		}
		if dry {
			plan, err := train.DryRun(cmd.Context(), recipe, o)
			show.clear()
			if err != nil {
				return err
			}
			return c.emit(planObject(plan), describePlan(plan))
		}
		err = train.Run(cmd.Context(), recipe, o)
		show.clear()
		if err != nil {
			return err
		}
		return c.emit(map[string]any{"output": recipe.Output}, recipe.Output)
	})
	return cmd
}

// trainView shows how far a run is: a bar on a terminal, elsewhere a line every ten seconds, and one at the end.
type trainView struct {
	c     *cli
	bar   *progressbar.ProgressBar
	doing string
	last  time.Time
	shown int // how much was done then
}

func (c *cli) trainProgress() *trainView { return &trainView{c: c} }

func (v *trainView) update(p train.Progress) {
	if v.c.quiet {
		return
	}
	done, all := p.Done, p.All
	if p.Steps > 0 {
		done, all = p.Step, p.Steps
	}
	detail := details(p)
	if isTerminal(v.c.stderr) {
		if v.bar == nil || v.doing != p.Doing {
			v.clear()
			v.doing = p.Doing
			v.bar = progressbar.NewOptions(all, progressbar.OptionSetWriter(v.c.stderr), progressbar.OptionThrottle(100*time.Millisecond),
				progressbar.OptionShowCount(), progressbar.OptionSetWidth(24), progressbar.OptionSetPredictTime(false), progressbar.OptionClearOnFinish())
		}
		v.bar.Describe(p.Doing + detail)
		_ = v.bar.Set(done)
		return
	}
	ends := done == all && done != v.shown
	if now := time.Now(); now.Sub(v.last) >= lineEvery || v.doing != p.Doing || ends {
		v.last, v.doing, v.shown = now, p.Doing, done
		fmt.Fprintf(v.c.stderr, "%s %d/%d%s\n", p.Doing, done, all, detail)
	}
}

// details are the losses, the speed and the time left.
func details(p train.Progress) string {
	var b strings.Builder
	if p.Part > 0 {
		fmt.Fprintf(&b, " and %d of %d batches", p.Part, p.Parts)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Losses)) {
		fmt.Fprintf(&b, " %s %.3f", name, p.Losses[name])
	}
	switch rate := p.SamplesPerSecond; {
	case rate >= 1:
		fmt.Fprintf(&b, ", %.1f samples/s", rate)
	case rate > 0: // a large model on few cores
		fmt.Fprintf(&b, ", %.1f s a sample", 1/rate)
	}
	if p.Left > 0 {
		fmt.Fprintf(&b, ", %s left", p.Left.Round(time.Second))
	}
	return b.String()
}

// clear takes the bar off the terminal.
func (v *trainView) clear() {
	if v.bar != nil {
		_ = v.bar.Clear()
		v.bar = nil
	}
}
