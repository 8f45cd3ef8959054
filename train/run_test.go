package train

import (
	"context"
	"path/filepath"
	"testing"
)

// tiny is recipes/tiny.yaml, into a folder of the test's.
func tiny(t *testing.T, settings ...string) *Recipe {
	t.Helper()
	out := filepath.Join(t.TempDir(), "run")
	r, err := ReadRecipe("../recipes/tiny.yaml", append([]string{"output=" + out}, settings...))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTinyRecipe(t *testing.T) {
	r := tiny(t)
	if err := Run(context.Background(), r, Options{Notice: func(s string) { t.Log(s) }}); err != nil {
		t.Fatal(err)
	}
}
