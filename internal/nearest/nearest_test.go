package nearest

import "testing"

func TestTo(t *testing.T) {
	known := []string{"mini", "mini-flamingo"}
	for word, want := range map[string]string{
		"mini-flamigo": "mini-flamingo", "minni": "mini", "Mini": "mini", "mini": "mini", "flamingo": "", "gpt2": "", "": "",
	} {
		if got := To(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
