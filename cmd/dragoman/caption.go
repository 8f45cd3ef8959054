package main

import (
	"errors"
	"iter"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/picture"
)

func (c *cli) captionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "caption [--prompt TEXT] IMAGE…",
		Short: "a sentence for each picture",
		Long: `Writes a line for each picture: what the model says about it. IMAGE is a file, a folder, a pattern, a data: URL, or - for
standard input.`,
		Example: "  dragoman caption photo.jpg drawing.png\n  dragoman caption --json --beams 5 pictures/",
		Args:    needs("a picture"),
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	g := c.generateFlags(cmd)
	cmd.Flags().StringVar(&g.Prompt, "prompt", "", "text that the model continues, passed through as it is")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		g.Verbatim = cmd.Flags().Changed("prompt")
		return c.textForImages(cmd, args, images, g, func(m *dragoman.Model, pictures []dragoman.Image) iter.Seq2[*dragoman.Text, error] {
			return m.Captions(cmd.Context(), pictures, g)
		})
	})
	return cmd
}

// textForImages opens the model and writes what say says of each picture; it is given as many at a time as the model writes of side by side.
func (c *cli) textForImages(cmd *cobra.Command, args []string, images *imageFlags, g *dragoman.Generate,
	say func(*dragoman.Model, []dragoman.Image) iter.Seq2[*dragoman.Text, error],
) error {
	if err := c.checkGenerate(g); err != nil {
		return err
	}
	m, err := c.open(images)
	if err != nil {
		return err
	}
	defer m.Close()
	return c.eachGroup(cmd.Context(), args, m.Together(g), func(pictures []dragoman.Image) iter.Seq2[*dragoman.Text, error] {
		return say(m, pictures)
	}, c.emitText)
}

// noteNothing says so where a model said nothing: an empty line says little by itself.
func (c *cli) noteNothing(name string, text *dragoman.Text) {
	if text.Text == "" && !c.json {
		c.note("%s: the model ended before it said anything (--min-tokens has it say something)", picture.Called(name))
	}
}

// emitText writes what a model said about a picture.
func (c *cli) emitText(name string, text *dragoman.Text) error {
	c.noteNothing(name, text)
	return c.emit(struct {
		Image string `json:"image,omitempty"`
		*dragoman.Text
	}{name, text}, oneLine(text.Text))
}

// open opens the model that the call names.
func (c *cli) open(images *imageFlags) (*dragoman.Model, error) {
	opts := c.modelOptions(c.dtype)
	if images != nil {
		o, err := images.options()
		if err != nil {
			return nil, err
		}
		opts = append(opts, dragoman.WithPictures(o), dragoman.WithImageSize(images.size))
		if images.moving != nil {
			opts = append(opts, dragoman.WithFrames(images.frames))
		}
	}
	m, err := dragoman.Open(c.model, opts...)
	if err == nil && images != nil && images.moving != nil && !m.ReadsPages() {
		if err := unused(images.moving, "is about videos, which this model does not look at", "fps", "frames"); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, err
}
