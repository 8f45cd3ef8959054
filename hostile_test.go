package dragoman_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman"
	"dragoman/kernel"
	"dragoman/weights"
)

// try opens a directory and uses the model in every way, and says with what error that ended. A panic fails the test.
func try(t *testing.T, what, path string) (err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s: panic: %v", what, p)
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000) {
			t.Errorf("%s: not a clear line: %.2000v", what, err)
		}
	}()
	m, err := dragoman.Open(path)
	if err != nil {
		return err
	}
	defer m.Close()
	ctx := context.Background()
	img := dragoman.ImageBytes(drawing(t, 2))
	_, caption := m.Caption(ctx, img, &dragoman.Generate{MaxTokens: 2})
	_, match := m.Match(ctx, img, "w1")
	for _, err := range []error{caption, match} {
		if err != nil && !errors.Is(err, dragoman.ErrNoPart) {
			return err
		}
	}
	return nil
}

// copyModel copies a model's directory, without what only tests read.
func copyModel(t testing.TB, from string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range modelFiles(t, from) {
		b, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func modelFiles(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if !slices.Contains([]string{"inputs.safetensors", "expected.safetensors", "modules.safetensors", "padding.safetensors", "match.json", "picture.png"}, e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

// TestOpenDamagedFiles removes, cuts and garbles each file of a model's directory.
func TestOpenDamagedFiles(t *testing.T) {
	for _, from := range []string{captioner, writer, matcher} {
		dir := copyModel(t, from)
		if err := try(t, from, dir); err != nil {
			t.Fatalf("%s whole: %v", from, err)
		}
		for _, name := range modelFiles(t, from) {
			path := filepath.Join(dir, name)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("%s without %s", from, name)
			if err := try(t, what, dir); err == nil && name != "generation_config.json" && name != "preprocessor_config.json" {
				t.Errorf("%s opens", what)
			}
			cuts := []int{0, 1, 4, 7, 8, 9, 20, len(whole) / 3, len(whole) / 2, len(whole) - 100, len(whole) - 2}
			for _, n := range cuts {
				what := fmt.Sprintf("%s with %s cut after %d of %d bytes", from, name, n, len(whole))
				if err := os.WriteFile(path, whole[:max(0, n)], 0o666); err != nil {
					t.Fatal(err)
				}
				if err := try(t, what, dir); err == nil {
					if name != "generation_config.json" { // which is not read
						t.Errorf("%s opens", what)
					}
				} else if !strings.Contains(err.Error(), name) {
					t.Errorf("%s: the error does not name the file: %v", what, err)
				}
			}
			for _, garbage := range []string{"null", "[]", "{}", "\x00\x00\x00", "\xff\xfe{", `{"a":` + strings.Repeat("[", 20000)} {
				if err := os.WriteFile(path, []byte(garbage), 0o666); err != nil {
					t.Fatal(err)
				}
				_ = try(t, fmt.Sprintf("%s with %s of %.10q", from, name, garbage), dir)
			}
			if err := os.WriteFile(path, whole, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestOpenContradictions changes each value of each JSON file of a model's directory to others that contradict the tensors, or
// that mean nothing.
func TestOpenContradictions(t *testing.T) {
	values := []any{nil, 0, -1, 3, 1 << 40, "x"}
	if testing.Short() {
		values = []any{0, -1, 1 << 40}
	}
	for _, from := range []string{captioner, writer, matcher} {
		dir := copyModel(t, from)
		for _, name := range modelFiles(t, from) {
			if filepath.Ext(name) != ".json" || name == "tokenizer.json" {
				continue
			}
			path := filepath.Join(dir, name)
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var root map[string]any
			if err := json.Unmarshal(whole, &root); err != nil {
				t.Fatal(err)
			}
			var walk func(at string, object map[string]any)
			walk = func(at string, object map[string]any) {
				for _, key := range slices.Sorted(maps.Keys(object)) {
					old := object[key]
					for _, v := range values {
						object[key] = v
						b, err := json.Marshal(root)
						if err == nil {
							err = os.WriteFile(path, b, 0o666)
						}
						if err != nil {
							t.Fatal(err)
						}
						_ = try(t, fmt.Sprintf("%s: %s: %s%s = %v", from, name, at, key, v), dir)
					}
					object[key] = old
					if inner, ok := old.(map[string]any); ok {
						walk(at+key+".", inner)
					}
				}
			}
			walk("", root)
			if err := os.WriteFile(path, whole, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestOpenBrokenTensors gives the model NaN, infinite and missing tensors, and tensors of other shapes.
func TestOpenBrokenTensors(t *testing.T) {
	for _, from := range []string{captioner, writer, matcher} {
		dir := copyModel(t, from)
		path := filepath.Join(dir, "model.safetensors")
		file, err := weights.Open(filepath.Join(from, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		var all []weights.Tensor
		for _, name := range file.Names() {
			w, _ := file.Lookup(name)
			all = append(all, w)
		}
		write := func(tensors []weights.Tensor) {
			if err := os.WriteFile(path, safetensors(t, tensors), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), 3e38} {
			var garbled []weights.Tensor
			for _, w := range all {
				values := make([]float32, w.Len())
				for i := range values {
					values[i] = bad
				}
				garbled = append(garbled, weights.FromFloat32(w.Name, w.Shape, values))
			}
			write(garbled)
			_ = try(t, fmt.Sprintf("%s with every weight %v", from, bad), dir)
		}
		step := 1
		if testing.Short() {
			step = 6
		}
		for i := 0; i < len(all); i += step {
			w := all[i]
			without := append(slices.Clone(all[:i]), all[i+1:]...)
			write(without)
			if err := try(t, from+" without "+w.Name, dir); err != nil && !strings.Contains(err.Error(), lastParts(w.Name)) {
				t.Errorf("%s without %s: the error does not name it: %v", from, w.Name, err)
			}
			for _, shape := range [][]int{{0}, append([]int{w.Shape[0] + 1}, w.Shape[1:]...)} {
				n := 1
				for _, d := range shape {
					n *= d
				}
				write(append(without, weights.FromFloat32(w.Name, shape, make([]float32, n))))
				_ = try(t, fmt.Sprintf("%s with %s of shape %v", from, w.Name, shape), dir)
			}
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestOpenNamesShardAndTensor has one bad tensor in one of two shards: the error names both.
func TestOpenNamesShardAndTensor(t *testing.T) {
	const name, shard = "language_projection.weight", "model-00002-of-00002.safetensors"
	for what, c := range map[string]struct {
		change func(*weights.Tensor)
		want   string
		check  bool
	}{
		"another shape": {func(w *weights.Tensor) {
			*w = weights.FromFloat32(w.Name, []int{1, w.Len()}, make([]float32, w.Len()))
		}, "shape [1 ", false},
		"NaN": {func(w *weights.Tensor) {
			values := make([]float32, w.Len())
			values[5] = float32(math.NaN())
			*w = weights.FromFloat32(w.Name, w.Shape, values)
		}, "element 5 is NaN", true},
		"whole numbers": {func(w *weights.Tensor) {
			w.Type, w.Data = weights.I8, make([]byte, w.Len())
		}, "stored as I8", false},
	} {
		dir := copyModel(t, captioner)
		file, err := weights.Open(filepath.Join(captioner, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		var shards [2][]weights.Tensor
		index := map[string]string{}
		for _, n := range file.Names() {
			w, _ := file.Lookup(n)
			at := 0
			if n == name {
				c.change(&w)
				at = 1
			}
			shards[at] = append(shards[at], w)
			index[n] = fmt.Sprintf("model-%05d-of-00002.safetensors", at+1)
		}
		for i, tensors := range shards {
			if err := weights.WriteSafetensors(filepath.Join(dir, fmt.Sprintf("model-%05d-of-00002.safetensors", i+1)), tensors, nil); err != nil {
				t.Fatal(err)
			}
		}
		b, err := json.Marshal(map[string]any{"weight_map": index})
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "model.safetensors.index.json"), b, 0o666)
		}
		if err := errors.Join(err, os.Remove(filepath.Join(dir, "model.safetensors")), file.Close()); err != nil {
			t.Fatal(err)
		}
		var opts []dragoman.Option
		if c.check {
			opts = append(opts, dragoman.WithCheck())
		}
		_, err = dragoman.Open(dir, opts...)
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), shard) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// safetensors is a file of float32 tensors, made without the care for disks that slows thousands of them down.
func safetensors(t testing.TB, tensors []weights.Tensor) []byte {
	t.Helper()
	header, data := map[string]any{}, []byte(nil)
	for _, w := range tensors {
		header[w.Name] = map[string]any{"dtype": "F32", "shape": w.Shape, "data_offsets": []int{len(data), len(data) + len(w.Data)}}
		data = append(data, w.Data...)
	}
	b, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(b))), b, data)
}

// TestOpenAnyAlignmentAndType stores the tensors at every alignment, and in the types that checkpoints are released in: all are read.
func TestOpenAnyAlignmentAndType(t *testing.T) {
	for _, from := range []string{captioner, writer, matcher} {
		dir := copyModel(t, from)
		file, err := weights.Open(filepath.Join(from, "model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		save := func(pad int, to weights.Type) {
			header, data := map[string]any{}, make([]byte, 0, 1<<20)
			for _, name := range file.Names() {
				w, _ := file.Lookup(name)
				b := w.Data
				if d, ok := (weights.Tensor{Type: to}).Kernel(); ok && d != kernel.F32 {
					values, err := w.Float32()
					if err != nil {
						t.Fatal(err)
					}
					b = make([]byte, d.RowBytes(len(values)))
					kernel.Encode(d, b, values)
				}
				header[name] = map[string]any{"dtype": fmt.Sprint(to), "shape": w.Shape, "data_offsets": []int{len(data), len(data) + len(b)}}
				data = append(data, b...)
			}
			b, err := json.Marshal(header)
			if err != nil {
				t.Fatal(err)
			}
			for len(b)%8 != pad {
				b = append(b, ' ')
			}
			b = slices.Concat(binary.LittleEndian.AppendUint64(nil, uint64(len(b))), b, data)
			if err := os.WriteFile(filepath.Join(dir, "model.safetensors"), b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		for _, to := range []weights.Type{weights.F32, weights.F16, weights.BF16} {
			for _, pad := range []int{0, 1, 2, 4} {
				save(pad, to)
				what := fmt.Sprintf("%s as %v, %d bytes off", from, to, pad)
				if err := try(t, what, dir); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
}

// lastParts is the end of a tensor's name, which an error may give without its prefix.
func lastParts(name string) string {
	parts := strings.Split(name, ".")
	return strings.Join(parts[max(0, len(parts)-2):], ".")
}
