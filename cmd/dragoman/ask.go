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
caption --prompt passes text through as it is.`,
		Example: `  dragoman ask photo.jpg "What colour is the boat?"`,
	}
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if page == "" && len(args) < 2 {
			return usagef("ask needs a picture and a question: ask IMAGE… QUESTION")
		}
		return nil
	}
	c.modelFlags(cmd)
	images := addImageFlags(cmd)
	g := c.generateFlags(cmd)
	cmd.Flags().StringArrayVar(&shots, "shot", nil, "an example, IMAGE=TEXT (may be given again)")
	cmd.Flags().StringVar(&shotsFile, "shots", "", "examples, a JSONL file")
	cmd.Flags().StringVar(&page, "page", "", "a page of pictures and text in any order, a JSON file")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if len(shots) > 0 || shotsFile != "" || page != "" {
			return hint.Wrap(usagef("ask: examples and pages need a model that learnt from interleaved pages; none of this build's models did"),
				"ask IMAGE… QUESTION asks about one picture at a time")
		}
		question := args[len(args)-1]
		return c.textForImages(cmd, args[:len(args)-1], images, g, func(m *dragoman.Model, img dragoman.Image) (*dragoman.Text, error) {
			return m.Answer(cmd.Context(), img, question, g)
		})
	})
	return cmd
}
