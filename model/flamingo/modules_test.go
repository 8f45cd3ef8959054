package flamingo

import (
	"slices"
	"strings"
	"testing"

	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// TestOpenFlamingoModules compares what each module of upstream's gives (tools/oracle/openflamingo_modules.py): by its path, in its shape, with
// texts that see pictures and with the same texts that see none.
func TestOpenFlamingoModules(t *testing.T) {
	for kind, least := range map[string]int{"openflamingo-gptneox": 75, "openflamingo-mpt": 72, "openflamingo-mosaic": 92} {
		t.Run(kind, func(t *testing.T) {
			m := openTiny(t, kind, Options{})
			in, all := openFile(t, "testdata/"+kind+"/inputs.safetensors"), openFile(t, "testdata/"+kind+"/modules.safetensors")
			want := map[bool]weights.Memory{false: {}, true: {}}
			for _, name := range all.Names() {
				w, _ := all.Lookup(name)
				var blind bool
				w.Name, blind = strings.CutPrefix(name, "blind/")
				want[blind][w.Name] = w
			}
			compared := 0
			for blind, want := range want {
				inputs := weights.Source(in)
				if blind {
					inputs = weights.Merge(withoutPictures(t, m, in), in)
				}
				out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: inputs})
				if err != nil {
					t.Fatal(err)
				}
				weightstest.Traced(t, out, want, in, 1e-6)
				for _, g := range out {
					if w, ok := want.Lookup(g.Name); ok && !slices.Equal(g.Shape, w.Shape) {
						t.Errorf("%s is %v, not %v", g.Name, g.Shape, w.Shape)
					}
				}
				compared += len(want)
			}
			if compared < least {
				t.Errorf("compared %d modules only", compared)
			}
		})
	}
}

// withoutPictures are the texts of inputs with a word in place of each picture's token.
func withoutPictures(t *testing.T, m *Model, in weights.Source) weights.Memory {
	t.Helper()
	w, _ := in.Lookup("lang_x")
	ids, err := w.Float32()
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if int32(id) == m.dialect.image() {
			ids[i] = 3
		}
	}
	return weights.NewMemory(weights.FromFloat32("lang_x", w.Shape, ids))
}

// TestOpenFlamingoLayer: upstream's layer is the gated block and the language model's own layer, and gives what the latter does. Either is
// there where it alone is asked for.
func TestOpenFlamingoLayer(t *testing.T) {
	const layer = "lang_encoder.gpt_neox.layers.2"
	m := openTiny(t, "openflamingo-gptneox", Options{})
	in := openFile(t, "testdata/openflamingo-gptneox/inputs.safetensors")
	var first []byte
	for _, name := range []string{layer, layer + ".decoder_layer"} {
		out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in, Select: func(n string) bool { return n == name }})
		if err != nil || len(out) != 1 || out[0].Name != name {
			t.Fatalf("%s: %d outputs, %v", name, len(out), err)
		}
		if first != nil && !slices.Equal(out[0].Data, first) {
			t.Errorf("%s gives something else", name)
		}
		first = out[0].Data
	}
}
