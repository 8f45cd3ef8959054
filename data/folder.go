package data

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"dragoman/internal/readfile"
	"dragoman/picture"
)

// folder is the pictures below a folder, each with a file of the same name and .txt or .caption beside it, a text a line.
type folder struct {
	pictures []string
	captions []string // the path beside; "" where rows may have no text
	options  Options
	report   Report
}

// tables are the files that, in a folder of pictures, say more than captions beside them could.
var tables = []string{"metadata.jsonl", "metadata.csv"}

// openFolder opens a folder's table if it has one, and else looks for captions beside the pictures. Names that begin with
// a dot are passed over.
func openFolder(path string, o Options) (Dataset, error) {
	for _, name := range tables {
		p := filepath.Join(path, name)
		if _, err := os.Stat(p); err == nil {
			o.Format = ""
			return openOne(p, o)
		}
	}
	d := &folder{options: o}
	err := readfile.Walk(path, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && p == path:
			return err
		case err != nil:
			d.report.Add(p, err)
		case p != path && strings.HasPrefix(e.Name(), ".") && e.IsDir():
			return fs.SkipDir
		case (e.Type().IsRegular() || e.Type()&fs.ModeSymlink != 0) && !strings.HasPrefix(e.Name(), ".") && picture.HasExtension(p):
			d.add(p)
		}
		return nil
	})
	d.report.Rows = len(d.pictures)
	return d, err
}

func (d *folder) add(path string) {
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	for _, beside := range []string{stem + ".txt", stem + ".caption", path + ".txt", path + ".caption"} {
		if _, err := os.Stat(beside); err != nil {
			continue
		}
		if _, err := captionsIn(beside); err != nil && !d.options.NoText {
			d.report.Add(path, err)
			return
		}
		d.pictures, d.captions = append(d.pictures, path), append(d.captions, beside)
		return
	}
	if !d.options.NoText {
		d.report.Add(path, errors.New("no .txt or .caption file is beside it"))
		return
	}
	d.pictures, d.captions = append(d.pictures, path), append(d.captions, "")
}

// maxCaption is the largest file that is taken for a caption.
const maxCaption = 1 << 20

func captionsIn(path string) ([]string, error) {
	data, err := readfile.Regular(path, maxCaption)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	texts, err := stringsFrom(strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n"))
	if err == nil && len(texts) == 0 {
		err = fmt.Errorf("%s: the text is empty", path)
	}
	return texts, err
}

func (d *folder) Len() int { return len(d.pictures) }

func (d *folder) Row(i int) (Row, error) {
	path := d.pictures[i]
	row := Row{ID: path, Where: path, Extra: map[string]any{}}
	row.media = Media{where: path, image: onDisk(path), maxPixels: d.options.MaxPixels}
	if d.captions[i] == "" {
		return row, nil
	}
	var err error
	if row.Texts, err = captionsIn(d.captions[i]); err != nil && !d.options.NoText {
		return Row{}, &RowError{path, err}
	}
	return row, nil
}

func (d *folder) Report() Report { return d.report }

func (d *folder) Close() error { return nil }
