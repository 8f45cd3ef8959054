package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/picture"
)

func (c *cli) matchCommand() *cobra.Command {
	var texts, classes, templates []string
	cmd := &cobra.Command{
		Use:   "match IMAGE… --text T [--text T]… | --classes A,B,C",
		Short: "how well pictures and texts go together",
		Long: `Writes, for each picture and each text, the probability that they belong together (itm, the matching head's, which reads
both at once) and the cosine of the best query with the text (itc, which compares them apart).

A CLIP has no matching head, nor has a bridge that learnt by contrast alone: itm is null, and a probability says how 1 is shared out among
the texts that were given. --classes does so for classes, each put into every --template ("a photo of a {}" where none is given), over which
what is said of a text is averaged, and says which is the likeliest.`,
		Example: `  dragoman match photo.jpg --text "a dog on a beach" --text "a city at night"
  dragoman match --model openai/clip-vit-base-patch32 photos/ --classes dog,cat,boat --template "a photo of a {}" --template "a drawing of a {}"`,
	}
	cmd.Args = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("match needs a picture: match IMAGE… --text T")
		}
		if len(texts)+len(classes) == 0 {
			return usagef("match needs a text: match IMAGE… --text T")
		}
		for i, class := range classes {
			switch {
			case strings.TrimSpace(class) == "":
				return usagef("--classes: a class must not be empty: %s", strings.Join(classes, ","))
			case slices.Contains(classes[:i], class):
				return usagef("--classes: a class is given twice: %s", class)
			}
		}
		if len(classes) > 0 && len(templates) == 0 {
			templates = []string{"a photo of a " + dragoman.Slot}
		}
		for _, t := range templates {
			if !strings.Contains(t, dragoman.Slot) {
				return usagef("--template must have %s where the text belongs: %q", dragoman.Slot, t)
			}
		}
		return nil
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	cmd.Flags().StringArrayVar(&texts, "text", nil, "a text to compare with (may be given again)")
	cmd.Flags().StringSliceVar(&classes, "classes", nil, "classes to choose from, separated by commas: texts that are put into templates")
	cmd.Flags().StringArrayVar(&templates, "template", nil, "what each text is put into, where it has {} (may be given again: averaged)")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		choosing := len(classes) > 0 // among them, and the texts beside them
		m, err := c.open(images)
		if err != nil {
			return err
		}
		defer m.Close()
		labels, err := m.Labels(cmd.Context(), slices.Concat(texts, classes), templates...)
		if err != nil {
			return err
		}
		likely := func(s dragoman.Score) float64 { return s.Probability }
		column := "share"
		if m.HasMatchingHead() {
			likely, column = func(s dragoman.Score) float64 { return s.ITM }, "match"
		}
		if c.onTerminal && !c.json { // scripts read lines of values alone
			if err := c.emit(nil, column+"\tcosine\tpicture\ttext"); err != nil {
				return err
			}
		}
		return c.eachImage(cmd.Context(), args, func(name string, img dragoman.Image) error {
			scores, err := labels.Score(cmd.Context(), img)
			if err != nil {
				return err
			}
			best := 0
			for i := range scores {
				if likely(scores[i]) > likely(scores[best]) {
					best = i
				}
			}
			for i, s := range scores {
				first := likely(s)
				object := matched{Image: name, Text: labels.Names[i], ITC: s.ITC, Chosen: choosing && i == best}
				if m.HasMatchingHead() {
					object.ITM = &first
				} else {
					object.Probability = &first
				}
				if err := c.emit(object, fmt.Sprintf("%.4f\t%.4f\t%s\t%s", first, s.ITC, oneLine(name), oneLine(object.Text))); err != nil {
					return err
				}
			}
			if choosing && !c.json {
				c.note("%s: %s", picture.Called(name), labels.Names[best])
			}
			return nil
		})
	})
	return cmd
}

// matched is a result: how well a picture goes with a text.
type matched struct {
	Image       string   `json:"image"`
	Text        string   `json:"text"`
	ITM         *float64 `json:"itm"` // null without a matching head
	ITC         float64  `json:"itc"`
	Probability *float64 `json:"probability,omitempty"`
	Chosen      bool     `json:"chosen,omitempty"` // of --classes, the likeliest
}
