package data

import (
	"archive/tar"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"image/color"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"dragoman/picture"
)

// dot is a PNG of one pixel.
func dot(c color.RGBA) []byte {
	m := picture.New(1, 1)
	copy(m.Pix, []uint8{c.R, c.G, c.B})
	var b bytes.Buffer
	if err := m.WritePNG(&b); err != nil {
		panic(err)
	}
	return b.Bytes()
}

var (
	red   = dot(color.RGBA{R: 255})
	green = dot(color.RGBA{G: 255})
)

// tree writes files below a new folder.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// flat is a row as tests compare it.
type flat struct {
	ID    string
	Texts []string
	Tags  []string
	Extra map[string]any
	Red   uint8 // of the first pixel
}

func rows(t testing.TB, d Dataset) []flat {
	t.Helper()
	var out []flat
	for i := range d.Len() {
		r, err := d.Row(i)
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.Decode()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, flat{r.ID, r.Texts, r.Tags, r.Extra, m.Pix[0]})
	}
	return out
}

func mustOpen(t testing.TB, spec string, o Options) Dataset {
	t.Helper()
	d, err := Open(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// examples is the report's broken rows, with the folder's name taken out.
func examples(d Dataset, dir string) []string {
	var out []string
	for _, e := range d.Report().Examples {
		out = append(out, strings.ReplaceAll(e.Error(), dir+string(filepath.Separator), ""))
	}
	return out
}

func check(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestJSONL(t *testing.T) {
	inline := "data:image/png;base64," + base64.StdEncoding.EncodeToString(green)
	dir := tree(t, map[string]string{
		"pics/r.png": string(red),
		"up.png":     string(green),
		"sub/pairs.jsonl": "\ufeff" + `{"image":"../pics/r.png","text":" a red dot ","tags":"dot, red","id":"one","n":12345678901234567}` + "\n" +
			"\n" +
			`{"image":"../up.png","caption":["green",""," a dot"],"f":1.5,"deep":{"a":[1]}}` + "\r\n" +
			`{"image":"` + inline + `","text":"inline"}` + "\n" +
			`{"image":{"bytes":"` + base64.StdEncoding.EncodeToString(red) + `"},"text":"in an object"}` + "\n" +
			`{"image":"../pics/none.png","text":"x"}` + "\n" +
			`{"image":"../pics/r.png"}` + "\n" +
			`{"text":"no picture"}` + "\n" +
			`{"image":"../pics/r.png","text":""}` + "\n" +
			`{"image":"../pics/r.png","text":3}` + "\n" +
			`not json` + "\n" +
			`[1,2]` + "\n" +
			`{"image":"../pics/r.png","text":"cut` + "\n" +
			`{"image":"http://example.org/x.png","text":"x"}` + "\n" +
			`{"image":"../pics","text":"a folder"}` + "\n" +
			`null` + "\n" +
			`{"image":"../pics/r.png","text":"last, without a line break"}`,
	})
	path := filepath.Join(dir, "sub/pairs.jsonl")
	d := mustOpen(t, path, Options{})
	check(t, "rows", rows(t, d), []flat{
		{"one", []string{"a red dot"}, []string{"dot", "red"}, map[string]any{"n": int64(12345678901234567)}, 255},
		{path + ":3", []string{"green", "a dot"}, nil, map[string]any{"f": 1.5, "deep": map[string]any{"a": []any{int64(1)}}}, 0},
		{path + ":4", []string{"inline"}, nil, map[string]any{}, 0},
		{path + ":5", []string{"in an object"}, nil, map[string]any{}, 255},
		{path + ":17", []string{"last, without a line break"}, nil, map[string]any{}, 255},
	})
	r := d.Report()
	if r.Rows != 5 || r.Broken != 11 || len(r.Examples) != maxExamples {
		t.Errorf("report %+v", r)
	}
	for i, want := range []string{
		"pairs.jsonl:6: image: ", "pairs.jsonl:7: no text: ", "pairs.jsonl:8: no picture: ", "pairs.jsonl:9: text: the text is empty",
		"pairs.jsonl:10: text: is a number, not a text", "pairs.jsonl:11: not a JSON object: ", "pairs.jsonl:12: not a JSON object: ",
		"pairs.jsonl:13: not a JSON object: the object does not end", "pairs.jsonl:14: image: addresses on the network", "pairs.jsonl:15: image: ",
	} {
		if got := examples(d, dir)[i]; !strings.Contains(got, want) {
			t.Errorf("example %d is %q, want %q in it", i, got, want)
		}
	}
	if !errors.Is(r.Examples[0], fs.ErrNotExist) {
		t.Errorf("a missing picture is %v", r.Examples[0])
	}
}

func TestJSONArray(t *testing.T) {
	dir := tree(t, map[string]string{
		"r.png":    string(red),
		"ann.json": "[\n {\"image\":\"r.png\",\"caption\":\"one\",\"image_id\":5},\n {\"image\":\"r.png\"},\n\n {\"image\":\"r.png\",\"caption\":\n\"two\"} ]",
		"cut.json": "[{\"image\":\"r.png\",\"caption\":\"one\"},\n{\"image\":",
		"obj.json": `{"image":"r.png","caption":"one"}`,
	})
	d := mustOpen(t, filepath.Join(dir, "ann.json"), Options{})
	check(t, "rows", rows(t, d), []flat{
		{"5", []string{"one"}, nil, map[string]any{}, 255},
		{filepath.Join(dir, "ann.json:5"), []string{"two"}, nil, map[string]any{}, 255},
	})
	if e := examples(d, dir); len(e) != 1 || !strings.HasPrefix(e[0], "ann.json:3: no text") {
		t.Errorf("examples %v", e)
	}
	d = mustOpen(t, filepath.Join(dir, "cut.json"), Options{})
	if e := examples(d, dir); d.Len() != 1 || len(e) != 1 || !strings.Contains(e[0], "nothing is read from here on") {
		t.Errorf("cut array: %d rows, %v", d.Len(), e)
	}
	if _, err := Open(filepath.Join(dir, "obj.json"), Options{}); err == nil || !strings.Contains(err.Error(), ".jsonl") {
		t.Errorf("an object: %v", err)
	}
}

func TestCSV(t *testing.T) {
	dir := tree(t, map[string]string{
		"r.png": string(red),
		"p.csv": "\ufeffImage,Caption,Score\r\n" +
			"r.png,\"a dot, \"\"red\"\"\nover two lines\",1\r\n" +
			"r.png,5\" nail,2\n" + // a quote that nothing closes
			"r.png,after it,3\n" +
			"\n" +
			"r.png,too,many,cells\n" +
			"r.png,6\" nail,4\n" + // with the quote above the count is even again
			"none.png,x,5\n" +
			"r.png,\"open to the end,6\n" +
			"r.png,last,7",
		"p.tsv": "caption\timage\n5\" nail\tr.png\nx\n",
	})
	d := mustOpen(t, filepath.Join(dir, "p.csv"), Options{TextKey: "Caption"})
	at := func(line int) string { return fmt.Sprintf("%s:%d", filepath.Join(dir, "p.csv"), line) }
	score := func(s string) map[string]any { return map[string]any{"score": s} }
	check(t, "rows", rows(t, d), []flat{
		{at(2), []string{"a dot, \"red\"\nover two lines"}, nil, score("1"), 255},
		{at(5), []string{"after it"}, nil, score("3"), 255},
		{at(11), []string{"last"}, nil, score("7"), 255},
	})
	for i, want := range []string{"p.csv:4: a quote", "p.csv:7: has 4 cells", "p.csv:8: a quote", "p.csv:9: image: ", "p.csv:10: a quote"} {
		if got := examples(d, dir); i >= len(got) || !strings.Contains(got[i], want) {
			t.Errorf("examples %q, want %q at %d", got, want, i)
		}
	}
	d = mustOpen(t, filepath.Join(dir, "p.tsv"), Options{})
	if got := rows(t, d); len(got) != 1 || got[0].Texts[0] != `5" nail` || d.Report().Broken != 1 {
		t.Errorf("tsv: %v %v", got, d.Report())
	}
	if _, err := Open(filepath.Join(dir, "p.csv"), Options{TextKey: "words"}); !errors.Is(err, ErrNoRows) || !strings.Contains(err.Error(), `"words"`) {
		t.Errorf("missing column: %v", err)
	}
}

func TestFolder(t *testing.T) {
	dir := tree(t, map[string]string{
		"a.png": string(red), "a.txt": "first\n\nsecond\n",
		"sub/b.png": string(green), "sub/b.caption": "below",
		"c.png": string(red), "d.png": string(red), "d.txt": " \n",
		".hidden.png": string(red), ".git/e.png": string(red), "notes.txt": "x",
	})
	d := mustOpen(t, dir, Options{})
	check(t, "rows", rows(t, d), []flat{
		{filepath.Join(dir, "a.png"), []string{"first", "second"}, nil, map[string]any{}, 255},
		{filepath.Join(dir, "sub/b.png"), []string{"below"}, nil, map[string]any{}, 0},
	})
	if e := examples(d, dir); len(e) != 2 || !strings.HasPrefix(e[0], "c.png: no .txt") || !strings.HasPrefix(e[1], "d.png: ") {
		t.Errorf("examples %q", e)
	}
	if d := mustOpen(t, dir, Options{NoText: true}); d.Len() != 4 {
		t.Errorf("without texts %d rows", d.Len())
	}
	if err := os.WriteFile(filepath.Join(dir, "metadata.jsonl"), []byte(`{"file_name":"c.png","text":"from the table"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := rows(t, mustOpen(t, dir, Options{})); len(got) != 1 || got[0].Texts[0] != "from the table" {
		t.Errorf("with a table: %v", got)
	}
}

// shardOf writes a tar file out of name, content, name, content …
func shardOf(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(parts); i += 2 {
		h := &tar.Header{Name: parts[i], Mode: 0o600, Size: int64(len(parts[i+1]))}
		if strings.HasSuffix(parts[i], "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(parts[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTarShards(t *testing.T) {
	first := shardOf(t,
		"d/", "",
		"d/000.png", string(red), "d/000.txt", "zero", "d/000.json", `{"text":"hidden by the txt","w":1}`, "d/000.cls", "3\n",
		"d/001.v2.jpg.png", string(green), "d/001.json", `{"caption":"one","key":"k1"}`,
		"002.txt", "no picture",
		"003.png", string(red),
		"../004.png", string(red), "../004.txt", "out of the shard",
		"/005.png", string(red),
		"006.png", string(red), "006.json", `{"text":`,
		"007.png", string(red), "007.txt", "seven", "007.cls", "x",
		"._008.png", "resource fork",
		"009.png", string(red), "009.txt", "nine",
	)
	long := strings.Repeat("010/", 60) + "010"
	second := shardOf(t, long+".png", string(green), long+".txt", "a long name")
	dir := tree(t, map[string]string{"s-00.tar": string(first), "s-01.tar": string(second), "cut.tar": string(first[:len(first)-1024-512]), "bad.tar": "not a tar"})
	d := mustOpen(t, filepath.Join(dir, "s-{00..01}.tar"), Options{})
	check(t, "rows", rows(t, d), []flat{
		{"d/000", []string{"zero"}, nil, map[string]any{"w": int64(1), "cls": int64(3)}, 255},
		{"k1", []string{"one"}, nil, map[string]any{}, 0},
		{"009", []string{"nine"}, nil, map[string]any{}, 255},
		{long, []string{"a long name"}, nil, map[string]any{}, 0},
	})
	for i, want := range []string{"s-00.tar:002: there is no picture", "s-00.tar:003: no text", "s-00.tar:../004.png: the name leads", "s-00.tar:../004.txt: the name leads", "s-00.tar:/005.png: the name", "s-00.tar:006: json", "s-00.tar:007: cls"} {
		if got := examples(d, dir); i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("examples %q, want %q at %d", got, want, i)
		}
	}
	d = mustOpen(t, filepath.Join(dir, "cut.tar"), Options{})
	if d.Len() != 2 || !strings.Contains(fmt.Sprint(examples(d, dir)), "cut short") {
		t.Errorf("cut shard: %d rows, %v", d.Len(), examples(d, dir))
	}
	if _, err := Open(filepath.Join(dir, "bad.tar"), Options{}); err == nil || !strings.Contains(err.Error(), "not a tar file") {
		t.Errorf("bad tar: %v", err)
	}
}

// TestParquetOfPython reads what pyarrow wrote in the layout of Hugging Face datasets (tools/oracle/data.py).
func TestParquetOfPython(t *testing.T) {
	d := mustOpen(t, "testdata/hf.parquet", Options{})
	if d.Len() != 4 {
		t.Fatalf("%d rows", d.Len())
	}
	want := map[int]flat{
		0: {"7", []string{"a red field", "red"}, nil, map[string]any{"score": 0.5}, 255},
		1: {"8", []string{"a green field"}, nil, map[string]any{}, 0},
		3: {"10", []string{"a blue field"}, nil, map[string]any{"score": 2.5}, 0},
	}
	for _, i := range []int{3, 0, 1, 0, 3, 1} {
		row, err := d.Row(i)
		if err != nil {
			t.Fatal(err)
		}
		m, err := row.Decode()
		if err != nil {
			t.Fatal(err)
		}
		check(t, fmt.Sprint("row ", i), flat{row.ID, row.Texts, row.Tags, row.Extra, m.Pix[0]}, want[i])
	}
	var read []int
	if r := Each(d, func(i int, _ Row) { read = append(read, i) }); len(read) != 3 || r.Rows != 3 || r.Broken != 1 || !strings.HasPrefix(r.Examples[0].Error(), "testdata/hf.parquet:3: ") {
		t.Errorf("%v: %v", read, r)
	}
	if _, err := d.Row(2); err == nil || !strings.HasPrefix(err.Error(), "testdata/hf.parquet:3: ") {
		t.Errorf("a row without a picture: %v", err)
	}
}

func TestParquetOfGo(t *testing.T) {
	type record struct {
		Image   []byte `parquet:"image"`
		Caption string `parquet:"caption,optional"`
		Flag    bool   `parquet:"flag"`
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "x.parquet")
	var recs []record
	for i := range 500 {
		recs = append(recs, record{red, fmt.Sprint("caption ", i), i%2 == 0})
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[record](f, parquet.MaxRowsPerRowGroup(123), parquet.PageBufferSize(1000))
	if _, err := w.Write(recs); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	d := mustOpen(t, filepath.Join(dir, "*.parquet"), Options{})
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			for _, i := range Order(d.Len(), 1, uint64(g)) {
				row, err := d.Row(i)
				if err != nil || row.Texts[0] != fmt.Sprint("caption ", i) || row.Extra["flag"] != (i%2 == 0) {
					t.Errorf("row %d: %+v %v", i, row, err)
					return
				}
			}
		})
	}
	wg.Wait()
	if _, err := Open(path, Options{ImageKey: "photo"}); err == nil || !strings.Contains(err.Error(), "no column holds pictures") {
		t.Errorf("missing column: %v", err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; n < len(whole); n += 997 {
		cut := filepath.Join(dir, "cut.parquet")
		if err := os.WriteFile(cut, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err := Open(cut, Options{}); err == nil {
			d.Close()
			t.Fatalf("a file cut at %d opens", n)
		}
	}
}

// TestUnknownFormat: a format that is asked for and that there is not is named, and not the file's name blamed.
func TestUnknownFormat(t *testing.T) {
	if _, err := OpenPages("testdata", PageOptions{Format: "pdf"}); err == nil || !strings.Contains(err.Error(), `testdata: the format "pdf" is none of jsonl, `) {
		t.Errorf("%v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := tree(t, map[string]string{"empty.jsonl": "\n\n", "x.bin": "x", "s.tar.gz": "x", "all.jsonl": "{}\n{}\n"})
	for spec, want := range map[string]string{
		"none.jsonl": "no such file", "empty.jsonl": "no usable row", "x.bin": "does not say which format", "s.tar.gz": "compressed files", "all.jsonl": "2 left out, the first: ",
		"none-{0..2}.tar": "no such file", "{0..999999999}.tar": "more than", "{b..a}.tar": "not a range", "*.none": "no file matches", ".": "no usable row",
	} {
		if _, err := Open(filepath.Join(dir, spec), Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", spec, err, want)
		}
	}
}

func TestBraces(t *testing.T) {
	got, err := braces("a{08..10}/{x,y}{z}")
	check(t, "braces", got, []string{"a08/x{z}", "a08/y{z}", "a09/x{z}", "a09/y{z}", "a10/x{z}", "a10/y{z}"})
	if err != nil {
		t.Error(err)
	}
}

func TestOrderAndSplit(t *testing.T) {
	a, b := Order(1000, 1, 2), Order(1000, 1, 2)
	check(t, "same seed and epoch", a, b)
	if cmp.Equal(a, Order(1000, 1, 3)) || cmp.Equal(a, Order(1000, 2, 2)) {
		t.Error("another epoch or seed gives the same order")
	}
	check(t, "the order that recorded runs hang on", Order(8, 42, 0), []int{5, 4, 2, 1, 0, 3, 6, 7})
	seen := make([]bool, 1000)
	for _, i := range a {
		if seen[i] {
			t.Fatal("a row comes twice")
		}
		seen[i] = true
	}
	train, held := Split(1000, 0.1, 7)
	if len(train) != 900 || len(held) != 100 {
		t.Errorf("split into %d and %d", len(train), len(held))
	}
	if train, held := Split(1, 0.5, 7); len(train) != 1 || held != nil {
		t.Errorf("one row splits into %v and %v", train, held)
	}
}

func TestConcat(t *testing.T) {
	dir := tree(t, map[string]string{"r.png": string(red), "a.jsonl": "", "b.jsonl": ""})
	for name, n := range map[string]int{"a": 3, "b": 2} {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"image":"r.png","text":"%s%d"}`+"\n", name, i)
		}
		if err := os.WriteFile(filepath.Join(dir, name+".jsonl"), []byte(b.String()+"{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := mustOpen(t, filepath.Join(dir, "{a,b}.jsonl"), Options{})
	var got []string
	for _, i := range []int{4, 0, 3} {
		row, err := d.Row(i)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, row.Texts...)
	}
	check(t, "rows", got, []string{"b1", "a0", "b0"})
	if r := d.Report(); r.Rows != 5 || r.Broken != 2 {
		t.Errorf("report %v", r)
	}
}

// TestTwoColumns refuses a table of which it is not clear which column is meant.
func TestTwoColumns(t *testing.T) {
	dir := tree(t, map[string]string{"a.csv": "image,Image ,text\nr.png,x,a\n", "r.png": string(red), "b.csv": "image,,,text\nr.png,,,a\n"})
	if _, err := Open(filepath.Join(dir, "a.csv"), Options{}); err == nil || !strings.Contains(err.Error(), `a.csv: header: there are two columns "image"`) {
		t.Error(err)
	}
	d, err := Open(filepath.Join(dir, "b.csv"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}
