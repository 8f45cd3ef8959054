package data

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/internal/frugal"
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
		frugal.Run(t, len(data), func() {
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
	})
}

// FuzzParquet gives the bytes to the reader of columns, as pairs.
func FuzzParquet(f *testing.F) {
	whole, err := os.ReadFile("testdata/hf.parquet")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, name := range []string{"obelics", "inside"} {
		f.Add(must(os.ReadFile("testdata/" + name + ".parquet")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frugal.Run(t, len(data), func() {
			path := filepath.Join(t.TempDir(), "data.parquet")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if d, err := OpenPages(path, PageOptions{Stills: true}); err == nil {
				for i := range min(d.Len(), 100) {
					p, err := d.Page(i)
					soundPage(t, p, err)
				}
				d.Close()
			} else if strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q", err)
			}
			for _, o := range []Options{{MaxPixels: 1 << 12}, {TextKey: "id", ImageKey: "caption"}} {
				d, err := Open(path, o)
				if err != nil {
					if strings.Contains(err.Error(), "\n") {
						t.Fatalf("%q", err)
					}
					continue
				}
				for i := range min(d.Len(), 100) {
					row, err := d.Row(i)
					if err == nil {
						_, err = row.Decode()
					}
					if err != nil && (!strings.HasPrefix(err.Error(), path) || strings.Contains(err.Error(), "\n")) {
						t.Fatalf("%q", err)
					}
				}
				d.Close()
			}
		})
	})
}

// FuzzShard gives the bytes to the reader of shards, as pages.
func FuzzShard(f *testing.F) {
	page := `{"parts":[{"text":"a"},{"image":"0.png"},{"video":"v.gif"}]}`
	f.Add(shardOf(f, "k.json", page, "k.0.png", string(red), "k.v.gif", "GIF89a"))
	f.Add(shardOf(f, "d/k.json", `{"texts":["a",null],"images":[null,"http://x/y.png"]}`, "d/k.0.png", string(red), "../b.png", "y", "j.png", ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		frugal.Run(t, len(data), func() {
			path := filepath.Join(t.TempDir(), "s.tar")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, o := range []PageOptions{{MaxPixels: 1 << 12}, {Lenient: true, MinSide: 2, MaxAspect: 2, MaxPixels: 1 << 12}} {
				d, err := OpenPages(path, o)
				if err != nil {
					if strings.Contains(err.Error(), "\n") {
						t.Fatalf("%q", err)
					}
					continue
				}
				for i := range d.Len() {
					p, err := d.Page(i)
					soundPage(t, p, err)
					for _, part := range p.Parts {
						if part.Media != nil {
							_ = part.Media.check()
						}
					}
				}
				d.Close()
			}
		})
	})
}
