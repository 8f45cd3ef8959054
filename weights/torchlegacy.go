package weights

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// legacyMagic begins a checkpoint of PyTorch before 1.6: a pickled number, then
// the pickled protocol version 1001.
var legacyMagic = []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.")

func isTorchLegacy(data []byte) bool { return bytes.HasPrefix(data, legacyMagic[:15]) }

// parseTorchLegacy reads what torch.save wrote before PyTorch 1.6: pickles of
// the magic number, the version, the machine, the value and the storages' keys,
// then each storage: its number of elements and the elements.
func parseTorchLegacy(f *File, data []byte) error {
	f.Format = TorchLegacy
	if !bytes.HasPrefix(data, legacyMagic) {
		return errors.New("truncated, or of an unknown protocol version")
	}
	rest := data[len(legacyMagic):]
	reader := torchReader{}
	machine := reader.unpickler()
	values := [3]any{} // the machine, the state dict, the keys
	for i := range values {
		value, size, err := machine.unpickle(rest[:min(len(rest), maxPickle)])
		if err != nil {
			return err
		}
		values[i], rest = value, rest[size:]
	}
	if info, ok := values[0].(*pickleDict); !ok || info.get("little_endian") != true {
		return errors.New("not written by a little-endian machine")
	}
	keys, ok := values[2].(*pickleList)
	if !ok {
		return errors.New("the list of storages is missing")
	}
	for _, item := range keys.items {
		key, _ := item.(string)
		storage := reader.storages[key]
		switch {
		case storage == nil:
			return fmt.Errorf("storage %s: listed, but no tensor has it", quote(key))
		case storage.data != nil:
			return fmt.Errorf("storage %s: listed twice", quote(key))
		case len(rest) < 8:
			return fmt.Errorf("storage %s: truncated", quote(key))
		}
		numel := binary.LittleEndian.Uint64(rest)
		rest = rest[8:]
		if numel != uint64(storage.numel) {
			return fmt.Errorf("storage %s: %d elements, its tensors expect %d", quote(key), numel, storage.numel)
		}
		size := storage.numel * storage.kind.BlockBytes()
		if size > len(rest) {
			return fmt.Errorf("storage %s: truncated: %d bytes of %d", quote(key), len(rest), size)
		}
		storage.data, rest = rest[:size:size], rest[size:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%d bytes after the last storage belong to none", len(rest))
	}
	for _, key := range reader.keys {
		if reader.storages[key].data == nil {
			return fmt.Errorf("storage %s: its bytes are not in the file", quote(key))
		}
	}
	return f.addStateDict(values[1])
}
