package main

import (
	"cmp"
	"fmt"
	"io"
	"math"

	"dragoman/internal/atomicfile"
	"dragoman/internal/readfile"
	"dragoman/weights"
)

// stream is the name of standard input or standard output in the place of a file's.
const stream = "-"

// tensorsTo prepares for tensors that will be written to a file, or for "-" to standard output: which must then hold nothing else,
// so that items' errors go to standard error, and must not be a terminal.
func (c *cli) tensorsTo(out string) error {
	if out != stream {
		return nil
	}
	if c.onTerminal {
		return usagef("--out -: standard output is a terminal, and tensors are not for reading: name a file, or a pipe")
	}
	c.json = false
	return nil
}

// writeTensors writes a safetensors file, or for "-" what one would hold to standard output.
func (c *cli) writeTensors(out string, tensors []weights.Tensor, metadata map[string]string) error {
	return c.writeTo(out, func(w io.Writer) error { return weights.EncodeSafetensors(w, tensors, metadata) })
}

// writeTo writes a file, or for "-" what it would hold to standard output.
func (c *cli) writeTo(out string, write func(io.Writer) error) error {
	if out != stream {
		return atomicfile.WriteFile(out, write)
	}
	return cmp.Or(write(c.out), c.out.Flush()) // what is said of it stands behind it
}

// openTensors opens a file of tensors, or for "-" reads standard input, whole.
func (c *cli) openTensors(name string) (*weights.File, error) {
	if name != stream {
		return weights.Open(name)
	}
	data, err := readfile.UpTo(c.input(), math.MaxInt32)
	if err != nil {
		return nil, fmt.Errorf("reading tensors: standard input: %w", err)
	}
	return weights.OpenBytes("standard input", data)
}
