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

// oneByOne is a sayer of a picture at a time.
func oneByOne(say func(dragoman.Image) (*dragoman.Text, error)) sayer {
	return func(pictures []dragoman.Image) iter.Seq2[*dragoman.Text, error] {
		return func(yield func(*dragoman.Text, error) bool) {
			for _, img := range pictures {
				if !yield(say(img)) {
					return
				}
			}
		}
	}
}

// eachGroup has say say something of the pictures that the arguments name, of up to so many at a time, and emits it, in order. Groups grow, so that
// the first answer comes at once, and none waits for standard input. A picture that fails is shown in its place, and the others are done all the
// same; the call then ends with errReported. A context that ends, ends the loop.
func (c *cli) eachGroup(ctx context.Context, args []string, most int, say sayer, emit func(name string, text *dragoman.Text) error) error {
	var group []picture.Item
	pictures, size, broken := 0, 1, false
	flush := func() error {
		err := c.sayGroup(ctx, group, pictures, say, emit)
		broken = broken || errors.Is(err, errReported)
		if pictures > 0 {
			size = min(2*size, most)
		}
		group, pictures = group[:0], 0
		if finished(err) {
			return nil
		}
		return err
	}
	source := picture.Source{Stdin: c.input(), Fetch: c.fetch}
	for item := range source.Expand(args) {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if item.Name == "-" {
			if err := flush(); err != nil {
				return err
			}
		}
		if group = append(group, item); item.Err == nil {
			pictures++
		}
		if pictures >= size || len(group) > maxWaiting {
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

// maxWaiting is how many items, broken ones among them, wait for a group to be full.
const maxWaiting = 64

// sayGroup is eachGroup for one group.
func (c *cli) sayGroup(ctx context.Context, group []picture.Item, pictures int, say sayer, emit func(name string, text *dragoman.Text) error) error {
	began, looked := time.Now(), 0
	images := make([]dragoman.Image, 0, pictures)
	for _, item := range group {
		if item.Err != nil {
			continue
		}
		images = append(images, dragoman.ImageFunc(picture.Called(item.Name), func() ([]byte, error) {
			if looked++; pictures > 1 && time.Since(began) > quietLook {
				c.progress("looking at picture %d of the %d that are described next", looked, pictures)
			}
			return item.Read()
		}))
	}
	broken := false
	show := func(name string, err error) error {
		if err = c.inPlace(ctx, "image", name, err); errors.Is(err, errReported) {
			broken, err = true, nil
		}
		return err
	}
	at := 0
	unread := func() error { // those that stand before the next picture, and could not be read
		for ; at < len(group) && group[at].Err != nil; at++ {
			if err := show(group[at].Name, fmt.Errorf("reading a picture: %s: %w", group[at].Name, group[at].Err)); err != nil {
				return err
			}
		}
		return nil
	}
	for text, err := range say(images) {
		c.progressDone()
		if err := unread(); err != nil {
			return err
		}
		if err == nil {
			err = emit(group[at].Name, text)
		}
		if err := show(group[at].Name, err); err != nil {
			return err
		}
		at++
	}
	if err := unread(); err != nil {
		return err
	}
	if broken {
		return errReported
	}
	return nil
}

// quietLook is how long pictures may be looked at before it is said how far that is.
const quietLook = 5 * time.Second
