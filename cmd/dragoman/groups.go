package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"dragoman"
	"dragoman/picture"
)

// sayer is what is said of each of some pictures, in order.
type sayer func([]dragoman.Image) iter.Seq2[*dragoman.Text, error]

// eachGroup has say say something of the pictures that the arguments name, of up to so many at a time, and emits it, in order. Groups grow, so that
// the first answer comes at once, and none waits for standard input. A picture that fails is shown in its place, and the others are done all the
// same; the call then ends with errReported. A context that ends, ends the loop.
func (c *cli) eachGroup(ctx context.Context, args []string, most int, say sayer, emit func(name string, text *dragoman.Text) error) error {
	var group []picture.Item
	size, broken := 1, false
	show := func(name string, err error) error {
		if err = c.inPlace(ctx, "image", name, err); errors.Is(err, errReported) {
			broken, err = true, nil
		}
		return err
	}
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		at := 0
		for text, err := range say(c.waiting(group)) {
			c.progressDone()
			if err == nil {
				err = emit(group[at].Name, text)
			}
			if err := show(group[at].Name, err); err != nil {
				return err
			}
			at++
		}
		group, size = group[:0], min(2*size, most)
		return nil
	}
	source := picture.Source{Stdin: c.input(), Fetch: c.fetch}
	for item := range source.Expand(args) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if item.Err != nil || item.Name == stream {
			if err := flush(); err != nil {
				return err
			}
		}
		if item.Err != nil {
			if err := show(item.Name, fmt.Errorf("reading a picture: %s: %w", item.Name, item.Err)); err != nil {
				return err
			}
			continue
		}
		if group = append(group, item); len(group) >= size {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if broken {
		return errReported
	}
	return nil
}

// waiting are the pictures of a group, which tell how far they are looked at where that takes long.
func (c *cli) waiting(group []picture.Item) []dragoman.Image {
	began, looked := time.Now(), 0
	images := make([]dragoman.Image, len(group))
	for i, item := range group {
		images[i] = dragoman.ImageFunc(picture.Called(item.Name), func() ([]byte, error) {
			if looked++; len(images) > 1 && time.Since(began) > quietLook {
				c.progress("looking at picture %d of the %d that are described next", looked, len(images))
			}
			return item.Read()
		})
	}
	return images
}

// quietLook is how long pictures may be looked at before it is said how far that is.
const quietLook = 5 * time.Second
