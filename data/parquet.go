package data

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go"
)

// parquetFile is a file of columns, as the Hugging Face datasets library writes it: the picture is a group of bytes and path, the
// text a column or a list. Row groups are read as rows are asked for; reading in order is quickest, and any order is quick
// where the file has a page index. Broken rows show only when they are read.
type parquetFile struct {
	path    string
	options Options
	file    *os.File
	columns []column
	groups  []parquet.RowGroup
	ends    []int // of each group, in rows of the file

	mu    sync.Mutex
	rows  parquet.Rows // of the group that was read last
	group int
	next  int64 // the group's row that rows gives next
}

// column is where the values of a leaf go: into a field, or into one key of it.
type column struct {
	field, key string
	list       bool
	text       bool
}

func openParquet(path string, o Options) (d Dataset, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, fmt.Errorf("%s: not a sound parquet file: %v", path, r)
		}
		if err != nil {
			f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := &parquetFile{path: path, options: o, file: f, groups: file.RowGroups(), group: -1}
	p.columns = columnsOf(file.Schema())
	n := 0
	for _, g := range p.groups {
		rows := g.NumRows()
		if rows < 0 || rows > int64(info.Size()) {
			// A row takes a byte at the very least, apart from tables that hold one value over and over.
			return nil, fmt.Errorf("%s: a row group says that it has %d rows", path, rows)
		}
		n += int(rows)
		p.ends = append(p.ends, n)
	}
	return p, p.check()
}

// check says early what would be wrong with every row.
func (p *parquetFile) check() error {
	has := func(asked string, usual []string) bool {
		return slices.ContainsFunc(p.columns, func(c column) bool {
			return c.field != "" && (asked == c.field || asked == "" && slices.Contains(usual, c.field))
		})
	}
	if !has(p.options.ImageKey, imageKeys) {
		return fmt.Errorf("%s: no column holds pictures; name it if it has an unusual name", p.path)
	}
	if !p.options.NoText && !has(p.options.TextKey, textKeys) {
		return fmt.Errorf("%s: no column holds texts; name it if it has an unusual name", p.path)
	}
	return nil
}

// columnsOf maps leaves to fields; leaves of deeper structures are passed over.
func columnsOf(schema *parquet.Schema) []column {
	var out []column
	for _, path := range schema.Columns() {
		leaf, ok := schema.Lookup(path...)
		c := column{}
		if ok {
			if t := leaf.Node.Type().LogicalType(); t != nil {
				c.text = slices.Contains([]string{"STRING", "ENUM", "JSON"}, t.String())
			}
			c.list = leaf.MaxRepetitionLevel == 1
			switch {
			case leaf.MaxRepetitionLevel > 1:
			case len(path) == 1, len(path) <= 3 && c.list && (path[1] == "list" || path[1] == "array" || path[1] == "bag"):
				c.field = path[0]
			case len(path) == 2 && !c.list:
				c.field, c.key = path[0], path[1]
			}
		}
		out = append(out, c)
	}
	return out
}

func (p *parquetFile) Len() int {
	if len(p.ends) == 0 {
		return 0
	}
	return p.ends[len(p.ends)-1]
}

func (p *parquetFile) Row(i int) (row Row, err error) {
	where := fmt.Sprintf("%s:%d", p.path, i+1)
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the reader failed: %v", r)
		}
		if err != nil {
			row, err = Row{}, &RowError{where, err}
		}
	}()
	fields, err := p.read(i)
	if err != nil {
		return Row{}, err
	}
	return rowFrom(fields, where, filepath.Dir(p.path), p.options)
}

func (p *parquetFile) read(i int) (map[string]any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	group, _ := slices.BinarySearch(p.ends, i+1)
	at := int64(i)
	if group > 0 {
		at -= int64(p.ends[group-1])
	}
	if group != p.group || p.rows == nil {
		p.closeRows()
		p.rows, p.group, p.next = p.groups[group].Rows(), group, 0
	}
	var buffer [1]parquet.Row
	if err := p.seekAndRead(at, buffer[:]); err != nil {
		p.closeRows() // what state it is in is not known
		return nil, err
	}
	return p.fields(buffer[0]), nil
}

func (p *parquetFile) seekAndRead(at int64, buffer []parquet.Row) error {
	if at != p.next {
		if err := p.rows.SeekToRow(at); err != nil {
			return err
		}
	}
	n, err := p.rows.ReadRows(buffer)
	if n == 0 {
		if err == nil || errors.Is(err, io.EOF) {
			err = errors.New("the row group has fewer rows than it says")
		}
		return err
	}
	p.next = at + 1
	return nil
}

func (p *parquetFile) closeRows() {
	if p.rows != nil {
		p.rows.Close()
		p.rows = nil
	}
}

// fields copies a row's values out of the reader's buffers.
func (p *parquetFile) fields(row parquet.Row) map[string]any {
	out := map[string]any{}
	for _, v := range row {
		c := p.columns[v.Column()]
		if c.field == "" || v.IsNull() {
			continue
		}
		value := goValue(v, c.text)
		switch {
		case c.key != "":
			group, ok := out[c.field].(map[string]any)
			if !ok {
				group = map[string]any{}
				out[c.field] = group
			}
			group[c.key] = value
		case c.list:
			list, _ := out[c.field].([]any)
			out[c.field] = append(list, value)
		default:
			out[c.field] = value
		}
	}
	return out
}

func goValue(v parquet.Value, text bool) any {
	switch v.Kind() {
	case parquet.Boolean:
		return v.Boolean()
	case parquet.Int32:
		return int64(v.Int32())
	case parquet.Int64:
		return v.Int64()
	case parquet.Float:
		return float64(v.Float())
	case parquet.Double:
		return v.Double()
	case parquet.ByteArray, parquet.FixedLenByteArray:
		if text {
			return string(v.ByteArray())
		}
		return slices.Clone(v.ByteArray())
	}
	return v.String()
}

func (p *parquetFile) Report() Report { return Report{Rows: p.Len()} }

func (p *parquetFile) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeRows()
	return p.file.Close()
}
