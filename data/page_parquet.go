package data

import (
	"errors"
	"fmt"
	"path/filepath"
)

// pageColumns are pages in a file of columns, as OBELICS is published: texts and images, lists side by side of which one has null where the
// other has something, and metadata. Pictures may be inside, as the datasets library keeps them.
type pageColumns struct {
	*columnFile
	options PageOptions
	verdict verdicts
	index   []int // the rows that are pages
	report  PageReport
}

func openPageParquet(path string, o PageOptions) (Pages, error) {
	f, err := openColumns(path, true)
	if err != nil {
		return nil, err
	}
	d := &pageColumns{columnFile: f, options: o}
	if !f.has("texts") || !f.has("images") {
		return nil, errors.Join(fmt.Errorf("%s: no pages: it has not the columns texts and images", path), f.Close())
	}
	for i := range f.Len() {
		p, err := d.page(i)
		if err != nil {
			if re := (*RowError)(nil); errors.As(err, &re) {
				err = re.Err
			}
			o.skip(&d.report)(f.where(i), err)
			continue
		}
		d.report.has(p)
		d.index = append(d.index, i)
	}
	return d, nil
}

func (d *pageColumns) Len() int { return len(d.index) }

func (d *pageColumns) Page(i int) (Page, error) { return d.page(d.index[i]) }

func (d *pageColumns) page(i int) (Page, error) {
	fields, err := d.row(i)
	if err != nil {
		return Page{}, err
	}
	for _, key := range []string{"texts", "images"} { // of a row without any there is no list
		if fields[key] == nil {
			fields[key] = []any{}
		}
	}
	folder := d.options.Pictures
	if folder == "" {
		folder = filepath.Dir(d.path)
	}
	p, err := pageOfFields(fields, d.where(i), inColumns{inFolder{dir: folder, fetch: d.options.Fetch}, d.columnFile, i}, d.options, &d.verdict)
	if err != nil {
		return Page{}, &RowError{d.where(i), err}
	}
	return p, nil
}

func (d *pageColumns) Report() PageReport { return d.report }

// inColumns finds the pictures of a row.
type inColumns struct {
	inFolder
	file *columnFile
	row  int
}

func (f inColumns) find(name any, n int) (image, error) {
	if m, ok := name.(map[string]any); ok && m["bytes"] != nil {
		return inRow{f.file, f.row, n}, nil
	}
	return f.inFolder.find(name, n)
}

// inRow is a picture inside of a row: the n-th that it has. It stays there until it is asked for.
type inRow struct {
	file   *columnFile
	row, n int
}

func (p inRow) name() string { return fmt.Sprintf("%s:%d", p.file.where(p.row), p.n) }

func (p inRow) bytes() ([]byte, error) {
	fields, err := p.file.row(p.row)
	if err != nil {
		return nil, err
	}
	n := 0
	images, _ := fields["images"].([]any)
	for _, img := range images {
		if img == nil {
			continue
		}
		if n == p.n {
			m, _ := img.(map[string]any)
			if b, ok := m["bytes"].([]byte); ok {
				return b, nil
			}
			break
		}
		n++
	}
	return nil, errors.New("the file has changed since it was opened")
}
