package dragoman_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// floors orders the house from the ground up, as ARCHITECTURE.md draws it: a package imports only from lower floors, and
// within a floor only what sameFloor allows.
var floors = []struct {
	floor    int
	patterns []string
}{
	{0, []string{"kernel"}},
	{1, []string{"tensor"}},
	{2, []string{"weights", "weights/*", "hub"}},
	{3, []string{"nn", "generate", "tokenizer", "picture", "data"}},
	{4, []string{"vision", "vision/*", "bridge", "bridge/*", "language", "language/*"}},
	{5, []string{"model", "model/*"}},
	{6, []string{"train", "eval"}},
	{7, []string{"."}},
	{8, []string{"inspect", "bench"}},
	{9, []string{"cmd/*"}},
}

// sameFloor lists imports within a floor: a room's implementations import what the room has in common, and no other room's.
func sameFloor(from, to string) bool {
	switch {
	case path.Dir(from) == to: // vision/efficientnet → vision
		return true
	case from == "data" && to == "picture":
		return true
	case from == "train" && to == "eval": // the held-out report at the end of a run
		return true
	}
	return false
}

// TestDependencies: docs/dependencies.md has a reason for every module that this one requires itself, and for no other.
func TestDependencies(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	required := map[string]bool{}
	for line := range strings.Lines(string(mod)) {
		if fields := strings.Fields(line); len(fields) == 2 && strings.Contains(fields[0], "/") && strings.HasPrefix(fields[1], "v") {
			required[fields[0]] = true
		}
	}
	reasons := map[string]bool{}
	for line := range strings.Lines(string(doc)) {
		if cells := strings.Split(line, "|"); len(cells) == 4 && strings.Contains(cells[1], "/") {
			for name := range strings.SplitSeq(cells[1], ",") {
				reasons[strings.TrimSpace(name)] = true
			}
		}
	}
	if len(required) < 10 {
		t.Fatalf("%d modules are required", len(required))
	}
	for name := range required {
		if !reasons[name] {
			t.Errorf("%s is required, and there is no reason for it", name)
		}
	}
	for name := range reasons {
		if !required[name] {
			t.Errorf("%s has a reason, and is not required", name)
		}
	}
}

func floorOf(pkg string) int {
	for _, f := range floors {
		for _, p := range f.patterns {
			if ok, _ := path.Match(p, pkg); ok {
				return f.floor
			}
		}
	}
	return -1
}

// TestFloors checks that imports only go down.
func TestFloors(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	type listed struct {
		ImportPath string
		Imports    []string
	}
	seen := 0
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen++
		from := short(p.ImportPath)
		if strings.HasPrefix(from, "internal/") {
			for _, imp := range p.Imports {
				if strings.HasPrefix(imp, "dragoman") && !strings.HasPrefix(imp, "dragoman/internal/") {
					t.Errorf("%s imports %s: internal packages stand below the house and import nothing of it", from, imp)
				}
			}
			continue
		}
		ff := floorOf(from)
		if from == "mini" {
			ff = 1 // beside the floors: files only
		}
		if ff < 0 {
			t.Errorf("%s is on no floor: give it one here and in ARCHITECTURE.md", from)
			continue
		}
		for _, imp := range p.Imports {
			if imp != "dragoman" && !strings.HasPrefix(imp, "dragoman/") || strings.HasPrefix(imp, "dragoman/internal/") {
				continue
			}
			to := short(imp)
			switch {
			case to == "mini":
				if !strings.HasPrefix(from, "cmd/") {
					t.Errorf("%s imports mini: only the command carries weights", from)
				}
			case floorOf(to) > ff, floorOf(to) == ff && !sameFloor(from, to):
				t.Errorf("%s (floor %d) imports %s (floor %d)", from, ff, to, floorOf(to))
			}
		}
	}
	if seen < 5 {
		t.Fatalf("only %d packages listed", seen)
	}
}

func short(importPath string) string {
	if importPath == "dragoman" {
		return "."
	}
	return strings.TrimPrefix(importPath, "dragoman/")
}
