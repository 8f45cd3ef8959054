package weights

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"dragoman/internal/plainjson"
	"dragoman/internal/readfile"
)

// maxIndex bounds a shard index, in bytes.
const maxIndex = 64 << 20

// preferred are the names under which a model directory holds its weights, the
// first found wins.
var preferred = []string{
	"model.safetensors",
	"model.safetensors.index.json",
	"diffusion_pytorch_model.safetensors",
	"pytorch_model.bin",
	"pytorch_model.bin.index.json",
	"checkpoint.pt",
}

// IsFile says whether a name looks like that of a file of weights.
func IsFile(name string) bool {
	switch filepath.Ext(name) {
	case ".safetensors", ".gguf", ".pt", ".pth", ".bin":
		return true
	}
	return false
}

func isIndex(path string) bool { return strings.HasSuffix(path, ".index.json") }

// openDir opens a directory's weights: those with a name of preferred, or else
// the only file whose name looks like weights.
func openDir(dir string) (*File, error) {
	for _, name := range preferred {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			return Open(path)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open weights: %w", err)
	}
	var found []string
	for _, e := range entries {
		if IsFile(e.Name()) {
			found = append(found, e.Name())
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("open weights: %s: no weights in this directory", dir)
	case 1:
		return Open(filepath.Join(dir, found[0]))
	}
	return nil, fmt.Errorf("open weights: %s: several files of weights and no index: %s",
		dir, strings.Join(found[:min(len(found), 5)], ", "))
}

// openIndex opens the shards that an index lists, as one checkpoint.
func openIndex(path string) (*File, error) {
	f := &File{path: path, tensors: map[string]entry{}}
	if err := f.openShards(path); err != nil {
		return nil, errors.Join(fmt.Errorf("read shard index: %s: %w", path, err), f.Close())
	}
	return f, nil
}

func (f *File) openShards(path string) error {
	raw, err := readLimited(path, maxIndex)
	if err != nil {
		return err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := plainjson.Unmarshal(raw, &index); err != nil {
		return err
	}
	if len(index.WeightMap) == 0 {
		return errors.New("no weight_map")
	}
	files := map[string]bool{}
	for name, file := range index.WeightMap {
		if !filepath.IsLocal(file) {
			return fmt.Errorf("tensor %s: shard %s lies outside the directory", quote(name), quote(file))
		}
		if strings.ContainsFunc(file, unicode.IsControl) {
			return fmt.Errorf("tensor %s: shard %s is not the name of a file", quote(name), quote(file))
		}
		files[file] = true
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		shard, err := openFile(filepath.Join(filepath.Dir(path), file))
		if err != nil {
			return err
		}
		f.close = append(f.close, shard.Close)
		if f.Format == "" {
			f.Format, f.Meta = shard.Format, shard.Meta
		}
		for _, name := range shard.names {
			// A shard may hold what the index gives to another (tied weights).
			if index.WeightMap[name] != file {
				continue
			}
			f.in = shard.in
			if err := f.add(shard.tensors[name]); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(index.WeightMap)) {
		if _, ok := f.tensors[name]; !ok {
			return fmt.Errorf("tensor %s: not in shard %s", quote(name), quote(index.WeightMap[name]))
		}
	}
	return nil
}

// readLimited reads a small file that a hostile directory could make large.
func readLimited(path string, limit int64) ([]byte, error) {
	return readfile.Regular(path, limit)
}
