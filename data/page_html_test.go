package data

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dragoman/picture"
)

// png is a picture of one colour: "r" red, else green.
func png(t testing.TB, colour string, w, h int) string {
	t.Helper()
	m := picture.New(w, h)
	for i := range m.Pix {
		if i%3 == 0 && colour == "r" || i%3 == 1 && colour != "r" {
			m.Pix[i] = 255
		}
	}
	var b strings.Builder
	if err := m.WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// web is a folder with pictures and one page.
func web(t testing.TB, page string) (dir string) {
	t.Helper()
	return tree(t, map[string]string{
		"i/r.png": png(t, "r", 64, 64), "i/g.png": png(t, "g", 100, 300), "i/icon.png": png(t, "g", 16, 16), "i/line.png": png(t, "g", 301, 100),
		"i/a b.png": png(t, "r", 64, 64), "i/q.png?v=1": png(t, "r", 64, 64), "i/logo.svg": "<svg/>", "i/bad.png": "<html>not found", "i/empty.png": "", "i/cut.png": png(t, "r", 64, 64)[:40],
		"site/page.html": page,
	})
}

func TestHTML(t *testing.T) {
	data := "data:image/png;base64," + base64.StdEncoding.EncodeToString([]byte(png(t, "g", 64, 64)))
	dot := "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
	for _, c := range []struct{ name, html, want string }{
		{"order", `<h1>A  title</h1><p>one <b>two</b>,<i> three</i></p><img src=../i/r.png><p>four<br>five<p>six`, "A title\none two, three|(red)|four\nfive\nsix"},
		{"a picture in a sentence", `By the <span><img src="../i/icon.png"></span>, or <img src="../i/icon.png"> icon<img src="../i/r.png"> red`, "By the , or icon|(red)|red"},
		{"an icon between blocks", `<p>a</p><img src="../i/icon.png"><p>b</p><img src="../i/r.png">`, "a\nb|(red)"},
		{"around", `<nav>n</nav><div class="navheader x">n<img src="../i/r.png"></div><script>s</script><style>s</style><template>t</template><div hidden>h</div>` +
			`<div style="display: none">h</div><div role=navigation>n</div><p>a<select><option>o</select><textarea>t</textarea><button>b</button></p>` +
			`<footer>f</footer><noscript><img src="../i/r.png"></noscript><svg><text>v</text></svg><img src="../i/g.png">`, "a|(green)"},
		{"white space", "<p>a\n\t b<span> </span>c&nbsp;d</p><pre>x  y\n  z\n\n\nw</pre><table><tr><td>1</td><td>2</td></tr><tr><td>3</table><img src=../i/r.png>", "a b c\u00a0d\nx  y\n  z\n\nw\n1 2\n3|(red)"},
		{"addresses", `a<img src="../i/a%20b.png"><img src="../i/q.png?v=1"><img src="/../i/r.png#x"><img src="` + data + `">`, "a|(red)|(red)|(red)|(green)"},
		{"choices", `a<img src="` + dot + `" data-src="../i/r.png"><img srcset="../i/r.png 1x, ../i/g.png 2x"><picture><source srcset="../i/g.png 64w,../i/none.png 32w"><img></picture>` +
			`<img srcset="../i/none.png, ../i/r.png 0.5x" src="https://example.org/x.png"><img>`, "a|(red)|(green)|(green)|(red)"},
		{"base", `<base href="../i/">a<img src="r.png">`, "a|(red)"},
		{"base on the network", `<base href="https://example.org/x/">a<img src="../i/r.png">`, "a|(red)"},
		{"charset", "<meta charset=iso-8859-1>caf\xe9<img src=../i/r.png>", "café|(red)"},
		{"a mark of byte order", "\xef\xbb\xbf<!doctype html><p>a</p><img src=../i/r.png>", "a|(red)"},
		{"two bytes a character", "\xff\xfe" + strings.Join(strings.Split("<p>a</p><img src=../i/r.png>", ""), "\x00") + "\x00", "a|(red)"},
		{"no markup", "a<img src=../i/r.png>", "a|(red)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := web(t, c.html)
			d, err := OpenPages(filepath.Join(dir, "site"), PageOptions{})
			if err != nil {
				t.Fatal(err)
			}
			check(t, "page", allSaid(t, d), []string{c.want})
		})
	}
}

// TestHTMLPictures says what becomes of pictures that are not as the page means them.
func TestHTMLPictures(t *testing.T) {
	for _, c := range []struct {
		src  string
		why  Why
		skip bool
	}{
		{"../i/icon.png", TooSmall, false},
		{"../i/line.png", TooNarrow, false},
		{"../i/logo.svg", NotRead, false},
		{"https://example.org/x.png", OnNetwork, false},
		{"//example.org/x.png", OnNetwork, false},
		{"../i/none.png", NotFound, true},
		{"/dev/zero", NotFound, true},
		{"file:///dev/zero", NotFound, true},
		{"../i", NotFound, true},
		{"javascript:alert(1)", NotFound, true},
		{"http://[bad", NotFound, true},
		{"../i/bad.png", Broken, true},
		{"../i/empty.png", Broken, true},
		{"data:image/png;base64,###", Broken, true},
		{"../i/huge.png", TooLarge, true},
		{"../i/large.png", TooLarge, true},
	} {
		dir := web(t, `a<img src="../i/r.png"><img src="`+c.src+`">`)
		huge := []byte(png(t, "r", 64, 64))
		copy(huge[16:], "\x00\x00\xff\xff\x00\x00\xff\xff")
		if err := os.WriteFile(filepath.Join(dir, "i/huge.png"), crc(huge), 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := os.Create(filepath.Join(dir, "i/large.png")); err != nil {
			t.Fatal(err)
		} else if err := f.Truncate(maxWebPicture + 1); err != nil {
			t.Fatal(err)
		} else {
			f.Close()
		}
		for _, lenient := range []bool{false, true} {
			d := newHTML(dir, PageOptions{Lenient: lenient})
			d.add(filepath.Join(dir, "site/page.html"))
			r := d.Report()
			if c.skip && !lenient {
				if r.Skipped[c.why] != 1 || r.Rows != 0 {
					t.Errorf("%s: %+v", c.src, r)
				} else if e := r.Examples[0].Error(); strings.ContainsAny(e, "\n") || !strings.Contains(e, nameOf(c.src)) {
					t.Errorf("%s: %s", c.src, e)
				}
				continue
			}
			if r.LeftOut[c.why] != 1 || r.Rows != 1 || r.Pictures != 1 {
				t.Errorf("%s, lenient %v: %+v", c.src, lenient, r)
			}
		}
	}
}

// crc mends the checksum of a PNG's header.
func crc(b []byte) []byte {
	sum := crc32.ChecksumIEEE(b[12:29])
	binary.BigEndian.PutUint32(b[29:], sum)
	return b
}

// TestHTMLSkips names pages that are none.
func TestHTMLSkips(t *testing.T) {
	dir := web(t, `a<img src="../i/r.png">`)
	deep := strings.Repeat("<div>", 5000) + "x"
	for name, page := range map[string]string{
		"text.html": "only text", "picture.html": `<img src="../i/r.png">`, "empty.htm": "", "icons.html": `a<img src="../i/icon.png">`, "deep.xhtml": deep,
		".hidden.html": "x", "notes.txt": "x",
	} {
		if err := os.WriteFile(filepath.Join(dir, "site", name), []byte(page), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := mustOpenPages(t, dir, PageOptions{})
	r := d.Report()
	check(t, "skipped", r.Skipped, Counts{NoPictures: 2, NoText: 2, Unreadable: 1})
	if r.Rows != 1 || r.Broken != 5 {
		t.Errorf("report %v", r)
	}
	for _, e := range r.Examples {
		if !strings.HasPrefix(e.Where, filepath.Join(dir, "site")) || strings.Contains(e.Error(), "\n") {
			t.Error(e)
		}
	}
}
