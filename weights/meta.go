package weights

import "fmt"

// Meta is what a file says besides its tensors. Values are string, bool,
// uint64 or int64 (any of GGUF's widths), float64, and for arrays []string,
// []bool, []uint64, []int64 or []float64.
type Meta map[string]any

// String is the string under key.
func (m Meta) String(key string) (string, bool) {
	value, ok := m[key].(string)
	return value, ok
}

// Bool is the truth value under key.
func (m Meta) Bool(key string) (value, ok bool) {
	value, ok = m[key].(bool)
	return value, ok
}

// Int is the integer under key, of any width; ok is false where it does not
// fit an int.
func (m Meta) Int(key string) (value int, ok bool) {
	switch n := m[key].(type) {
	case uint64:
		return int(n), int(n) >= 0 && uint64(int(n)) == n
	case int64:
		return int(n), int64(int(n)) == n
	}
	return 0, false
}

// Float is the number under key; integers count.
func (m Meta) Float(key string) (float64, bool) {
	switch n := m[key].(type) {
	case float64:
		return n, true
	case uint64:
		return float64(n), true
	case int64:
		return float64(n), true
	}
	return 0, false
}

// Strings is the array of strings under key. It is not to be changed.
func (m Meta) Strings(key string) ([]string, bool) {
	value, ok := m[key].([]string)
	return value, ok
}

// Ints is the array of integers under key, whatever their width; ok is false
// where one does not fit an int.
func (m Meta) Ints(key string) ([]int, bool) {
	switch values := m[key].(type) {
	case []uint64:
		ints := make([]int, len(values))
		for i, n := range values {
			if int(n) < 0 || uint64(int(n)) != n {
				return nil, false
			}
			ints[i] = int(n)
		}
		return ints, true
	case []int64:
		ints := make([]int, len(values))
		for i, n := range values {
			if int64(int(n)) != n {
				return nil, false
			}
			ints[i] = int(n)
		}
		return ints, true
	}
	return nil, false
}

// Floats is the array of numbers under key.
func (m Meta) Floats(key string) ([]float64, bool) {
	value, ok := m[key].([]float64)
	return value, ok
}

// Require is an error that names the keys that are missing.
func (m Meta) Require(keys ...string) error {
	for _, key := range keys {
		if _, ok := m[key]; !ok {
			return fmt.Errorf("metadata has no %s", key)
		}
	}
	return nil
}
