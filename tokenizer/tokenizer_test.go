package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/dlclark/regexp2/v2"
)

// TestGPT2Word compares the split into words with the pattern that it stands
// for, on random texts.
func TestGPT2Word(t *testing.T) {
	want := regex{regexp2.MustCompile(gpt2Pattern)}
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []rune("ab'stremvld  \t\n\u00a0\u3000019½٣,.!?éß日😀\u0301_")
	for range 20000 {
		text := make([]rune, 1+random.IntN(12))
		for i := range text {
			text[i] = alphabet[random.IntN(len(alphabet))]
		}
		s := string(text)
		if got, want := (gpt2Words{}).find(s), want.find(s); !slices.Equal(got, want) {
			t.Fatalf("%q: %v, want %v", s, got, want)
		}
	}
}

// TestJoinLong compares the two ways to merge.
func TestJoinLong(t *testing.T) {
	b := fromJSONFile(t, "llama.json").model.(*bpe)
	random := rand.New(rand.NewPCG(3, 4))
	alphabet := []rune("abdeginorst▁▁Aé")
	for range 5000 {
		text := make([]rune, 1+random.IntN(40))
		for i := range text {
			text[i] = alphabet[random.IntN(len(alphabet))]
		}
		ids := b.characters(string(text))
		long := b.joinLong(slices.Clone(ids))
		if short := b.join(ids); !slices.Equal(short, long) {
			t.Fatalf("%q: %v and %v", string(text), short, long)
		}
	}
}

// TestVeryLong encodes a word of a million characters, and decodes it.
func TestVeryLong(t *testing.T) {
	text := strings.Repeat("▁interpreter日", 1<<16)
	for _, name := range []string{"bytelevel", "llama", "split"} {
		p := fromJSONFile(t, name+".json")
		got := p.Decode(p.Encode(text, false), false)
		if name == "llama" {
			got = strings.ReplaceAll(got, " ", "▁")
		}
		if got != text {
			t.Errorf("%s: %d bytes became %d", name, len(text), len(got))
		}
	}
}

func TestChatML(t *testing.T) {
	user := Message{"user", "Hi"}
	for _, c := range []struct {
		messages []Message
		system   string
		answer   bool
		want     string
	}{
		{[]Message{user}, "Be brief.", true, "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"},
		{[]Message{user}, "", false, "<|im_start|>user\nHi<|im_end|>\n"},
		{[]Message{{"system", "Own."}, user}, "Be brief.", false, "<|im_start|>system\nOwn.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"},
		{nil, "Be brief.", true, "<|im_start|>assistant\n"},
	} {
		if got := ChatML(c.messages, c.system, c.answer); got != c.want {
			t.Errorf("%v: %q, want %q", c.messages, got, c.want)
		}
	}
}

func TestIDs(t *testing.T) {
	p := fromJSONFile(t, "bytelevel.json")
	for id := range int32(p.Size()) {
		token := p.Token(id)
		if back, ok := p.ID(token); !ok || back != id {
			t.Errorf("token %q of id %d has id %d, %v", token, id, back, ok)
		}
	}
	for _, id := range []int32{-1, int32(p.Size()), 1 << 30} {
		if token := p.Token(id); token != "" {
			t.Errorf("id %d is %q", id, token)
		}
		if text := p.Decode([]int32{id, id}, false); text != "" {
			t.Errorf("id %d decodes to %q", id, text)
		}
	}
	if _, ok := p.ID("no such token"); ok {
		t.Error("a token that is none has an id")
	}
	if eos := p.Special().EOS; !p.added.special[eos] || p.Token(eos) != "</s>" {
		t.Errorf("EOS is %d, %q", eos, p.Token(eos))
	}
}

// TestSlowPattern gives a pattern that backtracks without end on this text.
func TestSlowPattern(t *testing.T) {
	find, err := newPattern(`(a|aa)+$`)
	if err != nil {
		t.Fatal(err)
	}
	r := find.(regex)
	r.MatchTimeout = patternTime / 100
	text := strings.Repeat("a", 60) + "b"
	words := splitBy{r, isolated, false}.split(nil, word{text, true})
	if len(words) != 1 || words[0].text != text {
		t.Errorf("%d words", len(words))
	}
}

// TestConcurrent encodes from many goroutines; the race detector watches.
func TestConcurrent(t *testing.T) {
	texts := load[[]string](t, "texts.json")
	for _, name := range families {
		p := fromJSONFile(t, name+".json")
		want := load[[]golden](t, name+".golden.json")
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				for i, text := range texts {
					if got := p.Encode(text, true); !slices.Equal(got, want[i].Special) {
						t.Errorf("%s: %q: %v", name, text, got)
					}
				}
			})
		}
		wait.Wait()
	}
}

func TestToValid(t *testing.T) {
	for in, want := range map[string]string{
		"a":                    "a",
		"\xff":                 "�",
		"\xe6\x97x":            "�x",       // a character cut short is one
		"\xe6\x97\xe6\x97\xa5": "�日",       // and another begins
		"\xf0\x9f\x98":         "�",        //
		"\xed\xa0\x80":         "���",      // a surrogate is none
		"\xc0\xaf":             "��",       // nor is what was too long
		"\xf4\x90\x80\x80":     "����",     // or too high
		"\xe0\x80\xff\x80":     "����",     //
		"日\x80\xbf":            "日��",      //
		"\xf1\x80\x80a\xf1":    "�a�",      //
		"\xf0\x90\x80é\xc3":    "�é�",      //
		"\xe1\x80\xe2\xf0\x91": "�\ufffd�", //
	} {
		if got := toValid(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
