package weights

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"dragoman/internal/atomicfile"
)

// storageOf is the class of what holds a tensor of a type, by its module and name.
func storageOf(t Type) (class pickleGlobal, ok bool) {
	for class, kind := range torchStorages {
		if kind == t {
			return class, true
		}
	}
	return class, false
}

// WriteTorch is [StreamTorch] for tensors in memory.
func WriteTorch(path string, tensors []Tensor) error {
	outputs, err := inMemory(tensors)
	if err != nil {
		return fmt.Errorf("write checkpoint: %s: %w", path, err)
	}
	return StreamTorch(path, outputs)
}

// StreamTorch replaces the file at path with what torch.save writes of a state dict, tensors by their names, in their order: a zip archive of
// uncompressed members, each on a multiple of 64 bytes. Equal input gives equal bytes. torch.load takes it with weights_only, too.
func StreamTorch(path string, tensors []Output) error {
	pickle, err := torchPickle(tensors)
	if err != nil {
		return fmt.Errorf("write checkpoint: %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, func(w io.Writer) error {
		c := &counter{w: w}
		archive, before := zip.NewWriter(c), 0 // what of the member before is still to be written
		member := func(name string, write func(io.Writer) error) error {
			if err := archive.Flush(); err != nil {
				return err
			}
			name = "checkpoint/" + name
			const fixed, field, descriptor = 30, 4, 16 // bytes of a member's header before its name, of an extra field before what it holds, and behind a member
			pad := -(c.n + before + fixed + len(name) + field) & 63
			before = descriptor
			extra := append([]byte{'F', 'B', byte(pad), 0}, make([]byte, pad)...)
			m, err := archive.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store, Extra: extra})
			if err == nil {
				err = write(m)
			}
			return err
		}
		text := func(b []byte) func(io.Writer) error {
			return func(w io.Writer) error { _, err := w.Write(b); return err }
		}
		err := errors.Join(member("data.pkl", text(pickle)), member("byteorder", text([]byte("little"))))
		for i, t := range tensors {
			if err == nil {
				err = member("data/"+strconv.Itoa(i), func(w io.Writer) error { _, err := t.writeTo(w); return err })
			}
		}
		if err == nil {
			err = member("version", text([]byte("3\n")))
		}
		return errors.Join(err, archive.Close())
	})
}

// torchPickle is the program that makes the dictionary, each tensor on a storage of its own.
func torchPickle(tensors []Output) ([]byte, error) {
	var b bytes.Buffer
	text := func(s string) {
		b.WriteByte('X') // BINUNICODE
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(s))))
		b.WriteString(s)
	}
	number := func(n int) error {
		if n > math.MaxInt32 {
			return fmt.Errorf("%d is out of range", n)
		}
		b.WriteByte('J') // BININT
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(n)))
		return nil
	}
	tuple := func(ns []int) (err error) {
		b.WriteByte('(')
		for _, n := range ns {
			err = errors.Join(err, number(n))
		}
		b.WriteByte('t')
		return err
	}
	seen := map[string]bool{}
	b.WriteString("\x80\x02}(") // protocol 2, an empty dict, a mark
	for i, t := range tensors {
		_, err := byteSize(t.Type, t.Shape)
		storage, ok := storageOf(t.Type)
		if err = errors.Join(checkName(t.Name), err); err == nil && !ok {
			err = fmt.Errorf("tensor %s: PyTorch has no %v", quote(t.Name), t.Type)
		} else if err == nil && seen[t.Name] {
			err = fmt.Errorf("tensor %s: the name is taken", quote(t.Name))
		}
		if err != nil {
			return nil, err
		}
		seen[t.Name] = true
		strides, count := make([]int, len(t.Shape)), 1
		for d := len(t.Shape) - 1; d >= 0; d-- {
			strides[d] = count
			count *= t.Shape[d]
		}
		text(t.Name)
		b.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
		text("storage")
		b.WriteString("c" + strings.Replace(string(storage), ".", "\n", 1) + "\n")
		text(strconv.Itoa(i))
		text("cpu")
		err = number(count)
		b.WriteString("tQ") // the storage, by what stands for it
		err = errors.Join(err, number(0), tuple(t.Shape), tuple(strides))
		b.WriteString("\x89ccollections\nOrderedDict\n)RtR") // needs no gradient, has no hooks
		if err != nil {
			return nil, fmt.Errorf("tensor %s: %w", quote(t.Name), err)
		}
	}
	b.WriteString("u.")
	return b.Bytes(), nil
}
