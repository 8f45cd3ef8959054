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
	cmd := &cobra.Command{
		Use:   "chat [TEXT]",
		Short: "talk with the language model, without a picture",
		Long: `With TEXT, answers it and ends. Without, reads a line at a time from standard input and answers each, remembering what was
said; an empty line begins anew.`,
		Args: cobra.MaximumNArgs(1),
	}
	c.modelFlags(cmd)
	g := c.generateFlags(cmd)
	_ = cmd.Flags().Set("max-tokens", "256")
	cmd.Flags().Lookup("max-tokens").DefValue = "256"
	cmd.Flags().Lookup("max-tokens").Changed = false
	cmd.Flags().StringVar(&system, "system", "", "what the model is told of itself (empty: as it was trained)")
	cmd.RunE = work(func(cmd *cobra.Command, args []string) error {
		if err := c.checkGenerate(g); err != nil {
			return err
		}
		m, err := c.open(nil)
		if err != nil {
			return err
		}
		defer m.Close()
		var said []dragoman.Message
		begin := func() {
			said = said[:0]
			if system != "" {
				said = append(said, dragoman.Message{Role: "system", Content: system})
			}
		}
		begin()
		if len(args) == 1 {
			_, err := c.turn(cmd.Context(), m, append(said, dragoman.Message{Role: "user", Content: args[0]}), g)
			return err
		}
		in := bufio.NewReader(c.stdin)
		for {
			if isTerminal(c.stderr) && !c.quiet {
				fmt.Fprint(c.stderr, "> ")
			}
			line, err := in.ReadString('\n')
			if line = strings.TrimSpace(line); line != "" {
				said = append(said, dragoman.Message{Role: "user", Content: line})
				answer, err := c.turn(cmd.Context(), m, said, g)
				if err != nil {
					return err
				}
				said = append(said, dragoman.Message{Role: "assistant", Content: answer.Text})
			} else {
				begin()
			}
			if errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return fmt.Errorf("reading a line: standard input: %w", err)
			}
		}
	})
	return cmd
}

// turn answers a conversation, as it is thought up unless the answer is to be an object.
func (c *cli) turn(ctx context.Context, m *dragoman.Model, said []dragoman.Message, g *dragoman.Generate) (*dragoman.Text, error) {
	o := *g
	if !c.json {
		o.Stream = func(piece string) error {
			if _, err := c.out.WriteString(piece); err != nil {
				return err
			}
			return c.out.Flush()
		}
	}
	answer, err := m.Chat(ctx, said, &o)
	if err != nil {
		return nil, err
	}
	return answer, c.emit(answer, "")
}
