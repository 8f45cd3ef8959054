package plainjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestOf names values.
func TestOf(t *testing.T) {
	for want, value := range map[string]any{
		"null": nil, "a number": json.Number("3"), "a text": "a", "a list": []any{1}, "an object": map[string]any{}, "true or false": true, "bytes": []byte("a"),
	} {
		if got := Of(value); got != want {
			t.Errorf("%v is %q, want %q", value, got, want)
		}
	}
}

// TestUnmarshal: what is wrong is said without Go's names for it.
func TestUnmarshal(t *testing.T) {
	type part struct {
		Image *string `json:"image"`
		FPS   float64 `json:"fps"`
		Count int8    `json:"count"`
		Whole bool    `json:"whole"`
	}
	for in, want := range map[string]string{
		`{"parts":"a"}`:                        "parts: a text stands where a list belongs",
		`{"parts":[{"image":3}]}`:              "parts.image: a number stands where a text belongs",
		`{"parts":[{"fps":"x"}]}`:              "parts.fps: a text stands where a number belongs",
		`{"parts":[{"count":1000}]}`:           "parts.count: 1000 is no number that belongs there",
		`{"parts":[{"count":1.5}]}`:            "parts.count: 1.5 is no number that belongs there",
		`{"parts":[{"whole":[]}]}`:             "parts.whole: a list stands where true or false belongs",
		`{"parts":[true]}`:                     "parts: true or false stands where an object belongs",
		`[1]`:                                  "a list stands where an object belongs",
		"":                                     "it is empty",
		" \n":                                  "it is empty",
		`{"parts":[`:                           "not JSON: line 1: unexpected end of JSON input",
		"<html>":                               "not JSON: line 1: invalid character '<' looking for beginning of value",
		"{\"parts\":\n\n[}":                    "not JSON: line 3: invalid character '}' looking for beginning of value",
		"{\"parts\":[]}\n{\"parts\":[]}\n":     "line 2: more stands behind it",
		"{\"parts\":[]}\n<p>":                  "line 2: more stands behind it",
		`{"parts":[{"image":"a","fps":2.5}]}`:  "",
		"\ufeff{\"parts\":[]}":                 "",
		`{"parts":null,"other":[{"a":["b"]}]}`: "",
	} {
		var to struct {
			Parts []part `json:"parts"`
		}
		got := ""
		if err := Unmarshal([]byte(in), &to); err != nil {
			got = err.Error()
			if errors.Is(err, ErrMore) != strings.HasPrefix(want, "line 2") {
				t.Errorf("%q: %v is or is not ErrMore", in, err)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestBrief shows a value on one line, and not all of a long one.
func TestBrief(t *testing.T) {
	for in, want := range map[string]string{
		"{\n \"a\": [1,\t2]\n}":             `{"a":[1,2]}`,
		"{":                                 "something that is not JSON",
		`"` + strings.Repeat("é", 50) + `"`: `"` + strings.Repeat("é", 39) + "…",
	} {
		if got := Brief([]byte(in)); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
