package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/weights"
)

// agree checks that two tokenizers give the same ids and texts.
func agree(t *testing.T, got, want Tokenizer, texts []string) {
	t.Helper()
	if len(texts) == 0 {
		t.Fatal("no texts")
	}
	for _, text := range texts {
		for _, special := range []bool{false, true} {
			g, w := got.Encode(text, special), want.Encode(text, special)
			if !slices.Equal(g, w) {
				t.Errorf("%q: ids %v, want %v", text, g, w)
			}
			if g, w := got.Decode(w, special), want.Decode(w, special); g != w {
				t.Errorf("%q: text %q, want %q", text, g, w)
			}
		}
	}
}

// edited is a tokenizer.json with some of its parts replaced.
func edited(t *testing.T, name string, parts map[string]string) (whole map[string]json.RawMessage, p *Pipeline) {
	t.Helper()
	whole = load[map[string]json.RawMessage](t, name)
	for key, part := range parts {
		whole[key] = json.RawMessage(part)
	}
	data, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	if p, err = FromJSON(data); err != nil {
		t.Fatal(err)
	}
	return whole, p
}

// directory makes a directory of files.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, contents := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(contents), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func fromDirectory(t *testing.T, files map[string]string) *Pipeline {
	t.Helper()
	p, err := FromDir(directory(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestVocabAndMerges builds OPT's kind from its old files.
func TestVocabAndMerges(t *testing.T) {
	whole, want := edited(t, "bytelevel.json", map[string]string{
		"pre_tokenizer": `{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`,
	})
	var model struct {
		Vocab  json.RawMessage
		Merges [][2]string
	}
	if err := json.Unmarshal(whole["model"], &model); err != nil {
		t.Fatal(err)
	}
	merges := "#version: 0.2\n"
	for _, m := range model.Merges {
		merges += m[0] + " " + m[1] + "\n"
	}
	got := fromDirectory(t, map[string]string{
		"vocab.json": string(model.Vocab), "merges.txt": merges,
		"tokenizer_config.json": `{"bos_token":{"content":"</s>"},"eos_token":"</s>","pad_token":"<pad>","unk_token":null,"add_bos_token":true,
			"additional_special_tokens":["<|endoftext|>","<s>"],
			"added_tokens_decoder":{"1":{"content":"<|im_start|>","special":true},"2":{"content":"<|im_end|>","special":true},
			"420":{"content":"<image>"},"421":{"content":"<word>","single_word":true}}}`,
	})
	agree(t, got, want, load[[]string](t, "texts.json"))
	if s := got.Special(); s.BOS != 5 || s.EOS != 5 || s.Pad != 4 || s.Unknown != None {
		t.Errorf("special tokens %+v", s)
	}
}

// TestVocabTxt builds BERT's kind from its list of pieces.
func TestVocabTxt(t *testing.T) {
	_, want := edited(t, "wordpiece.json", map[string]string{
		"added_tokens": `[{"id":0,"content":"[PAD]","special":true},{"id":1,"content":"[UNK]","special":true},{"id":2,"content":"[CLS]","special":true},
			{"id":3,"content":"[SEP]","special":true},{"id":4,"content":"[MASK]","special":true}]`,
	})
	var lines []string
	for id := range int32(want.model.size()) {
		lines = append(lines, want.Token(id))
	}
	got := fromDirectory(t, map[string]string{"vocab.txt": strings.Join(lines, "\n") + "\n"})
	agree(t, got, want, load[[]string](t, "texts.json"))
	if s := got.Special(); s != (Special{BOS: None, EOS: None, Pad: 0, Unknown: 1, CLS: 2, Sep: 3, Mask: 4}) {
		t.Errorf("special tokens %+v", s)
	}
}

// without drops the texts that contain one of the words.
func without(texts []string, words ...string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
	})
}

// TestSentencePiece builds T5's and LLaMA's kinds from SentencePiece's own
// files, and compares them with the tokenizers library's and, on texts without
// control tokens or marks and with no line separator (white space to one, not
// to the other), with SentencePiece's ids.
func TestSentencePiece(t *testing.T) {
	texts := load[[]string](t, "texts.json")
	for _, c := range []struct{ name, file, config string }{
		{"llama", "tokenizer.model", `{"bos_token":"<s>"}`},
		{"t5", "spiece.model", `{"eos_token":"</s>","extra_ids":2}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			model := mustRead(t, c.name+".model")
			got := fromDirectory(t, map[string]string{c.file: string(model), "tokenizer_config.json": c.config})
			agree(t, got, fromJSONFile(t, c.name+".json"), without(texts, "<extra_id"))
			ids := load[[][]int32](t, c.name+".spm.golden.json")
			for i, text := range texts {
				if len(without([]string{text}, "<s>", "</s>", "<unk>", "<pad>", "<extra_id", "\x00", "▁", "\u2028")) == 0 {
					continue
				}
				if g := got.Encode(text, false); !slices.Equal(g, ids[i]) {
					t.Errorf("%q: ids %v, sentencepiece has %v", text, g, ids[i])
				}
			}
		})
	}
	p := fromDirectory(t, map[string]string{
		"spiece.model": string(mustRead(t, "t5.model")), "tokenizer_config.json": `{"eos_token":"</s>","extra_ids":2}`,
	})
	size := int32(p.model.size())
	if got := p.Encode("<extra_id_0><extra_id_1>", true); !slices.Equal(got, []int32{size + 1, size, 1}) {
		t.Errorf("sentinels %v of %d pieces", got, size)
	}
}

// TestT5WithoutPrefix: T5's class marks a text's beginning even where the file has no space put there, and each word's.
func TestT5WithoutPrefix(t *testing.T) {
	model := string(mustRead(t, "t5.model"))
	noPrefix := model + "\x1a\x02\x18\x00" // the normaliser's settings (3): add_dummy_prefix (3) is false
	want, got := fromDirectory(t, map[string]string{"spiece.model": model}), fromDirectory(t, map[string]string{"spiece.model": noPrefix})
	agree(t, got, want, load[[]string](t, "texts.json"))
	if ids := got.Encode("a red sofa", false); got.Decode(ids, false) != "a red sofa" {
		t.Errorf("%v is %q", ids, got.Decode(ids, false))
	}
}

// TestGGUFSentencePiece describes the same LLaMA tokenizer as a GGUF would.
func TestGGUFSentencePiece(t *testing.T) {
	var m spmModel
	if err := m.parse(mustRead(t, "llama.model")); err != nil {
		t.Fatal(err)
	}
	types := make([]int64, len(m.types))
	for i, kind := range m.types {
		types[i] = int64(kind)
	}
	p, err := FromGGUF(weights.Meta{
		"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": m.tokens, "tokenizer.ggml.scores": m.scores,
		"tokenizer.ggml.token_type": types, "tokenizer.ggml.bos_token_id": uint64(1), "tokenizer.ggml.eos_token_id": uint64(2),
		"tokenizer.ggml.unknown_token_id": uint64(0), "tokenizer.ggml.padding_token_id": uint64(3),
	})
	if err != nil {
		t.Fatal(err)
	}
	agree(t, p, fromJSONFile(t, "llama.json"), load[[]string](t, "texts.json"))
	if p.Special().EOS != 2 || p.Special().Pad != 3 {
		t.Errorf("special tokens %+v", p.Special())
	}
}

// TestGGUFByteLevel describes a byte-level tokenizer under each name of a split.
func TestGGUFByteLevel(t *testing.T) {
	texts := load[[]string](t, "texts.json")
	for _, c := range []struct{ pre, json, parts string }{
		{"smollm", "bytelevel.json", ""},
		{"gpt-2", "bytelevel.json", `{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}`},
		{"llama-bpe", "split.json", ""},
	} {
		parts := map[string]string{"added_tokens": "[]"}
		if c.parts != "" {
			parts["pre_tokenizer"] = c.parts
		}
		whole, want := edited(t, c.json, parts)
		want.model.(*bpe).ignoreMerges = false
		var model struct {
			Vocab  map[string]int
			Merges [][2]string
		}
		if err := json.Unmarshal(whole["model"], &model); err != nil {
			t.Fatal(err)
		}
		tokens := make([]string, len(model.Vocab))
		for token, id := range model.Vocab {
			tokens[id] = token
		}
		var merges []string
		for _, m := range model.Merges {
			merges = append(merges, m[0]+" "+m[1])
		}
		before := want.Encode("", true)
		p, err := FromGGUF(weights.Meta{
			"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": c.pre, "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": merges,
			"tokenizer.ggml.bos_token_id": uint64(before[0]), "tokenizer.ggml.add_bos_token": true,
		})
		if err != nil {
			t.Fatal(err)
		}
		agree(t, p, want, texts)
	}
}

func TestGGUFErrors(t *testing.T) {
	for want, meta := range map[string]weights.Meta{
		"tokenizer.ggml.model":  {},
		"tokenizer.ggml.tokens": {"tokenizer.ggml.model": "gpt2"},
		`"bert"`:                {"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": []string{"a"}},
		"2 types":               {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": []string{"a"}, "tokenizer.ggml.token_type": []int64{1, 1}},
		"listed twice":          {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": []string{"a", "a"}},
		`"odd"`:                 {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": []string{"a"}, "tokenizer.ggml.pre": "odd"},
		"merge 0":               {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": []string{"a"}, "tokenizer.ggml.merges": []string{"a b"}},
		"0 scores":              {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": []string{"a"}},
		"eos_token_id is 7":     {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": []string{"a"}, "tokenizer.ggml.eos_token_id": uint64(7)},
	} {
		if _, err := FromGGUF(meta); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestFromDirErrors(t *testing.T) {
	for want, files := range map[string]map[string]string{
		"no tokenizer.json":          {"config.json": "{}"},
		"merges.txt":                 {"vocab.json": "{}"},
		"tokenizer_config.json":      {"vocab.txt": "[UNK]", "tokenizer_config.json": "{"},
		"tokenizer.json: not JSON: ": {"tokenizer.json": "{"},
		"no model":                   {"tokenizer.json": "{}"},
		"a list stands":              {"tokenizer.json": "[]"},
		"no unknown token":           {"vocab.txt": "a\nb\n"},
		"sentencepiece model":        {"spiece.model": "\x00"},
		"no pieces":                  {"tokenizer.model": ""},
		"extra_ids is -1":            {"spiece.model": string(mustRead(t, "t5.model")), "tokenizer_config.json": `{"extra_ids":-1}`},
		"added token":                {"tokenizer.model": string(mustRead(t, "llama.model")), "added_tokens.json": `{"x":-1}`},
		"added_tokens_decoder":       {"vocab.txt": "[UNK]", "tokenizer_config.json": `{"added_tokens_decoder":{"x":{}}}`},
		"special_tokens_map.json: ":  {"vocab.txt": "[UNK]", "special_tokens_map.json": `[]`},
	} {
		dir := directory(t, files)
		if _, err := FromDir(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestJSONErrors(t *testing.T) {
	const model = `"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}`
	nested := func(kind, list string) string {
		return strings.Repeat(`{"type":"Sequence","`+list+`":[`, 20) + `{"type":"` + kind + `"}` + strings.Repeat(`]}`, 20)
	}
	for _, c := range []struct{ want, file string }{
		{"unknown type", `{"model":{"type":"Magic","vocab":{}}}`},
		{"not in the vocabulary", `{"model":{"type":"WordPiece","vocab":{"a":0},"unk_token":"b"}}`},
		{"has id -1", `{"model":{"type":"WordLevel","vocab":{"a":-1}}}`},
		{"ids up to", `{"model":{"type":"WordLevel","vocab":{"a":16000000}}}`},
		{"both have id", `{"model":{"type":"WordLevel","vocab":{"a":0,"b":0}}}`},
		{"no merges", `{"model":{"type":"BPE","vocab":{"a":0}}}`},
		{"merge 0: 1 tokens", `{"model":{"type":"BPE","vocab":{"a":0},"merges":[["a"]]}}`},
		{"is not two tokens", `{"model":{"type":"BPE","vocab":{"a":0},"merges":["a"]}}`},
		{"not in the vocabulary", `{"model":{"type":"BPE","vocab":{"a":0},"merges":["a a"]}}`},
		{"empty vocabulary", `{"model":{"type":"Unigram","vocab":[]}}`},
		{"entry 0", `{"model":{"type":"Unigram","vocab":[["a"]]}}`},
		{"id is 3", `{"model":{"type":"Unigram","vocab":[["a",0]],"unk_id":3}}`},
		{"added token 0", `{` + model + `,"added_tokens":[{"id":-1,"content":"x"}]}`},
		{"added token 0", `{` + model + `,"added_tokens":[{"id":1,"content":""}]}`},
		{"normalizer: unknown type", `{` + model + `,"normalizer":{"type":"Magic"}}`},
		{"normalizer: sequences nested", `{` + model + `,"normalizer":` + nested("NFC", "normalizers") + `}`},
		{"pre_tokenizer: sequences nested", `{` + model + `,"pre_tokenizer":` + nested("Whitespace", "pretokenizers") + `}`},
		{"decoder: sequences nested", `{` + model + `,"decoder":` + nested("Fuse", "decoders") + `}`},
		{"post_processor: sequences nested", `{` + model + `,"post_processor":` + nested("ByteLevel", "processors") + `}`},
		{"precompiled_charsmap", `{` + model + `,"normalizer":{"type":"Precompiled","precompiled_charsmap":"/////w=="}}`},
		{"pattern", `{` + model + `,"pre_tokenizer":{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"}}`},
		{"no pattern", `{` + model + `,"pre_tokenizer":{"type":"Split","behavior":"Isolated"}}`},
		{"unknown behavior", `{` + model + `,"pre_tokenizer":{"type":"Punctuation","behavior":"x"}}`},
		{"prepend_scheme", `{` + model + `,"pre_tokenizer":{"type":"Metaspace","replacement":"_","prepend_scheme":"x"}}`},
		{"no replacement", `{` + model + `,"decoder":{"type":"Metaspace"}}`},
		{"not a token and its id", `{` + model + `,"post_processor":{"type":"BertProcessing","cls":["a",-5],"sep":["a",0]}}`},
		{"not among the special tokens", `{` + model + `,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}]}}`},
		{"without the text", `{` + model + `,"post_processor":{"type":"TemplateProcessing","single":[]}}`},
		{"id 7 is no token", `{` + model + `,"post_processor":{"type":"BertProcessing","cls":["a",7],"sep":["a",0]}}`},
		{"id -1 is no token", `{` + model + `,"post_processor":{"type":"TemplateProcessing","special_tokens":{"x":{"ids":[-1]}},"single":[{"SpecialToken":{"id":"x"}},{"Sequence":{}}]}}`},
		{"a replacement of 2000 bytes", `{` + model + `,"normalizer":{"type":"Prepend","prepend":"` + strings.Repeat("a", 2000) + `"}}`},
		{"max_input_chars_per_word", `{"model":{"type":"WordPiece","vocab":{"a":0},"unk_token":"a","max_input_chars_per_word":1000000}}`},
		{"token 0 has 2000 bytes", `{"model":{"type":"Unigram","vocab":[["` + strings.Repeat("a", 2000) + `",0]]}}`},
		{"more than 64", `{` + model + `,"post_processor":{"type":"TemplateProcessing","special_tokens":{"x":{"ids":[0]}},"single":[` +
			strings.Repeat(`{"SpecialToken":{"id":"x"}},`, 65) + `{"Sequence":{}}]}}`},
		{"the text twice", `{` + model + `,"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{}},{"Sequence":{}}]}}`},
	} {
		if _, err := FromJSON([]byte(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.file, err, c.want)
		}
	}
}

// TestGrowth gives chains of parts that each double a text.
func TestGrowth(t *testing.T) {
	chain := func(kind, part string) string {
		return `{"type":"Sequence","` + kind + `":[` + strings.Repeat(part+",", 99) + part + `]}`
	}
	const double = `{"type":"Replace","pattern":{"String":"a"},"content":"aa"}`
	for key, parts := range map[string]string{
		"normalizer":    chain("normalizers", double),
		"pre_tokenizer": chain("pretokenizers", `{"type":"ByteLevel","use_regex":false}`),
		"decoder":       chain("decoders", double),
	} {
		data := `{"model":{"type":"WordLevel","vocab":{"a":0,"é":1},"unk_token":"a"},"` + key + `":` + parts + `}`
		p, err := FromJSON([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		ids := p.Encode("aaé", false)
		if text := p.Decode([]int32{0, 0, 0}, false); len(ids) > 10 || len(text) > 1<<23 {
			t.Errorf("%s: %d ids, a text of %d bytes", key, len(ids), len(text))
		}
	}
}

// TestOldModels reads models that do not say what they are.
func TestOldModels(t *testing.T) {
	for _, name := range families {
		whole := load[map[string]json.RawMessage](t, name+".json")
		var model map[string]any
		if err := json.Unmarshal(whole["model"], &model); err != nil {
			t.Fatal(err)
		}
		delete(model, "type")
		if merges, ok := model["merges"].([]any); ok {
			for i, m := range merges {
				pair := m.([]any)
				merges[i] = fmt.Sprint(pair[0], " ", pair[1])
			}
		}
		raw, err := json.Marshal(model)
		if err != nil {
			t.Fatal(err)
		}
		_, p := edited(t, name+".json", map[string]string{"model": string(raw)})
		agree(t, p, fromJSONFile(t, name+".json"), []string{"A red bicycle, 12 shops."})
	}
}
