package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"dragoman"
)

func (c *cli) preprocessCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "preprocess [--model M] [--size N] IMAGE… --out FILE.safetensors|.npy",
		Short: "pictures as the numbers that the image encoder reads",
		Long: `Writes one tensor, pixel_values [N,3,H,W], float32. --model may be a folder that holds only a processor's files. A picture
that fails is left out, and the call then ends with status 1.`,
	}
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 || out == "" {
			return usagef("preprocess needs pictures and --out FILE.safetensors")
		}
		return nil
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	cmd.Flags().StringVar(&out, "out", "", "write to FILE.safetensors or FILE.npy, or for - as safetensors to standard output")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if err := opensNone(cmd); err != nil {
			return err
		}
		if err := c.tensorsTo(out); err != nil {
			return err
		}
		o, err := images.options()
		if err != nil {
			return err
		}
		p, err := dragoman.OpenProcessor(c.model)
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("alpha") {
			p.Alpha = o.Alpha
		}
		o.Alpha = p.Alpha
		if size := images.size; size > 0 {
			p.SetSize(size)
		}
		var values []float32
		n := 0
		err = c.eachImage(cmd.Context(), args, func(path string, img dragoman.Image) error {
			m, err := img.Decode(o)
			if err != nil {
				return err
			}
			if n == 0 {
				p.Size = p.SizeOf(m.W, m.H)
			}
			const most = 1 << 26 // a strip's shortest edge can make anything of it
			if h, w := p.Size[0], p.Size[1]; h > most/w {
				return fmt.Errorf("preprocessing: %s: becomes %d×%d, of more than %d pixels", path, w, h, most)
			}
			if size := p.SizeOf(m.W, m.H); size != p.Size {
				return fmt.Errorf("preprocessing: %s: becomes %d×%d where those before became %d×%d, and one tensor holds all", path, size[1], size[0], p.Size[1], p.Size[0])
			}
			values = append(values, p.Apply(m, nil)...)
			n++
			return nil
		})
		if n == 0 || !finished(err) {
			return err
		}
		shape := []int{n, 3, p.Size[0], p.Size[1]}
		if werr := c.writeArray(out, "pixel_values", values, shape, nil); werr != nil {
			return werr
		}
		c.note("%s: pixel_values %v", out, fmt.Sprint(shape))
		return err
	})
	return cmd
}
