package data

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"dragoman/picture"
)

// shard is a tar file in the manner of webdataset: files that lie one after the other and are named alike up to the first
// dot of their last part are one row: key.jpg, key.txt, key.json, key.cls. Members are read where they lie; no path in a
// shard leads out of it.
type shard struct {
	path    string
	options Options
	file    *os.File
	rows    []member
	report  Report
}

// member is one row: its key and where its parts lie. A size of 0 is a part that is not there.
type member struct {
	key                    string
	image, text, json, cls span
}

type span struct{ offset, size int64 }

// maxMember is the largest part that is read, of a text or of JSON.
const maxMember = 16 << 20

func openTar(path string, o Options) (Dataset, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	d := &shard{path: path, options: o, file: f}
	if err := d.build(); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}

// build reads the headers only, apart from a row's text, which is looked at once.
func (d *shard) build() error {
	info, err := d.file.Stat()
	if err != nil {
		return err
	}
	var row member
	flush := func() {
		if row.key != "" {
			if _, err := d.row(row); err != nil {
				d.report.Add(d.where(row), err)
			} else {
				d.rows = append(d.rows, row)
			}
		}
		row = member{}
	}
	headers := tar.NewReader(d.file)
	for first := true; ; first = false {
		h, err := headers.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && first {
			return fmt.Errorf("not a tar file: %w", err)
		}
		if err != nil {
			flush()
			d.report.Add(d.path, fmt.Errorf("the shard is cut short or broken: %w", err))
			break
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		name := path.Clean(h.Name)
		if !filepath.IsLocal(h.Name) {
			flush()
			d.report.Add(d.path+":"+h.Name, errors.New("the name leads out of the shard"))
			continue
		}
		// The reader takes whole blocks, so that the file stands where the member's content begins.
		offset, err := d.file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		key, ext := splitKey(name)
		if key == "" {
			continue
		}
		if key != row.key {
			flush()
			row.key = key
		}
		if h.Size > info.Size()-offset {
			d.report.Add(d.where(row), fmt.Errorf("%s is cut short", h.Name))
			row = member{}
			break
		}
		row.set(ext, span{offset, h.Size})
	}
	flush()
	d.report.Rows = len(d.rows)
	return nil
}

// splitKey cuts a name at the first dot of its last part. Hidden files have no key.
func splitKey(name string) (key, ext string) {
	dir, base := path.Split(name)
	stem, ext, _ := strings.Cut(base, ".")
	if stem == "" {
		return "", ""
	}
	return dir + stem, strings.ToLower(ext)
}

func (m *member) set(ext string, s span) {
	switch {
	case ext == "txt" || ext == "caption":
		m.text = s
	case ext == "json":
		m.json = s
	case ext == "cls":
		m.cls = s
	case m.image.size == 0 && picture.HasExtension("."+ext[strings.LastIndexByte(ext, '.')+1:]):
		m.image = s
	}
}

func (d *shard) where(m member) string { return d.path + ":" + m.key }

func (d *shard) read(s span) ([]byte, error) {
	if s.size > maxMember {
		return nil, fmt.Errorf("a text of %d bytes is too long", s.size)
	}
	b := make([]byte, s.size)
	_, err := d.file.ReadAt(b, s.offset)
	return b, err
}

func (d *shard) row(m member) (Row, error) {
	if m.image.size == 0 {
		return Row{}, errors.New("there is no picture with this key")
	}
	fields := map[string]any{}
	if m.json.size > 0 {
		b, err := d.read(m.json)
		if err != nil {
			return Row{}, fmt.Errorf("json: %w", err)
		}
		if fields, err = parseObject(b); err != nil {
			return Row{}, fmt.Errorf("json: %w", err)
		}
	}
	if m.cls.size > 0 {
		b, err := d.read(m.cls)
		if err != nil {
			return Row{}, fmt.Errorf("cls: %w", err)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		if err != nil {
			return Row{}, fmt.Errorf("cls: %w", err)
		}
		fields["cls"] = n
	}
	if m.text.size > 0 {
		b, err := d.read(m.text)
		if err != nil {
			return Row{}, fmt.Errorf("txt: %w", err)
		}
		// The text beside the picture goes before one in the JSON.
		if d.options.TextKey == "" {
			fields[textKeys[0]] = string(b)
		}
	}
	where := d.where(m)
	row, err := rowWithoutImage(fields, where, d.options)
	if err != nil {
		return Row{}, err
	}
	if row.ID == where {
		row.ID = m.key
	}
	row.image = inFile{d.file, m.image}
	return row, nil
}

// inFile is a picture that is part of a larger file.
type inFile struct {
	file *os.File
	span
}

func (p inFile) name() string { return fmt.Sprintf("%s:%d", p.file.Name(), p.offset) }

func (p inFile) bytes() ([]byte, error) {
	if p.size > maxPicture {
		return nil, fmt.Errorf("the picture's %d bytes are more than %d", p.size, maxPicture)
	}
	b := make([]byte, p.size)
	_, err := p.file.ReadAt(b, p.offset)
	return b, err
}

func (d *shard) Len() int { return len(d.rows) }

func (d *shard) Row(i int) (Row, error) {
	row, err := d.row(d.rows[i])
	if err != nil {
		return Row{}, &RowError{d.where(d.rows[i]), err}
	}
	return row, nil
}

func (d *shard) Report() Report {
	r := d.report
	r.Examples = slices.Clone(r.Examples)
	return r
}

func (d *shard) Close() error { return d.file.Close() }
