package builtin

import (
	"slices"
	"testing"
)

func TestRegister(t *testing.T) {
	if _, ok := Files("absent"); ok {
		t.Error("a model that nobody registered is found")
	}
	Register("small", map[string][]byte{"a.txt": []byte("x")})
	files, ok := Files("small")
	if !ok || string(files["a.txt"]) != "x" || !slices.Contains(Models(), "small") {
		t.Errorf("registered, but found %v among %v", files, Models())
	}
	defer func() {
		if recover() == nil {
			t.Error("a name was registered twice")
		}
	}()
	Register("small", nil)
}
