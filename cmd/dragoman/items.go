package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"dragoman"
	"dragoman/picture"
)

// imageFlags are the options of commands that read pictures.
type imageFlags struct {
	maxPixels int
	alpha     string
	size      int
	frames    picture.Sampling // of videos, where moving is the command that can say
	moving    *cobra.Command   // nil where it cannot
}

func (c *cli) imageFlags(cmd *cobra.Command) *imageFlags {
	f := &imageFlags{}
	cmd.Flags().BoolVar(&c.allowNet, "allow-net", false, "read pictures from http and https addresses too")
	cmd.Flags().IntVar(&f.maxPixels, "max-pixels", picture.DefaultMaxPixels, "refuse pictures of more pixels")
	cmd.Flags().StringVar(&f.alpha, "alpha", "white", "what becomes of transparency: white, drop")
	oneOf(cmd, "alpha", "white", "drop")
	addSizeFlag(cmd, &f.size)
	return f
}

// plainImages are the options of commands whose pictures are read as they are.
func plainImages() *imageFlags {
	return &imageFlags{maxPixels: picture.DefaultMaxPixels, alpha: "white"}
}

// frameFlags adds the options of commands that look at videos.
func (f *imageFlags) frameFlags(cmd *cobra.Command) {
	f.moving = cmd
	cmd.Flags().Float64Var(&f.frames.Rate, "fps", 1, "how many frames of a video are looked at a second (0: every one)")
	cmd.Flags().IntVar(&f.frames.Most, "frames", 0, "how many frames of a video are looked at, at most (0: as many as the model learnt to tell apart)")
}

// maxFrames bounds how many frames of a video are looked at at once.
const maxFrames = 1 << 10

// maxSize bounds the side of the pictures that an encoder is asked to read.
const maxSize = 1 << 13

func addSizeFlag(cmd *cobra.Command, size *int) {
	cmd.Flags().IntVar(size, "size", 0, "read pictures of this height and width, not of the model's (positions are interpolated)")
}

// checkSize refuses sizes that no encoder reads.
func checkSize(size int) error {
	if size < 0 || size > maxSize {
		return usagef("--size must be from 1 to %d: %d", maxSize, size)
	}
	return nil
}

func (f *imageFlags) options() (picture.Options, error) {
	if err := checkSize(f.size); err != nil {
		return picture.Options{}, err
	}
	alpha, err := picture.ParseAlpha(f.alpha)
	if err != nil {
		return picture.Options{}, usagef("--alpha: %w", err)
	}
	if f.maxPixels < 1 {
		return picture.Options{}, usagef("--max-pixels must be at least 1: %d", f.maxPixels)
	}
	if err := checkNumbers(number{"fps", f.frames.Rate}); err != nil {
		return picture.Options{}, err
	}
	if f.frames.Rate < 0 || f.frames.Most < 0 || f.frames.Most > maxFrames {
		return picture.Options{}, usagef("--fps must not be negative, and --frames from 0 to %d", maxFrames)
	}
	return picture.Options{MaxPixels: f.maxPixels, Alpha: alpha}, nil
}

// inPlace shows an item's error in its place, which is then errReported; what ends the whole call it returns as it is. With --json the
// object has the item under key, and under further keys also.
func (c *cli) inPlace(ctx context.Context, key, name string, err error, also ...string) error {
	var output *outputError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &output):
		return err
	}
	if err := c.emitError(key, name, err, also...); err != nil {
		return err
	}
	return errReported
}

// eachInPlace calls f for every name, in order. One that fails is shown in its place, as key, and the others are done all the same; the call then
// ends with errReported.
func (c *cli) eachInPlace(ctx context.Context, key string, names []string, f func(name string) error) error {
	var broken error
	for _, name := range names {
		err := c.inPlace(ctx, key, name, f(name))
		if !finished(err) {
			return err
		}
		if err != nil {
			broken = err
		}
	}
	return broken
}

// eachImage calls f for every picture that the arguments name, in order. A picture that fails is shown in its place and the
// others are done all the same; the call then ends with errReported. A context that ends, ends the loop.
func (c *cli) eachImage(ctx context.Context, args []string, f func(name string, img dragoman.Image) error, also ...string) error {
	broken := false
	source := picture.Source{Stdin: c.input(), Fetch: c.fetch}
	for item := range source.Expand(args) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		var err error
		if item.Err != nil {
			err = fmt.Errorf("reading a picture: %s: %w", item.Name, item.Err)
		} else {
			err = f(item.Name, dragoman.ImageFunc(picture.Called(item.Name), item.Read))
		}
		if err = c.inPlace(ctx, "image", item.Name, err, also...); errors.Is(err, errReported) {
			broken = true
		} else if err != nil {
			return err
		}
	}
	if broken {
		return errReported
	}
	return nil
}
