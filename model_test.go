package dragoman_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"dragoman"
	"dragoman/eval"
	"dragoman/internal/hint"
	"dragoman/picture"
)

// The small models of the tests, with random weights: one that captions and chats, one whose language model is an encoder-decoder, one
// that matches.
const (
	captioner = "testdata/blip2-llama"
	writer    = "testdata/blip2-t5"
	matcher   = "testdata/blip2-itm"
)

func open(t testing.TB, name string) *dragoman.Model {
	t.Helper()
	m, err := dragoman.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// drawing is the n-th of a series of different pictures, as the bytes of a PNG file.
func drawing(t testing.TB, n int) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 40+n, 50-n))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			img.SetRGBA(x, y, color.RGBA{uint8(x * (n + 3)), uint8(y * (7 - n)), uint8(30 * n), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestConcurrentCalls makes the same calls from many goroutines at once as one after the other: the answers are the same.
func TestConcurrentCalls(t *testing.T) {
	ctx := context.Background()
	talk, compare := open(t, captioner), open(t, matcher)
	call := func(n int) any {
		img := dragoman.ImageBytes(drawing(t, n%6))
		var v any
		var err error
		switch n / 6 {
		case 0:
			var text *dragoman.Text
			if text, err = talk.Caption(ctx, img, nil); err == nil {
				v = []any{text.Text, text.Tokens, text.Logprobs}
			}
		case 1:
			var text *dragoman.Text
			g := &dragoman.Generate{Temperature: 1, Seed: uint64(n), MaxTokens: 6}
			if text, err = talk.Answer(ctx, img, "w3", g); err == nil {
				v = []any{text.Text, text.Tokens, text.Logprobs}
			}
		case 2:
			v, err = compare.Match(ctx, img, "w1", "w2 w3")
		case 3:
			v, err = compare.EmbedImage(ctx, img)
		case 4:
			v, err = talk.Inspect(ctx, img, dragoman.InspectOptions{Words: 2, Without: true})
		}
		if err != nil {
			t.Errorf("call %d: %v", n, err)
		}
		return v
	}
	const calls = 30
	want := make([]any, calls)
	for n := range calls {
		want[n] = call(n)
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range calls {
				n := (i*7 + g*5) % calls
				if got := call(n); !reflect.DeepEqual(got, want[n]) {
					t.Errorf("call %d among others gives %v, alone %v", n, got, want[n])
				}
			}
		})
	}
	wg.Wait()
}

// TestEndedContexts ends the context before a call, while its picture is read, and while its text is written.
func TestEndedContexts(t *testing.T) {
	talk, compare := open(t, captioner), open(t, matcher)
	file := drawing(t, 0)
	img := dragoman.ImageBytes(file)
	why := errors.New("enough")
	calls := map[string]func(context.Context, dragoman.Image) error{
		"Caption": func(ctx context.Context, img dragoman.Image) error { _, err := talk.Caption(ctx, img, nil); return err },
		"Answer": func(ctx context.Context, img dragoman.Image) error {
			_, err := talk.Answer(ctx, img, "w1", nil)
			return err
		},
		"Match": func(ctx context.Context, img dragoman.Image) error {
			_, err := compare.Match(ctx, img, "w1")
			return err
		},
		"EmbedImage": func(ctx context.Context, img dragoman.Image) error {
			_, err := compare.EmbedImage(ctx, img)
			return err
		},
		"Inspect": func(ctx context.Context, img dragoman.Image) error {
			_, err := talk.Inspect(ctx, img, dragoman.InspectOptions{Words: 1})
			return err
		},
		"Evaluate": func(ctx context.Context, img dragoman.Image) error {
			decode := func() (*picture.RGBA, error) {
				p, err := img.Decode(picture.Options{})
				if err != nil {
					return nil, err
				}
				return p.RGBA(), nil
			}
			_, err := talk.Evaluate(ctx, []eval.Item{{Decode: decode, References: []string{"w1"}}}, eval.Options{Batch: 1})
			return err
		},
		"EmbedText": func(ctx context.Context, _ dragoman.Image) error { _, err := compare.EmbedText(ctx, "w1"); return err },
		"Chat": func(ctx context.Context, _ dragoman.Image) error {
			_, err := talk.Chat(ctx, []dragoman.Message{{Role: "system", Content: "w1"}, {Role: "user", Content: "w2"}}, nil)
			return err
		},
	}
	for name, call := range calls {
		if err := call(context.Background(), img); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		if name != "Chat" && name != "EmbedText" {
			reading := dragoman.ImageFunc("drawing", func() ([]byte, error) { cancel(why); return file, nil })
			if err := call(ctx, reading); !errors.Is(err, why) {
				t.Errorf("%s: ended while the picture was read: %v", name, err)
			}
		}
		cancel(why)
		if err := call(ctx, img); !errors.Is(err, why) {
			t.Errorf("%s: in an ended context: %v", name, err)
		}
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	pieces := 0
	_, err := talk.Caption(ctx, img, &dragoman.Generate{MinTokens: 30, MaxTokens: 40, Stream: func(string) error {
		if pieces++; pieces == 2 {
			cancel(why)
		}
		return nil
	}})
	if !errors.Is(err, why) || pieces > 3 {
		t.Errorf("ended while the second piece was handed over: %d pieces, %v", pieces, err)
	}
	_, err = talk.Caption(context.Background(), img, &dragoman.Generate{Stream: func(string) error { return why }})
	if !errors.Is(err, why) {
		t.Errorf("a stream that is full: %v", err)
	}
	if _, err := talk.Caption(context.Background(), img, nil); err != nil {
		t.Errorf("after the calls that were ended: %v", err)
	}
}

// TestStream joins the pieces: they are the text.
func TestStream(t *testing.T) {
	m := open(t, captioner)
	for n := range 4 {
		for _, g := range []dragoman.Generate{{}, {Temperature: 1.5, Seed: uint64(n)}, {Stop: []string{"3"}}, {RepetitionPenalty: 1.5, MaxTokens: 30}} {
			var joined strings.Builder
			g.Stream = func(piece string) error { joined.WriteString(piece); return nil }
			text, err := m.Caption(context.Background(), dragoman.ImageBytes(drawing(t, n)), &g)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.TrimSpace(joined.String()); got != text.Text {
				t.Errorf("pieces joined are %q, the text is %q", got, text.Text)
			}
			if len(text.Logprobs) != len(text.Tokens) {
				t.Errorf("%d tokens, %d log-probabilities", len(text.Tokens), len(text.Logprobs))
			}
		}
	}
}

// TestSourcesOfPictures gives one picture in every way.
func TestSourcesOfPictures(t *testing.T) {
	m := open(t, captioner)
	file := drawing(t, 1)
	decoded, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	var want []int32
	for i, img := range []dragoman.Image{dragoman.ImageBytes(file), dragoman.ImageReader(bytes.NewReader(file)), dragoman.ImageOf(decoded)} {
		text, err := m.Caption(context.Background(), img, nil)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			want = text.Tokens
		} else if !slices.Equal(text.Tokens, want) {
			t.Errorf("source %d gives %v, the first gave %v", i, text.Tokens, want)
		}
	}
}

// TestErrorsCanBeTold checks what errors.Is finds in the errors of calls.
func TestErrorsCanBeTold(t *testing.T) {
	ctx := context.Background()
	talk, compare := open(t, captioner), open(t, matcher)
	caption := func(img dragoman.Image) error { _, err := talk.Caption(ctx, img, nil); return err }
	file := drawing(t, 0)
	tiny, err := dragoman.Open(captioner, dragoman.WithPictures(picture.Options{MaxPixels: 100}))
	if err != nil {
		t.Fatal(err)
	}
	defer tiny.Close()
	_, large := tiny.Caption(ctx, dragoman.ImageBytes(file), nil)
	_, none := compare.Caption(ctx, dragoman.ImageBytes(file), nil)
	_, mute := compare.Chat(ctx, []dragoman.Message{{Role: "user", Content: "w1"}}, nil)
	_, headless := talk.Match(ctx, dragoman.ImageBytes(file), "w1")
	_, unknown := dragoman.Open("nobody/nothing")
	_, missing := dragoman.Open("testdata/nothing")
	for name, tt := range map[string]struct{ got, want error }{
		"a broken picture":                 {caption(dragoman.ImageBytes(file[:len(file)/2])), picture.ErrBroken},
		"an empty file":                    {caption(dragoman.ImageBytes(nil)), picture.ErrNotPicture},
		"a picture without pixels":         {caption(dragoman.ImageOf(image.NewGray(image.Rectangle{}))), picture.ErrBroken},
		"text":                             {caption(dragoman.ImageBytes([]byte("not a picture at all"))), picture.ErrNotPicture},
		"no file":                          {caption(dragoman.ImageFile("testdata/none.png")), fs.ErrNotExist},
		"a large picture":                  {large, picture.ErrTooLarge},
		"captions of a matching model":     {none, dragoman.ErrNoPart},
		"chat with a matching model":       {mute, dragoman.ErrNoPart},
		"matching with a captioning model": {headless, dragoman.ErrNoPart},
		"a name that is not there":         {unknown, dragoman.ErrNoModel},
		"a path that is not there":         {missing, dragoman.ErrNoModel},
	} {
		if !errors.Is(tt.got, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.got, tt.want)
		} else if strings.Contains(tt.got.Error(), "\n") {
			t.Errorf("%s: more than a line: %q", name, tt.got)
		}
	}
	if err := caption(dragoman.Image{}); err == nil {
		t.Error("the zero Image was read")
	}
	if _, err := talk.Chat(ctx, []dragoman.Message{{Role: "judge", Content: "w1"}}, nil); err == nil || !strings.Contains(err.Error(), "judge") {
		t.Errorf("a turn of nobody's: %v", err)
	}
	if _, err := dragoman.Open(captioner, dragoman.WithDType("f13")); err == nil || !strings.Contains(err.Error(), "f13") {
		t.Errorf("a dtype that is none: %v", err)
	}
}

// TestNoWeightsUnasked checks that a program that does not import mini carries no weights, and says so when it is asked for them.
func TestNoWeightsUnasked(t *testing.T) {
	for _, name := range []string{"", "mini"} {
		if _, err := dragoman.Open(name); !errors.Is(err, dragoman.ErrNoModel) || !strings.Contains(hint.Of(err), "dragoman/mini") {
			t.Errorf("Open(%q): %v, hint %q", name, err, hint.Of(err))
		}
	}
	deps, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	if list := strings.Fields(string(deps)); slices.Contains(list, "dragoman/mini") || !slices.Contains(list, "dragoman/model/blip2") {
		t.Errorf("the library depends on %v", list)
	}
}

// TestChatWithDirectory talks with a language model's directory: what was said is continued as transformers continues it
// (tools/oracle/opt.py), up to the end that generation_config.json names.
func TestChatWithDirectory(t *testing.T) {
	m := open(t, "language/opt/testdata/before")
	text, err := m.Chat(context.Background(), []dragoman.Message{{Role: "user", Content: "w9 w4 w30"}}, &dragoman.Generate{MaxTokens: 9})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(text.Tokens, []int32{14, 7}) || text.Text != "w14 w7" || text.Finish != "stop" || text.PromptTokens != 4 {
		t.Errorf("said %+v", text)
	}
	if _, err := m.Caption(context.Background(), dragoman.ImageBytes(drawing(t, 1)), nil); !errors.Is(err, dragoman.ErrNoPart) {
		t.Errorf("a language model's caption: %v", err)
	}
}
