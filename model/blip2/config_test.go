package blip2

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"dragoman/internal/frugal"
	"dragoman/language/llama"
	"dragoman/language/opt"
	"dragoman/language/t5"
	"dragoman/vision/vit"
)

func TestConfigDefaults(t *testing.T) {
	c, err := ParseConfig([]byte(`{"model_type":"blip-2","qformer_config":{"use_qformer_text_input":true,"vocab_size":30523},"image_token_index":50265}`))
	if err != nil {
		t.Fatal(err)
	}
	q := c.QFormer
	if q.Width != 768 || q.Layers != 12 || q.Queries != 32 || q.CrossEvery != 2 || !q.Text || q.Vocab != 30523 || c.Shared != 256 || c.ImageID != 50265 || c.decoderStart() != 30522 {
		t.Errorf("%+v", c)
	}
	if c.Vision.Type != "blip_2_vision_model" || c.Language.Type != "opt" {
		t.Errorf("parts of type %q and %q", c.Vision.Type, c.Language.Type)
	}
	if c, err = ParseConfig([]byte(`{"model_type":"instructblip","image_token_id":32001}`)); err != nil || !c.Instruct || c.ImageID != 32001 || c.Extras.Prompt == "" {
		t.Errorf("%+v, %v", c, err)
	}
	if raw, err := json.Marshal(c); err != nil || !strings.Contains(string(raw), `"model_type":"instructblip"`) {
		t.Errorf("written as %s, %v", raw, err)
	}
	// An early release spelt the key otherwise.
	if c, err = ParseConfig([]byte(`{"model_type":"blip-2","qformer_config":{"qformer_text_input":true}}`)); err != nil || !c.QFormer.Text || c.ImageID != -1 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestConfigPadding: a Q-Former may have no padding, whose word would get no gradient, which is not the same as saying nothing of it.
func TestConfigPadding(t *testing.T) {
	for key, want := range map[string]int32{"": 0, `"pad_token_id":0`: 0, `"pad_token_id":3`: 3, `"pad_token_id":null`: -1} {
		c, err := ParseConfig([]byte(`{"model_type":"blip-2","qformer_config":{` + key + `}}`))
		if err != nil || c.QFormer.Pad != want {
			t.Errorf("%s: %d, %v", key, c.QFormer.Pad, err)
		}
		raw, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if c, err = ParseConfig(raw); err != nil || c.QFormer.Pad != want {
			t.Errorf("%s written and read: %d, %v", key, c.QFormer.Pad, err)
		}
	}
	if _, err := ParseConfig([]byte(`{"model_type":"blip-2","qformer_config":{"pad_token_id":"none"}}`)); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("a word for an id: %v", err)
	}
}

func TestConfigRoundTrip(t *testing.T) {
	c := oracleConfig()
	c.Vision, c.Language = Part{Type: "efficientnet_lite", JSON: json.RawMessage(`{"model_type":"efficientnet_lite","weights":"v.pth"}`)}, Part{Type: "llama", JSON: json.RawMessage(`{"model_type":"llama"}`)}
	c.Extras = Extras{TextPooling: "mean", DecoderStart: 40, Features: []string{"tokens", "pooled", "classes"}, Classes: 1000, PictureHead: 64, Prompt: "Caption:", Hints: 3, HintShare: 0.25}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseConfig(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, back) {
		t.Errorf("%+v became %+v", c, back)
	}
}

func TestConfigErrors(t *testing.T) {
	for raw, want := range map[string]string{
		`{"model_type":"bert"}`: "neither blip-2",
		`{`:                     "config.json",
		`{"model_type":"blip-2","num_query_tokens":-3}`:                                                                        "num_query_tokens",
		`{"model_type":"blip-2","qformer_config":{"num_attention_heads":7}}`:                                                   "multiple",
		`{"model_type":"blip-2","qformer_config":{"hidden_size":1e9}}`:                                                         "hidden_size",
		`{"model_type":"blip-2","qformer_config":{"hidden_act":"sin"}}`:                                                        "sin",
		`{"model_type":"blip-2","dragoman":{"features":["smell"]}}`:                                                            "smell",
		`{"model_type":"blip-2","dragoman":{"text_pooling":"max"}}`:                                                            "max",
		`{"model_type":"blip-2","dragoman":{"picture_head":8}}`:                                                                "picture_head",
		`{"model_type":"blip-2","vision_config":7}`:                                                                            "vision_config",
		`{"model_type":"blip-2","image_text_hidden_size":0}`:                                                                   "image_text_hidden_size",
		`{"model_type":"blip-2","dragoman":{"hints":1000}}`:                                                                    "hints",
		`{"model_type":"blip-2","dragoman":{"hint_share":1.5}}`:                                                                "hint_share",
		`{"model_type":"blip-2","dragoman":{"classes":-1}}`:                                                                    "classes",
		`{"model_type":"blip-2","qformer_config":{"use_qformer_text_input":true},"dragoman":{"decoder_start_token_id":99999}}`: "decoder_start",
	} {
		if _, err := ParseConfig([]byte(raw)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(`{"model_type":"blip-2","qformer_config":{"hidden_size":64},"vision_config":{"model_type":"efficientnet_lite"}}`))
	f.Add([]byte(`{"model_type":"blip-2","dragoman":{"features":["tokens"]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		frugal.Run(t, len(raw), func() {
			c, err := ParseConfig(raw)
			if err == nil && c.QFormer.Width%c.QFormer.Heads != 0 {
				t.Error("an impossible configuration was accepted")
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %q", err)
			}
		})
	})
}

// FuzzPartConfig reads a part's configuration as each of the encoders and language models reads it.
func FuzzPartConfig(f *testing.F) {
	f.Add([]byte(`{"vocab_size":32001,"num_key_value_heads":8,"eos_token_id":[1,2],"rope_parameters":{"rope_theta":5e5,"rope_type":"default"}}`))
	f.Add([]byte(`{"hidden_size":2560,"ffn_dim":10240,"num_attention_heads":32,"word_embed_proj_dim":2560,"eos_token_id":50118}`))
	f.Add([]byte(`{"d_model":2048,"d_ff":5120,"d_kv":64,"num_heads":32,"feed_forward_proj":"gated-gelu","dense_act_fn":"gelu"}`))
	f.Add([]byte(`{"hidden_size":1408,"image_size":364,"patch_size":14,"layer_norm_eps":1e-5,"qkv_bias":false}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, llamaErr := llama.ParseConfig(raw)
		if llamaErr == nil && (l.Heads%l.KVHeads != 0 || l.Width < 1) {
			t.Errorf("an impossible LLaMA was accepted: %+v", l)
		}
		o, optErr := opt.ParseConfig(raw)
		if optErr == nil && o.Width%o.Heads != 0 {
			t.Errorf("an impossible OPT was accepted: %+v", o)
		}
		_, t5Err := t5.ParseConfig(raw)
		v, vitErr := vit.ParseConfig(raw)
		if vitErr == nil && (v.HiddenSize%v.Heads != 0 || v.Tokens() < 2) {
			t.Errorf("an impossible transformer was accepted: %+v", v)
		}
		for _, err := range []error{llamaErr, optErr, t5Err, vitErr} {
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("an error of several lines: %q", err)
			}
		}
	})
}
