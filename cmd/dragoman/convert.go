package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/internal/hint"
	"dragoman/model/blip2"
	"dragoman/weights"
)

func (c *cli) convertCommand() *cobra.Command {
	var out string
	var except []string
	cmd := &cobra.Command{
		Use:   "convert --model M --dtype T --out FILE.gguf|DIR|FILE.pt",
		Short: "write a model into one file, or its bridge quantised",
		Long: `Into a file: one GGUF file with everything in it (image encoder, bridge, language model, tokenizer, preprocessing), which --model takes.
The encoder's and the language model's matrices are written as --dtype, the bridge's as bf16 at the coarsest, word tables as q8_0;
with auto or f32 nothing is rounded. docs/convert.md says more.

Into a folder: a model's directory anew, with the bridge's matrices as --dtype (f16, bf16, q8_0, q4_0, q4_1) and everything finer
(norms, biases, the learned queries) as float32, and those that --except names as it says. The frozen parts stay where they are.
Of IDEFICS and OpenFlamingo: everything, with matrices as stored, f16 or bf16, in transformers' files.

Into a file that ends in .pt: what was trained of an OpenFlamingo, as its project publishes it, with matrices as stored, f16 or bf16.`,
		Example: `  dragoman convert --model Salesforce/blip2-opt-2.7b --dtype q4_0 --out blip2.gguf
  dragoman convert --model runs/mini/model --dtype q8_0 --out small
  dragoman convert --model flamingo.gguf --out checkpoint.pt`,
		Args: takesNone,
	}
	c.modelFlags(cmd)
	cmd.Flags().StringVar(&out, "out", "", "the file (*.gguf, or *.pt) or the folder to write")
	cmd.Flags().StringArrayVar(&except, "except", nil, "GLOB=DTYPE: another type for the bridge's matrices of such names; may be given again")
	cmd.RunE = work(func(cmd *cobra.Command, _ []string) error {
		if err := opensNone(cmd); err != nil {
			return err
		}
		if out == "" {
			return usagef("convert needs --out FILE.gguf or --out DIR")
		}
		if out == stream {
			return usagef("--out -: a model is written into a file or a folder, and not to standard output")
		}
		for _, e := range except {
			if _, err := blip2.ParseException(e); err != nil {
				return usagef("--except: %w", err)
			}
		}
		switch packed := strings.HasSuffix(out, ".gguf") || strings.HasSuffix(out, ".pt"); {
		case !packed && weights.IsFile(strings.ToLower(out)):
			return usagef("--out %s: what is no folder is a file.gguf, or a file.pt", out)
		case !packed:
			if (c.dtype == "auto" || c.dtype == "f32") && !dragoman.ReadsPages(c.model) {
				return usagef("convert of a bridge into a folder needs --dtype f16, bf16, q8_0, q4_0 or q4_1")
			}
			if entries, err := os.ReadDir(out); err == nil && len(entries) > 0 {
				return hint.Wrap(fmt.Errorf("converting a model: %s: there are files in this folder", out), "--out names another, which is empty or not there yet")
			}
		}
		if err := dragoman.Convert(c.model, out, c.dtype, except...); err != nil {
			return err
		}
		return c.emit(map[string]any{"output": out}, out)
	})
	return cmd
}
