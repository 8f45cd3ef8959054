package llama

import (
	"errors"
	"fmt"

	"dragoman/internal/plainjson"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/weights"
)

// Config is a LLaMA's size.
type Config struct {
	language.Sizes

	Still            int32 // the word whose embedding gets no gradient where it is looked up (padding); −1: none
	Counted          bool  // a token's position is its number among those of its row, padding's 1 (IDEFICS); else its place
	Extra            int   // words behind the vocabulary whose rows are tensors of their own (IDEFICS)
	KVHeads, HeadDim int   // Heads of queries share KVHeads of keys and values
	Rope             tensor.Rope
	Eps              float32 // of the RMS norms
	Act              kernel.Act
	Tied             bool // the output head is the embedding
	Bounded          bool // a longer text than Context would not be read as the model was made to read it
}

func (c *Config) check() error {
	if err := c.Check("llama", language.Size{Name: "number of key and value heads", Value: c.KVHeads},
		language.Size{Name: "size of a head", Value: c.HeadDim}); err != nil {
		return err
	}
	switch {
	case c.Extra < 0 || c.Extra > language.MaxSize:
		return fmt.Errorf("llama: %d additional words are out of range", c.Extra)
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("llama: %d heads do not share %d of keys and values evenly", c.Heads, c.KVHeads)
	case c.Rope.Dim < 2 || c.Rope.Dim > c.HeadDim || c.Rope.Dim%2 != 0:
		return fmt.Errorf("llama: rotation of %d columns of heads of %d", c.Rope.Dim, c.HeadDim)
	case !(c.Rope.Base > 0) || !(c.Eps >= 0):
		return fmt.Errorf("llama: rotation base %v, norm epsilon %v", c.Rope.Base, c.Eps)
	}
	return nil
}

// ParseConfig reads the config.json of a LlamaForCausalLM, or a text_config. What is left out has transformers' default.
func ParseConfig(data []byte) (Config, error) {
	return parse(data, file{
		Vocab: 32000, Width: 4096, FeedForward: 11008, Layers: 32, Heads: 32, Context: 2048, Act: "silu", Eps: 1e-6,
		Theta: 10000, BOS: language.IDs{1}, EOS: language.IDs{2},
	})
}

// ParseMistral reads that of a MistralForCausalLM: a LLaMA whose tokens see a window of those before them. A text that is no longer sees all,
// and longer ones are not read.
func ParseMistral(data []byte) (Config, error) {
	window := 4096
	return parse(data, file{
		Vocab: 32000, Width: 4096, FeedForward: 14336, Layers: 32, Heads: 32, KVHeads: 8, Context: 4096 * 32, Act: "silu", Eps: 1e-6,
		Theta: 10000, BOS: language.IDs{1}, EOS: language.IDs{2}, Window: &window,
	})
}

// file is what is read of a config.json.
type file struct {
	Vocab       int                      `json:"vocab_size"`
	Width       int                      `json:"hidden_size"`
	FeedForward int                      `json:"intermediate_size"`
	Layers      int                      `json:"num_hidden_layers"`
	Heads       int                      `json:"num_attention_heads"`
	KVHeads     int                      `json:"num_key_value_heads"`
	HeadDim     int                      `json:"head_dim"`
	Context     int                      `json:"max_position_embeddings"`
	Act         string                   `json:"hidden_act"`
	Eps         float32                  `json:"rms_norm_eps"`
	Theta       float32                  `json:"rope_theta"`
	Scaling     *language.RopeParameters `json:"rope_scaling"`
	Rope        *language.RopeParameters `json:"rope_parameters"`
	Tied        bool                     `json:"tie_word_embeddings"`
	BOS         language.IDs             `json:"bos_token_id"`
	EOS         language.IDs             `json:"eos_token_id"`
	Pad         language.IDs             `json:"pad_token_id"`
	Extra       int                      `json:"additional_vocab_size"`
	First       float32                  `json:"original_max_position_embeddings"`
	Window      *int                     `json:"sliding_window"` // null: none. Of a LLaMA nobody asks.
}

// parse reads a config.json; j is what stands for what is left out.
func parse(data []byte, j file) (Config, error) {
	windowed := j.Window != nil
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return Config{}, fmt.Errorf("llama: config: %w", err)
	}
	if j.KVHeads == 0 {
		j.KVHeads = j.Heads
	}
	if j.HeadDim == 0 && j.Heads > 0 {
		j.HeadDim = j.Width / j.Heads
	}
	scaling := &language.RopeParameters{}
	for _, r := range []*language.RopeParameters{j.Scaling, j.Rope} {
		if r == nil {
			continue
		}
		if r.Fraction != 0 && r.Fraction != 1 {
			return Config{}, fmt.Errorf("llama: config: partial rotation of %v is not supported", r.Fraction)
		}
		if r.Theta != 0 {
			j.Theta = r.Theta
		}
		if r.Kind() != language.RopeDefault {
			scaling = r
		}
	}
	stretch, err := scaling.Stretch(language.RopeSize{Context: j.Context, Dim: j.HeadDim, Base: j.Theta, First: j.First})
	if err != nil {
		return Config{}, fmt.Errorf("llama: config: %w", err)
	}
	act, err := nn.ParseAct(j.Act)
	if err != nil {
		return Config{}, fmt.Errorf("llama: config: hidden_act: %w", err)
	}
	c := Config{
		Sizes: language.Sizes{
			Vocab: j.Vocab, Width: j.Width, FeedForward: j.FeedForward, Layers: j.Layers, Heads: j.Heads, Context: j.Context,
			BOS: j.BOS.First(), EOS: j.EOS, Pad: j.Pad.First(),
		},
		Still: j.Pad.First(), Extra: j.Extra, KVHeads: j.KVHeads, HeadDim: j.HeadDim, Rope: tensor.Rope{Dim: j.HeadDim, Base: j.Theta, Stretch: stretch},
		Eps: j.Eps, Act: act, Tied: j.Tied,
	}
	if windowed && j.Window != nil && *j.Window < c.Longest(stretch) {
		c.Context, c.Bounded = *j.Window, true
	}
	return c, c.check()
}

// GGUFConfig reads a GGUF file's metadata. Files of architecture llama store the rows of queries and keys in the order of
// interleaved rotary pairs. The vocabulary is as large as the embedding has rows.
func GGUFConfig(meta weights.Meta, src weights.Source) (Config, error) {
	if arch := meta.Architecture(); arch != "llama" {
		return Config{}, fmt.Errorf("llama: gguf: architecture %.60q is not llama", arch)
	}
	if kind, ok := meta.String("llama.rope.scaling.type"); ok && kind != "none" {
		return Config{}, fmt.Errorf("llama: gguf: rotation scaled by %.60q is not supported", kind)
	}
	integer := func(key string, otherwise int) int {
		if n, ok := meta.Int(key); ok {
			return n
		}
		return otherwise
	}
	number := func(key string, otherwise float64) float32 {
		if x, ok := meta.Float(key); ok {
			return float32(x)
		}
		return float32(otherwise)
	}
	id := func(key string) int32 {
		if n, ok := meta.Int(key); ok && n < language.MaxSize {
			return int32(n)
		}
		return -1
	}
	c := Config{
		Sizes: language.Sizes{
			Width: integer("llama.embedding_length", 0), FeedForward: integer("llama.feed_forward_length", 0),
			Layers: integer("llama.block_count", 0), Heads: integer("llama.attention.head_count", 0),
			Context: integer("llama.context_length", 0),
			BOS:     id("tokenizer.ggml.bos_token_id"),
			Pad:     id("tokenizer.ggml.padding_token_id"),
		},
		Still: -1,
		Eps:   number("llama.attention.layer_norm_rms_epsilon", 1e-5),
		Act:   kernel.SiLU,
	}
	c.KVHeads = integer("llama.attention.head_count_kv", c.Heads)
	if c.Heads > 0 {
		c.HeadDim = integer("llama.attention.key_length", c.Width/c.Heads)
	}
	c.Rope = tensor.Rope{
		Dim: integer("llama.rope.dimension_count", c.HeadDim), Base: number("llama.rope.freq_base", 10000), Interleaved: true,
	}
	if eos := id("tokenizer.ggml.eos_token_id"); eos >= 0 {
		c.EOS = []int32{eos}
	}
	if embed, ok := src.Lookup("token_embd.weight"); ok && len(embed.Shape) == 2 {
		c.Vocab = embed.Shape[0]
	}
	_, untied := src.Lookup("output.weight")
	c.Tied = !untied
	return c, c.check()
}

// ggufNames are the names of a llama GGUF file and transformers' names for them.
var ggufNames = []weights.Rule{
	{From: "token_embd.weight", To: "model.embed_tokens.weight"},
	{From: "output_norm.weight", To: "model.norm.weight"},
	{From: "output.weight", To: "lm_head.weight"},
	{From: "blk.*.attn_norm.weight", To: "model.layers.*.input_layernorm.weight"},
	{From: "blk.*.ffn_norm.weight", To: "model.layers.*.post_attention_layernorm.weight"},
	{From: "blk.*.attn_q.*", To: "model.layers.*.self_attn.q_proj.*"},
	{From: "blk.*.attn_k.*", To: "model.layers.*.self_attn.k_proj.*"},
	{From: "blk.*.attn_v.*", To: "model.layers.*.self_attn.v_proj.*"},
	{From: "blk.*.attn_output.*", To: "model.layers.*.self_attn.o_proj.*"},
	{From: "blk.*.ffn_gate.*", To: "model.layers.*.mlp.gate_proj.*"},
	{From: "blk.*.ffn_up.*", To: "model.layers.*.mlp.up_proj.*"},
	{From: "blk.*.ffn_down.*", To: "model.layers.*.mlp.down_proj.*"},
	{From: "rope_freqs.weight", To: ""},
}

// unscaled is an error where a file's rotations are slowed by a factor for each pair of columns, as LLaMA 3.1's are.
func unscaled(f *weights.File) error {
	t, ok := f.Lookup("rope_freqs.weight")
	if !ok {
		return nil
	}
	factors, err := t.Float32()
	if err != nil {
		return err
	}
	for _, v := range factors {
		if v != 1 {
			return errors.New("llama: gguf: rotation scaled by rope_freqs.weight is not supported")
		}
	}
	return nil
}

// FromGGUF binds a model to a GGUF file: its metadata, names and layout of rows.
// The model's module path begins with module ("language_model", or nothing).
func FromGGUF(f *weights.File, module string, opt nn.BuilderOptions) (*Model, error) {
	cfg, err := GGUFConfig(f.Meta, f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path(), err)
	}
	if err := unscaled(f); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path(), err)
	}
	src, err := weights.Rename(f, ggufNames...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path(), err)
	}
	b := nn.NewBuilder(src, opt)
	if module != "" {
		b = nn.NewBuilder(weights.Below(src, module+"."), opt).Sub(module)
	}
	m := New(b, cfg)
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path(), err)
	}
	return m, nil
}

// shared is what the rest of the house knows of the model.
func (c *Config) shared() language.Config {
	shared := c.Shared("llama")
	shared.Vocab, shared.KVHeads, shared.HeadDim = c.Vocab+c.Extra, c.KVHeads, c.HeadDim
	if shared.Bounded = c.Bounded; !c.Bounded {
		shared.Context = c.Longest(c.Rope.Stretch)
	}
	return shared
}
