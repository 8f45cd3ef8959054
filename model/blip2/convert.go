package blip2

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"dragoman/kernel"
	"dragoman/weights"
)

// packedName is the file that a converted model's bridge is in, since safetensors cannot say quantised types.
const packedName = "model.gguf"

// Convert writes a model's directory anew, with the bridge's matrices as d and everything finer (norms, biases, the learned queries,
// positions) as float32: config.json, model.gguf, and the text stream's vocabulary. Frozen parts stay where they are. Of several
// exceptions that fit a matrix the first counts.
func (m *Model) Convert(dir string, d kernel.DType, except ...Exception) error {
	if err := m.convert(dir, d, except); err != nil {
		return fmt.Errorf("convert model: %w", err)
	}
	return nil
}

// Exception is a type of their own for matrices whose names match.
type Exception struct {
	Glob  string // as path.Match has it
	DType kernel.DType
}

// ParseException reads "GLOB=DTYPE".
func ParseException(s string) (Exception, error) {
	glob, name, ok := strings.Cut(s, "=")
	if !ok || glob == "" {
		return Exception{}, fmt.Errorf("%.60q is not GLOB=DTYPE", s)
	}
	if _, err := path.Match(glob, ""); err != nil {
		return Exception{}, fmt.Errorf("%.60q: %w", glob, err)
	}
	d, err := kernel.ParseDType(name)
	return Exception{glob, d}, err
}

func (m *Model) convert(dir string, d kernel.DType, except []Exception) error {
	if err := m.Writable(); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var tensors []weights.Tensor
	fits := make([]bool, len(except))
	for _, p := range m.stored() {
		x, shape := p.Data(), p.Shape()
		if x == nil {
			return fmt.Errorf("%s is %v: what is rounded already is not rounded anew", p.Name(), p.DType())
		}
		if !coarse(p.Name(), shape, d) {
			tensors = append(tensors, weights.FromFloat32(p.Name(), shape, x))
			continue
		}
		to := d
		if p.Name() == "memory.pictures" && d == kernel.Q8_0 {
			to = kernel.Q4_1 // thousands of rows that are only ranked against one another
		}
		for i, e := range slices.Backward(except) {
			if ok, _ := path.Match(e.Glob, p.Name()); ok && coarse(p.Name(), shape, e.DType) {
				to, fits[i] = e.DType, true
			}
		}
		w := weights.Tensor{Name: p.Name(), Type: weights.TypeOf(to), Shape: shape, Data: make([]byte, shape[0]*to.RowBytes(shape[1]))}
		kernel.Encode(to, w.Data, x)
		tensors = append(tensors, w)
	}
	if i := slices.Index(fits, false); i >= 0 {
		return fmt.Errorf("except %q: the bridge has no matrix of such a name that can be %v", except[i].Glob, except[i].DType)
	}
	if err := m.saveConfig(dir); err != nil {
		return err
	}
	return weights.WriteGGUF(filepath.Join(dir, packedName), tensors, weights.Meta{"general.architecture": "blip-2"})
}

// coarse says whether a parameter bears rounding to d: a matrix that is multiplied with or looked up in, whose rows are whole blocks.
func coarse(name string, shape []int, d kernel.DType) bool {
	if len(shape) != 2 || shape[1]%d.BlockLen() != 0 {
		return false
	}
	if strings.HasPrefix(name, "memory.") {
		return true
	}
	if !strings.HasSuffix(name, ".weight") {
		return false
	}
	for _, fine := range []string{"position_embeddings", "itm_head"} {
		if strings.Contains(name, fine) {
			return false
		}
	}
	return true
}
