package data

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzOpen gives the bytes to each reader of one file. Whatever they are: a dataset or an error, every row of it in one
// piece or with an error that names it, and no report with line breaks.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"image":"r.png","text":"x"}` + "\n" + `{"image":`))
	f.Add([]byte("[ {\"image\":\"r.png\",\n\"text\":[\"x\"]}, 3 ]"))
	f.Add([]byte("image,caption\nr.png,\"a\nb\"\nr.png,\"open\nr.png,x"))
	f.Add([]byte("caption\timage\nx\tr.png\n"))
	f.Add(shardOf(f, "a.png", string(red), "a.txt", "x", "../b.png", "y", "c.json", "{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "r.png"), red, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"jsonl", "json", "csv", "tsv", "tar"} {
			path := filepath.Join(dir, "data."+format)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			d, err := Open(path, Options{MaxPixels: 1 << 12})
			if err != nil {
				continue
			}
			if d.Len() < 1 || d.Report().Rows != d.Len() {
				t.Fatalf("%s: %d rows, report %v", format, d.Len(), d.Report())
			}
			for i := range d.Len() {
				row, err := d.Row(i)
				if err != nil {
					t.Fatalf("%s: a row that was good is broken: %v", format, err)
				}
				if len(row.Texts) == 0 || row.Texts[0] == "" || row.Where == "" {
					t.Fatalf("%s: row %+v", format, row)
				}
				if _, err := row.Decode(); err != nil && !strings.HasPrefix(err.Error(), dir) {
					t.Fatalf("%s: an error that does not name its row: %v", format, err)
				}
			}
			d.Close()
		}
	})
}
