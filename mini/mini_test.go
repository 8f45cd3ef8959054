package mini

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"dragoman/internal/builtin"
)

// The limits that a repository and a program that carries the model should keep.
const (
	maxFile  = 100_000_000
	maxTotal = 195_000_000
)

func TestFilesAreWhatTheyAreSaidToBe(t *testing.T) {
	var readme []byte
	for _, card := range []string{"README.md", "FLAMINGO.md"} {
		said, err := os.ReadFile(card)
		if err != nil {
			t.Fatal(err)
		}
		readme = append(readme, said...)
	}
	parts, total := Parts(), int64(0)
	if files := builtin.Names(); len(parts) != len(files) {
		t.Errorf("registered are %v, described %d", files, len(parts))
	}
	for _, p := range parts {
		data, err := builtin.ReadFile(prefix + p.File)
		if err != nil {
			t.Error(err)
			continue
		}
		sum := sha256.Sum256(data)
		if got := hex.EncodeToString(sum[:]); got != p.SHA256 || int64(len(data)) != p.Bytes {
			t.Errorf("%s: %d bytes of sha256 %s, described as %d of %s", p.File, len(data), got, p.Bytes, p.SHA256)
		}
		if p.Bytes > maxFile {
			t.Errorf("%s is larger than %d bytes", p.File, maxFile)
		}
		total += p.Bytes
		for _, say := range []string{p.File, p.SHA256, p.License} {
			if !strings.Contains(string(readme), say) {
				t.Errorf("README.md does not say %s of %s", say, p.File)
			}
		}
		for _, say := range []string{p.File, p.Author, p.License} {
			if !strings.Contains(Attributions(), say) {
				t.Errorf("the attributions do not say %s of %s", say, p.File)
			}
		}
	}
	if total > maxTotal {
		t.Errorf("%d bytes in all, more than %d", total, maxTotal)
	}
}

// TestWordNetsLicence: whoever hands on what is made of WordNet (memory.json) hands on its notice.
func TestWordNetsLicence(t *testing.T) {
	for _, part := range []string{"WordNet 3.0 Copyright 2006 by Princeton University.", "PROVIDED \"AS IS\"", "LICENSEE agrees to preserve same."} {
		if !strings.Contains(Attributions(), part) {
			t.Errorf("%q is not among the attributions", part)
		}
	}
}
