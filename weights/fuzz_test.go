package weights

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/internal/frugal"
)

// fuzzContainer feeds a container's parser: what follows magic, by which the
// container is told, is fuzzed. What opens must decode; what does not says so in
// one line.
func fuzzContainer(f *testing.F, parse func(*File, []byte) error, magic string, seeds ...[]byte) {
	for _, seed := range seeds {
		f.Add(bytes.TrimPrefix(seed, []byte(magic)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frugal.Run(t, len(data), func() {
			file := &File{path: "fuzz", tensors: map[string]entry{}}
			if err := parse(file, append([]byte(magic), data...)); err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("an error of several lines: %q", err)
				}
				return
			}
			touch(t, file)
		})
	})
}

func FuzzSafetensors(f *testing.F) {
	fuzzContainer(f, parseSafetensors, "", mustRead(f, "types.safetensors"),
		header(`{"a":{"dtype":"F16","shape":[1],"data_offsets":[0,2]}}`, 2),
		header(`{"__metadata__":{"k":"v"},"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[0,3],"data_offsets":[2,2]}}`, 2))
}

func FuzzGGUF(f *testing.F) {
	fuzzContainer(f, parseGGUF, "GGUF", mustRead(f, "types.gguf"),
		ggufBytes(uint32(3), 1, 1, "k", uint32(ggufArray), uint32(ggufString), 1, "v", "w", uint32(1), 4, uint32(0), 0),
		ggufBytes(uint32(2), 1, 1, "general.alignment", uint32(ggufU32), uint32(8), "w", uint32(2), 32, 2, uint32(2), 0))
}

func FuzzTorchZip(f *testing.F) {
	fuzzContainer(f, parseTorchZip, "PK\x03\x04", mustRead(f, "types.pt"), mustRead(f, "module.pt"), mustRead(f, "training.pt"))
}

func FuzzTorchLegacy(f *testing.F) {
	fuzzContainer(f, parseTorchLegacy, string(legacyMagic), mustRead(f, "legacy.pt"))
}

// FuzzContainer has the first bytes decide.
func FuzzContainer(f *testing.F) {
	fuzzContainer(f, func(file *File, data []byte) error {
		opened, err := OpenBytes("fuzz", data)
		if err == nil {
			*file = *opened
		}
		return err
	}, "", binary.LittleEndian.AppendUint64(nil, 2), []byte("GGUF\x03\x00\x00\x00"), []byte("PK\x03\x04"), legacyMagic)
}

// FuzzIndex reads an index over two shards that are there.
func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":16},"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"1.safetensors","tied":"1.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../1.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"1.safe\ntensors"}}`))
	dir := f.TempDir()
	for name, tensors := range map[string][]Tensor{
		"1.safetensors": {numbered("a", 2), numbered("tied", 1)},
		"2.safetensors": {numbered("b", 2), numbered("tied", 1)},
	} {
		if err := WriteSafetensors(filepath.Join(dir, name), tensors, nil); err != nil {
			f.Fatal(err)
		}
	}
	index := filepath.Join(dir, "model.safetensors.index.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(index, data, 0o644); err != nil {
			t.Fatal(err)
		}
		file, err := Open(index)
		if err != nil {
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "index.json") {
				t.Errorf("not one line that names the file: %q", err)
			}
			return
		}
		touch(t, file)
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
}

func FuzzPickle(f *testing.F) {
	f.Add([]byte("\x80\x02}q\x00(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00b]q\x01(K\x02Neu."))
	f.Add([]byte("\x80\x02ccollections\nOrderedDict\n)R}b."))
	f.Add([]byte("\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n" +
		"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00K\x02K\x02\x86K\x02K\x01\x86\x89NtRs."))
	f.Fuzz(func(t *testing.T, data []byte) {
		frugal.Run(t, len(data), func() { touchPickle(t, data) })
	})
}

// touchPickle reads a pickle as a state dict whose storages are zeros.
func touchPickle(t *testing.T, data []byte) {
	t.Helper()
	reader := torchReader{}
	root, _, err := reader.unpickler().unpickle(data)
	if err != nil {
		return
	}
	for _, s := range reader.storages {
		if s.numel > 1<<16 {
			return
		}
		s.data = make([]byte, s.numel*s.kind.BlockBytes())
	}
	file := &File{tensors: map[string]entry{}}
	if file.addStateDict(root) == nil {
		touch(t, file)
	}
}
