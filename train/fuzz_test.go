package train

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/internal/frugal"
)

// FuzzRecipe gives the bytes to the reader of recipes, with a setting laid over them: a recipe, or an error of one line.
func FuzzRecipe(f *testing.F) {
	for _, pattern := range []string{"../recipes/*.yaml", "../recipes/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatal("no recipe", err)
		}
		for _, name := range files {
			raw, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(raw, "stages.0.lr=1e-4")
		}
	}
	f.Add([]byte("a: &a [*a]\nb: {<<: *a}"), "data.train.0.path=x")
	f.Add([]byte("output: x\ndata: {train: [{path: y}]}\nstages: [{kind: stage1, steps: 3}]"), "stages.-1=[")
	f.Fuzz(func(t *testing.T, raw []byte, setting string) {
		frugal.Run(t, len(raw)+len(setting), func() {
			for _, settings := range [][]string{nil, {setting}} {
				if _, err := ParseRecipe(raw, settings); err != nil && strings.Contains(err.Error(), "\n") {
					t.Fatalf("an error of several lines: %q", err)
				}
			}
		})
	})
}
