package data

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"dragoman/internal/frugal"
)

// soundPage is a page in one piece, with a text and a picture, of which a window can be drawn; an error is a line.
func soundPage(t *testing.T, p Page, err error) {
	t.Helper()
	if err != nil {
		if strings.Contains(err.Error(), "\n") || WhyOf(err) == "" {
			t.Fatalf("%q", err)
		}
		return
	}
	texts, pictures := 0, 0
	for k, part := range p.Parts {
		switch {
		case part.Media != nil:
			pictures++
		case part.Text == "" || !utf8.ValidString(part.Text) || k > 0 && p.Parts[k-1].Media == nil:
			t.Fatalf("parts %+v", p.Parts)
		default:
			texts++
		}
	}
	if texts == 0 || pictures == 0 || p.Where == "" || p.ID == "" {
		t.Fatalf("page %+v", p)
	}
	w := weaver()
	w.MaxTokens, w.MaxPictures, w.Next = 12, 2, 0.5
	s, err := w.Page(p, 1)
	if err != nil && err != ErrNothingToLearn || len(s.IDs) > 12 || len(s.Media) > 2 { // a text may be of marks alone
		t.Fatalf("%+v: %v", s, err)
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
	dir := tree(f, map[string]string{"r.png": string(red), "v/1.png": string(red), "v/2.png": string(green)})
	shard := filepath.Join(dir, "s.tar")
	if err := os.WriteFile(shard, shardOf(f, "k.json", `{"parts":[{"text":"a"},{"image":"0.png"}]}`, "k.0.png", string(red), "k.r.png", string(red)), 0o600); err != nil {
		f.Fatal(err)
	}
	d, err := OpenPages(shard, PageOptions{})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { d.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		frugal.Run(t, len(data), func() {
			for _, o := range []PageOptions{{}, {Lenient: true, MinSide: 1, MaxAspect: 2, MinSimilarity: 0.2, MaxPixels: 1 << 12, Stills: true}} {
				err := splitValues(bytes.NewReader(data), func(at recordAt, text []byte, err error) {
					if err != nil {
						return
					}
					r := &record{text: text, where: "p.json:1", offset: at.offset, json: true, read: func(s span) ([]byte, error) {
						return data[s.offset:][:s.size], nil
					}}
					for _, in := range []finder{inFolder{dir: dir, in: r}, inShard{d.(*pageShard), d.(*pageShard).docs[0], r}} {
						p, err := pageFrom(r, in, o, new(verdicts))
						soundPage(t, p, err)
						for _, part := range p.Parts {
							if part.Media == nil || part.Media.video {
								continue
							}
							if _, err := part.Media.Bytes(); err != nil {
								t.Fatal(err)
							}
						}
					}
				})
				if err != nil && strings.Contains(err.Error(), "\n") {
					t.Fatalf("%q", err)
				}
			}
		})
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
	dir := tree(f, map[string]string{"r.png": png(f, "r", 64, 64)})
	f.Fuzz(func(t *testing.T, data []byte) {
		frugal.Run(t, len(data), func() {
			for _, o := range []PageOptions{{}, {Lenient: true, MinSide: -1, MaxAspect: -1, MaxPixels: 1 << 12}} {
				p, err := newHTML(dir, o).page(filepath.Join(dir, "p.html"), data)
				soundPage(t, p, err)
			}
		})
	})
}
