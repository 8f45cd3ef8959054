package blip2

import (
	"slices"
	"strings"
	"testing"

	"dragoman/kernel"
	"dragoman/tensor"
	"dragoman/weights"
)

// TestTraceEveryModule compares what each module of transformers' models gives (tools/oracle/modules.py): by its path, in its shape.
// What is asked for alone is the same to the byte, and so are the logits whoever looks.
func TestTraceEveryModule(t *testing.T) {
	for _, tt := range []struct {
		dir    string
		passes map[string]string // the prefix in the file, and the head
		least  int
	}{
		{"blip2-itm", map[string]string{"itm/": "itm", "itc/": "itc"}, 247},
		{"blip2-opt", map[string]string{"": ""}, 127},
		{"blip2-llama", map[string]string{"": ""}, 130},
		{"blip2-t5", map[string]string{"": ""}, 199},
		{"instructblip", map[string]string{"": ""}, 154},
		{"instructblip-t5", map[string]string{"": ""}, 223},
	} {
		t.Run(tt.dir, func(t *testing.T) {
			dir := "../../testdata/" + tt.dir
			m, err := Open(dir, Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			in, want := openFile(t, dir+"/inputs.safetensors"), openFile(t, dir+"/modules.safetensors")
			trace := func(head string, only func(string) bool) map[string]weights.Tensor {
				out, err := m.Trace(tensor.Options{Compute: kernel.F32}, Trace{Inputs: in, Head: head, Select: only})
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]weights.Tensor{}
				for _, w := range out {
					got[w.Name] = w
				}
				return got
			}
			compared := 0
			for prefix, head := range tt.passes {
				got := trace(head, nil)
				for _, name := range want.Names() {
					path, ok := strings.CutPrefix(name, prefix)
					if !ok {
						continue
					}
					w, _ := want.Lookup(name)
					g, ok := got[path]
					if !ok {
						t.Errorf("%s is not among what was traced", name)
						continue
					}
					if !slices.Equal(g.Shape, w.Shape) {
						t.Errorf("%s is %v, not %v", name, g.Shape, w.Shape)
						continue
					}
					a, _ := g.Float32()
					b, _ := w.Float32()
					near(t, name, a, b, 1e-4)
					compared++
				}
				for _, name := range []string{"logits", "itm_logits", "image_embeds", "language_projection"} {
					alone := trace(head, func(n string) bool { return n == name })
					if len(alone) > 1 || len(alone) == 1 && !slices.Equal(alone[name].Data, got[name].Data) {
						t.Errorf("%s is something else where nothing else is looked at", name)
					}
				}
			}
			if compared < tt.least {
				t.Errorf("compared %d modules only", compared)
			}
		})
	}
}
