package data

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"image/color"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dragoman/picture"
)

// said is a page as tests compare it: its texts, and for a picture "(red)" or "(green)", by its first pixel.
func said(t testing.TB, p Page) string {
	t.Helper()
	var out []string
	for _, part := range p.Parts {
		if part.Media == nil {
			out = append(out, part.Text)
			continue
		}
		m, err := part.Media.Decode()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, map[bool]string{true: "(red)", false: "(green)"}[m.Pix[0] > m.Pix[1]])
	}
	return strings.Join(out, "|")
}

func mustOpenPages(t testing.TB, spec string, o PageOptions) Pages {
	t.Helper()
	d, err := OpenPages(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func allSaid(t testing.TB, d Pages) []string {
	t.Helper()
	var out []string
	for i := range d.Len() {
		p, err := d.Page(i)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, said(t, p))
	}
	return out
}

func TestPagesOfParts(t *testing.T) {
	inline := base64.StdEncoding.EncodeToString(green)
	dir := tree(t, map[string]string{
		"r.png": string(red), "up/g.png": string(green),
		"sub/pages.jsonl": `{"parts":[{"text":"a"},{"image":"../r.png"},{"text":" b"},{"text":" c"},{"image":"../up/g.png"}],"id":7,"site":"x"}` + "\n" +
			`{"parts":[{"image":{"bytes":"` + inline + `"}},{"image":"data:image/png;base64,` + inline + `"},{"text":"d"}]}` + "\n\n" +
			`{"parts":[{"image":"none.png"},{"text":"d"}]}` + "\n" +
			`{"parts":[{"image":"https://example.org/a.png"},{"text":"d"}]}` + "\n" +
			`{"parts":[{"text":"d"}]}` + "\n" +
			`{"parts":[{"image":"../r.png"},{"text":"  "}]}` + "\n" +
			`{"parts":[{"image":"../r.png","text":"d"}]}` + "\n" +
			`{"parts":[{}]}` + "\n" +
			`{"parts":[3]}` + "\n" +
			`{"parts":3}` + "\n" +
			`{"parts":[{"image":"../r.png"},{"text":3}]}` + "\n" +
			`{"image":"../r.png","text":"a pair"}` + "\n" +
			`[]`,
	})
	path := filepath.Join(dir, "sub/pages.jsonl")
	d := mustOpenPages(t, path, PageOptions{})
	check(t, "pages", allSaid(t, d), []string{"a|(red)| b c|(green)", "(green)|(green)|d"})
	p, err := d.Page(0)
	if err != nil {
		t.Fatal(err)
	}
	if p.ID != "7" || p.Where != path+":1" || p.Extra["site"] != "x" || !(Where{"site": "x|y"}).Wants(p.Extra) {
		t.Errorf("page %+v", p)
	}
	r := d.Report()
	if r.Rows != 2 || r.Broken != 11 || r.Pictures != 4 {
		t.Errorf("report %+v", r)
	}
	check(t, "skipped", r.Skipped, Counts{NotFound: 1, OnNetwork: 1, NoPictures: 1, NoText: 1, Unreadable: 7})
	if s := r.String(); !strings.HasPrefix(s, "2 pages with 4 pictures; 11 pages skipped (7 cannot be read, 1 ") || strings.Contains(s, "\n") {
		t.Errorf("report %q", s)
	}
	for i, want := range []string{
		":4: part 1: image: ", ":5: part 1: image: addresses on the network", ":6: it has no pictures", ":7: it has no text", ":8: part 1 is neither",
		":9: part 1 is neither", ":10: part 1 is a number", ":11: no page: ", ":12: part 2: text: is a number", ":13: no page",
	} {
		if got := r.Examples[i].Error(); !strings.Contains(got, want) {
			t.Errorf("example %d is %q, want %q in it", i, got, want)
		}
	}
}

// TestPagesOfOneFile reads a page as ask --page takes it, over several lines, and an array of pages.
func TestPagesOfOneFile(t *testing.T) {
	page := "{\n \"parts\": [\n {\"image\": \"r.png\"}, {\"text\": \"a\"}]\n}"
	dir := tree(t, map[string]string{
		"r.png": string(red), "page.json": page, "two.json": "\n[" + page + ",\n" + page + "]", "bad.json": page + "\n{", "none.json": `{"parts":[]}`,
		"page.txt": page,
	})
	for name, want := range map[string]int{"page.json": 1, "two.json": 2, "bad.json": 1, "{page,two}.json": 3} {
		d := mustOpenPages(t, filepath.Join(dir, name), PageOptions{})
		if got := allSaid(t, d); len(got) != want || got[0] != "(red)|a" {
			t.Errorf("%s: %v", name, got)
		}
	}
	if _, err := OpenPages(filepath.Join(dir, "none.json"), PageOptions{}); !errors.Is(err, ErrNoPages) || !strings.Contains(err.Error(), "it has no pictures") {
		t.Error(err)
	}
	if _, err := OpenPages(filepath.Join(dir, "page.txt"), PageOptions{}); err == nil {
		t.Error("a name that says nothing opens")
	}
	d := mustOpenPages(t, filepath.Join(dir, "page.txt"), PageOptions{Format: "json"})
	if d.Len() != 1 {
		t.Error(d.Len())
	}
}

func TestMMC4(t *testing.T) {
	inline := base64.StdEncoding.EncodeToString(green)
	dir := tree(t, map[string]string{
		"pics/r.png": string(red), "pics/g.png": string(green),
		"docs.jsonl": `{"url":"u","text_list":[" one. ","two.","three.","four."],"image_info":[` +
			`{"image_name":"g.png","raw_url":"http://x/g","matched_text_index":2,"matched_sim":0.3},` +
			`{"image_name":"r.png","matched_text_index":0,"matched_sim":0.4},` +
			`{"image_name":"lost.png","raw_url":"http://x/lost","matched_text_index":1,"matched_sim":0.5},` +
			`{"image_base64":"` + inline + `","matched_text_index":2,"matched_sim":0.25},` +
			`{"image_name":"r.png","matched_text_index":3,"matched_sim":0.1}],"similarity_matrix":[[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0],[0,0,0,0]]}` + "\n" +
			// Without an index, by the matrix: one to one, of the greatest sum, although both pictures like the first sentence best.
			`{"text_list":["one","two"],"image_info":[{"image_name":"r.png"},{"image_name":"g.png"}],"similarity_matrix":[[0.9,0.8],[0.8,0.1]]}` + "\n" +
			`{"text_list":["one"],"image_info":[{"image_name":"r.png"},{"image_name":"g.png"}],"similarity_matrix":[[0.5],[0.6]]}` + "\n" +
			`{"text_list":["one"],"image_info":[{"image_name":"r.png"}]}` + "\n" +
			`{"text_list":["one"],"image_info":[{"image_name":"r.png","matched_text_index":1}]}` + "\n" +
			`{"text_list":["one"],"image_info":[{"image_name":"r.png"}],"similarity_matrix":[[1,2]]}` + "\n" +
			`{"text_list":["one"],"image_info":[{"image_name":"none.png","matched_text_index":0}]}`,
	})
	d := mustOpenPages(t, filepath.Join(dir, "docs.jsonl"), PageOptions{Pictures: filepath.Join(dir, "pics"), MinSimilarity: 0.24})
	check(t, "pages", allSaid(t, d), []string{"(red)|one. two.|(green)|(green)|three. four.", "(green)|one|(red)|two", "(green)|one"})
	r := d.Report()
	check(t, "left out", r.LeftOut, Counts{OnNetwork: 1, Unlike: 1})
	check(t, "skipped", r.Skipped, Counts{Unreadable: 3, NoPictures: 1})
	p, err := d.Page(0)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "other fields", p.Extra, map[string]any{"url": "u"})
	if l := p.LeftOut; len(l) != 2 || l[0].Name != "lost.png" || l[1].Err.Error() != "a similarity of 0.1 is less than 0.24" {
		t.Errorf("left out %+v", l)
	}
	d = mustOpenPages(t, filepath.Join(dir, "docs.jsonl"), PageOptions{
		Pictures: filepath.Join(dir, "pics"), MinSimilarity: 0.24, Fetch: func(string) ([]byte, error) { return green, nil },
	})
	check(t, "with a network", allSaid(t, d)[0], "(red)|one.|(green)|two.|(green)|(green)|three. four.")
}

// TestMMC4Unlike: without a bound, a picture that is nothing like its sentence stays.
func TestMMC4Unlike(t *testing.T) {
	dir := tree(t, map[string]string{
		"r.png": string(red), "docs.jsonl": `{"text_list":["a"],"image_info":[{"image_name":"r.png","matched_text_index":0,"matched_sim":-0.2}]}`,
	})
	if d := mustOpenPages(t, filepath.Join(dir, "docs.jsonl"), PageOptions{}); d.Len() != 1 {
		t.Errorf("%d pages", d.Len())
	}
}

func TestOBELICS(t *testing.T) {
	dir := tree(t, map[string]string{
		"r.png": string(red),
		"docs.jsonl": `{"texts":["a ",null,"b","c",null],"images":[null,"r.png",null,null,"http://x/y.png"],"metadata":"[null,{\"src\":\"x\"},null,null,null]","general_metadata":"{\"url\":\"u\"}"}` + "\n" +
			`{"texts":["a"],"images":[null,"r.png"]}` + "\n" +
			`{"texts":["a",3],"images":[null,"r.png"]}`,
	})
	d := mustOpenPages(t, filepath.Join(dir, "docs.jsonl"), PageOptions{})
	check(t, "pages", allSaid(t, d), []string{"a|(red)|b\n\nc"})
	p, err := d.Page(0)
	if err != nil {
		t.Fatal(err)
	}
	check(t, "metadata", p.Extra["general_metadata"], any(map[string]any{"url": "u"}))
	if r := d.Report(); r.LeftOut[OnNetwork] != 1 || r.Broken != 2 {
		t.Errorf("report %+v", r)
	}
}

func TestPageShards(t *testing.T) {
	dir := tree(t, map[string]string{"r.png": string(red), "s.tar": string(shardOf(
		t,
		"a/1.json", `{"parts":[{"image":"1.x.png"},{"text":"names"},{"image":"0.png"},{"image":"y.PNG"}]}`, "a/1.0.png", string(red), "a/1.x.png", string(green), "a/1.y.png", string(green),
		"a/2.json", `{"texts":["a",null,null],"images":[null,"http://x/y.png","http://x/z.png"]}`, "a/2.0.png", string(red), "a/2.1.png", string(green),
		"a/3.json", `{"text_list":["one","two"],"image_info":[{"image_name":"h.jpg","matched_text_index":1},{"image_name":"k.jpg","matched_text_index":0}]}`, "a/3.0.png", string(red), "a/3.1.png", string(green),
		"a/4.json", `{"parts":[{"image":"../../r.png"},{"text":"leads out"}]}`,
		"a/5.json", `{"parts":[{"image":{"path":"`+"/etc/passwd"+`"}},{"text":"leads out"}]}`,
		"a/6.png", string(red),
		"a/7.json", `{`,
		"../8.json", `{}`,
	))})
	d := mustOpenPages(t, filepath.Join(dir, "s.tar"), PageOptions{})
	check(t, "pages", allSaid(t, d), []string{"(green)|names|(red)|(green)", "a|(red)|(green)", "(green)|one|(red)|two"})
	p, err := d.Page(0)
	if err != nil || p.ID != "a/1" || !strings.HasSuffix(p.Where, "s.tar:a/1") {
		t.Errorf("page %+v: %v", p, err)
	}
	check(t, "skipped", d.Report().Skipped, Counts{NotFound: 2, Unreadable: 3})
}

// TestPagePictures leaves out pictures that are too small or too narrow, and counts them; a page of parts is then skipped.
func TestPagePictures(t *testing.T) {
	sized := func(w, h int) string {
		m := picture.New(w, h)
		var b strings.Builder
		if err := m.WritePNG(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	dir := tree(t, map[string]string{
		"good.png": sized(64, 192), "small.png": sized(63, 64), "long.png": sized(64, 193), "bad.png": "no picture", "bad.svg": "<svg/>", "cut.png": string(red[:30]),
		"docs.jsonl": `{"texts":["a",null,null,null,null,null,null],"images":[null,"good.png","small.png","long.png","bad.png","bad.svg","cut.png"]}` + "\n" +
			`{"parts":[{"text":"a"},{"image":"small.png"}]}`,
	})
	d := mustOpenPages(t, filepath.Join(dir, "docs.jsonl"), PageOptions{MinSide: 64, MaxAspect: 3})
	r := d.Report()
	check(t, "left out", r.LeftOut, Counts{TooSmall: 1, TooNarrow: 1, NotRead: 1, Broken: 2})
	check(t, "skipped", r.Skipped, Counts{TooSmall: 1})
	if r.Pictures != 1 {
		t.Errorf("%d pictures", r.Pictures)
	}
}

// TestMediaErrors names the page.
func TestMediaErrors(t *testing.T) {
	dir := tree(t, map[string]string{"r.png": string(dot(color.RGBA{})[:40]), "p.json": `{"parts":[{"image":"r.png"},{"text":"a"}]}`})
	d := mustOpenPages(t, filepath.Join(dir, "p.json"), PageOptions{})
	p, err := d.Page(0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parts[0].Media.Decode()
	if re := (*RowError)(nil); !errors.As(err, &re) || re.Where != p.Where || !errors.Is(err, picture.ErrBroken) {
		t.Error(err)
	}
	if p.Parts[0].Media.Name() != filepath.Join(dir, "r.png") {
		t.Error(p.Parts[0].Media.Name())
	}
}

// TestCheckPages decodes every picture once, and takes away the pages that have a broken one.
func TestCheckPages(t *testing.T) {
	files := map[string]string{"r.png": string(red), "cut.png": string(red[:len(red)-20])}
	var lines strings.Builder
	for i := range 100 {
		lines.WriteString(`{"parts":[{"image":"r.png"},{"text":"a"}` + map[bool]string{true: `,{"image":"cut.png"}`}[i%10 == 3] + "]}\n")
	}
	files["p.jsonl"] = lines.String()
	d := mustOpenPages(t, filepath.Join(tree(t, files), "p.jsonl"), PageOptions{})
	each := func(n int, f func(i int)) {
		var wait sync.WaitGroup
		for i := range n {
			wait.Go(func() { f(i) })
		}
		wait.Wait()
	}
	done := 0
	good, r, err := CheckPages(t.Context(), d, each, func(i int, p Page, err error) {
		if (err != nil) != (i%10 == 3) || !strings.HasSuffix(p.Where, fmt.Sprintf("p.jsonl:%d", i+1)) || i != done {
			t.Errorf("%d: %s: %v", i, p.Where, err)
		}
		done++
	})
	if err != nil || len(good) != 90 || good[3] != 4 || done != 100 {
		t.Errorf("%d good: %v: %v", len(good), good, err)
	}
	if r.Rows != 90 || r.Broken != 10 || r.Pictures != 90 || r.Skipped[Broken] != 10 || !strings.Contains(r.String(), "p.jsonl:4: PNG picture is broken") {
		t.Errorf("report %v", r)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := CheckPages(ctx, d, each, func(int, Page, error) {}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestAssign compares with trying every assignment.
func TestAssign(t *testing.T) {
	draw := newDrawing(1)
	for range 300 {
		rows, columns := 1+draw.below(5), 1+draw.below(5)
		gain := make([][]float64, rows)
		for i := range gain {
			for range columns {
				gain[i] = append(gain[i], float64(draw.below(20))-5)
			}
		}
		got, sum, taken := assign(gain), 0.0, map[int]bool{}
		for i, j := range got {
			if j >= 0 {
				if taken[j] {
					t.Fatalf("%v: %v", gain, got)
				}
				taken[j] = true
				sum += gain[i][j]
			}
		}
		if len(got) != rows || len(taken) != min(rows, columns) || sum != most(gain, 0, 0, min(rows, columns)) {
			t.Fatalf("%v: %v, sum %v", gain, got, sum)
		}
	}
}

// most is the greatest sum from row on, with need more to be chosen of the columns that are not taken.
func most(gain [][]float64, row int, taken uint, need int) float64 {
	if need == 0 {
		return 0
	}
	best := -1e9
	if len(gain)-row > need {
		best = most(gain, row+1, taken, need)
	}
	if row < len(gain) {
		for j, g := range gain[row] {
			if taken>>j&1 == 0 {
				best = max(best, g+most(gain, row+1, taken|1<<j, need-1))
			}
		}
	}
	return best
}
