package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/internal/hint"
)

func (c *cli) convertCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "convert --model DIR --dtype T --out DIR",
		Short: "write a model's bridge quantised",
		Long: `Writes a model's directory anew: the bridge's matrices as --dtype (f16, bf16, q8_0, q4_0, q4_1), everything finer (norms, biases, the
learned queries) as float32, in one GGUF file. The frozen parts stay where they are.`,
		Example: "  dragoman convert --model runs/mini/model --dtype q8_0 --out small",
		Args:    cobra.NoArgs,
	}
	c.modelFlags(cmd)
	cmd.Flags().StringVar(&out, "out", "", "the folder to write")
	cmd.RunE = work(func(*cobra.Command, []string) error {
		if out == "" || c.dtype == "auto" || c.dtype == "f32" {
			return usagef("convert needs --out DIR and --dtype f16, bf16, q8_0, q4_0 or q4_1")
		}
		if _, err := os.Stat(filepath.Join(out, "config.json")); !errors.Is(err, os.ErrNotExist) {
			return hint.Wrap(fmt.Errorf("converting a model: %s: there is a model in this folder", out), "--out names another")
		}
		if err := dragoman.Convert(c.model, out, c.dtype); err != nil {
			return err
		}
		return c.emit(map[string]any{"output": out}, out)
	})
	return cmd
}
