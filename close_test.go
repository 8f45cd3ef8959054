package dragoman_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"dragoman"
	"dragoman/eval"
)

// TestUsedAfterClose: every call behind Close is an error, and none reads memory that is gone.
func TestUsedAfterClose(t *testing.T) {
	ctx, img := t.Context(), dragoman.ImageBytes(drawing(t, 2))
	shots := []dragoman.Shot{{Images: []dragoman.Image{img}, Text: "w1"}}
	for _, path := range []string{captioner, matcher, "model/clip/testdata/clip", flamingos[0]} {
		m, err := dragoman.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		said := m.Converse("")
		labels, err := m.Labels(ctx, []string{"w1"})
		if err != nil {
			t.Fatal(err)
		}
		calls := map[string]func() error{
			"Caption": func() error { _, err := m.Caption(ctx, img, nil); return err },
			"Answer":  func() error { _, err := m.Answer(ctx, img, "", nil); return err },
			"Captions": func() (err error) {
				for _, err = range m.Captions(ctx, []dragoman.Image{img, img}, nil) {
				}
				return err
			},
			"Match":       func() error { _, err := m.Match(ctx, img, "w1"); return err },
			"Score":       func() error { _, err := labels.Score(ctx, img); return err },
			"EmbedImage":  func() error { _, err := m.EmbedImage(ctx, img); return err },
			"EmbedText":   func() error { _, err := m.EmbedText(ctx, "w1"); return err },
			"Inspect":     func() error { _, err := m.Inspect(ctx, img, dragoman.InspectOptions{}); return err },
			"InspectPage": func() error { _, err := m.InspectPage(ctx, nil); return err },
			"Faithful":    func() error { _, _, err := m.Faithful(ctx, img, 1); return err },
			"Chat": func() error {
				_, err := m.Chat(ctx, []dragoman.Message{{Role: "user", Content: "w1"}}, nil)
				return err
			},
			"Say":        func() error { _, err := said.Say(ctx, dragoman.Message{Role: "user", Content: "w1"}, nil); return err },
			"Continue":   func() error { _, err := m.Continue(ctx, []dragoman.Part{{Text: "w1"}}, nil); return err },
			"Support":    func() error { _, err := m.Support(ctx, shots, dragoman.SupportOptions{}); return err },
			"Trace":      func() error { _, err := m.Trace(dragoman.TraceRequest{}); return err },
			"TraceNames": func() error { _, err := m.TraceNames(); return err },
			"Evaluate":   func() error { _, err := m.Evaluate(ctx, nil, eval.Options{}); return err },
			"Forgetting": func() error { _, err := m.Forgetting(ctx, "w1 w2", nil, eval.Windows{}, nil); return err },
		}
		if m.ReadsPages() {
			p, err := m.Prompt(shots)
			if err != nil {
				t.Fatal(err)
			}
			s, err := m.Support(ctx, shots, dragoman.SupportOptions{})
			if err != nil {
				t.Fatal(err)
			}
			ask := dragoman.Shot{Images: []dragoman.Image{img}}
			calls["Prompt.Answer"] = func() error { _, err := p.Answer(ctx, ask, nil); return err }
			calls["Support.Answer"] = func() error { _, err := s.Answer(ctx, ask, 1, nil); return err }
		}
		if err := errors.Join(m.Close(), m.Close()); err != nil {
			t.Error(err)
		}
		closed := 0
		for name, call := range calls {
			switch err := call(); {
			case errors.Is(err, dragoman.ErrClosed):
				closed++
			case !errors.Is(err, dragoman.ErrNoPart):
				t.Errorf("%s, %s: %v", path, name, err)
			}
		}
		if n := m.Together(nil); closed < 6 || n != 1 {
			t.Errorf("%s: %d calls say that the model is closed; %d texts together", path, closed, n)
		}
	}
	if _, err := dragoman.Open(captioner, dragoman.WithImageSize(-3)); err == nil {
		t.Error("pictures of -3×-3")
	}
}

// TestCloseInTheMiddle closes a model while a text is being written: it becomes what it would have, and then the files go.
func TestCloseInTheMiddle(t *testing.T) {
	for _, path := range []string{captioner, flamingos[0]} {
		dir := copyModel(t, path)
		img := dragoman.ImageBytes(drawing(t, 2))
		var want []int32
		for i := range 2 {
			m := open32(t, dir)
			g := &dragoman.Generate{MaxTokens: 8, Stream: func(string) error {
				if i == 0 {
					return nil
				}
				return m.Close()
			}}
			text, err := m.Caption(t.Context(), img, g)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want = text.Tokens
				if err := m.Close(); err != nil {
					t.Error(err)
				}
				continue
			}
			if !slices.Equal(text.Tokens, want) {
				t.Errorf("%s: %v, want %v", path, text.Tokens, want)
			}
			if n := mappings(dir); n > 0 {
				t.Errorf("%s: %d files are still mapped", path, n)
			}
			if _, err := m.Caption(t.Context(), img, g); !errors.Is(err, dragoman.ErrClosed) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// TestFilesOfWhatDoesNotOpen: a model that cannot be opened leaves no file open.
func TestFilesOfWhatDoesNotOpen(t *testing.T) {
	dir := copyModel(t, matcher)
	_, err := dragoman.Open(captioner, dragoman.WithExtra(filepath.Join(dir, "model.safetensors")), dragoman.WithMemory(1))
	if err == nil {
		t.Fatal("a model in one byte")
	}
	if n := mappings(dir); n > 0 {
		t.Errorf("%d files are still mapped", n)
	}
}

// TestFileCutShort cuts a file short while a model uses it: that is a panic, not the end of the process, and the model can still be closed.
func TestFileCutShort(t *testing.T) {
	dir := copyModel(t, captioner)
	m, img := open32(t, dir), dragoman.ImageBytes(drawing(t, 2))
	if err := os.Truncate(filepath.Join(dir, "model.safetensors"), 0); err != nil || mappings(dir) == 0 {
		t.Skip("no file is mapped here")
	}
	func() {
		defer func() {
			var fault interface{ Addr() uintptr }
			if err, _ := recover().(error); !errors.As(err, &fault) {
				t.Errorf("weights that are gone were read: %v", err)
			}
		}()
		_, err := m.Caption(t.Context(), img, nil)
		t.Error(err)
	}()
	if err := m.Close(); err != nil || mappings(dir) > 0 {
		t.Errorf("%d files are still mapped (%v)", mappings(dir), err)
	}
}

// mappings is how many parts of files below a folder are mapped into this process, where the system tells.
func mappings(dir string) int {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return 0
	}
	return strings.Count(string(maps), dir+"/")
}

// TestMemoryOfManyCalls: what many calls at a time took goes when there are no longer as many.
func TestMemoryOfManyCalls(t *testing.T) {
	const calls = 24
	m, img := open32(t, captioner), dragoman.ImageBytes(drawing(t, 2))
	heap := func() int {
		var s runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&s)
		return int(s.HeapAlloc)
	}
	before := heap()
	measured := make(chan struct{})
	var all, done sync.WaitGroup
	all.Add(calls)
	for range calls {
		done.Go(func() {
			begun := sync.OnceFunc(func() { all.Done(); <-measured })
			if _, err := m.Caption(t.Context(), img, &dragoman.Generate{Stream: func(string) error { begun(); return nil }}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	during := heap()
	close(measured)
	done.Wait()
	if after := heap(); after-before > (during-before)/2 {
		t.Errorf("%d bytes before, %d during %d calls, %d after", before, during, calls, after)
	}
	runtime.KeepAlive(m)
}
