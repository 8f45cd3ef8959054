// Package plainjson reads JSON that people write, with errors for them: what is wrong where, in JSON's words and not in Go's.
package plainjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ErrMore is wrapped where more stands behind a value: several, say, a line each.
var ErrMore = errors.New("more stands behind it")

// Unmarshal is json.Unmarshal, which a byte order mark may stand before.
func Unmarshal(data []byte, to any) error {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	err := json.Unmarshal(data, to)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		before := data[:min(max(0, int(syntax.Offset)-1), len(data))]
		line := 1 + strings.Count(string(before), "\n")
		switch {
		case len(strings.TrimSpace(string(data))) == 0:
			return errors.New("it is empty")
		case json.NewDecoder(strings.NewReader(string(data))).Decode(new(json.RawMessage)) == nil:
			return fmt.Errorf("line %d: %w", line, ErrMore)
		}
		return fmt.Errorf("not JSON: line %d: %v", line, syntax)
	}
	return Error(err)
}

// Error says of a value that does not belong where it stands what it is, and what belongs there; any other error it returns as it is.
func Error(err error) error {
	var wrong *json.UnmarshalTypeError
	if !errors.As(err, &wrong) {
		return err
	}
	where := ""
	if wrong.Field != "" {
		where = wrong.Field + ": "
	}
	found, _, _ := strings.Cut(wrong.Value, " ") // a number that is too large has its digits behind
	if found == "number" && isNumber(wrong.Type) {
		return fmt.Errorf("%s%s is no number that belongs there", where, strings.TrimPrefix(wrong.Value, "number "))
	}
	return fmt.Errorf("%s%s stands where %s belongs", where, named(found), kind(wrong.Type))
}

// maxBrief is how much of a value is shown, in bytes.
const maxBrief = 80

// Brief is JSON on one line, or the beginning of that.
func Brief(raw []byte) string {
	var line bytes.Buffer
	if json.Compact(&line, raw) != nil {
		return "something that is not JSON"
	}
	if line.Len() > maxBrief {
		return strings.ToValidUTF8(string(line.Bytes()[:maxBrief]), "") + "…"
	}
	return line.String()
}

// Of is what a value is in JSON, with its article: "a text", "an object".
func Of(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case []byte:
		return "bytes"
	case json.Number:
		return "a number"
	}
	return kind(reflect.TypeOf(value))
}

// named is a kind of value as package json calls it, with its article.
func named(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	}
	return "a " + value
}

func isNumber(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() >= reflect.Int && t.Kind() <= reflect.Float64
}

// kind is what a Go value is in JSON.
func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.String:
		return "a text"
	case reflect.Bool:
		return "true or false"
	}
	if isNumber(t) {
		return "a number"
	}
	return "something else"
}
