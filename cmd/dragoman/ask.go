package main

import (
	"github.com/spf13/cobra"

	"dragoman"
)

func (c *cli) askCommand() *cobra.Command {
	var page, shotsFile string
	var shots []string
	cmd := &cobra.Command{
		Use:   "ask IMAGE… QUESTION",
		Short: "a question about each picture",
		Long: `Writes a line for each picture: the model's answer. The question is put as the model's family was trained to be asked;
--prompt passes text through as it is, instead of a question.

A model that learnt from pages (IDEFICS, OpenFlamingo) takes examples: --shot IMAGE=TEXT, or --shots, a file of lines
{"image": F or "images": [F, …], "question": Q, "text": T}, without a picture too; an example without a question of its own has
the call's. Without QUESTION the pictures are described. --page passes a page through as it is:
{"parts": [{"image": F}, {"text": T}, …]}. Files are found from where the file that names them is.`,
		Example: `  dragoman ask photo.jpg "What colour is the boat?"
  dragoman ask --prompt "Question: what colour is the boat? Answer:" photo.jpg
  dragoman ask --model M --shot cat.png="a tabby cat" --shot dog.png="a brown dog" unknown.png
  dragoman ask --model M --page page.json`,
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	g := c.generateFlags(cmd)
	cmd.Flags().StringVar(&g.Prompt, "prompt", "", "text that the model continues, passed through as it is")
	cmd.Args = func(_ *cobra.Command, args []string) error {
		examples := len(shots) > 0 || shotsFile != ""
		switch {
		case page != "" && (examples || g.Prompt != "" || len(args) > 0):
			return usagef("--page is all there is to read: it excludes pictures, a question, --prompt, --shot and --shots")
		case page != "":
		case examples && g.Prompt != "":
			return usagef("--prompt excludes --shot and --shots: --page writes pictures and text in any order")
		case len(args) == 0 && g.Prompt != "":
			return usagef("ask --prompt needs a picture: ask --prompt TEXT IMAGE…")
		case len(args) == 0, len(args) == 1 && !examples && g.Prompt == "":
			return usagef("ask needs a picture and a question: ask IMAGE… QUESTION")
		}
		return nil
	}
	cmd.Flags().StringArrayVar(&shots, "shot", nil, "an example, IMAGE=TEXT (may be given again)")
	cmd.Flags().StringVar(&shotsFile, "shots", "", "examples, a JSONL file")
	cmd.Flags().StringVar(&page, "page", "", "a page of pictures and text in any order, a JSON file")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if page != "" {
			return c.continuePage(cmd, page, images, g)
		}
		if g.Prompt != "" {
			return c.textForImages(cmd, args, images, g, func(m *dragoman.Model, img dragoman.Image) (*dragoman.Text, error) {
				return m.Caption(cmd.Context(), img, g)
			})
		}
		question := ""
		if len(args) > 1 {
			question, args = args[len(args)-1], args[:len(args)-1]
		}
		examples, err := c.readShots(shots, shotsFile, question)
		if err != nil {
			return err
		}
		return c.textForImages(cmd, args, images, g, func(m *dragoman.Model, img dragoman.Image) (*dragoman.Text, error) {
			if len(examples) > 0 {
				return m.AnswerLike(cmd.Context(), examples, dragoman.Shot{Images: []dragoman.Image{img}, Question: question}, g)
			}
			return m.Answer(cmd.Context(), img, question, g)
		})
	})
	return cmd
}
