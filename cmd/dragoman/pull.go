package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/hub"
	"dragoman/internal/bytesize"
)

func (c *cli) pullCommand() *cobra.Command {
	var o hub.PullOptions
	var offline bool
	cmd := &cobra.Command{
		Use:   "pull NAME",
		Short: "fetch a model from the Hugging Face Hub",
		Long: `Brings a model into the Hugging Face cache, where Python's libraries find it and --model NAME does. What is there already is not
fetched again; what was broken off goes on. The last line on standard output is the folder.

Without --include it brings what dragoman reads: configurations, tokenizers, processors, and the weights in one format (safetensors
before PyTorch's files); of an OpenFlamingo also the image encoder and the language model that it stands upon. Patterns are Python's: * is any text, slashes too.

The environment has the same meaning as for Python: HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.`,
		Example: "  dragoman pull Salesforce/blip2-opt-2.7b\n  dragoman caption --model Salesforce/blip2-opt-2.7b photo.jpg\n" +
			"  dragoman pull org/model --revision v1.0 --include '*.json' --include 'model-q8_0.gguf'",
		Args: takesOne("name"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Revision, "revision", "main", "a branch, a tag or a commit")
	f.StringArrayVar(&o.Include, "include", nil, "fetch the files that fit this pattern (repeat for more)")
	f.StringArrayVar(&o.Exclude, "exclude", nil, "leave out the files that fit this pattern (repeat for more)")
	f.StringVar(&o.LocalDir, "local-dir", "", "put the files into this folder instead of the cache")
	f.BoolVar(&offline, "offline", false, "only look in the cache, ask no network")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if o.Revision == "" {
			return usagef("--revision must not be empty")
		}
		name := args[0]
		h, err := hub.FromEnvironment()
		if err != nil {
			return err
		}
		h.Offline = h.Offline || offline
		if len(o.Include)+len(o.Exclude) == 0 && o.LocalDir == "" {
			// What the model stands upon comes first, so that the last line is the model's own.
			for _, part := range dragoman.Needs(name) {
				if err := c.pull(cmd.Context(), h, part, hub.PullOptions{Revision: "main"}); err != nil {
					return err
				}
			}
		}
		return c.pull(cmd.Context(), h, name, o)
	})
	return cmd
}

// pull fetches one model, and emits what came.
func (c *cli) pull(ctx context.Context, h *hub.Hub, name string, o hub.PullOptions) error {
	view := &pullView{c: c, name: name}
	o.Progress = view.update
	pulled, err := h.Pull(ctx, name, o)
	view.clear()
	if err != nil && c.json && ctx.Err() == nil {
		if err := c.emitError("model", name, err); err != nil {
			return err
		}
		return errReported
	}
	if err != nil {
		return err
	}
	if pulled.Unreachable != nil {
		c.note("%s; what is in the cache is taken", oneLine(pulled.Unreachable.Error()))
	}
	return c.emit(pulled, pulled.Path)
}

// pullView shows how far a pull is: a bar on a terminal, elsewhere a line when it begins, every ten seconds, and when it ends.
type pullView struct {
	c     *cli
	name  string
	bar   *progressbar.ProgressBar
	began time.Time
	first int64 // bytes that were there before
	last  time.Time
	quiet bool
}

func (v *pullView) update(p hub.Progress) {
	begins := v.began.IsZero()
	if begins {
		v.began, v.last, v.first = time.Now(), time.Now(), p.BytesDone
		v.quiet = v.c.quiet || hub.IsTrue(os.Getenv("HF_HUB_DISABLE_PROGRESS_BARS")) || p.FilesDone == p.Files
	}
	if v.quiet {
		return
	}
	if isTerminal(v.c.stderr) {
		v.draw(p)
		return
	}
	ends := p.FilesDone == p.Files
	switch now := time.Now(); {
	case begins:
		fmt.Fprintf(v.c.stderr, "%s at %.12s: %d files, %s, %s of it here already\n", v.name, p.Commit, p.Files, bytesize.Of(p.Bytes), bytesize.Of(p.BytesDone))
	case ends, now.Sub(v.last) >= lineEvery:
		v.last = now
		line := fmt.Sprintf("%s: %d/%d files, %s of %s", v.name, p.FilesDone, p.Files, bytesize.Of(p.BytesDone), bytesize.Of(p.Bytes))
		if seconds := now.Sub(v.began).Seconds(); seconds > 0 {
			line += fmt.Sprintf(", %s/s", bytesize.Of(int64(float64(p.BytesDone-v.first)/seconds)))
		}
		fmt.Fprintln(v.c.stderr, line)
	}
}

// draw shows the bar; its unit is bytes.
func (v *pullView) draw(p hub.Progress) {
	if v.bar == nil {
		v.bar = progressbar.NewOptions64(p.Bytes, progressbar.OptionSetWriter(v.c.stderr), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true), progressbar.OptionSetWidth(24),
			progressbar.OptionClearOnFinish())
	}
	v.bar.ChangeMax64(max(p.Bytes, 1))
	v.bar.Describe(fmt.Sprintf("%d/%d files", p.FilesDone, p.Files))
	_ = v.bar.Set64(min(p.BytesDone, max(p.Bytes, 1)))
}

// clear takes the bar off the terminal.
func (v *pullView) clear() {
	if v.bar != nil {
		_ = v.bar.Clear()
	}
}
