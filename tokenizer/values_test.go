package tokenizer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"dragoman/internal/frugal"
)

// hostile are values that stand where others belong.
var hostile = []any{
	nil, 0, -1, 1, 2.5, 1 << 23, 1 << 40, 1e300, true, "", "x", "a\nb", strings.Repeat("ab ", 2000),
	[]any{},
	map[string]any{},
	[]any{1, 2},
	[]any{"a", "b"},
	map[string]any{"a": 1},
	map[string]any{"type": "Sequence"},
	map[string]any{"Regex": "(a+)+$"},
	map[string]any{"String": ""},
}

// eachChange puts every hostile value in the place of every value of a document, and takes every key away.
func eachChange(root any, check func(what string, data []byte)) {
	var walk func(at string, x any, put func(any))
	walk = func(at string, x any, put func(any)) {
		try := func(what string) {
			if data, err := json.MarshalIndent(root, "", " "); err == nil {
				check(at+what, data)
			}
		}
		for _, v := range hostile {
			put(v)
			try(fmt.Sprintf(" = %.40v", v))
		}
		put(x)
		switch x := x.(type) {
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(x)) {
				old := x[k]
				walk(at+"."+k, old, func(v any) { x[k] = v })
				delete(x, k)
				try("." + k + " taken away")
				x[k] = old
			}
		case []any:
			for i, old := range x {
				walk(fmt.Sprint(at, ".", i), old, func(v any) { x[i] = v })
			}
		}
	}
	walk("", root, func(v any) { root = v })
}

// TestHostileValues makes tokenizers of files of which one value is another: an error of one line, or a tokenizer whose ids are its own.
func TestHostileValues(t *testing.T) {
	defer func(was time.Duration) { patternTime = was }(patternTime)
	patternTime = 10 * time.Millisecond
	const text = "a ab  b1 23[CLS]<x> x é日\n" + "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!"
	for i, whole := range smallTokenizers {
		var root any
		if err := json.Unmarshal([]byte(whole), &root); err != nil {
			t.Fatal(err)
		}
		eachChange(root, func(what string, data []byte) {
			frugal.Run(t, len(data), func() {
				t.Run(fmt.Sprint(i, what), func(t *testing.T) {
					p, err := FromJSON(data)
					sound(t, p, err, text)
				})
			})
		})
	}
}
