package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"dragoman/kernel"
	"dragoman/weights"
)

// isNPY says whether a name is one of numpy's files.
func isNPY(path string) bool { return strings.EqualFold(filepath.Ext(path), ".npy") }

// writeArray writes one tensor into path, as numpy's file where its name says so, and otherwise as safetensors, which have its name and metadata, too.
func (c *cli) writeArray(path, name string, values []float32, shape []int, metadata map[string]string) error {
	if isNPY(path) {
		return c.writeNPY(path, values, shape)
	}
	return c.writeTensors(path, []weights.Tensor{weights.FromFloat32(name, shape, values)}, metadata)
}

// writeNPY writes float32 values as numpy's own format, version 1.0 (numpy.lib.format): magic, a header that is a Python
// literal padded to 64 bytes, then the values, little endian.
func (c *cli) writeNPY(path string, values []float32, shape []int) error {
	dims := make([]string, len(shape))
	for i, d := range shape {
		dims[i] = fmt.Sprint(d)
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': (%s,), }", strings.Join(dims, ", "))
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	return c.writeTo(path, func(w io.Writer) error {
		start := binary.LittleEndian.AppendUint16([]byte("\x93NUMPY\x01\x00"), uint16(len(header)))
		if _, err := w.Write(append(start, header...)); err != nil {
			return err
		}
		_, err := w.Write(kernel.Bytes(values))
		return err
	})
}
