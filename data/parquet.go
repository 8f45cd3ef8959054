package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// columnFile is a file of columns. Row groups are read as rows are asked for; reading in order is quickest, and any order is quick
// where the file has a page index. Broken rows show only when they are read.
type columnFile struct {
	path    string
	file    *os.File
	columns []column
	nulls   bool // lists keep their nulls
	size    int64
	meta    *format.FileMetaData
	groups  []parquet.RowGroup
	sound   []bool // groups whose pages were checked
	ends    []int  // of each group, in rows of the file

	mu    sync.Mutex
	rows  parquet.Rows // of the group that was read last
	group int
	next  int64 // the group's row that rows gives next
	place int   // of the element that is read, in its list
}

// column is where the values of a leaf go: into a field, or into one key of it.
type column struct {
	field, key string
	list       bool
	text       bool
	entered    int // the definition level from which on a list has an element
}

func openColumns(path string, nulls bool) (d *columnFile, err error) {
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
	if err := checkFooter(f, info.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipBloomFilters(true), parquet.SkipPageIndex(true))
	if err == nil {
		err = readIndexes(file, info.Size())
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	p := &columnFile{path: path, nulls: nulls, file: f, size: info.Size(), meta: file.Metadata(), groups: file.RowGroups(), group: -1}
	p.sound = make([]bool, len(p.groups))
	p.columns = columnsOf(file.Schema(), file.Root())
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
	return p, nil
}

// checkFooter refuses a file whose last bytes promise a longer footer than it has bytes: the library makes room for what is promised.
func checkFooter(f io.ReaderAt, size int64) error {
	const around = 4 + 4 + 4 // the magic number at both ends, and the footer's length
	var tail [8]byte
	if size < around {
		return errors.New("too short for a parquet file")
	}
	if _, err := f.ReadAt(tail[:], size-int64(len(tail))); err != nil {
		return err
	}
	if n := int64(binary.LittleEndian.Uint32(tail[:])); n > size-around {
		return fmt.Errorf("not a sound parquet file: its footer would have %d bytes, the file has %d", n, size)
	}
	return nil
}

// readIndexes reads where the pages of columns lie, which makes any order quick, and refuses indexes that are not in the file, for the same
// reason.
func readIndexes(file *parquet.File, size int64) error {
	for _, g := range file.Metadata().RowGroups {
		for _, c := range g.Columns {
			if at, n := c.OffsetIndexOffset, int64(c.OffsetIndexLength); at < 0 || n < 0 || at > size || n > size-at {
				return fmt.Errorf("not a sound parquet file: an index of %d bytes at %d, the file has %d", n, at, size)
			}
		}
	}
	for _, g := range file.RowGroups() {
		for _, c := range g.ColumnChunks() {
			if _, err := c.OffsetIndex(); err != nil && !errors.Is(err, parquet.ErrMissingOffsetIndex) {
				return err
			}
		}
	}
	return nil
}

// has says whether a field has a column.
func (p *columnFile) has(field string) bool {
	return slices.ContainsFunc(p.columns, func(c column) bool { return c.field == field })
}

// columnsOf maps leaves to fields; leaves of deeper structures are passed over.
func columnsOf(schema *parquet.Schema, root *parquet.Column) []column {
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
			case len(path) == 1, len(path) <= 3 && c.list && isList(path[1]):
				c.field = path[0]
			case len(path) == 4 && c.list && isList(path[1]):
				c.field, c.key = path[0], path[3]
			case len(path) == 2 && !c.list:
				c.field, c.key = path[0], path[1]
			}
		}
		if c.list && c.field != "" {
			for at, i := root, 0; i < len(path) && at != nil; i++ {
				if at = at.Column(path[i]); at != nil && at.Repeated() {
					c.entered = at.MaxDefinitionLevel()
				}
			}
		}
		out = append(out, c)
	}
	return out
}

// isList says whether a name is what writers call a list's elements.
func isList(name string) bool { return name == "list" || name == "array" || name == "bag" }

func (p *columnFile) Len() int {
	if len(p.ends) == 0 {
		return 0
	}
	return p.ends[len(p.ends)-1]
}

func (p *columnFile) where(i int) string { return fmt.Sprintf("%s:%d", p.path, i+1) }

// row is the fields of row i; an error is a *RowError.
func (p *columnFile) row(i int) (fields map[string]any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the reader failed: %v", r)
		}
		if err != nil {
			fields, err = nil, &RowError{p.where(i), err}
		}
	}()
	return p.read(i)
}

func (p *columnFile) read(i int) (map[string]any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	group, _ := slices.BinarySearch(p.ends, i+1)
	at := int64(i)
	if group > 0 {
		at -= int64(p.ends[group-1])
	}
	if group != p.group || p.rows == nil {
		p.closeRows()
		if err := p.check(group); err != nil {
			return nil, err
		}
		p.rows, p.group, p.next = p.groups[group].Rows(), group, 0
	}
	var buffer [1]parquet.Row
	if err := p.seekAndRead(at, buffer[:]); err != nil {
		p.closeRows() // what state it is in is not known
		return nil, err
	}
	return p.fields(buffer[0]), nil
}

// check looks at the pages of a group, once.
func (p *columnFile) check(group int) error {
	if p.sound[group] {
		return nil
	}
	for i := range p.meta.RowGroups[group].Columns {
		if err := checkPages(p.file, p.size, &p.meta.RowGroups[group].Columns[i].MetaData); err != nil {
			return fmt.Errorf("not a sound parquet file: %w", err)
		}
	}
	p.sound[group] = true
	return nil
}

func (p *columnFile) seekAndRead(at int64, buffer []parquet.Row) error {
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

func (p *columnFile) closeRows() {
	if p.rows != nil {
		p.rows.Close()
		p.rows = nil
	}
}

// fields copies a row's values out of the reader's buffers.
func (p *columnFile) fields(row parquet.Row) map[string]any {
	out := map[string]any{}
	for _, v := range row {
		c := p.columns[v.Column()]
		if c.field == "" || v.IsNull() && !(p.nulls && c.list) {
			continue
		}
		switch {
		case c.list:
			p.element(out, c, v)
		case c.key != "":
			group, ok := out[c.field].(map[string]any)
			if !ok {
				group = map[string]any{}
				out[c.field] = group
			}
			group[c.key] = goValue(v, c.text)
		default:
			out[c.field] = goValue(v, c.text)
		}
	}
	return out
}

// element adds a value to its list, or, of a list of groups, to the group that has its place.
func (p *columnFile) element(out map[string]any, c column, v parquet.Value) {
	list, _ := out[c.field].([]any)
	if c.key == "" {
		switch {
		case !v.IsNull():
			list = append(list, goValue(v, c.text))
		case v.DefinitionLevel() >= c.entered: // an element that is null, and not a list that is empty or not there
			list = append(list, nil)
		}
		out[c.field] = list
		return
	}
	if v.RepetitionLevel() == 0 {
		p.place = 0
	} else {
		p.place++
	}
	if v.DefinitionLevel() < c.entered {
		return // no list, or an empty one
	}
	for len(list) <= p.place {
		list = append(list, nil)
	}
	if !v.IsNull() {
		group, ok := list[p.place].(map[string]any)
		if !ok {
			group = map[string]any{}
			list[p.place] = group
		}
		group[c.key] = goValue(v, c.text)
	}
	out[c.field] = list
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

func (p *columnFile) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeRows()
	return p.file.Close()
}
