package clip

import (
	"fmt"
	"slices"

	"dragoman/model"
	"dragoman/weights"
)

// openCLIPWeights are the names under which open_clip writes its checkpoints, the first that is there counts.
var openCLIPWeights = []string{"open_clip_model.safetensors", "open_clip_pytorch_model.bin"}

// readOpenCLIP reads a directory of open_clip's.
func (m *Model) readOpenCLIP(files model.Files) (weights.Source, error) {
	raw, err := files.ReadFile(openCLIPConfig)
	if err != nil {
		return nil, err
	}
	if m.Config, err = parseOpenCLIP(raw); err != nil {
		return nil, err
	}
	name := "."
	if i := slices.IndexFunc(openCLIPWeights, files.Has); i >= 0 {
		name = openCLIPWeights[i]
	}
	return m.weights(files, name)
}

// transformersNames shows a checkpoint of open_clip under transformers' names. Its projections stand the other way round there.
func transformersNames(src weights.Source) (weights.Source, error) {
	renamed, err := weights.OpenCLIP(src)
	if err != nil {
		return nil, err
	}
	turned := weights.Memory{}
	for _, p := range []struct{ from, to string }{{"visual.proj", "visual_projection.weight"}, {"text_projection", "text_projection.weight"}} {
		w, ok := renamed.Lookup(p.from)
		if !ok {
			continue
		}
		if len(w.Shape) != 2 {
			return nil, fmt.Errorf("open_clip's %s: %v is no matrix", p.from, w.Shape)
		}
		x, err := w.Float32()
		if err != nil {
			return nil, fmt.Errorf("open_clip's %s: %w", p.from, err)
		}
		rows, cols := w.Shape[0], w.Shape[1]
		y := make([]float32, len(x))
		for i := range rows {
			for j := range cols {
				y[j*rows+i] = x[i*cols+j]
			}
		}
		turned[p.to] = weights.FromFloat32(p.to, []int{cols, rows}, y)
	}
	return weights.Merge(turned, renamed), nil
}
