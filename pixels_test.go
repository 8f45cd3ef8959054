package dragoman_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman"
)

// TestPixels: a processor that makes pictures of another size than the encoder's is an error where there are pictures, and none where
// their pixels are given.
func TestPixels(t *testing.T) {
	dir := copyModel(t, captioner)
	const wrong = `{"image_processor_type":"BlipImageProcessor","size":{"height":384,"width":384},"do_resize":true,"resample":3}`
	if err := os.WriteFile(filepath.Join(dir, "preprocessor_config.json"), []byte(wrong), 0o666); err != nil {
		t.Fatal(err)
	}
	if m, err := dragoman.Open(dir); err == nil || !strings.Contains(err.Error(), "384×384") {
		t.Errorf("with pictures: %v", err)
		if err == nil {
			m.Close()
		}
	}
	m, err := dragoman.Open(dir, dragoman.WithPixels())
	if err != nil {
		t.Fatalf("with pixels: %v", err)
	}
	m.Close()
}
