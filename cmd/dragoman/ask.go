package main

import (
	"iter"
	"os"

	"github.com/spf13/cobra"

	"dragoman"
)

func (c *cli) askCommand() *cobra.Command {
	var page, shotsFile string
	var shots []string
	var shotsN int
	cmd := &cobra.Command{
		Use:   "ask IMAGE… QUESTION",
		Short: "a question about each picture",
		Long: `Writes a line for each picture: the model's answer. The question is put as the model's family was trained to be asked;
--prompt passes text through as it is, instead of a question.

With --choices A,B,C (or --choice TEXT, --choices-file) the answer is one of these texts: the one whose tokens are likeliest behind the
question. --json gives each one's log-likelihood and its probability among them.

A model that learnt from pages (mini-flamingo, IDEFICS, OpenFlamingo) takes examples: --shot IMAGE=TEXT, or --shots, a file of lines
{"image": F or "images": [F, …] or "video": F, "question": Q, "text": T}, without a picture too; an example without a question of its own has
the call's. Without QUESTION (behind several pictures: with "" for one) they are described. Examples are read once for all pictures. --support names pairs of which, for each
picture, the --shots-n most similar are shown, the most similar last (--json lists them). --page passes a page through as it is:
{"parts": [{"image": F}, {"text": T}, …]}, or a conversation, {"turns": [{"role": "user", "parts": […]}, …]}, whose next turn is the
model's. Files are found from where the file that names them is.

A model whose resampler tells frames apart looks at a GIF that moves as a video, and at an example that is a folder of frames, or a part
{"video": F, "fps": N}; --fps and --frames say at which of its frames. Other models look at the first frame of a picture that is asked
about, and refuse an example that moves.`,
		Example: `  dragoman ask photo.jpg "What colour is the boat?"
  dragoman ask --prompt "Question: what colour is the boat? Answer:" photo.jpg
  dragoman ask --choices yes,no photo.jpg "Is there a boat?"
  dragoman ask --model M --shot cat.png="a tabby cat" --shot dog.png="a brown dog" unknown.png
  dragoman ask --model M --support pairs.jsonl --shots-n 8 photo.jpg
  dragoman ask --model M --page page.json`,
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	images.frameFlags(cmd)
	g := c.generateFlags(cmd)
	choices := choiceFlagsOf(cmd, g)
	support := supportFlagsOf(cmd)
	cmd.Flags().StringVar(&g.Prompt, "prompt", "", "text that the model continues, passed through as it is")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		given := len(shots) > 0 || shotsFile != ""
		g.Verbatim = cmd.Flags().Changed("prompt") // be it empty
		examples := given || support.path != ""
		switch {
		case page != "" && (examples || g.Verbatim || len(args) > 0):
			return usagef("--page is all there is to read: it excludes pictures, a question, --prompt, --shot, --shots and --support")
		case !examples && g.Permutations > 1:
			return usagef("--permutations is about the order of examples, and there are none: --shot, --shots or --support")
		case page != "":
			return unused(cmd, "is about examples, and --page has all that is read", "shots-n", "support-where", "features")
		case examples && g.Verbatim:
			return usagef("--prompt excludes --shot, --shots and --support: --page writes pictures and text in any order")
		case given && support.path != "":
			return usagef("--support chooses the examples: it excludes --shot and --shots")
		case support.path == "" && (support.features != "" || len(support.where) > 0 || cmd.Flags().Changed("shots-n")):
			return usagef("--shots-n, --support-where and --features are about --support, which is not given")
		case shotsN < 1 || shotsN > maxShots:
			return usagef("--shots-n must be from 1 to %d: %d", maxShots, shotsN)
		case len(args) == 0 && g.Verbatim:
			return usagef("ask --prompt needs a picture: ask --prompt TEXT IMAGE…")
		case len(args) == 0, len(args) == 1 && !examples && !g.Verbatim:
			return usagef("ask needs a picture and a question: ask IMAGE… QUESTION")
		}
		return nil
	}
	cmd.Flags().StringArrayVar(&shots, "shot", nil, "an example, IMAGE=TEXT (may be given again)")
	cmd.Flags().StringVar(&shotsFile, "shots", "", "examples, a JSONL file")
	cmd.Flags().IntVar(&shotsN, "shots-n", 4, "how many examples of --support are shown before each picture")
	cmd.Flags().StringVar(&page, "page", "", "a page of pictures and text in any order, or a conversation, a JSON file")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if err := choices.read(c, g, false); err != nil {
			return err
		}
		if page != "" {
			return c.continuePage(cmd, page, images, g)
		}
		if g.Verbatim {
			return c.textForImages(cmd, args, images, g, func(m *dragoman.Model, pictures []dragoman.Image) iter.Seq2[*dragoman.Text, error] {
				return m.Captions(cmd.Context(), moving(pictures), g)
			})
		}
		question := ""
		if last := len(args) - 1; last > 0 {
			question = args[last]
			if _, err := os.Stat(question); err == nil {
				return usagef("ask IMAGE… QUESTION: %s stands in the place of the question, and is a file: behind several pictures, no question is \"\"", question)
			}
			args = args[:last]
		}
		if support.path != "" {
			return c.askLike(cmd, args, question, images, support, shotsN, g)
		}
		examples, err := c.readShots(shots, shotsFile, question)
		if err != nil {
			return err
		}
		if len(examples) > 0 {
			return c.askBehind(cmd, args, question, images, examples, g)
		}
		return c.textForImages(cmd, args, images, g, func(m *dragoman.Model, pictures []dragoman.Image) iter.Seq2[*dragoman.Text, error] {
			return m.Answers(cmd.Context(), moving(pictures), question, g)
		})
	})
	return cmd
}

// askBehind answers a question about each picture behind the same examples, which are read once for all of them.
func (c *cli) askBehind(cmd *cobra.Command, args []string, question string, images *imageFlags, examples []dragoman.Shot, g *dragoman.Generate) error {
	var prompt *dragoman.Prompt
	return c.textForImages(cmd, args, images, g, func(m *dragoman.Model, pictures []dragoman.Image) iter.Seq2[*dragoman.Text, error] {
		if prompt == nil {
			var err error
			if prompt, err = m.Prompt(examples); err != nil {
				return func(yield func(*dragoman.Text, error) bool) {
					for range pictures {
						if !yield(nil, err) {
							return
						}
					}
				}
			}
		}
		return prompt.Answers(cmd.Context(), moving(pictures), question, g)
	})
}

// moving are pictures of which those that move are looked at as videos.
func moving(pictures []dragoman.Image) []dragoman.Image {
	for i, img := range pictures {
		pictures[i] = img.Moving()
	}
	return pictures
}

// askLike answers a question about each picture behind the examples that are most like it.
func (c *cli) askLike(cmd *cobra.Command, args []string, question string, images *imageFlags, f *supportFlags, n int, g *dragoman.Generate) error {
	if err := c.checkGenerate(g); err != nil {
		return err
	}
	shots, names, set, err := c.supportRows(f, question)
	if err != nil {
		return err
	}
	defer set.Close()
	if n > len(shots) && cmd.Flags().Changed("shots-n") {
		c.note("--support %s: it has %d of the %d examples that --shots-n asks for", f.path, len(shots), n)
	}
	m, err := c.open(images)
	if err != nil {
		return err
	}
	defer m.Close()
	support, err := c.openSupport(cmd.Context(), m, f, shots)
	if err != nil {
		return err
	}
	return c.eachImage(cmd.Context(), args, func(name string, img dragoman.Image) error {
		text, err := support.Answer(cmd.Context(), dragoman.Shot{Images: []dragoman.Image{img.Moving()}, Question: question}, n, g)
		if err != nil {
			return err
		}
		c.noteNothing(name, text)
		shown := make([]string, len(text.Shown))
		for i, k := range text.Shown {
			shown[i] = names[k]
		}
		return c.emit(struct {
			Image string `json:"image"`
			*dragoman.Text
			Shots []string `json:"shots"` // what was shown before it
		}{name, text, shown}, oneLine(text.Text))
	})
}
