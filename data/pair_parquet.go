package data

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// pairColumns are pairs in a file of columns, as the Hugging Face datasets library writes it: the picture is a group of bytes and path, the
// text a column or a list.
type pairColumns struct {
	*columnFile
	options Options
}

func openParquet(path string, o Options) (Dataset, error) {
	f, err := openColumns(path, false)
	if err != nil {
		return nil, err
	}
	d := &pairColumns{f, o}
	if err := d.check(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return d, nil
}

// check says early what would be wrong with every row.
func (d *pairColumns) check() error {
	has := func(asked string, usual []string) bool {
		if asked != "" {
			usual = []string{asked}
		}
		return slices.ContainsFunc(usual, d.has)
	}
	if !has(d.options.ImageKey, imageKeys) {
		return fmt.Errorf("%s: no column holds pictures; name it if it has an unusual name", d.path)
	}
	if !d.options.NoText && !has(d.options.TextKey, textKeys) {
		return fmt.Errorf("%s: no column holds texts; name it if it has an unusual name", d.path)
	}
	return nil
}

func (d *pairColumns) Row(i int) (Row, error) {
	fields, err := d.row(i)
	if err != nil {
		return Row{}, err
	}
	row, err := rowFrom(fields, d.where(i), filepath.Dir(d.path), d.options)
	if err != nil {
		return Row{}, &RowError{d.where(i), err}
	}
	return row, nil
}

func (d *pairColumns) Report() Report { return Report{Rows: d.Len()} }
