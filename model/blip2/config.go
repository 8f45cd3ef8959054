package blip2

import (
	"encoding/json"
	"fmt"
	"slices"

	"dragoman/bridge"
	"dragoman/bridge/qformer"
	"dragoman/bridge/resampler"
	"dragoman/internal/plainjson"
	"dragoman/kernel"
	"dragoman/model"
	"dragoman/nn"
)

// Config is a config.json of model_type "blip-2" or "instructblip". Besides Hugging Face's keys it may have an object "dragoman" with what their
// models have no name for (Extras); vision_config and text_config may be those of any encoder and language model that loads.
type Config struct {
	Vision   Part           // vision_config
	Language Part           // text_config
	QFormer  qformer.Config // qformer_config, with num_query_tokens
	Shared   int            // image_text_hidden_size: width of the space that pictures and texts share
	Instruct bool           // model_type is "instructblip": the queries read the prompt too
	ImageID  int32          // image_token_index: stands for a query in input_ids; −1 where there is none
	Extras   Extras
}

// The model types of whole models.
const (
	typeBLIP2    = "blip-2"
	typeInstruct = "instructblip"
)

// captionInstruction is what InstructBLIP was evaluated with where a picture is to be described and nobody says how.
const captionInstruction = "A short image caption."

// Extras is the object "dragoman" of a config.json.
type Extras struct {
	// Weights is the file of the bridge, where the directory holds files of other parts beside it.
	Weights string `json:"weights,omitempty"`
	// LineEnds says that a line break ends a text, whatever the language model's own directory says: LAVIS trained OPT so.
	LineEnds bool `json:"line_ends,omitempty"`
	// TextPooling is what of a text is compared with pictures: "cls", its first token (BLIP-2), or "mean" of all (MiniLM).
	TextPooling string `json:"text_pooling,omitempty"`
	// TextReading, where it is not empty, has the language model read texts too that are compared with pictures: a text with {text} in it.
	TextReading string `json:"text_reading,omitempty"`
	// DecoderStart is the id of [DEC], with which texts to be generated begin; 0 stands for the last of the vocabulary.
	DecoderStart int32 `json:"decoder_start_token_id,omitempty"`
	// Features are the kinds that the queries attend to: "tokens" (alone if empty), "fine", "pooled", "classes".
	// Where it is not "tokens" alone, each has a projection feature_projection.KIND to encoder_hidden_size.
	Features []string `json:"features,omitempty"`
	// Classes is how many classes the encoder tells apart, where "classes" is among the features.
	Classes int `json:"classes,omitempty"`
	// PictureHead is the hidden width of a head that maps the summary of a picture to the shared space, PictureLandmarks the number
	// of its landmarks, and PictureAxes that of the directions in which these are compared; without the first two there is none.
	PictureHead      int `json:"picture_head,omitempty"`
	PictureLandmarks int `json:"picture_landmarks,omitempty"`
	PictureAxes      int `json:"picture_axes,omitempty"`
	// Summary is what the picture as a whole is to its head and to a linear soft prompt: "pooled" and "classes", as far as they are
	// among the features (alone if empty), "mean" and "largest" of the encoder's tokens, and "fine_mean" and "fine_largest" of those at
	// twice the resolution.
	Summary []string `json:"picture_summary,omitempty"`
	// Nearer has the encoder look a second time at what stands on its ground, for the summary alone, where there is much ground.
	Nearer bool `json:"picture_nearer,omitempty"`
	// SoftPrompt says what the language model reads: "queries", their answers (BLIP-2, also if empty); "linear", a linear map of
	// "pooled" and "classes" to as many words: the baseline without queries; or, of the Q-Former's sizes and in its place, Flamingo's
	// "resampler", or the "perceiver" before it, whose latents read the features alone.
	SoftPrompt string `json:"soft_prompt,omitempty"`
	// SoftPromptNorm puts a layer norm, language_norm, behind language_projection.
	SoftPromptNorm bool `json:"soft_prompt_norm,omitempty"`
	// MatchWeight is how much the matching head's log p counts beside cosine/temperature where both rank; 0 stands for 1.
	MatchWeight float64 `json:"match_weight,omitempty"`
	// Matching, where there is one, says whether picture and text match, from what is remembered; nil: the matching head does.
	Matching *Matching `json:"matching,omitempty"`
	// NoMatching says that nothing ever taught the matching head: it is there for training to go on with, and has nothing to say.
	NoMatching bool `json:"no_matching,omitempty"`
	// Prompt stands between the soft prompt and the caption.
	Prompt string `json:"prompt,omitempty"`
	// QuestionPrompt is how the model was fine-tuned to be asked: a text with {question}; empty: as its family is.
	QuestionPrompt string `json:"question_prompt,omitempty"`
	// Hints is how many remembered captions stand before the prompt, at most; 0: none.
	Hints int `json:"hints,omitempty"`
	// HintShare is how likely a caption has to be, as a share of the likeliest, to stand beside it; 0: any. So one hint is one that the
	// picture's head is sure of.
	HintShare float64 `json:"hint_share,omitempty"`
}

// Values of Extras.SoftPrompt.
const (
	softQueries   = "queries"
	softLinear    = "linear"
	softResampler = "resampler"
	softPerceiver = "perceiver"
)

// resampled says whether a resampler stands in the Q-Former's place.
func (c Config) resampled() bool {
	return c.Extras.SoftPrompt == softResampler || c.Extras.SoftPrompt == softPerceiver
}

// resampler is that resampler, of the Q-Former's sizes.
func (c Config) resampler() resampler.Config {
	q := c.QFormer
	return resampler.Config{
		Width: q.FeatureWidth, Latents: q.Queries, Layers: q.Layers, Heads: q.Heads, HeadDim: q.FeatureWidth / max(1, q.Heads),
		FeedForward: q.FeedForward, Act: bridge.Act{Kind: q.Act}, FeaturesOnly: c.Extras.SoftPrompt == softPerceiver, Eps: 1e-5,
	}
}

// featureKinds are the values of Extras.Features.
var featureKinds = []string{kindTokens, kindFine, kindPooled, kindClasses}

// configJSON is the file, with the keys that matter here. Pointers tell a key that is absent from one that is zero.
type configJSON struct {
	ModelType       string          `json:"model_type"`
	Vision          json.RawMessage `json:"vision_config"`
	Text            json.RawMessage `json:"text_config"`
	QFormer         qformerJSON     `json:"qformer_config"`
	NumQueryTokens  *int            `json:"num_query_tokens"`
	SharedWidth     *int            `json:"image_text_hidden_size"`
	ImageTokenIndex *int32          `json:"image_token_index"`
	ImageTokenID    *int32          `json:"image_token_id"`
	Dragoman        *Extras         `json:"dragoman"`
}

type qformerJSON struct {
	VocabSize         *int     `json:"vocab_size"`
	PadID             padID    `json:"pad_token_id,omitempty"`
	HiddenSize        *int     `json:"hidden_size"`
	Layers            *int     `json:"num_hidden_layers"`
	Heads             *int     `json:"num_attention_heads"`
	Intermediate      *int     `json:"intermediate_size"`
	HiddenAct         string   `json:"hidden_act"`
	HiddenDropout     *float32 `json:"hidden_dropout_prob"`
	AttentionDropout  *float32 `json:"attention_probs_dropout_prob"`
	Positions         *int     `json:"max_position_embeddings"`
	InitializerRange  *float32 `json:"initializer_range"`
	Eps               *float32 `json:"layer_norm_eps"`
	CrossFrequency    *int     `json:"cross_attention_frequency"`
	EncoderHiddenSize *int     `json:"encoder_hidden_size"`
	UseTextInput      *bool    `json:"use_qformer_text_input"`
	TextInput         *bool    `json:"qformer_text_input,omitempty"` // how an early release spelt it
}

// padID is an id, or null for none, which is not the default; empty for that.
type padID json.RawMessage

// UnmarshalJSON implements json.Unmarshaler.
func (p *padID) UnmarshalJSON(data []byte) error {
	*p = slices.Clone(data)
	return json.Unmarshal(data, new(*int32))
}

// MarshalJSON implements json.Marshaler.
func (p padID) MarshalJSON() ([]byte, error) { return p, nil }

// set writes the id, −1 for none.
func (p padID) set(to *int32) {
	var id *int32
	if len(p) == 0 || json.Unmarshal(p, &id) != nil {
		return
	}
	if *to = -1; id != nil {
		*to = *id
	}
}

// ParseConfig reads a config.json; keys that are absent have Hugging Face's defaults.
func ParseConfig(raw []byte) (Config, error) {
	var j configJSON
	if err := plainjson.Unmarshal(raw, &j); err != nil {
		return Config{}, fmt.Errorf("config.json: %w", err)
	}
	if j.ModelType != typeBLIP2 && j.ModelType != typeInstruct {
		return Config{}, fmt.Errorf("config.json: model_type is %.60q, neither %s nor %s", j.ModelType, typeBLIP2, typeInstruct)
	}
	c := Config{QFormer: qformer.Defaults(), Shared: 256, ImageID: -1, Instruct: j.ModelType == typeInstruct}
	if c.Instruct {
		c.Extras.Prompt = captionInstruction
	}
	var err error
	if c.Vision, err = model.ParsePart(j.Vision, model.ViT); err != nil {
		return Config{}, fmt.Errorf("config.json: vision_config: %w", err)
	}
	if c.Language, err = model.ParsePart(j.Text, "opt"); err != nil {
		return Config{}, fmt.Errorf("config.json: text_config: %w", err)
	}
	q := &c.QFormer
	set(&q.Queries, j.NumQueryTokens)
	set(&c.Shared, j.SharedWidth)
	set(&c.ImageID, j.ImageTokenIndex)
	set(&c.ImageID, j.ImageTokenID)
	set(&q.Vocab, j.QFormer.VocabSize)
	j.QFormer.PadID.set(&q.Pad)
	set(&q.Width, j.QFormer.HiddenSize)
	set(&q.Layers, j.QFormer.Layers)
	set(&q.Heads, j.QFormer.Heads)
	set(&q.FeedForward, j.QFormer.Intermediate)
	set(&q.HiddenDropout, j.QFormer.HiddenDropout)
	set(&q.AttentionDropout, j.QFormer.AttentionDropout)
	set(&q.Positions, j.QFormer.Positions)
	set(&q.InitStd, j.QFormer.InitializerRange)
	set(&q.Eps, j.QFormer.Eps)
	set(&q.CrossEvery, j.QFormer.CrossFrequency)
	set(&q.FeatureWidth, j.QFormer.EncoderHiddenSize)
	set(&q.Text, j.QFormer.TextInput)
	set(&q.Text, j.QFormer.UseTextInput)
	if j.QFormer.HiddenAct != "" {
		if q.Act, err = nn.ParseAct(j.QFormer.HiddenAct); err != nil {
			return Config{}, fmt.Errorf("config.json: qformer_config: %w", err)
		}
	}
	if j.Dragoman != nil {
		c.Extras = *j.Dragoman
	}
	return c, c.Validate()
}

// Validate says what is wrong with sizes and names.
func (c Config) Validate() error {
	if err := c.QFormer.Validate(); err != nil {
		return fmt.Errorf("config.json: %w", err)
	}
	if c.Shared < 1 || c.Shared > 1<<20 {
		return fmt.Errorf("config.json: image_text_hidden_size is %d", c.Shared)
	}
	switch c.Extras.TextPooling {
	case "", "cls", "mean":
	default:
		return fmt.Errorf("config.json: text_pooling is %.60q, neither cls nor mean", c.Extras.TextPooling)
	}
	if err := c.checkReading(); err != nil {
		return err
	}
	for _, kind := range c.Extras.Features {
		if !slices.Contains(featureKinds, kind) {
			return fmt.Errorf("config.json: features: %.60q is none of %v", kind, featureKinds)
		}
	}
	for _, kind := range c.Extras.Summary {
		if !slices.Contains(summaryKinds, kind) {
			return fmt.Errorf("config.json: picture_summary: %.60q is none of %v", kind, summaryKinds)
		}
		if kind == kindClasses && !slices.Contains(c.Extras.Features, kind) {
			return fmt.Errorf("config.json: picture_summary: %.60q is not among the features %v", kind, c.Extras.Features)
		}
	}
	if n := c.Extras.PictureHead; n < 0 || n > 1<<16 {
		return fmt.Errorf("config.json: picture_head is %d", n)
	}
	if n, axes := c.Extras.PictureLandmarks, c.Extras.PictureAxes; n < 0 || n > 1<<20 || axes < 0 || axes > 1<<16 || n > 0 && axes == 0 {
		return fmt.Errorf("config.json: picture_landmarks is %d, picture_axes %d", n, axes)
	}
	if c.hasHead() && len(c.summary()) == 0 {
		return fmt.Errorf("config.json: picture_head: none of the features %v is of the whole picture", c.Extras.Features)
	}
	switch c.Extras.SoftPrompt {
	case "", softQueries:
	case softLinear:
		if len(c.summary()) == 0 {
			return fmt.Errorf("config.json: soft_prompt is linear, over features %v, none of which is of the whole picture", c.Extras.Features)
		}
	case softResampler, softPerceiver:
		if err := c.resampler().Validate(); err != nil {
			return fmt.Errorf("config.json: soft_prompt is %s: %w", c.Extras.SoftPrompt, err)
		}
	default:
		return fmt.Errorf("config.json: soft_prompt is %.60q, none of %s, %s, %s, %s", c.Extras.SoftPrompt, softQueries, softLinear, softResampler, softPerceiver)
	}
	if n := c.Extras.Classes; n < 0 || n > 1<<20 {
		return fmt.Errorf("config.json: classes is %d", n)
	}
	if n := c.Extras.Hints; n < 0 || n > 100 {
		return fmt.Errorf("config.json: hints is %d", n)
	}
	if s := c.Extras.HintShare; !(s >= 0 && s <= 1) {
		return fmt.Errorf("config.json: hint_share is %v, not in 0…1", s)
	}
	if d := c.Extras.DecoderStart; d < 0 || c.QFormer.Text && int(d) >= c.QFormer.Vocab {
		return fmt.Errorf("config.json: decoder_start_token_id %d is not in the vocabulary of %d", d, c.QFormer.Vocab)
	}
	return nil
}

// hasHead says whether there is a head for the picture as a whole.
func (c Config) hasHead() bool { return c.Extras.PictureHead > 0 || c.Extras.PictureLandmarks > 0 }

// decoderStart is the id of [DEC].
func (c Config) decoderStart() int32 {
	if c.Extras.DecoderStart != 0 {
		return c.Extras.DecoderStart
	}
	return int32(c.QFormer.Vocab - 1)
}

// MarshalJSON writes the file that ParseConfig reads.
func (c Config) MarshalJSON() ([]byte, error) {
	q := c.QFormer
	j := configJSON{
		ModelType: typeBLIP2, Vision: c.Vision.JSON, Text: c.Language.JSON,
		NumQueryTokens: &q.Queries, SharedWidth: &c.Shared, Dragoman: &c.Extras,
		QFormer: qformerJSON{
			VocabSize: &q.Vocab, HiddenSize: &q.Width, Layers: &q.Layers, Heads: &q.Heads, Intermediate: &q.FeedForward,
			HiddenAct: actName(q.Act), HiddenDropout: &q.HiddenDropout, AttentionDropout: &q.AttentionDropout,
			Positions: &q.Positions, InitializerRange: &q.InitStd, Eps: &q.Eps, CrossFrequency: &q.CrossEvery,
			EncoderHiddenSize: &q.FeatureWidth, UseTextInput: &q.Text,
		},
	}
	switch {
	case q.Pad < 0:
		j.QFormer.PadID = padID("null")
	case q.Pad > 0:
		j.QFormer.PadID = fmt.Append(nil, q.Pad)
	}
	if c.Instruct {
		j.ModelType = typeInstruct
	}
	if c.ImageID >= 0 {
		j.ImageTokenIndex = &c.ImageID
	}
	return json.Marshal(j)
}

// set writes a value that the file has.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// actName is how Hugging Face spells an activation.
func actName(a kernel.Act) string {
	switch a {
	case kernel.GELUTanh:
		return "gelu_new"
	case kernel.GELUQuick:
		return "quick_gelu"
	case kernel.ReLU:
		return "relu"
	case kernel.SiLU:
		return "silu"
	}
	return "gelu"
}
