package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"dragoman/internal/plainjson"
	"dragoman/internal/plural"
)

// Record is a line of metrics.jsonl. Losses are means since the line before; Validation stands where the held-out pairs were
// looked at.
type Record struct {
	Stage      string             `json:"stage"`
	Step       int                `json:"step"`
	Rate       float64            `json:"lr,omitempty"`
	GradNorm   float64            `json:"grad_norm,omitempty"`
	Losses     map[string]float64 `json:"losses,omitempty"`
	Validation map[string]float64 `json:"validation,omitempty"`
	Skipped    int                `json:"skipped,omitempty"` // steps whose loss or gradient was not a number, so far
}

// metricsLog appends records to metrics.jsonl, and can be cut back to where a checkpoint was.
type metricsLog struct {
	file    *os.File
	records []Record
	size    int64
}

// openMetrics opens a run's log and forgets what was written after size bytes.
func openMetrics(dir string, size int64) (*metricsLog, error) {
	path := filepath.Join(dir, "metrics.jsonl")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	l := &metricsLog{file: f, size: size}
	if err := l.rewind(); err != nil {
		f.Close()
		return nil, fmt.Errorf("metrics: %s: %w", path, err)
	}
	return l, nil
}

func (l *metricsLog) rewind() error {
	if info, err := l.file.Stat(); err != nil {
		return err
	} else if info.Size() < l.size {
		return fmt.Errorf("%s, the checkpoint was made after %d", plural.Of(int(info.Size()), "byte"), l.size)
	}
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	lines := bufio.NewScanner(l.file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r Record
		if err := plainjson.Unmarshal(lines.Bytes(), &r); err != nil {
			return err
		}
		l.records = append(l.records, r)
	}
	return lines.Err()
}

// add writes one record.
func (l *metricsLog) add(r Record) error {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(r); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	n, err := l.file.WriteAt(line.Bytes(), l.size)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	l.size += int64(n)
	l.records = append(l.records, r)
	return nil
}

func (l *metricsLog) sync() error  { return l.file.Sync() }
func (l *metricsLog) close() error { return l.file.Close() }
