package flamingo

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"dragoman/bridge"
	"dragoman/bridge/gated"
	"dragoman/bridge/resampler"
	"dragoman/internal/plainjson"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/language/llama"
	"dragoman/model"
	"dragoman/nn"
	"dragoman/picture"
	"dragoman/tokenizer"
	"dragoman/vision/clip"
)

// ideficsConfig is what an IDEFICS's config.json says of the bridge; the rest of the file is a LLaMA's. What is left out has
// transformers' default.
type ideficsConfig struct {
	Vision       json.RawMessage `json:"vision_config"`
	VisionWidth  int             `json:"vision_embed_dim"` // of early files
	Perceiver    perceiverConfig `json:"perceiver_config"`
	UseResampler bool            `json:"use_resampler"`
	Width        int             `json:"hidden_size"`
	FeedForward  int             `json:"intermediate_size"`
	Layers       int             `json:"num_hidden_layers"`
	Heads        int             `json:"num_attention_heads"`
	Act          string          `json:"hidden_act"`
	Eps          float32         `json:"rms_norm_eps"`
	Every        int             `json:"cross_layer_interval"`
	HeadNorm     bool            `json:"qk_layer_norms"`
	AlphaType    string          `json:"alpha_type"`
}

type perceiverConfig struct {
	Latents  int  `json:"resampler_n_latents"`
	Layers   int  `json:"resampler_depth"`
	Heads    int  `json:"resampler_n_heads"`
	HeadDim  int  `json:"resampler_head_dim"`
	HeadNorm bool `json:"qk_layer_norms_perceiver"`
}

func parseIDEFICS(raw []byte) (c ideficsConfig, err error) {
	c = ideficsConfig{
		Width: 4096, FeedForward: 11008, Layers: 32, Heads: 32, Act: "silu", Eps: 1e-6, Every: 1, AlphaType: "float",
		Perceiver: perceiverConfig{Latents: 64, Layers: 6, Heads: 16, HeadDim: 96},
	}
	if err := plainjson.Unmarshal(raw, &c); err != nil {
		return c, fmt.Errorf("config.json: %w", err)
	}
	if c.AlphaType != "float" && c.AlphaType != "vector" {
		return c, fmt.Errorf("config.json: alpha_type is %.60q, neither float nor vector", c.AlphaType)
	}
	if c.Every < 1 || c.Heads < 1 || c.Layers%c.Every != 0 || c.Width%c.Heads != 0 {
		return c, fmt.Errorf("config.json: cross_layer_interval %d, num_hidden_layers %d, hidden_size %d and num_attention_heads %d do not fit together",
			c.Every, c.Layers, c.Width, c.Heads)
	}
	return c, nil
}

// gates are the blocks that a configuration describes, over media of a width.
func (c ideficsConfig) gates(mediaWidth int) (gated.Config, error) {
	act, err := nn.ParseAct(c.Act)
	if err != nil {
		return gated.Config{}, fmt.Errorf("config.json: hidden_act: %w", err)
	}
	g := gated.Config{
		Width: c.Width, MediaWidth: mediaWidth, Heads: c.Heads, HeadDim: c.Width / c.Heads, FeedForward: c.FeedForward,
		Layers: c.Layers, Every: c.Every, First: true,
		Act: bridge.Act{Kind: act}, Norm: bridge.RMSNorm, HeadNorm: c.HeadNorm, Vectors: c.AlphaType == "vector", Eps: c.Eps,
		Names: gated.IDEFICS,
	}
	return g, g.Validate()
}

// resampler is the one that a configuration describes, over features of a width.
func (c ideficsConfig) resampler(width int) (resampler.Config, error) {
	wide := width
	if c.VisionWidth > 0 {
		wide = c.VisionWidth
	}
	r := resampler.Config{
		Width: width, Latents: c.Perceiver.Latents, Layers: c.Perceiver.Layers, Heads: c.Perceiver.Heads, HeadDim: c.Perceiver.HeadDim,
		FeedForward: 4 * wide, Act: bridge.Act{Kind: kernel.ReLU}, HeadNorm: c.Perceiver.HeadNorm, Eps: 1e-5, Names: resampler.IDEFICS,
	}
	return r, r.Validate()
}

// openIDEFICS opens a directory as transformers writes it.
func (m *Model) openIDEFICS(raw []byte, files model.Files, opt Options) error {
	c, err := parseIDEFICS(raw)
	if err != nil {
		return err
	}
	look, err := clip.ParseIDEFICS(c.Vision)
	if err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	words, err := llama.ParseConfig(raw)
	if err != nil {
		return err
	}
	words.Still, words.Counted = -1, true // its embedding of two tables knows of no padding
	g, err := model.ReadGeneration(files)
	if err != nil {
		return err
	}
	m.Rules = g.Rules()
	if len(g.EOS) > 0 {
		words.EOS = g.EOS
	}
	src, err := m.weights(files, ".")
	if err != nil {
		return err
	}
	if err := opt.fits(ideficsPart, src); err != nil {
		return err
	}
	m.parts = append(m.parts, src)
	b := opt.builder(src, ideficsPart)
	inner := b.Sub("model")
	look.Pool = inner.Sub("vision_model").Has(pooledNorm)
	m.Vision = clip.New(look, inner.Sub("vision_model"))
	if c.UseResampler {
		r, err := c.resampler(look.HiddenSize)
		if err != nil {
			return fmt.Errorf("config.json: %w", err)
		}
		m.Resampler = resampler.New(inner.Sub("perceiver_resampler"), r)
	}
	gates, err := c.gates(look.HiddenSize)
	if err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	m.Gates = gated.New(gates, func(_, index int) *nn.Builder { return inner.Sub("gated_cross_attn_layers", index) })
	m.Language = llama.New(b, words)
	m.params = b.Params()
	if err := b.Err(); err != nil {
		return err
	}
	if m.Tokenizer, err = files.Tokenizer(); opt.Pixels && errors.Is(err, tokenizer.ErrNoFiles) {
		m.dialect = &idefics{eos: m.Language.Config().EOS, picture: none, fake: none, document: none}
		return nil
	}
	if err != nil {
		return err
	}
	m.dialect, err = newIDEFICS(m.Tokenizer, m.Language.Config())
	return err
}

// ideficsPart is what a tensor belongs to, for Options.Store.
func ideficsPart(name string) string {
	inner := strings.TrimPrefix(name, "model.")
	switch {
	case strings.HasPrefix(inner, "vision_model."):
		return inner
	case strings.HasPrefix(inner, "layers."), strings.HasPrefix(inner, "embed_tokens."), strings.HasPrefix(inner, "lm_head."):
		return "language_model." + name
	}
	return name
}

// none is the id of no token.
const none = -1

// The tokens that IDEFICS adds to LLaMA's.
const (
	imageToken       = "<image>"
	fakeToken        = "<fake_token_around_image>"
	endOfUtterance   = "<end_of_utterance>" // of those that follow instructions
	ideficsQuestion  = "Question: "
	ideficsAnswer    = " Answer:"
	ideficsCaption   = "Caption:"
	ideficsUser      = "User:"
	ideficsAssistant = "Assistant:"
	ideficsDescribe  = "Describe this image."
)

// idefics is how IDEFICS writes pages: the way of transformers' IdeficsProcessor.
type idefics struct {
	bos              string
	picture, fake    int32
	end, eos         []int32
	document         int32 // ends a document: pictures before it are not seen behind it
	followsInstructs bool
}

func newIDEFICS(t tokenizer.Tokenizer, c language.Config) (*idefics, error) {
	d := &idefics{eos: c.EOS, document: t.Special().EOS}
	var ok, fake bool
	d.picture, ok = t.ID(imageToken)
	d.fake, fake = t.ID(fakeToken)
	if !ok || !fake {
		return nil, errors.New("the tokenizer has no " + imageToken + " or no " + fakeToken)
	}
	if bos := t.Special().BOS; bos != tokenizer.None {
		d.bos = t.Token(bos)
	}
	if end, ok := t.ID(endOfUtterance); ok && int(end) < c.Vocab {
		d.end, d.followsInstructs = []int32{end}, true
	}
	return d, nil
}

func (d *idefics) image() int32                 { return d.picture }
func (d *idefics) special() bool                { return false }
func (d *idefics) stop() []int32                { return append(d.end[:len(d.end):len(d.end)], d.eos...) }
func (d *idefics) never() []int32               { return []int32{d.picture, d.fake} }
func (d *idefics) inputs() (pixels, ids string) { return "pixel_values", "input_ids" }
func (d *idefics) media() string                { return "" }
func (d *idefics) outside(path string) string   { return path }

// pictures are squeezed to the size, whatever that does to their shape.
func (d *idefics) pictures(p picture.Processor) picture.Processor {
	return picture.BLIP2Processor(p.Size[0])
}

// page is what the processor makes of a list of texts and pictures: a picture stands between fake tokens, of which two pictures share
// one; spaces around a text are cut off; between two texts stands the end of an utterance.
func (d *idefics) page(parts []Part) string {
	var text strings.Builder
	text.WriteString(d.bos)
	for i, p := range parts {
		afterPicture := i > 0 && parts[i-1].Picture
		if p.Picture {
			if !afterPicture {
				text.WriteString(fakeToken)
			}
			text.WriteString(imageToken + fakeToken)
			continue
		}
		if i > 0 && !afterPicture && d.followsInstructs {
			text.WriteString(endOfUtterance)
		}
		text.WriteString(strings.Trim(p.Text, " "))
	}
	return text.String()
}

// seen gives each token the last picture at or before it, in its document: behind the end of a text none is seen until the next.
func (d *idefics) seen(ids []int32, pictures int) []uint8 {
	mask := make([]uint8, len(ids)*pictures)
	last, over := -1, false
	for i, id := range ids {
		if id == d.picture {
			last, over = last+1, false
		}
		if last >= 0 && last < pictures && !over {
			mask[i*pictures+last] = 1
		}
		over = over || id == d.document
	}
	return mask
}

// shots writes examples as turns of a conversation for models that follow instructions, and as the paper does for others.
func (d *idefics) shots(shots []Shot, ask Shot) []Part {
	if d.followsInstructs {
		var turns []Turn
		for _, s := range append(shots[:len(shots):len(shots)], ask) {
			var w writer
			w.pictures(s.Pictures)
			w.text(cmp.Or(s.Question, ideficsDescribe))
			turns = append(turns, Turn{"user", w.parts}, Turn{"assistant", []Part{{Text: s.Text}}})
		}
		return d.chat(turns[:len(turns)-1])
	}
	return wording{ideficsQuestion, ideficsAnswer, ideficsCaption}.page(shots, ask, func(text string) string { return " " + text + "\n" })
}

func (d *idefics) textOnly() int { return 0 }

// chat writes the dialogue that the models were taught that follow instructions: each turn ends, and the next begins on a new line.
func (d *idefics) chat(turns []Turn) []Part {
	if !d.followsInstructs {
		return nil
	}
	var w writer
	for i, t := range turns {
		if i > 0 {
			w.text("\n")
		}
		switch t.Role {
		case "user":
			w.text(ideficsUser)
		case "assistant":
			w.text(ideficsAssistant)
		}
		for k, p := range t.Parts {
			if k == 0 && !p.Picture && t.Role != "system" {
				w.text(" ")
			}
			w.part(p)
		}
		if t.Role != "system" {
			w.text(endOfUtterance)
		}
	}
	w.text("\n" + ideficsAssistant)
	return w.parts
}

// behind needs no more than the page's end.
func (d *idefics) behind(t tokenizer.Tokenizer, page, text string) []int32 {
	from := max(0, len(page)-64)
	for from < len(page) && !utf8.RuneStart(page[from]) {
		from++
	}
	return model.Behind(t, page[from:], text)
}
