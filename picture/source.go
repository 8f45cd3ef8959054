package picture

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"dragoman/internal/readfile"
)

// maxFile is the largest file that is read into memory, so that an endless one ends in an error.
const maxFile = 1 << 30

// Item is one picture that an argument named.
type Item struct {
	Name string                 // the argument as it was given; for a folder or a pattern, the path found with it
	Read func() ([]byte, error) // the file's bytes, the same each time; errors do not repeat Name
	Err  error                  // why the argument names nothing; Read is then nil
}

// Source says where arguments may lead.
type Source struct {
	Stdin io.Reader                        // what "-" means; nil refuses it
	Fetch func(url string) ([]byte, error) // reads http and https addresses; nil refuses them
}

// Expand is Source.Expand with a standard input and without a network.
func Expand(args []string, stdin io.Reader) iter.Seq[Item] { return Source{Stdin: stdin}.Expand(args) }

// Expand turns arguments into pictures, in order: a file's path; a folder, for the pictures below it in the order of their
// names; a pattern as of filepath.Match, where no file has that name, for what a shell would make of it; "-", standard input,
// once; a data: URL; an http or https address. Nothing is read before an item's Read is called. An argument that leads nowhere is an item with an error.
func (s Source) Expand(args []string) iter.Seq[Item] {
	return func(yield func(Item) bool) {
		stdinUsed := false
		for _, arg := range args {
			if arg == "-" {
				item := s.stdinItem(stdinUsed)
				stdinUsed = true
				if !yield(item) {
					return
				}
				continue
			}
			if !s.expandOne(arg, yield) {
				return
			}
		}
	}
}

func (s Source) stdinItem(used bool) Item {
	switch {
	case s.Stdin == nil:
		return Item{Name: "-", Err: errors.New("standard input is not read here")}
	case used:
		return Item{Name: "-", Err: errors.New("standard input can be read only once")}
	}
	return Item{Name: "-", Read: sync.OnceValues(func() ([]byte, error) { return ReadAll(s.Stdin) })}
}

// expandOne reports whether the caller wants to go on.
func (s Source) expandOne(arg string, yield func(Item) bool) bool {
	switch scheme, _, _ := strings.Cut(strings.ToLower(arg), ":"); {
	case arg == "":
		return yield(Item{Err: errors.New("the name of a picture is empty")})
	case scheme == "data" && strings.Contains(arg, ","):
		return yield(Item{Name: arg, Read: func() ([]byte, error) { return DataURL(arg) }})
	case (scheme == "http" || scheme == "https") && strings.Contains(arg, "://"):
		if s.Fetch == nil {
			return yield(Item{Name: arg, Err: &decodeError{
				kind: fs.ErrPermission, text: "addresses on the network are not read",
				hint: "allow it with --allow-net, or fetch the picture first",
			}})
		}
		return yield(Item{Name: arg, Read: sync.OnceValues(func() ([]byte, error) { return s.Fetch(arg) })}) // which may give another the next time
	}
	_, err := os.Stat(arg)
	switch {
	case err == nil:
		return expandPath(arg, yield)
	case strings.ContainsAny(arg, `*?[`):
		return expandPattern(arg, err, yield)
	}
	return yield(Item{Name: arg, Err: bare(err)})
}

func fileItem(path string) Item {
	return Item{Name: path, Read: func() ([]byte, error) {
		data, err := ReadFile(path)
		return data, bare(err)
	}}
}

// bare takes the operation and the path off an error, because an item has its name beside it.
func bare(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// pictureExtensions are the names that count as pictures in a folder.
var pictureExtensions = []string{".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".webp", ".bmp", ".tif", ".tiff"}

// HasExtension says whether a file's name ends as a picture's does.
func HasExtension(name string) bool {
	return slices.Contains(pictureExtensions, strings.ToLower(filepath.Ext(name)))
}

// special are files in a folder that are passed over: they hold no pictures, and reading them may not end.
const special = fs.ModeNamedPipe | fs.ModeSocket | fs.ModeDevice

func expandFolder(root string, yield func(Item) bool) bool {
	found, stopped := false, false
	err := readfile.Walk(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			found = true
			if !yield(Item{Name: path, Err: bare(err)}) {
				stopped = true
				return fs.SkipAll
			}
			return nil
		}
		if path != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() || !HasExtension(path) {
			return nil
		}
		if d.Type()&special != 0 { // nobody asked for it
			return nil
		}
		found = true
		if !yield(fileItem(path)) {
			stopped = true
			return fs.SkipAll
		}
		return nil
	})
	switch {
	case stopped:
		return false
	case err != nil:
		return yield(Item{Name: root, Err: bare(err)})
	case !found:
		return yield(Item{Name: root, Err: errNoPictures})
	}
	return true
}

func expandPattern(pattern string, statErr error, yield func(Item) bool) bool {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return yield(Item{Name: pattern, Err: bare(statErr)})
	}
	paths = slices.DeleteFunc(paths, func(path string) bool { return hides(pattern, path) })
	if len(paths) == 0 {
		return yield(Item{Name: pattern, Err: &decodeError{kind: fs.ErrNotExist, text: "no file matches the pattern"}})
	}
	for _, p := range paths {
		if !expandPath(p, yield) {
			return false
		}
	}
	return true
}

// expandPath is a file, or the pictures in a folder; what is not there is found out when it is read.
func expandPath(path string, yield func(Item) bool) bool {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return expandFolder(path, yield)
	}
	return yield(fileItem(path))
}

// Called is what errors call a picture by that an argument names: a data: URL holds the picture itself, of which the beginning will do.
func Called(arg string) string {
	const most = 64
	if len(arg) > most && strings.HasPrefix(strings.ToLower(arg), "data:") {
		return arg[:most/2] + "…"
	}
	return arg
}

// hides says whether a shell would pass over a path that fits a pattern: where a name begins with a dot, the pattern must, too.
func hides(pattern, path string) bool {
	names, patterns := strings.Split(filepath.ToSlash(path), "/"), strings.Split(filepath.ToSlash(pattern), "/")
	for i := 1; i <= min(len(names), len(patterns)); i++ { // from the end: filepath.Glob takes a ./ off the front
		if strings.HasPrefix(names[len(names)-i], ".") && !strings.HasPrefix(patterns[len(patterns)-i], ".") {
			return true
		}
	}
	return false
}

// DataURL reads data:[type][;base64],content. The type is not looked at, because the content says what it is.
func DataURL(s string) ([]byte, error) {
	head, content, _ := strings.Cut(s, ",")
	text, err := url.PathUnescape(content)
	if err != nil {
		return nil, fmt.Errorf("data URL: %w", err)
	}
	if !strings.HasSuffix(strings.ToLower(head), ";base64") {
		return []byte(text), nil
	}
	// Padding is optional and the URL-safe alphabet is met too.
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/", "\n", "", "\r", "", " ", "").Replace(text), "=")
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("data URL: %w", err)
	}
	return data, nil
}

// ReadFile reads the file of a picture, of at most a gigabyte.
func ReadFile(path string) ([]byte, error) { return bounded(readfile.Any(path, maxFile)) }

// ReadAll reads the file of a picture from r, likewise.
func ReadAll(r io.Reader) ([]byte, error) { return readUpTo(r, maxFile) }

func readUpTo(r io.Reader, limit int64) ([]byte, error) { return bounded(readfile.UpTo(r, limit)) }

func bounded(data []byte, err error) ([]byte, error) {
	if readfile.IsTooLarge(err) {
		err = &decodeError{kind: ErrTooLarge, text: "the file is " + err.Error()}
	}
	return data, err
}
