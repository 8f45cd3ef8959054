package tokenizer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// kinds is what tools/oracle/tokenizer_kinds.py recorded: the trained vocabularies put together as released models' are.
type kinds struct {
	Texts []string
	Kinds []struct {
		recorded
		Parts map[string]json.RawMessage
	}
	Directories []struct {
		recorded
		Config map[string]json.RawMessage
		Roles  []int32
	}
	Patterns []struct {
		Pattern string
		Words   [][]string
	}
}

type recorded struct {
	Name, Base string
	IDs        [][]int32
	Decoded    []string
	All        []string
}

func (r recorded) check(t *testing.T, p *Pipeline, texts []string) {
	t.Helper()
	if len(texts) < 20 || len(r.IDs) != len(texts) {
		t.Fatalf("%d texts, %d recorded", len(texts), len(r.IDs))
	}
	for i, text := range texts {
		if got := p.Encode(text, true); !slices.Equal(got, r.IDs[i]) {
			t.Errorf("%+q: ids\n got %v\nwant %v", text, got, r.IDs[i])
		}
		if got := p.Decode(r.IDs[i], true); got != r.Decoded[i] {
			t.Errorf("%v without special tokens\n got %+q\nwant %+q", r.IDs[i], got, r.Decoded[i])
		}
		if got := p.Decode(r.IDs[i], false); got != r.All[i] {
			t.Errorf("%v\n got %+q\nwant %+q", r.IDs[i], got, r.All[i])
		}
	}
}

// TestKinds reads each as a tokenizer.json.
func TestKinds(t *testing.T) {
	k := load[kinds](t, "kinds.json")
	for _, c := range k.Kinds {
		t.Run(c.Name, func(t *testing.T) {
			parts := map[string]string{}
			for key, part := range c.Parts {
				parts[key] = string(part)
			}
			_, p := edited(t, c.Base+".json", parts)
			c.check(t, p, k.Texts)
		})
	}
}

// TestDirectories reads each from its older files, as the class of transformers does that is named for them.
func TestDirectories(t *testing.T) {
	k := load[kinds](t, "kinds.json")
	for _, c := range k.Directories {
		t.Run(c.Name, func(t *testing.T) {
			files := oldFiles(t, c.Base)
			for name, data := range c.Config {
				files[name] = string(data)
			}
			p := fromDirectory(t, files)
			c.check(t, p, k.Texts)
			special := p.Special()
			var roles []int32
			for _, id := range special.ids() {
				roles = append(roles, *id)
			}
			if !slices.Equal(roles, c.Roles) {
				t.Errorf("roles %v, want %v", roles, c.Roles)
			}
		})
	}
}

// oldFiles are a trained vocabulary's files as they were before tokenizer.json.
func oldFiles(t *testing.T, base string) map[string]string {
	t.Helper()
	switch base {
	case "llama":
		return map[string]string{"tokenizer.model": string(mustRead(t, "llama.model"))}
	case "t5":
		return map[string]string{"spiece.model": string(mustRead(t, "t5.model"))}
	}
	var file struct {
		Model struct {
			Vocab  map[string]int32
			Merges [][2]string
		}
	}
	if err := json.Unmarshal(mustRead(t, base+".json"), &file); err != nil {
		t.Fatal(err)
	}
	v, err := newVocabulary(file.Model.Vocab)
	if err != nil {
		t.Fatal(err)
	}
	if base == "wordpiece" {
		return map[string]string{"vocab.txt": strings.Join(v.tokens, "\n") + "\n"}
	}
	vocab, err := json.Marshal(file.Model.Vocab)
	if err != nil {
		t.Fatal(err)
	}
	merges := "#version: 0.2\n"
	for _, m := range file.Model.Merges {
		merges += m[0] + " " + m[1] + "\n"
	}
	return map[string]string{"vocab.json": string(vocab), "merges.txt": merges}
}

// TestPatterns splits by Oniguruma's patterns.
func TestPatterns(t *testing.T) {
	k := load[kinds](t, "kinds.json")
	if len(k.Patterns) < 20 {
		t.Fatalf("%d patterns", len(k.Patterns))
	}
	for _, c := range k.Patterns {
		find, err := newPattern(c.Pattern)
		if err != nil {
			t.Error(err)
			continue
		}
		for i, text := range k.Texts {
			got := []string{}
			for _, w := range (splitBy{find, isolated, false}).split(nil, word{text, true}) {
				got = append(got, w.text)
			}
			if g, w := fmt.Sprintf("%+q", got), fmt.Sprintf("%+q", c.Words[i]); g != w {
				t.Errorf("%s of %+q\n got %s\nwant %s", c.Pattern, text, g, w)
			}
		}
	}
	for _, pattern := range []string{`[a`, `a\`, `\p{None}`, `[z-a]`, `[\x{110000}]`, strings.Repeat("[", 50)} {
		if _, err := newPattern(pattern); err == nil {
			t.Errorf("%q is a pattern", pattern)
		}
	}
}

// TestWordEndsStrip takes away at a text's ends what Python's str.strip does, which CLIP's class calls.
func TestWordEndsStrip(t *testing.T) {
	if got := (wordEnds{}).decode([]string{"\x1c", "\u00a0a</w>", "\x1bb</w>", "\x1f</w>"})[0]; got != "a \x1bb" {
		t.Errorf("%q", got)
	}
}
