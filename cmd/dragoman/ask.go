package main

import (
	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/internal/hint"
)

func (c *cli) askCommand() *cobra.Command {
	var page, shotsFile string
	var shots []string
	cmd := &cobra.Command{
		Use:   "ask IMAGE… QUESTION",
		Short: "a question about each picture",
		Long: `Writes a line for each picture: the model's answer. The question is put as the model's family was trained to be asked;
--prompt passes text through as it is, instead of a question.`,
		Example: `  dragoman ask photo.jpg "What colour is the boat?"
  dragoman ask --prompt "Question: what colour is the boat? Answer:" photo.jpg`,
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	g := c.generateFlags(cmd)
	cmd.Flags().StringVar(&g.Prompt, "prompt", "", "text that the model continues, passed through as it is")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		switch {
		case page == "" && g.Prompt == "" && len(args) < 2:
			return usagef("ask needs a picture and a question: ask IMAGE… QUESTION")
		case page == "" && len(args) == 0:
			return usagef("ask --prompt needs a picture: ask --prompt TEXT IMAGE…")
		}
		return nil
	}
	cmd.Flags().StringArrayVar(&shots, "shot", nil, "an example, IMAGE=TEXT (may be given again)")
	cmd.Flags().StringVar(&shotsFile, "shots", "", "examples, a JSONL file")
	cmd.Flags().StringVar(&page, "page", "", "a page of pictures and text in any order, a JSON file")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if len(shots) > 0 || shotsFile != "" || page != "" {
			return hint.Wrap(usagef("ask: examples and pages need a model that learnt from interleaved pages; none of this build's models did"),
				"ask IMAGE… QUESTION asks about one picture at a time")
		}
		if g.Prompt != "" {
			return c.textForImages(cmd, args, images, g, func(m *dragoman.Model, img dragoman.Image) (*dragoman.Text, error) {
				return m.Caption(cmd.Context(), img, g)
			})
		}
		question := args[len(args)-1]
		return c.textForImages(cmd, args[:len(args)-1], images, g, func(m *dragoman.Model, img dragoman.Image) (*dragoman.Text, error) {
			return m.Answer(cmd.Context(), img, question, g)
		})
	})
	return cmd
}
