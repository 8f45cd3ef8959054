package hub

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestMatches has the answers of Python's fnmatch.fnmatchcase.
func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*.json", "config.json", true},
		{"*.json", "a/b/config.json", true}, // * crosses folders
		{"*.json", "config.json5", false},
		{"model-*-of-*.safetensors", "model-00001-of-00002.safetensors", true},
		{"model-*-of-*.safetensors", "model.safetensors", false},
		{"onnx/", "onnx/a/b", true},
		{"onnx/", "onnx", false},
		{`onnx\*`, "onnx/a", true},
		{"?at", "cat", true},
		{"?at", "at", false},
		{"[a-c]at", "bat", true},
		{"[!a-c]at", "bat", false},
		{"[!a-c]at", "rat", true},
		{"[]]", "]", true},
		{"[!]]", "]", false},
		{"[]-]", "-", true},
		{"[abc", "[abc", true}, // never closed: itself
		{"[a-]x", "-x", true},
		{"*a*b*c*", "xxaxxbxxcxx", true},
		{"*a*b*c*", "xxaxxcxxbxx", false},
		{"**", "", true},
		{"", "", true},
		{"", "a", false},
		{"é*", "été", true},
		{"A*", "a", false},
	} {
		if got := matches(c.pattern, c.name); got != c.want {
			t.Errorf("matches(%q, %q) = %v", c.pattern, c.name, got)
		}
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct{ files, want []string }{
		{
			[]string{"config.json", "model.safetensors", "pytorch_model.bin", "model.onnx", "README.md", "sub/config.json", "generation_config.json"},
			[]string{"config.json", "generation_config.json", "model.safetensors"},
		},
		{
			[]string{"pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin", "model.safetensors.index.json", "model-00001-of-00001.safetensors", "merges.txt"},
			[]string{"merges.txt", "model-00001-of-00001.safetensors", "model.safetensors.index.json"},
		},
		{[]string{"pytorch_model.bin", "training_args.bin", "spiece.model"}, []string{"pytorch_model.bin", "spiece.model"}},
		{[]string{"checkpoint.pt", "README.md"}, []string{"checkpoint.pt"}},
		{[]string{"a.gguf"}, []string{"a.gguf"}},
		{[]string{"bridge.pth"}, []string{"bridge.pth"}},
		{[]string{"tokenizer.json", "qformer_tokenizer/vocab.txt", "chat_template.jinja"}, []string{"chat_template.jinja", "qformer_tokenizer/vocab.txt", "tokenizer.json"}},
	} {
		if got := slices.Sorted(slices.Values(choose(c.files))); !slices.Equal(got, c.want) {
			t.Errorf("of %v chose %v, want %v", c.files, got, c.want)
		}
	}
	if _, err := selection("m", []string{"q4.gguf", "q8.gguf"}, nil, nil); err == nil {
		t.Error("took two models for one")
	}
}

func TestEnvironment(t *testing.T) {
	home := t.TempDir()
	clear := func() {
		for _, v := range []string{
			"HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_ENDPOINT",
			"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DOWNLOAD_TIMEOUT", "HF_HUB_DISABLE_SYMLINKS", "HF_HUB_DISABLE_IMPLICIT_TOKEN",
		} {
			t.Setenv(v, "")
		}
		t.Setenv("HOME", home)
	}
	if err := os.MkdirAll(filepath.Join(home, "hf"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "hf", "token"), []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		env  map[string]string
		want Hub
	}{
		{nil, Hub{Cache: home + "/.cache/huggingface/hub", Endpoint: "https://huggingface.co"}},
		{map[string]string{"XDG_CACHE_HOME": "/x"}, Hub{Cache: "/x/huggingface/hub", Endpoint: "https://huggingface.co"}},
		{map[string]string{"HF_HOME": "~/hf", "XDG_CACHE_HOME": "/x"}, Hub{Cache: home + "/hf/hub", Endpoint: "https://huggingface.co", Token: "from-file"}},
		{map[string]string{"HF_HOME": "$HOME/hf", "HF_TOKEN": " t\r\n"}, Hub{Cache: home + "/hf/hub", Endpoint: "https://huggingface.co", Token: "t"}},
		{map[string]string{"HF_HUB_CACHE": "/c", "HF_HOME": "/h", "HF_ENDPOINT": "http://mirror:8/", "HF_HUB_OFFLINE": "yes"}, Hub{Cache: "/c", Endpoint: "http://mirror:8", Offline: true}},
		{map[string]string{"HUGGINGFACE_HUB_CACHE": "/c", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_SYMLINKS": "ON"}, Hub{Cache: "/c", Endpoint: "https://huggingface.co", Offline: true, NoLinks: true}},
		{map[string]string{"HF_HUB_CACHE": "/c", "HF_TOKEN": "t", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "true", "HF_HUB_OFFLINE": "0"}, Hub{Cache: "/c", Endpoint: "https://huggingface.co"}},
		{map[string]string{"HF_HUB_CACHE": "/c", "HF_TOKEN_PATH": "~/hf/token", "HF_HUB_DOWNLOAD_TIMEOUT": "3"}, Hub{Cache: "/c", Endpoint: "https://huggingface.co", Token: "from-file", Timeout: 3 * time.Second}},
	} {
		clear()
		for k, v := range c.env {
			t.Setenv(k, v)
		}
		if c.want.Timeout == 0 {
			c.want.Timeout = 10 * time.Second
		}
		if got, err := FromEnvironment(); err != nil || *got != c.want {
			t.Errorf("%v: %+v, %v; want %+v", c.env, got, err, c.want)
		}
	}
	for name, value := range map[string]string{"HF_ENDPOINT": "ftp://x", "HF_HUB_DOWNLOAD_TIMEOUT": "soon"} {
		clear()
		t.Setenv(name, value)
		if _, err := FromEnvironment(); err == nil {
			t.Errorf("%s=%s was accepted", name, value)
		}
	}
}
