package data

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// soundPages reads all that was opened: every page in one piece, with a text and a picture, and the same as before.
func soundPages(t *testing.T, what string, d Pages) {
	t.Helper()
	defer d.Close()
	r := d.Report()
	if r.Rows != d.Len() || strings.Contains(r.String(), "\n") || !utf8.ValidString(r.String()) {
		t.Fatalf("%s: %d pages, report %q", what, d.Len(), r)
	}
	w := weaver()
	w.MaxTokens, w.MaxPictures, w.Next = 12, 2, 0.5
	pictures := 0
	for i := range d.Len() {
		p, err := d.Page(i)
		if err != nil {
			t.Fatalf("%s: a page that was good is broken: %v", what, err)
		}
		texts, own := 0, 0
		for k, part := range p.Parts {
			switch {
			case part.Media != nil:
				own++
			case part.Text == "" || !utf8.ValidString(part.Text) || k > 0 && p.Parts[k-1].Media == nil:
				t.Fatalf("%s: parts %+v", what, p.Parts)
			default:
				texts++
			}
		}
		if texts == 0 || own == 0 || p.Where == "" || p.ID == "" {
			t.Fatalf("%s: page %+v", what, p)
		}
		pictures += own
		s, err := w.Page(p, uint64(i))
		if err != nil && err != ErrNothingToLearn || len(s.IDs) > 12 || len(s.Media) > 2 { // a text may be of marks alone
			t.Fatalf("%s: %+v: %v", what, s, err)
		}
	}
	if pictures != r.Pictures {
		t.Fatalf("%s: %d pictures, the report has %d", what, pictures, r.Pictures)
	}
}

// FuzzPages gives the bytes to the readers of documents in JSON, in files and as a shard's.
func FuzzPages(f *testing.F) {
	for _, s := range []string{
		`{"parts":[{"text":"a"},{"image":"r.png"},{"video":"v","fps":2},{"text":"b"}],"id":1}` + "\n" + `{"parts":[{"image":3}]}`,
		`{"text_list":["a","b"],"image_info":[{"image_name":"r.png","matched_text_index":1,"matched_sim":0.3},{"image_base64":"iVBORw0KGgo="}],"similarity_matrix":[[0.1,0.2],[0.3,0.4]]}`,
		`{"text_list":["a"],"image_info":[{"raw_url":"http://x/y.png"},{"image_name":"r.png"}],"similarity_matrix":[[1e308],[-1e308]]}`,
		`{"texts":["a",null,"b"],"images":[null,"r.png",null],"metadata":"[null,{},null]","general_metadata":"{"}`,
		`{"texts":[null,"b"],"images":[{"bytes":"iVBORw0KGgo="},{"path":"r.png"}]}`,
		`[{"parts":[{"text":"a"},{"image":"data:image/png;base64,iVBORw0KGgo="}]},` + "\n" + `{"parts":`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "r.png"), red, 0o600); err != nil {
			t.Fatal(err)
		}
		files := map[string][]byte{"p.jsonl": data, "p.json": data, "p.tar": shardOf(t, "k.json", string(data), "k.0.png", string(red), "k.r.png", string(red))}
		for name, content := range files {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, o := range []PageOptions{{}, {Lenient: true, MinSide: 1, MaxAspect: 2, MinSimilarity: 0.2, MaxPixels: 1 << 12}} {
				if d, err := OpenPages(filepath.Join(dir, name), o); err == nil {
					soundPages(t, name, d)
				} else if strings.Contains(err.Error(), "\n") {
					t.Fatalf("%s: %q", name, err)
				}
			}
		}
	})
}

// FuzzHTML gives the bytes to the reader of pages from the web.
func FuzzHTML(f *testing.F) {
	for _, s := range []string{
		`<h1>A</h1><p>b <b>c</b><img src="r.png"><pre>d` + "\n" + `  e</pre><table><tr><td>f<td>g`,
		`<base href="//x/"><img srcset="r.png 2x, q.png 1x,, r.png"><picture><source srcset="r.png 1w"><img data-src=r.png></picture>a`,
		`<nav>a</nav><svg><title>b</title><img src=r.png></svg><template>c</template><select><option>d<img src=r.png>e`,
		"<meta charset=utf-16>\xff\xfea\x00<\x00i\x00m\x00g\x00 \x00s\x00r\x00c\x00=\x00r\x00.\x00p\x00n\x00g\x00>\x00",
		`<img src="data:image/png;base64,iVBORw0KGgo="><img src="file:///r.png"><img src="http://[::1"><img src="%zz">a<body hidden><p style="display:none">`,
		strings.Repeat("<div><b>", 300) + "a<img src=r.png>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		for name, content := range map[string]string{"r.png": png(t, "r", 64, 64), "p.html": string(data)} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, o := range []PageOptions{{}, {Lenient: true, MinSide: -1, MaxAspect: -1, MaxPixels: 1 << 12}} {
			if d, err := OpenPages(filepath.Join(dir, "p.html"), o); err == nil {
				soundPages(t, "p.html", d)
			} else if strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q", err)
			}
		}
	})
}
