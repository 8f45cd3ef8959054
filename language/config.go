package language

import (
	"encoding/json"
	"fmt"

	"dragoman/nn"
)

// IDs are token ids in a config.json, where one stands by itself, several in a list, and none is null.
type IDs []int32

// UnmarshalJSON implements json.Unmarshaler.
func (x *IDs) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*x = nil
		return nil
	}
	var one int32
	if json.Unmarshal(data, &one) == nil {
		*x = IDs{one}
		return nil
	}
	return json.Unmarshal(data, (*[]int32)(x))
}

// First is the first id, −1 where there is none.
func (x IDs) First() int32 {
	if len(x) == 0 {
		return -1
	}
	return x[0]
}

// MaxSize is far above any model's sizes and keeps a wrong number in a file from becoming an allocation.
const MaxSize = 1 << 24

// Size is a number of a configuration that must be from 1 to MaxSize, and what it is called.
type Size struct {
	Name  string
	Value int
}

// CheckSizes is an error for the first size that is out of range.
func CheckSizes(sizes ...Size) error {
	for _, s := range sizes {
		if s.Value < 1 || s.Value > MaxSize {
			return fmt.Errorf("%s of %d is out of range", s.Name, s.Value)
		}
	}
	return nil
}

// Vocabulary is how many words there are: the rows of the checkpoint's embedding, since a checkpoint whose vocabulary was resized may
// keep an old number in its configuration.
func Vocabulary(b *nn.Builder, embedding string, configured int) int {
	if shape, ok := b.ShapeOf(embedding); ok && len(shape) == 2 {
		return shape[0]
	}
	return configured
}
