package main

import (
	"fmt"
	"strconv"
	"strings"

	"dragoman"
)

// modelOptions are how the call wants its model opened.
func (c *cli) modelOptions(dtype string) []dragoman.Option {
	opts := []dragoman.Option{dragoman.WithDType(dtype), dragoman.WithSeed(c.seed)}
	if bytes, _ := memoryBytes(c.memory); bytes >= 0 { // prepare has read it once
		opts = append(opts, dragoman.WithMemory(bytes))
	}
	if c.check {
		opts = append(opts, dragoman.WithCheck())
	}
	return opts
}

// memoryBytes reads a size: a number, with k, M, G or T for its thousands; −1 for "auto".
func memoryBytes(size string) (int64, error) {
	if size == "auto" || size == "" {
		return -1, nil
	}
	number := strings.TrimSuffix(size, "B")
	unit := 1.0
	if n := len(number) - 1; n > 0 {
		if at := strings.IndexByte("kMGT", number[n]); at >= 0 {
			number = number[:n]
			for range at + 1 {
				unit *= 1000
			}
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0 && n*unit < 1<<62) {
		return 0, fmt.Errorf("%q is no size: a number, with k, M or G for thousands", size)
	}
	return int64(n * unit), nil
}
