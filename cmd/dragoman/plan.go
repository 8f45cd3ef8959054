package main

import (
	"fmt"
	"strings"
	"time"

	"dragoman/internal/bytesize"
	"dragoman/internal/plural"
	"dragoman/train"
)

// planObject is a dry run's findings for scripts: times in seconds.
func planObject(p *train.Plan) map[string]any {
	var stages []map[string]any
	for i, s := range p.Stages {
		stage := map[string]any{"name": s.Name, "steps": s.Steps, "samples": s.Samples, "epochs": s.Epochs, "seconds": s.Time.Seconds()}
		if i < len(p.Trained) {
			stage["parameters"] = p.Trained[i]
		}
		stages = append(stages, stage)
	}
	return map[string]any{
		"rows": p.Train, "pages": p.Pages, "validation": p.Validation, "broken": p.Report.Broken, "captions": p.Captions, "parameters": p.Parameters,
		"stages": stages, "seconds": p.Time().Seconds(), "encode_seconds": p.Encode.Seconds(), "cache_bytes": p.CacheBytes, "memory_bytes": p.MemoryBytes,
	}
}

// describePlan is the same as text.
func describePlan(p *train.Plan) string {
	var b strings.Builder
	b.WriteString(plural.Of(p.Train, "pair"))
	if p.Pages > 0 {
		b.WriteString(" and " + plural.Of(p.Pages, "page"))
	}
	fmt.Fprintf(&b, " to train on, %s to validate with, %s", plural.Of(p.Validation, "pair"), plural.Of(p.Captions, "different caption"))
	if p.Report.Broken > 0 {
		fmt.Fprintf(&b, "\n%s", p.Report.String())
	}
	fmt.Fprintf(&b, "\n%s in the bridge", parameters(p.Parameters))
	for i, s := range p.Stages {
		fmt.Fprintf(&b, "\n%s: %s, %s, %.1f epochs, about %s", s.Name, plural.Of(s.Steps, "step"), plural.Of(s.Samples, "sample"), s.Epochs, about(s.Time))
		if i < len(p.Trained) {
			fmt.Fprintf(&b, ", %s learn", parameters(p.Trained[i]))
		}
	}
	if p.Encode > 0 {
		fmt.Fprintf(&b, "\nencoding pictures: about %s, %s on disk", about(p.Encode), bytesize.Of(p.CacheBytes))
	}
	fmt.Fprintf(&b, "\nin all about %s and %s of memory; nothing was written", about(p.Time()), bytesize.Of(p.MemoryBytes))
	return b.String()
}

// parameters is a number of them.
func parameters(n int) string {
	if n < 1e5 {
		return plural.Of(n, "parameter")
	}
	return fmt.Sprintf("%.1f million parameters", float64(n)/1e6)
}

// about rounds a time that is only foreseen.
func about(d time.Duration) time.Duration {
	switch {
	case d > time.Hour:
		return d.Round(time.Minute)
	case d > time.Minute:
		return d.Round(10 * time.Second)
	}
	return d.Round(time.Second)
}
