package tokenizer

import (
	"encoding/json"
	"io/fs"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"dragoman/internal/frugal"
	"dragoman/weights"
)

// sound uses a tokenizer that a file made: every id that it gives is a token of its, and what it decodes is text.
func sound(t *testing.T, p *Pipeline, err error, text string) {
	t.Helper()
	if err != nil {
		if strings.Contains(err.Error(), "\n") || len(err.Error()) > 1000 {
			t.Errorf("not a clear line: %.2000q", err)
		}
		return
	}
	text = text[:min(len(text), 100)]
	for _, special := range []bool{false, true} {
		ids := p.Encode(text, special)
		for _, id := range ids {
			if _, ok := p.lookup(id); !ok || id < 0 || int(id) >= p.Size() {
				t.Fatalf("%q has id %d of %d", text, id, p.Size())
			}
		}
		if got := p.Decode(ids, special); !utf8.ValidString(got) {
			t.Fatalf("%q came back as %q", text, got)
		}
	}
	for _, id := range p.special.ids() {
		if *id < None || int(*id) >= p.Size() {
			t.Fatalf("a role has id %d of %d", *id, p.Size())
		}
	}
}

// smallTokenizers are of every kind of part, and small enough that a fuzzer's changes hit their structure.
var smallTokenizers = []string{
	`{"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2,"<unk>":3,"<0x0A>":4},"merges":["a b"],"unk_token":"<unk>","fuse_unk":true,"byte_fallback":true},
		"normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
		"decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}}`,
	`{"model":{"type":"BPE","vocab":{"a":0,"Ġ":1,"Ġa":2,"b</w>":3},"merges":[["Ġ","a"]],"end_of_word_suffix":"</w>","ignore_merges":true},
		"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\p{N}{1,3}|(?i:'s)| ?\\p{L}+|\\s+(?!\\S)"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":true,"use_regex":false}]},
		"decoder":{"type":"ByteLevel"},"post_processor":{"type":"ByteLevel"}}`,
	`{"added_tokens":[{"id":0,"content":"[UNK]","special":true},{"id":1,"content":"[CLS]","special":true},{"id":6,"content":" x","lstrip":true,"rstrip":true,"single_word":true,"normalized":true}],
		"model":{"type":"WordPiece","vocab":{"[UNK]":0,"[CLS]":1,"[SEP]":2,"a":3,"##b":4,"##c":5},"unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100},
		"normalizer":{"type":"BertNormalizer","lowercase":true},"pre_tokenizer":{"type":"BertPreTokenizer"},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
		"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"[CLS]":{"id":"[CLS]","ids":[1],"tokens":["[CLS]"]}}}}`,
	`{"model":{"type":"Unigram","vocab":[["<unk>",0],["▁a",-1],["b",-2.5],["▁",-3]],"unk_id":0,"byte_fallback":false},
		"normalizer":{"type":"Precompiled","precompiled_charsmap":"BAAAAAAAAABhAA=="},"pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true},
		"decoder":{"type":"Metaspace","replacement":"▁","add_prefix_space":true},"post_processor":{"type":"RobertaProcessing","sep":["b",2],"cls":["▁",3]}}`,
	`{"model":{"type":"WordLevel","vocab":{"a":0,"b":7},"unk_token":"a"},"normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"Digits","individual_digits":true},"decoder":{"type":"BPEDecoder","suffix":"</w>"}}`,
	`{"model":{"type":"Unigram","vocab":[["a",0],["",1],["ab",-1]],"unk_id":0},"normalizer":{"type":"Replace","pattern":{"Regex":""},"content":"x"}}`,
	`{"model":{"type":"BPE","vocab":{"a":0,"":1},"merges":[["a",""]]},"added_tokens":[{"id":3,"content":" ","lstrip":true,"rstrip":true}]}`,
}

func FuzzFromJSON(f *testing.F) {
	for _, data := range smallTokenizers {
		f.Add([]byte(data), "a ab  b1 23[CLS]x é日\n")
	}
	f.Add(mustRead(f, "wordlevel.json"), "a red bicycle")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		frugal.Run(t, len(data), func() {
			p, err := FromJSON(data)
			sound(t, p, err, text)
		})
	})
}

// oldTokenizers are folders of the files that transformers wrote before tokenizer.json, and one of those that it writes beside that.
var oldTokenizers = []map[string]string{
	{
		"vocab.json": `{"a":0,"Ġ":1,"Ġa":2,"<|endoftext|>":3,"b":4,"ab":5}`, "merges.txt": "#version: 0.2\nĠ a\na b\n",
		"tokenizer_config.json": `{"tokenizer_class":"GPT2Tokenizer","bos_token":{"content":"<s>","lstrip":true,"__type":"AddedToken"},"eos_token":"</s>","add_bos_token":true,
			"extra_special_tokens":{"image_token":"<image>"},"chat_template":"{{x}}","added_tokens_decoder":{"3":{"content":"<|endoftext|>","special":true}}}`,
	},
	{
		"vocab.json": `{"a</w>":0,"b":1,"<|startoftext|>":2,"<|endoftext|>":3,"ba</w>":4}`, "merges.txt": "b a</w>",
		"special_tokens_map.json": `{"unk_token":"<|endoftext|>","additional_special_tokens":["<x>",{"content":"<y>"}],"pad_token":null}`, "added_tokens.json": `{"<x>":5,"<z>":9}`,
	},
	{
		"tokenizer.json": `{"model":{"type":"WordLevel","vocab":{"a":0,"<x>":1}},"added_tokens":[{"id":1,"content":"<x>"}]}`, "tokenizer_config.json": `{"tokenizer_class":"CLIPTokenizer","add_bos_token":true,"bos_token":"<x>"}`,
	},
	{"vocab.txt": "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n", "tokenizer_config.json": `{"do_lower_case":false,"tokenize_chinese_chars":false,"strip_accents":true,"clean_up_tokenization_spaces":true}`},
}

// FuzzFiles puts the bytes in the place of one file of an old folder.
func FuzzFiles(f *testing.F) {
	names := []string{"tokenizer.json", "vocab.json", "merges.txt", "vocab.txt", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "spiece.model", "tokenizer.model"}
	for i, folder := range oldTokenizers {
		for j, name := range names {
			if data, ok := folder[name]; ok {
				f.Add(uint8(i), uint8(j), []byte(data), "a ab<x>é")
			}
		}
	}
	f.Fuzz(func(t *testing.T, folder, file uint8, data []byte, text string) {
		instead := names[int(file)%len(names)]
		frugal.Run(t, len(data), func() {
			p, err := FromFiles("fuzz", func(name string) ([]byte, error) {
				if name == instead {
					return data, nil
				}
				if whole, ok := oldTokenizers[int(folder)%len(oldTokenizers)][name]; ok {
					return []byte(whole), nil
				}
				return nil, fs.ErrNotExist
			})
			sound(t, p, err, text)
		})
	})
}

func FuzzEncode(f *testing.F) {
	var tokenizers []*Pipeline
	for _, name := range families {
		tokenizers = append(tokenizers, fromJSONFile(f, name+".json"))
	}
	for i, text := range load[[]string](f, "texts.json") {
		f.Add(text, int64(i))
	}
	f.Fuzz(func(t *testing.T, text string, seed int64) {
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		for i, p := range tokenizers {
			ids := p.Encode(text, true)
			for _, id := range ids {
				if id < 0 || int(id) >= p.Size() {
					t.Errorf("%s: %q has id %d of %d", families[i], text, id, p.Size())
				}
			}
			if families[i] == "split" && utf8.ValidString(text) && !strings.Contains(text, "s>") {
				if got := p.Decode(ids, true); got != text {
					t.Errorf("%q came back as %q", text, got)
				}
			}
			for j := range ids {
				ids[j] = int32(random.IntN(p.Size()+2)) - 1
			}
			if got := p.Decode(ids, true); !utf8.ValidString(got) {
				t.Errorf("%s: ids %v: %q", families[i], ids, got)
			}
		}
	})
}

func FuzzSentencePiece(f *testing.F) {
	f.Add(mustRead(f, "llama.model"), false, "a red\u3000bicycle ｆ<s>")
	f.Add(mustRead(f, "t5.model"), true, "a red\u3000bicycle ｆ<s>")
	// Three pieces, the trainer's and the normaliser's settings.
	for _, kind := range []string{"\x01", "\x02"} {
		f.Add([]byte("\n\x0e\n\x05<unk>\x15\x00\x00\x00\x00\x18\x02\n\x0a\n\x03▁\x15\x00\x00\x80\xbf\n\x08\n\x01a\x15\x00\x00\x00\xc0\n\x0b\n\x04▁a\x15\x00\x00\x00\xbf"+
			"\x12\x05\x18"+kind+"\x98\x02\x01\x1a\x04\x18\x01\x20\x01"), true, "a  aa b")
	}
	f.Fuzz(func(t *testing.T, data []byte, words bool, text string) {
		frugal.Run(t, len(data), func() {
			p, err := fromSentencePiece(data, spmStyle{words: words, legacy: words, marksOnly: !words})
			sound(t, p, err, text)
		})
	})
}

// FuzzGGUF reads a vocabulary out of a GGUF file's metadata, which the bytes are in JSON.
func FuzzGGUF(f *testing.F) {
	f.Add([]byte(`{"model":"gpt2","tokens":["a","b","ab","Ġ","<s>"],"merges":["a b"],"token_type":[1,1,1,1,3],"bos_token_id":4,"add_bos_token":true,"pre":"llama-bpe","chat_template":"{{x}}"}`), "ab a b<s>")
	f.Add([]byte(`{"model":"llama","tokens":["<unk>","▁","a","▁a","<0x0A>"],"scores":[0,-1,-2,-0.5,0],"token_type":[2,1,1,1,6],"unknown_token_id":0,"add_space_prefix":true}`), "a aa\n")
	f.Fuzz(func(t *testing.T, data []byte, text string) {
		var said map[string]any
		if json.Unmarshal(data, &said) != nil {
			return
		}
		meta := weights.Meta{}
		for key, value := range said {
			meta["tokenizer.ggml."+key] = ggufValue(value)
		}
		frugal.Run(t, len(data), func() {
			p, err := FromGGUF(meta)
			sound(t, p, err, text)
		})
	})
}

// ggufValue makes of a value from JSON what a GGUF file would have said.
func ggufValue(value any) any {
	switch value := value.(type) {
	case float64:
		if n := int64(value); float64(n) == value {
			return n
		}
	case []any:
		return ggufArray(value)
	}
	return value
}

// ggufArray is all of one type: strings, integers, or numbers.
func ggufArray(values []any) any {
	texts, ints, floats := []string{}, []int64{}, []float64{}
	for _, v := range values {
		switch v := v.(type) {
		case string:
			texts = append(texts, v)
		case float64:
			ints, floats = append(ints, int64(v)), append(floats, v)
		}
	}
	switch {
	case len(texts) > 0:
		return texts
	case slices.ContainsFunc(floats, func(v float64) bool { return v != math.Trunc(v) }):
		return floats
	}
	return ints
}
