package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/internal/plainjson"
	"dragoman/tokenizer"
)

func (c *cli) tokenizeCommand() *cobra.Command {
	var special bool
	cmd := &cobra.Command{
		Use:   "tokenize [--model M] [--special] < lines",
		Short: "text to token ids and back, a line in, a line out",
		Long: `Reads lines from standard input and writes, for each, an object with the text, its ids and what the ids decode to.
With --json each line in is a JSON string, so that a text may hold line breaks. --model may be a folder that holds only a
tokenizer's files.`,
		Args: takesNone,
	}
	c.modelFlags(cmd)
	cmd.Flags().BoolVar(&special, "special", false, "add what the tokenizer adds around a text")
	cmd.RunE = work(func(cmd *cobra.Command, _ []string) error {
		if err := opensNone(cmd); err != nil {
			return err
		}
		tok, err := dragoman.OpenTokenizer(c.model)
		if err != nil {
			return err
		}
		in := bufio.NewReaderSize(c.input(), 1<<16)
		var broken error // of a line; the others are done all the same
		for n := 1; ; n++ {
			text, err := readLine(in)
			if err != nil {
				if err := c.out.Flush(); err != nil {
					return err
				}
				if !errors.Is(err, io.EOF) {
					return fmt.Errorf("reading a line: standard input:%d: %w", n, err)
				}
				return broken
			}
			if c.json {
				said, err := jsonString(text)
				if err != nil {
					if err = c.inPlace(cmd.Context(), "text", text, fmt.Errorf("reading a line: standard input:%d: %w", n, err)); !errors.Is(err, errReported) {
						return err
					}
					broken = err
					continue
				}
				text = said
			}
			ids := tok.Encode(text, special)
			if ids == nil {
				ids = []int32{}
			}
			b, err := json.Marshal(struct {
				Text    string  `json:"text"`
				IDs     []int32 `json:"ids"`
				Decoded string  `json:"decoded"`
			}{tokenizer.Valid(text), ids, tok.Decode(ids, false)})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(c.out, "%s\n", b); err != nil {
				return err
			}
			if in.Buffered() == 0 { // answer a person line by line, and a file in blocks
				if err := c.out.Flush(); err != nil {
					return err
				}
			}
			if cmd.Context().Err() != nil {
				return nil
			}
		}
	})
	return cmd
}

// maxLine bounds a line, in bytes: what has no end must not take memory without end.
const maxLine = 64 << 20

// readLine reads a line, without its end.
func readLine(in *bufio.Reader) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return "", fmt.Errorf("the line is longer than %d bytes", maxLine)
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && (!errors.Is(err, io.EOF) || len(line) == 0):
			return "", err
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
	}
}

// jsonString is the text of a line that is a JSON string.
func jsonString(line string) (string, error) {
	var text *string
	err := plainjson.Unmarshal([]byte(line), &text)
	if err == nil && text == nil {
		err = errors.New("it is null")
	}
	if err != nil {
		return "", fmt.Errorf("not a JSON string: %w", err)
	}
	return *text, nil
}
