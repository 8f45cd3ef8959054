package data

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPagesOfColumns reads what pyarrow wrote in the layout of OBELICS, with addresses and with pictures inside (tools/oracle/data.py).
func TestPagesOfColumns(t *testing.T) {
	published, inside := must(os.ReadFile("testdata/obelics.parquet")), must(os.ReadFile("testdata/inside.parquet"))
	dir := tree(t, map[string]string{"r.png": string(red), "obelics.parquet": string(published), "inside.parquet": string(inside)})
	path := filepath.Join(dir, "obelics.parquet")
	d := mustOpenPages(t, path, PageOptions{Fetch: func(string) ([]byte, error) { return green, nil }})
	check(t, "pages", allSaid(t, d), []string{"(red)|A red field.|(green)|And more."})
	if r := d.Report(); r.Rows != 1 || r.Pictures != 2 || r.Broken != 4 || r.Skipped[NoPictures] != 4 {
		t.Error(r)
	}
	p := must(d.Page(0))
	if m, ok := p.Extra["metadata"].([]any); !ok || len(m) != 4 || m[1] != nil || p.Where != path+":1" {
		t.Errorf("%+v", p)
	}
	d = mustOpenPages(t, path, PageOptions{})
	check(t, "without the network", allSaid(t, d), []string{"(red)|A red field.\n\nAnd more."})

	d = mustOpenPages(t, filepath.Join(dir, "inside.parquet"), PageOptions{})
	check(t, "pictures inside", allSaid(t, d), []string{"(green)|a|(red)", "(red)|b"})
	if r := d.Report(); r.Skipped[NoPictures] != 2 {
		t.Error(r)
	}
	first := must(d.Page(0))
	if _, ok := first.Parts[0].Media.image.(inRow); !ok {
		t.Error("a picture is held")
	}
	if a, b := first.Parts[0].Media.Name(), first.Parts[2].Media.Name(); a == b {
		t.Error("two pictures have one name")
	}
	if _, err := OpenPages("testdata/hf.parquet", PageOptions{}); err == nil || !strings.Contains(err.Error(), "columns texts and images") {
		t.Error(err)
	}
	for n := 0; n < len(published); n += 97 {
		if err := os.WriteFile(path, append(bytes.Clone(published[:n]), published[min(len(published), n+3):]...), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := OpenPages(path, PageOptions{})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			continue
		}
		for i := range d.Len() {
			if _, err := d.Page(i); err != nil && !errors.As(err, new(*RowError)) {
				t.Error(err)
			}
		}
		d.Close()
	}
}
