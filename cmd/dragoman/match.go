package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"dragoman"
)

func (c *cli) matchCommand() *cobra.Command {
	var texts []string
	cmd := &cobra.Command{
		Use:   "match IMAGE… --text T [--text T]…",
		Short: "how well pictures and texts go together",
		Long: `Writes, for each picture and each text, the probability that they belong together (itm, the matching head's, which reads
both at once) and the cosine of the best query with the text (itc, which compares them apart).`,
		Example: `  dragoman match photo.jpg --text "a dog on a beach" --text "a city at night"`,
	}
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("match needs a picture: match IMAGE… --text T")
		}
		if len(texts) == 0 {
			return usagef("match needs a text: match IMAGE… --text T")
		}
		return nil
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	cmd.Flags().StringArrayVar(&texts, "text", nil, "a text to compare with (may be given again)")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		m, err := c.open(images)
		if err != nil {
			return err
		}
		defer m.Close()
		return c.eachImage(cmd.Context(), args, func(name string, img dragoman.Image) error {
			scores, err := m.Match(cmd.Context(), img, texts...)
			if err != nil {
				return err
			}
			for i, s := range scores {
				object := struct {
					Image string `json:"image"`
					Text  string `json:"text"`
					dragoman.Score
				}{name, texts[i], s}
				if err := c.emit(object, fmt.Sprintf("%.4f\t%.4f\t%s\t%s", s.ITM, s.ITC, name, oneLine(texts[i]))); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return cmd
}
