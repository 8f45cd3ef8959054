package model

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadProcessor: a processor_config.json that says nothing of pictures is as if there were none; one that says what cannot be is an error,
// and not as if there were none.
func TestReadProcessor(t *testing.T) {
	for content, want := range map[string]string{
		"": "none",
		`{"processor_class": "Blip2Processor", "num_query_tokens": 32}`:                                                                    "none",
		`{"image_processor": {"image_processor_type": "BlipImageProcessor", "size": {"height": 14, "width": 14}}}`:                         "processor_config.json",
		`{"image_processor": {"image_processor_type": "BlipImageProcessor", "size": {"height": 0, "width": 0}}}`:                           "size",
		`{"image_processor": {"image_processor_type": "BlipImageProcessor", "size": {"height": 14, "width": 14}, "image_std": [0, 0, 0]}}`: "image_std",
		`{"image_processor": `: "not JSON",
	} {
		dir := t.TempDir()
		if content != "" {
			if err := os.WriteFile(filepath.Join(dir, "processor_config.json"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, name, err := ReadProcessor(Dir(dir))
		switch {
		case err != nil:
			if !strings.Contains(err.Error(), "processor_config.json: ") || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", content, err)
			}
		case name != strings.TrimPrefix(want, "none"):
			t.Errorf("%s: read from %q, want %s", content, name, want)
		}
	}
}

// TestProcessorOfTwo: what transformers 5 wrote counts, also where an earlier one had left its file.
func TestProcessorOfTwo(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"preprocessor_config.json": `{"image_processor_type": "BlipImageProcessor", "size": 10}`,
		"processor_config.json":    `{"image_processor": {"image_processor_type": "BlipImageProcessor", "size": 14}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p, name, err := ReadProcessor(Dir(dir)); err != nil || p.Size != [2]int{14, 14} || name != "processor_config.json" {
		t.Errorf("read %v from %q, %v", p.Size, name, err)
	}
}

// TestOpenError: the path that was given is in the line once, be it as short as a part of a word.
func TestOpenError(t *testing.T) {
	for _, c := range []struct{ path, err, want string }{
		{"m", "config.json: not JSON", "open model: m: config.json: not JSON"},
		{"m", filepath.Join("m", "config.json") + ": not JSON", "open model: " + filepath.Join("m", "config.json") + ": not JSON"},
		{"m", "read tokenizer: m: there is none", "open model: read tokenizer: m: there is none"},
		{"model", "read tokenizer: the model has none", "open model: model: read tokenizer: the model has none"},
		{"a/model.gguf", "a/model.gguf is cut", "open model: a/model.gguf is cut"},
		{"mini:", "config.json: not JSON", "open model: mini: config.json: not JSON"},
		{"m/", "read weights: m/model.safetensors: cut", "open model: read weights: m/model.safetensors: cut"},
		{".", "config.json: not JSON", "open model: .: config.json: not JSON"},
	} {
		if got := OpenError(c.path, errors.New(c.err)); got.Error() != c.want {
			t.Errorf("%s, %s: %v", c.path, c.err, got)
		}
	}
}
