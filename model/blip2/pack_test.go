package blip2

import (
	"path/filepath"
	"testing"
)

// TestPackLAVIS: a bridge under LAVIS's names, on an encoder and a language model that lie elsewhere, becomes one file that gives what
// transformers gives for the whole.
func TestPackLAVIS(t *testing.T) {
	for name, dir := range map[string]string{
		"named parts":     lavisDir(t, map[string]any{"weights": "eva_vit.pth"}, map[string]any{"weights": "llm"}),
		"a whole's parts": lavisOf(t, "../../testdata/blip2-llama"),
	} {
		out := filepath.Join(t.TempDir(), "a.gguf")
		if err := Pack(dir, out, Precision{}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m, err := Open(out, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		sameAsTraced(t, m, openFile(t, "../../testdata/blip2-llama/inputs.safetensors"), openFile(t, "../../testdata/blip2-llama/expected.safetensors"))
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
