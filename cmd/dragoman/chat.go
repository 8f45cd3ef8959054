package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
)

func (c *cli) chatCommand() *cobra.Command {
	var system string
	var pictures []string
	cmd := &cobra.Command{
		Use:   "chat [TEXT]",
		Short: "talk with the language model",
		Long: `With TEXT, answers it and ends. Without, reads a line at a time from standard input and answers each, remembering what was
said; an empty line begins anew.

A model that learnt from pages (mini-flamingo, IDEFICS, OpenFlamingo) looks at pictures that belong to what is said: those of --image, and on standard
input those of lines "/image FILE", come before the next text. Those of IDEFICS that follow instructions read the turns of a conversation.`,
		Example: `  dragoman chat "Why is the sky blue?"
  dragoman chat --model HuggingFaceM4/idefics-9b-instruct --image photo.jpg "What is odd about this picture?"`,
		Args: takesAtMostOne("text"),
	}
	c.modelFlags(cmd)
	images := c.imageFlags(cmd)
	g := c.generateFlags(cmd)
	_ = cmd.Flags().Set("max-tokens", "256")
	cmd.Flags().Lookup("max-tokens").DefValue = "256"
	cmd.Flags().Lookup("max-tokens").Changed = false
	cmd.Flags().StringVar(&system, "system", "", "what the model is told of itself (empty: as it was trained)")
	cmd.Flags().StringArrayVar(&pictures, "image", nil, "a picture that the first text is about (may be given again)")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if err := c.checkGenerate(g); err != nil {
			return err
		}
		m, err := c.open(images)
		if err != nil {
			return err
		}
		defer m.Close()
		talk := m.Converse(system)
		var shown []dragoman.Part // pictures that belong to the next text
		for _, name := range pictures {
			if name == stream && len(args) == 0 {
				return usagef("--image -: standard input holds what is said: chat --image - TEXT")
			}
			shown = append(shown, imagePart(c.pictureOf(name)))
		}
		say := func(text string) error {
			said := dragoman.Message{Role: "user", Parts: append(shown, dragoman.Part{Text: text})}
			shown = nil
			return c.turn(cmd.Context(), talk, said, g)
		}
		if len(args) == 1 {
			return say(args[0])
		}
		decoding, err := images.options()
		if err != nil {
			return err
		}
		wrong := false
		in := bufio.NewReader(c.input())
		for {
			if isTerminal(c.stderr) && !c.quiet {
				fmt.Fprint(c.stderr, "> ")
			}
			line, err := readLine(in)
			if err != nil && !errors.Is(err, io.EOF) {
				return fmt.Errorf("reading a line: standard input: %w", err)
			}
			line = strings.TrimSpace(line)
			if name, ok := strings.CutPrefix(line, imageCommand); ok && (name == "" || name[0] == ' ') {
				part := imagePart(c.pictureAt("", strings.TrimSpace(name)))
				if _, err := part.Image.Decode(decoding); err == nil {
					shown = append(shown, part)
				} else {
					wrong = true // the conversation goes on without it
					if err := c.emitError("image", strings.TrimSpace(name), err); err != nil {
						return err
					}
				}
			} else if line != "" {
				if err := say(line); err != nil {
					return err
				}
			} else {
				talk, shown = m.Converse(system), nil
			}
			if errors.Is(err, io.EOF) {
				if wrong {
					return errReported
				}
				return nil
			}
		}
	})
	return cmd
}

// imageCommand begins a line of standard input that names a picture.
const imageCommand = "/image"

// imagePart is a picture among what is said.
func imagePart(img dragoman.Image) dragoman.Part { return dragoman.Part{Image: &img} }

// turn answers what is said, as it is thought up unless the answer is to be an object.
func (c *cli) turn(ctx context.Context, talk *dragoman.Conversation, said dragoman.Message, g *dragoman.Generate) error {
	o := *g
	if !c.json {
		o.Stream = func(piece string) error {
			if _, err := c.out.WriteString(piece); err != nil {
				return err
			}
			return c.out.Flush()
		}
	}
	answer, err := talk.Say(ctx, said, &o)
	if err != nil {
		return err
	}
	return c.emit(answer, "")
}
