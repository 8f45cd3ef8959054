package main

import (
	"strings"
	"testing"
	"time"

	"dragoman/train"
)

// TestSmallPlan: what is small is not rounded to nothing.
func TestSmallPlan(t *testing.T) {
	p := &train.Plan{Train: 3, Parameters: 4321, Trained: []int{2, 2_500_000}, Encode: time.Second, CacheBytes: 1234, MemoryBytes: 23_400_000, Stages: []train.StagePlan{{Name: "a"}, {Name: "b"}}}
	said := describePlan(p)
	for _, want := range []string{"\n4321 parameters in the bridge", ", 2 parameters learn", ", 2.5 million parameters learn", ", 1.2 kB on disk", " and 23.4 MB of memory"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in:\n%s", want, said)
		}
	}
}
