package dragoman

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"dragoman/kernel"
	"dragoman/tensor"
	"dragoman/weights"
)

// features is what an encoder saw in pictures, as a file keeps it: the tensor features [pictures, width], whose rows are named in the
// metadata by the pictures' values; and the tensor probe, what the encoder sees in a grey picture. Another encoder, or one that computes
// otherwise, sees something else there, and what the file has is not for it.
type features struct {
	path  string // "": kept nowhere
	probe []float32
	keys  []string
	rows  map[string][]float32
	fresh bool // there are some that the file does not have
}

const (
	featuresName = "features"
	probeName    = "probe"
	picturesKey  = "pictures"
)

// openFeatures reads a file of features; one that does not exist, or is of another encoder, has none.
func (m *Model) openFeatures(ctx context.Context, path string) (*features, error) {
	if path == "" {
		return nil, nil
	}
	p := m.pages.Processor()
	grey := make([]float32, p.Len())
	run, done, err := m.run()
	if err != nil {
		return nil, err
	}
	defer done()
	_, whole := m.pages.Glance(run, tensor.FromFloats(grey, 1, 3, p.Size[0], p.Size[1]))
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	f := &features{path: path, probe: slices.Clone(whole.Data()), rows: map[string][]float32{}}
	file, err := weights.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	probe, ok := file.Lookup(probeName)
	all, ok2 := file.Lookup(featuresName)
	text, ok3 := file.Meta.String(picturesKey)
	var keys []string
	if !ok || !ok2 || !ok3 || json.Unmarshal([]byte(text), &keys) != nil || len(all.Shape) != 2 || all.Shape[0] != len(keys) {
		return nil, fmt.Errorf("%s: it is no file of pictures' features", path)
	}
	was, err := probe.Float32()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	values, err := all.Float32()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !slices.Equal(was, f.probe) || all.Shape[1] != len(f.probe) {
		return f, nil
	}
	for i, k := range keys {
		f.keys, f.rows[k] = append(f.keys, k), slices.Clone(values[i*len(f.probe):(i+1)*len(f.probe)])
	}
	return f, nil
}

func (f *features) add(key string, row []float32) {
	if _, ok := f.rows[key]; !ok {
		f.keys, f.rows[key], f.fresh = append(f.keys, key), row, true
	}
}

// write keeps what is new.
func (f *features) write() error {
	if f == nil || !f.fresh {
		return nil
	}
	var values []float32
	for _, k := range f.keys {
		values = append(values, f.rows[k]...)
	}
	names, err := json.Marshal(f.keys)
	if err != nil {
		return err
	}
	return weights.WriteSafetensors(f.path, []weights.Tensor{
		weights.FromFloat32(featuresName, []int{len(f.keys), len(f.probe)}, values),
		weights.FromFloat32(probeName, []int{len(f.probe)}, f.probe),
	}, map[string]string{picturesKey: string(names)})
}

// pixelsKey names a picture by its values.
func pixelsKey(pixels *tensor.Tensor) string {
	x := pixels.Data()
	raw := make([]byte, 4*len(x))
	kernel.Encode(kernel.F32, raw, x)
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}
