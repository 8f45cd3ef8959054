package main

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/internal/hint"
	"dragoman/internal/plural"
	"dragoman/weights"
)

func (c *cli) traceCommand() *cobra.Command {
	var q dragoman.TraceRequest
	var inputs, prompt, out, extra string
	var images []string
	var list bool
	var size int
	cmd := &cobra.Command{
		Use:   "trace --model M (--inputs in.safetensors | --image F… --prompt T) --out out.safetensors",
		Short: "what goes through the model, module by module",
		Long: `Runs one forward pass and writes every module's output, float32, named by module path as in transformers. Inputs have the
names of transformers' forward arguments: pixel_values, input_ids, attention_mask, decoder_input_ids, labels. With labels, loss; with
--maps, every attention's PATH.attention_probs; with --grad, grad.NAME for the parameters that fit. --select and --grad take patterns
(* stands for anything). What is computed does not change by being looked at. A picture that fails is left out, and the call then ends with
status 1.`,
		Example: `  dragoman trace --image photo.jpg --prompt "a photo of" --maps --out out.safetensors
  dragoman trace --model M --head itm --inputs in.safetensors --out out.safetensors
  dragoman trace --model M --list`,
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 && len(images) == 0 {
			return takesNone(cmd, args)
		}
		images = append(images, args...) // --image a.png b.png, as a shell makes of a pattern
		return nil
	}
	c.modelFlags(cmd)
	cmd.Flags().Lookup("dtype").Usage += " (auto: f32)"
	f := cmd.Flags()
	f.StringVar(&inputs, "inputs", "", "a safetensors file of inputs; - is standard input")
	f.StringArrayVar(&images, "image", nil, "pictures instead of pixel_values: a file, a folder, a pattern, a data: URL, - (may be given again)")
	f.StringVar(&prompt, "prompt", "", "a text instead of input_ids")
	f.StringArrayVar(&q.Select, "select", nil, "only outputs that fit this pattern (may be given again)")
	f.BoolVar(&q.Maps, "maps", false, "attention weights too")
	f.StringArrayVar(&q.Grad, "grad", nil, "gradients of parameters that fit this pattern (may be given again)")
	f.StringVar(&q.Head, "head", "", "of a matching model: itm, itc")
	f.StringVar(&q.Loss, "loss", "", "stage1: the first stage's losses")
	oneOf(cmd, "head", "itm", "itc")
	oneOf(cmd, "loss", "stage1")
	addSizeFlag(cmd, &size)
	f.StringVar(&extra, "extra", "", "a safetensors file with tensors that the model lacks")
	f.StringVar(&out, "out", "", "the file to write; - is standard output")
	f.BoolVar(&list, "list", false, "only list what can be traced, with shapes")
	cmd.RunE = work(func(cmd *cobra.Command, _ []string) error {
		switch {
		case list:
			if err := unused(cmd, "is about a pass: --list shows what one can give", "inputs", "image", "prompt", "select", "grad", "head", "loss", "out"); err != nil {
				return err
			}
		case out == "":
			return usagef("trace needs --out FILE.safetensors, or --list")
		case isNPY(out):
			return usagef("--out %s: a .npy holds one tensor, trace writes many: FILE.safetensors", out)
		case inputs == "" && len(images) == 0 && prompt == "":
			return usagef("trace needs --inputs FILE.safetensors, or --image and --prompt")
		case inputs != "" && (len(images) > 0 || prompt != ""):
			return usagef("--inputs and --image, --prompt exclude each other")
		case q.Head != "" && q.Head != "itm" && q.Head != "itc":
			return usagef("--head is itm or itc: %s", q.Head)
		case q.Loss != "" && q.Loss != "stage1":
			return usagef("--loss is stage1: %s", q.Loss)
		case q.Head != "" && q.Loss != "":
			return usagef("--head and --loss exclude each other")
		}
		if err := cmp.Or(checkPatterns("select", q.Select), checkPatterns("grad", q.Grad)); err != nil {
			return err
		}
		if err := checkSize(size); err != nil {
			return err
		}
		if err := c.tensorsTo(out); err != nil {
			return err
		}
		dtype := c.dtype
		if dtype == "auto" {
			dtype = "f32" // those who trace compare
		}
		options := append(c.modelOptions(dtype), dragoman.WithImageSize(size), dragoman.WithExtra(extra))
		if inputs != "" || list {
			options = append(options, dragoman.WithPixels()) // no tokenizer is needed
		}
		m, err := dragoman.OpenTrace(c.model, len(q.Grad) > 0, options...)
		if err != nil {
			return err
		}
		defer m.Close()
		if list {
			return c.listTraced(m)
		}
		var broken error // of pictures
		read := &asked{names: map[string]bool{}}
		if inputs != "" {
			file, err := c.openTensors(inputs)
			if err != nil {
				return err
			}
			defer file.Close()
			read.Source, q.Inputs = file, read
		} else {
			var pictures []dragoman.Image
			if pictures, broken = c.readable(cmd.Context(), images); !finished(broken) || broken != nil && len(pictures) == 0 {
				return broken
			}
			head := q.Head
			if q.Loss != "" {
				head = "itm"
			}
			if q.Inputs, err = m.TraceInputs(pictures, prompt, head); err != nil {
				return err
			}
		}
		tensors, err := m.Trace(q)
		if err != nil {
			return err
		}
		if len(tensors) == 0 && len(q.Select) == 0 {
			return fmt.Errorf("tracing: %s: none of its tensors is an input of the model", inputs)
		}
		if len(tensors) == 0 {
			return hint.Wrap(fmt.Errorf("tracing: nothing that went through the model fits --select %s", strings.Join(q.Select, " or ")), "dragoman trace --list shows what there is")
		}
		if unread := read.unread(); len(unread) > 0 {
			c.note("%s: the model has no input %s", inputs, strings.Join(unread, ", "))
		}
		if len(q.Grad) > 0 && !slices.ContainsFunc(tensors, func(t weights.Tensor) bool { return strings.HasPrefix(t.Name, "grad.") }) {
			c.note("no parameter fits --grad %s", strings.Join(q.Grad, " or "))
		}
		if err := c.writeTensors(out, tensors, nil); err != nil {
			return err
		}
		c.note("%s: %s", out, plural.Of(len(tensors), "tensor"))
		return broken
	})
	return cmd
}

// listTraced writes the names and shapes of all that a pass gives.
func (c *cli) listTraced(m *dragoman.Model) error {
	names, err := m.TraceNames()
	if err != nil {
		return err
	}
	for _, w := range names {
		if err := c.emit(map[string]any{"name": w.Name, "shape": w.Shape}, fmt.Sprintf("%s\t%v", w.Name, w.Shape)); err != nil {
			return err
		}
	}
	return nil
}

// readable are the pictures that can be read; the others are errors in their places, before anything is computed.
func (c *cli) readable(ctx context.Context, images []string) (pictures []dragoman.Image, broken error) {
	decoding, err := plainImages().options()
	if err != nil {
		return nil, err
	}
	broken = c.eachImage(ctx, images, func(_ string, img dragoman.Image) error {
		_, err := img.Decode(decoding)
		if err == nil {
			pictures = append(pictures, img)
		}
		return err
	})
	return pictures, broken
}

// checkPatterns refuses an option's patterns that are none.
func checkPatterns(flag string, patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return usagef("--%s %s: %w", flag, p, err)
		}
	}
	return nil
}

// asked is inputs that remember which of them were looked for.
type asked struct {
	weights.Source
	names map[string]bool
}

func (a *asked) Lookup(name string) (weights.Tensor, bool) {
	a.names[name] = true
	return a.Source.Lookup(name)
}

// unread are those that nobody looked for: a misspelt mask, say, which would be missed without a word.
func (a *asked) unread() (names []string) {
	if a.Source == nil {
		return nil
	}
	for _, name := range a.Names() {
		if !a.names[name] {
			names = append(names, fmt.Sprintf("%.60q", name))
		}
	}
	return names
}
