package flamingo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/model"
	"dragoman/tensor"
	"dragoman/weights"
	"dragoman/weights/weightstest"
)

// openCLIPNames is an encoder of transformers' under open_clip's names.
func openCLIPNames(t *testing.T, src weights.Source) []weights.Tensor {
	t.Helper()
	places := strings.NewReplacer("vision_model.", "visual.", "embeddings.class_embedding", "class_embedding", "embeddings.patch_embedding", "conv1",
		"embeddings.position_embedding.weight", "positional_embedding", "pre_layrnorm", "ln_pre", "post_layernorm", "ln_post",
		"encoder.layers.", "transformer.resblocks.", "layer_norm", "ln_", "mlp.fc1", "mlp.c_fc", "mlp.fc2", "mlp.c_proj", "self_attn.out_proj", "attn.out_proj")
	var all []weights.Tensor
	for _, name := range src.Names() {
		w, _ := src.Lookup(name)
		layer, kind, ok := strings.Cut(name, "self_attn.q_proj.")
		switch {
		case ok: // queries, keys and values are one there
			for _, of := range []string{"k", "v"} {
				more, _ := src.Lookup(layer + "self_attn." + of + "_proj." + kind)
				w.Data = slices.Concat(w.Data, more.Data)
			}
			w.Shape = slices.Concat([]int{3 * w.Shape[0]}, w.Shape[1:])
			w.Name = places.Replace(layer) + "attn.in_proj_" + kind
		case strings.Contains(name, "k_proj"), strings.Contains(name, "v_proj"), strings.Contains(name, "position_ids"):
			continue
		default:
			w.Name = places.Replace(name)
		}
		all = append(all, w)
	}
	return all
}

// TestOpenCLIPConfigured: what tensors of open_clip's do not show, the width of a head and the activation, is in the configuration beside
// them, open_clip's own or transformers'.
func TestOpenCLIPConfigured(t *testing.T) {
	const kind = "openflamingo-opt"
	in, want := openFile(t, "testdata/"+kind+"/inputs.safetensors"), openFile(t, "testdata/"+kind+"/expected.safetensors")
	resampled, _ := want.Lookup("perceiver")
	trained, err := os.ReadFile("testdata/" + kind + "/vision/config.json")
	if err != nil {
		t.Fatal(err)
	}
	opened := func(config, text string) (*Model, error) {
		dir := copied(t, kind)
		folder := filepath.Join(dir, "vision")
		tensors := openCLIPNames(t, openFile(t, filepath.Join(folder, "model.safetensors")))
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := weights.WriteSafetensors(filepath.Join(folder, "open_clip_model.safetensors"), tensors, nil); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, config), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := Open(dir, Options{})
		if err == nil {
			t.Cleanup(func() { m.Close() })
		}
		return m, err
	}
	const own = "open_clip_config.json"
	for _, c := range []struct{ config, text string }{
		{own, `{"model_cfg":{"embed_dim":6,"quick_gelu":true,"vision_cfg":{"image_size":14,"layers":2,"width":12,"head_width":6,"patch_size":7}}}`},
		{"config.json", string(trained)},
	} {
		m, err := opened(c.config, c.text)
		if err != nil {
			t.Fatal(err)
		}
		out, err := m.Trace(tensor.Options{}, model.Trace{Inputs: in, Select: func(name string) bool { return name == "perceiver" }})
		if err != nil {
			t.Fatal(err)
		}
		weightstest.Traced(t, out, weights.NewMemory(resampled), in, 1e-7)
	}
	if m, err := opened(own, `{"model_cfg":{"vision_cfg":{"head_width":4,"norm_kwargs":{"eps":1e-3},"act_kwargs":{"approximate":"tanh"}}}}`); err != nil ||
		m.upon.clip.Heads != 3 || m.upon.clip.Act != "gelu_pytorch_tanh" || m.upon.clip.Eps != 1e-3 {
		t.Errorf("read %+v, %v", m.upon.clip, err)
	}
	for _, text := range []string{
		`[]`, `{"model_cfg":{"vision_cfg":{"head_width":5}}}`, `{"model_cfg":{"vision_cfg":{"head_width":0}}}`,
		`{"model_cfg":{"vision_cfg":{"head_width":6,"timm_model_name":"resnet50"}}}`,
		`{"model_cfg":{"quick_gelu":true,"vision_cfg":{"head_width":6,"act_kwargs":{"approximate":"tanh"}}}}`,
	} {
		if _, err := opened(own, text); err == nil || !strings.Contains(err.Error(), own) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
