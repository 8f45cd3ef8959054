package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dragoman/weights"
)

// golden is what the tokenizers library made of a text.
type golden struct {
	IDs     []int32 `json:"ids"`
	Special []int32 `json:"special"` // with what is put around
	Text    string  `json:"text"`    // Special decoded, special tokens left out
	All     string  `json:"all"`
}

// load reads JSON out of testdata.
func load[T any](t testing.TB, name string) (value T) {
	t.Helper()
	if err := json.Unmarshal(mustRead(t, name), &value); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return value
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func fromJSONFile(t testing.TB, name string) *Pipeline {
	t.Helper()
	p, err := FromJSON(mustRead(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

// families are the tokenizers that tools/oracle/tokenizer.py trains.
var families = []string{"bytelevel", "split", "wordpiece", "llama", "t5", "clip", "plain", "wordlevel", "bytes"}

// check compares a tokenizer with the recorded ids and texts.
func check(t *testing.T, tok Tokenizer, texts []string, want []golden) {
	t.Helper()
	if len(texts) != len(want) || len(texts) == 0 {
		t.Fatalf("%d texts, %d recorded", len(texts), len(want))
	}
	failures := 0
	for i, text := range texts {
		w := want[i]
		for _, c := range []struct {
			what      string
			got, want any
		}{
			{"ids", tok.Encode(text, false), w.IDs},
			{"ids with special tokens", tok.Encode(text, true), w.Special},
			{"text", tok.Decode(w.Special, true), w.Text},
			{"text with special tokens", tok.Decode(w.Special, false), w.All},
		} {
			if got, want := fmt.Sprintf("%+q", c.got), fmt.Sprintf("%+q", c.want); got != want {
				t.Errorf("%.200q: %s\n got %.400s\nwant %.400s", text, c.what, fmt.Sprint(c.got), fmt.Sprint(c.want))
				failures++
			}
		}
		if failures > 20 {
			t.Fatal("and more")
		}
	}
}

func TestFamilies(t *testing.T) {
	texts := load[[]string](t, "texts.json")
	for _, name := range families {
		t.Run(name, func(t *testing.T) {
			check(t, fromJSONFile(t, name+".json"), texts, load[[]golden](t, name+".golden.json"))
		})
	}
}

// TestParts compares normalisers, pre-tokenisers and decoders by themselves.
func TestParts(t *testing.T) {
	type part struct {
		Part json.RawMessage   `json:"part"`
		Out  []json.RawMessage `json:"out"`
	}
	want := load[struct {
		Texts         []string   `json:"texts"`
		Tokens        [][]string `json:"tokens"`
		Normalizers   []part     `json:"normalizers"`
		PreTokenizers []part     `json:"pre_tokenizers"`
		Decoders      []part     `json:"decoders"`
	}](t, "parts.golden.json")
	compare := func(p part, input, got any, want json.RawMessage, same any) {
		t.Helper()
		if string(want) == "null" {
			want, _ = json.Marshal(same)
		}
		var decoded any
		if err := json.Unmarshal(want, &decoded); err != nil {
			t.Fatal(err)
		}
		if g, w := fmt.Sprintf("%+q", got), fmt.Sprintf("%+q", decoded); g != w {
			t.Errorf("%s of %+q\n got %s\nwant %s", p.Part, input, g, w)
		}
	}
	for _, p := range want.Normalizers {
		n, err := newNormalizer(p.Part, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range want.Texts {
			compare(p, text, n.normalize(text), p.Out[i], text)
		}
	}
	for _, p := range want.PreTokenizers {
		pre, err := newPreTokenizer(p.Part, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range want.Texts {
			got := []string{}
			if text != "" {
				for _, w := range pre.split(nil, word{text, true}) {
					got = append(got, w.text)
				}
			}
			compare(p, text, got, p.Out[i], []string{text})
		}
	}
	for _, p := range want.Decoders {
		d, err := newDecoder(p.Part, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, tokens := range want.Tokens {
			compare(p, tokens, strings.Join(d.decode(tokens), ""), p.Out[i], nil)
		}
	}
}

// TestSmolLM2 compares the built-in model's tokenizer with the tokenizers
// library's on its GGUF, which lies in ../mini where the models are built in.
func TestSmolLM2(t *testing.T) {
	files, _ := filepath.Glob("../mini/SmolLM2*.gguf")
	if len(files) == 0 {
		t.Skip("no GGUF in ../mini")
	}
	f, err := weights.Open(files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := FromGGUF(f.Meta)
	if err != nil {
		t.Fatal(err)
	}
	want := load[struct {
		Golden []golden `json:"golden"`
		Chats  []struct {
			Messages []struct{ Role, Content string } `json:"messages"`
			Text     string                           `json:"text"`
			IDs      []int32                          `json:"ids"`
		} `json:"chats"`
	}](t, "smollm2.json")
	check(t, p, load[[]string](t, "texts.json"), want.Golden)
	for _, chat := range want.Chats {
		var messages []Message
		for _, m := range chat.Messages {
			messages = append(messages, Message{m.Role, m.Content})
		}
		text := ChatML(messages, DefaultSystem, true)
		if diff := cmp.Diff(chat.Text, text); diff != "" {
			t.Error(diff)
		}
		if ids := p.Encode(text, false); !slices.Equal(ids, chat.IDs) {
			t.Errorf("chat: ids %v, want %v", ids, chat.IDs)
		}
	}
	if want := (Special{BOS: 1, EOS: 2, Pad: 2, Unknown: 0, CLS: None, Sep: None, Mask: None}); p.Special() != want {
		t.Errorf("special tokens %+v, want %+v", p.Special(), want)
	}
	if p.Size() != 49152 {
		t.Errorf("size %d", p.Size())
	}
}
