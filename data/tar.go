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

// maxMemberName is the longest name in a shard.
const maxMemberName = 1 << 10

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

// build looks at a row's text once.
func (d *shard) build() error {
	err := walkTar(d.file, func(key string, files []tarFile) {
		row := member{key: key}
		for _, f := range files {
			row.set(f.ext, f.span)
		}
		if _, err := d.row(row); err != nil {
			d.report.Add(d.where(row), err)
			return
		}
		d.rows = append(d.rows, row)
	}, d.report.Add)
	d.report.Rows = len(d.rows)
	return err
}

// tarFile is one of the files that lie under one key.
type tarFile struct {
	ext string // what stands behind the key and a dot, in lower case
	span
}

// walkTar reads the headers of a shard only. It tells of every key with its files, and of what cannot be read.
func walkTar(file *os.File, group func(key string, files []tarFile), broken func(where string, err error)) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	var key string
	var files []tarFile
	flush := func() {
		if key != "" {
			group(key, files)
		}
		key, files = "", nil
	}
	headers := tar.NewReader(file)
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
			broken(file.Name(), fmt.Errorf("the shard is cut short or broken: %w", err))
			break
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		name := path.Clean(h.Name)
		if len(h.Name) > maxMemberName || !filepath.IsLocal(h.Name) {
			flush()
			why := errors.New("the name leads out of the shard")
			if len(h.Name) > maxMemberName {
				why = fmt.Errorf("a name of %d bytes", len(h.Name))
			}
			broken(file.Name()+":"+nameOf(h.Name), why)
			continue
		}
		// The reader takes whole blocks, so that the file stands where the member's content begins.
		offset, err := file.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		own, ext := splitKey(name)
		if own == "" {
			continue
		}
		if own != key {
			flush()
			key = own
		}
		if h.Size > info.Size()-offset {
			broken(file.Name()+":"+key, fmt.Errorf("%s is cut short", h.Name))
			key = ""
			break
		}
		files = append(files, tarFile{ext, span{offset, h.Size}})
	}
	flush()
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

// text reads a part, of at most maxMember bytes.
func (d *shard) text(s span) ([]byte, error) { return readSpan(d.file, s, maxMember) }

func readSpan(file *os.File, s span, limit int64) ([]byte, error) {
	if s.size > limit {
		return nil, fmt.Errorf("a text of %d bytes is too long", s.size)
	}
	b := make([]byte, s.size)
	_, err := file.ReadAt(b, s.offset)
	return b, err
}

func (d *shard) row(m member) (Row, error) {
	if m.image.size == 0 {
		return Row{}, errors.New("there is no picture with this key")
	}
	fields := map[string]any{}
	if m.json.size > 0 {
		b, err := d.text(m.json)
		if err != nil {
			return Row{}, fmt.Errorf("json: %w", err)
		}
		if fields, err = parseObject(b); err != nil {
			return Row{}, fmt.Errorf("json: %w", err)
		}
	}
	if m.cls.size > 0 {
		b, err := d.text(m.cls)
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
		b, err := d.text(m.text)
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
	row.media.image = inFile{d.file, m.image}
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
