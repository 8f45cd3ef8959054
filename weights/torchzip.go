package weights

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// parseTorchZip reads what torch.save writes since PyTorch 1.6: a zip archive
// of uncompressed members TOP/data.pkl and TOP/data/KEY, one a storage.
func parseTorchZip(f *File, data []byte) error {
	f.Format = TorchZip
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	members := make(map[string]*zip.File, len(archive.File))
	top := ""
	for _, member := range archive.File {
		if members[member.Name] != nil {
			return fmt.Errorf("archive: member %s: listed twice", quote(member.Name))
		}
		members[member.Name] = member
		dir, name, nested := strings.Cut(member.Name, "/")
		if nested && name == "data.pkl" {
			if top != "" {
				return errors.New("archive: more than one data.pkl")
			}
			top = dir + "/"
		}
	}
	if top == "" {
		return errors.New("archive: no data.pkl in it: not a PyTorch checkpoint")
	}
	if members[top+"byteorder"] != nil {
		order, err := memberData(members[top+"byteorder"], data)
		if err != nil {
			return err
		}
		if string(order) != "little" {
			return fmt.Errorf("archive: byte order %s is not supported", quote(string(order)))
		}
	}
	pickle, err := memberData(members[top+"data.pkl"], data)
	if err != nil {
		return err
	}
	if len(pickle) > maxPickle {
		return fmt.Errorf("pickle: %d bytes, at most %d are supported", len(pickle), maxPickle)
	}
	reader := torchReader{}
	root, _, err := reader.unpickler().unpickle(pickle)
	if err != nil {
		return err
	}
	for _, key := range reader.keys {
		storage := reader.storages[key]
		member := members[top+"data/"+key]
		if member == nil {
			return fmt.Errorf("storage %s: not in the archive", quote(key))
		}
		if storage.data, err = memberData(member, data); err != nil {
			return err
		}
		if want := storage.numel * storage.kind.BlockBytes(); len(storage.data) != want {
			return fmt.Errorf("storage %s: %d %v need %d bytes, it has %d",
				quote(key), storage.numel, storage.kind, want, len(storage.data))
		}
	}
	return f.addStateDict(root)
}

// memberData views an archive member's bytes where they lie.
func memberData(member *zip.File, data []byte) ([]byte, error) {
	if member.Method != zip.Store || member.CompressedSize64 != member.UncompressedSize64 {
		return nil, fmt.Errorf("archive: member %s: compressed, which PyTorch never does", quote(member.Name))
	}
	offset, err := member.DataOffset()
	if err != nil {
		return nil, fmt.Errorf("archive: member %s: %w", quote(member.Name), err)
	}
	size := member.UncompressedSize64
	if offset < 0 || offset > int64(len(data)) || size > uint64(int64(len(data))-offset) {
		return nil, fmt.Errorf("archive: member %s: truncated", quote(member.Name))
	}
	end := offset + int64(size)
	return data[offset:end:end], nil
}
