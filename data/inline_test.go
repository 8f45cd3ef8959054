package data

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPicturesStayInDocuments reads pictures that are inside of documents, however they are written there, and holds none of them.
func TestPicturesStayInDocuments(t *testing.T) {
	want := []byte(png(t, "r", 300, 200) + strings.Repeat("behind the picture ", 100)) // which decoders do not mind
	code := base64.StdEncoding.EncodeToString(want)
	lines := strings.Join([]string{code[:76], code[76:152], code[152:]}, "\n")
	json := strings.NewReplacer("\n", `\n`).Replace
	parts := func(image string) string {
		return fmt.Sprintf(`{"parts":[{"image":%s},{"text":"é"},{"image":%[1]s}]}`, image)
	}
	documents := []string{
		parts(`"data:image/png;base64,` + code + `"`),
		parts(`{"bytes":"` + code + `"}`),
		parts(`{"bytes":"` + json(lines) + `"}`),
		parts(`"data:image\/png;base64,` + strings.ReplaceAll(json(lines), "/", `\/`) + `"`),
		`{"text_list":["a","b"],"image_info":[{"matched_text_index":1,"image_base64":"` + code + `"},{"matched_text_index":0,"image_base64":"` + code + `"}]}`,
		`{"texts":["a",null],"images":[null,{"bytes":"` + code + `"}]}`,
	}
	dir := tree(t, map[string]string{
		"p.jsonl": strings.Join(documents, "\n"), "p.json": "[" + strings.Join(documents, " ,\n ") + "]",
		"p.tar":  string(shardOf(t, "k.json", documents[0], "l.json", documents[4])),
		"p.html": `<p>a<img src="data:image/png;base64,` + code + `">`,
	})
	for name, n := range map[string]int{"p.jsonl": len(documents), "p.json": len(documents), "p.tar": 2, "p.html": 1} {
		d := mustOpenPages(t, filepath.Join(dir, name), PageOptions{})
		if d.Len() != n {
			t.Fatalf("%s: %v", name, d.Report())
		}
		for i := range n {
			p := must(d.Page(i))
			for _, part := range p.Parts {
				if part.Media == nil {
					continue
				}
				if _, ok := part.Media.image.(inRecord); !ok {
					t.Errorf("%s: page %d: a picture is held", name, i)
				}
				if got, err := part.Media.Bytes(); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: page %d: %d bytes, %v", name, i, len(got), err)
				}
			}
		}
		m := must(d.Page(0)).Parts[0].Media
		if m == nil {
			m = must(d.Page(0)).Parts[1].Media
		}
		raw := must(os.ReadFile(filepath.Join(dir, name)))
		changed := bytes.Replace(raw, []byte(code[100:140]), []byte(code[101:141]), 2)
		if err := os.WriteFile(filepath.Join(dir, name), changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Bytes(); err == nil || !strings.Contains(err.Error(), "changed") {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
}

// TestManyPicturesInside looks for pictures in a document against their order, which takes no time that grows with its square.
func TestManyPicturesInside(t *testing.T) {
	r := &record{json: true}
	var texts []string
	for i := range 3000 {
		texts = append(texts, strings.Repeat(fmt.Sprintf("%04d", i), smallInside/4))
		r.text = append(r.text, texts[i]...)
	}
	found := 0
	for i := range texts {
		if _, ok := r.find(texts[len(texts)-1-i]); ok {
			found++
		}
	}
	if found < 10 || r.searched > (maxSearches+2)*len(r.text) {
		t.Errorf("found %d, after %d bytes of %d", found, r.searched, len(r.text))
	}
}

// TestFetchedOnce counts how often an address is read that two pages have, and that is looked at, decoded and written.
func TestFetchedOnce(t *testing.T) {
	line := `{"parts":[{"image":{"path":"https://x/r.png"}},{"text":"a"},{"image":"http://x/none.png"}]}` + "\n"
	dir := tree(t, map[string]string{"p.jsonl": line + line, "p.tar": string(shardOf(t, "k.json", line, "l.json", line))})
	for _, name := range []string{"p.jsonl", "p.tar"} {
		asked := map[string]int{}
		d := mustOpenPages(t, filepath.Join(dir, name), PageOptions{MinSide: 2, Lenient: true, Fetch: func(url string) ([]byte, error) {
			asked[url]++
			if strings.Contains(url, "none") {
				return nil, errors.New("gone")
			}
			return []byte(png(t, "r", 4, 4)), nil
		}})
		good, _, err := CheckPages(t.Context(), d, inTurn, func(_ int, p Page, err error) {
			if err != nil || len(p.LeftOut) != 1 || p.LeftOut[0].Why != NotFound {
				t.Errorf("%s: %+v, %v", name, p, err)
				return
			}
			_, err = p.Parts[0].Media.Bytes()
			if err != nil {
				t.Error(err)
			}
		})
		check(t, name+": pages", good, []int{0, 1})
		if err != nil {
			t.Error(err)
		}
		check(t, name+": asked", asked, map[string]int{"https://x/r.png": 1, "http://x/none.png": 1})
	}
}

// TestFetchedIsBounded fetches more than is kept.
func TestFetchedIsBounded(t *testing.T) {
	asked := 0
	f := &fetched{fetch: func(string) ([]byte, error) { asked++; return make([]byte, maxFetched/4), nil }}
	for range 2 {
		for i := range 6 {
			if b, err := f.get(fmt.Sprint(i)); err != nil || len(b) != maxFetched/4 {
				t.Fatal(err)
			}
		}
	}
	if asked != 12 || f.bytes > maxFetched || len(f.known) != f.order.Len() || f.order.Len() != 3 {
		t.Errorf("asked %d times, %d bytes of %d are kept", asked, f.bytes, f.order.Len())
	}
	if _, err := f.get("5"); err != nil || asked != 12 {
		t.Error("the last was not kept")
	}
}

// TestVerdictsAreBounded asks about more pictures than are remembered.
func TestVerdictsAreBounded(t *testing.T) {
	var v verdicts
	for i := range maxVerdicts + 10 {
		if err := v.of(onDisk(fmt.Sprint(i)), func(image) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if len(v.seen) != 10 {
		t.Errorf("%d are remembered", len(v.seen))
	}
}

// inTurn calls f for each, one after the other.
func inTurn(n int, f func(i int)) {
	for i := range n {
		f(i)
	}
}

// TestLongValue steps over a value that is longer than any record may be, without holding it.
func TestLongValue(t *testing.T) {
	long := func() io.Reader { return io.LimitReader(endless{}, maxRecord+100) }
	for name, split := range map[string]splitter{"[": splitArray, "": splitValues} {
		comma, end := "", ""
		if name == "[" {
			comma, end = ",", "]"
		}
		file := io.MultiReader(strings.NewReader(name+`{"a":"`), long(), strings.NewReader("\"}"+comma+"\n"+`{"b":1}`+end))
		var got []string
		err := split(file, func(at recordAt, text []byte, err error) {
			got = append(got, fmt.Sprint(at.line, " ", string(text[:min(len(text), 8)]), " ", err))
			if cap(text) > 2*maxRecord {
				t.Errorf("%d bytes are held", cap(text))
			}
		})
		check(t, "values", got, []string{`1 {"a":"xx ` + errLongRecord.Error(), `2 {"b":1} <nil>`})
		if err != nil {
			t.Error(err)
		}
	}
}

// endless is a text without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestValues finds where each value begins and ends, in what is sound and in what is not.
func TestValues(t *testing.T) {
	const sound = "\ufeff [ {\"a\":[1,{}]} ,\n\"x\\\"]\" ,3,\n\nnull,[] , ]"
	for _, c := range []struct {
		file string
		want []string
	}{
		{sound, []string{`1:6 {"a":[1,{}]}`, `2:21 "x\"]"`, "2:29 3", "4:33 null", "4:38 []"}},
		{"[]", nil},
		{"[1 2]", []string{"1:1 1", `1:3  nothing is read from here on: '2' where a comma should be`}},
		{"[{]}", []string{"1:1 {]", `1:3  nothing is read from here on: '}' where a comma should be`}},
		{"[{", []string{"1:1 { " + errCut.Error()}},
		{"[1,", []string{"1:1 1", "1:3  nothing is read from here on: the array does not end"}},
		{"{}\n{}x", []string{"1:0 {}", "2:3 {}", "2:5 x"}},
		{"}\"a\\", []string{"1:0 }", `1:1 "a\ ` + errCut.Error()}},
		{"", nil},
	} {
		var got []string
		if err := splitValues(strings.NewReader(c.file), func(at recordAt, text []byte, err error) {
			s := fmt.Sprintf("%d:%d %s", at.line, at.offset, text)
			if err != nil {
				s += " " + err.Error()
			} else if string(text) != c.file[at.offset:][:at.length] {
				t.Errorf("%q: record %q is not where it says", c.file, text)
			}
			got = append(got, s)
		}); err != nil {
			t.Error(err)
		}
		check(t, c.file, got, c.want)
	}
	broken := errors.New("the disk is gone")
	for _, s := range []string{"", "[", "[1", "[1,", "{", "[{}"} {
		for _, split := range []splitter{splitArray, splitValues} {
			err := split(io.MultiReader(strings.NewReader(s), failing{broken}), func(recordAt, []byte, error) {})
			if err != broken && !(s == "{" && err != nil) {
				t.Errorf("%q: %v", s, err)
			}
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestNames leaves out what names a picture in a way that is not read, and says so.
func TestNames(t *testing.T) {
	line := func(image string) string { return `{"text":"a","image":` + image + "}\n" }
	dir := tree(t, map[string]string{"r.png": string(red), "p.jsonl": line(`{"path":"r.png","bytes":null}`) + line(`{"path":"HTTPS://x/r.png"}`) + line(`{}`) + line(`{"bytes":3}`)})
	d := mustOpen(t, filepath.Join(dir, "p.jsonl"), Options{})
	e := examples(d, dir)
	if d.Len() != 1 || len(e) != 3 {
		t.Fatal(d.Report())
	}
	for i, want := range []string{"addresses on the network are not read: \"HTTPS://x/r.png\"", "neither bytes nor path", "bytes is a number, not base64"} {
		if !strings.Contains(e[i], want) {
			t.Error(e[i])
		}
	}
}

// TestStills leaves out pages with videos where none are wanted.
func TestStills(t *testing.T) {
	line := `{"parts":[{"text":"a"},{"video":"r.png"},{"image":"r.png"}]}` + "\n"
	dir := tree(t, map[string]string{"r.png": string(red), "p.jsonl": line + strings.ReplaceAll(line, "video", "image")})
	d := mustOpenPages(t, filepath.Join(dir, "p.jsonl"), PageOptions{Stills: true})
	if r := d.Report(); r.Rows != 1 || r.Skipped[Moving] != 1 || !strings.Contains(r.String(), "1 a video") {
		t.Error(r)
	}
}

// TestMatchedNeedsNoMatrix reads a document of many pictures that says to which sentences they belong.
func TestMatchedNeedsNoMatrix(t *testing.T) {
	const n = 700
	var list, matrix []any
	for i := range n {
		list = append(list, map[string]any{"matched_text_index": int64(n - 1 - i)})
		row := make([]any, n)
		for j := range row {
			row[j] = int64(j)
		}
		matrix = append(matrix, row)
	}
	fields := map[string]any{"image_info": list, "similarity_matrix": matrix}
	out, err := mmc4Pictures(fields, n)
	if err != nil || len(out) != n || out[0].number != n-1 || out[n-1].similarity != n-1 {
		t.Errorf("%d pictures, %v", len(out), err)
	}
	delete(list[3].(map[string]any), "matched_text_index")
	if _, err := mmc4Pictures(fields, n); err == nil || !strings.Contains(err.Error(), "too many to match") {
		t.Error(err)
	}
}
