package train

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"unicode"

	"dragoman/internal/readfile"
	"dragoman/model/flamingo"

	yaml "go.yaml.in/yaml/v4"
)

// Recipe is a training run, as its YAML file says.
type Recipe struct {
	Output string    `yaml:"output"`          // the run's folder
	Seed   uint64    `yaml:"seed"`            // of everything random
	DType  string    `yaml:"dtype,omitempty"` // what products are computed in: auto (default), f32 or bf16
	Model  ModelSpec `yaml:"model"`
	Data   DataSpec  `yaml:"data"`
	Views  ViewSpec  `yaml:"views,omitempty"`
	Stages []Stage   `yaml:"stages"`
	Report []Held    `yaml:"report,omitempty"` // what the result is measured on

	dir string // of the recipe's file, which paths are relative to
}

// ModelSpec names the frozen parts and gives the bridge's shape. A part is a file or directory, or "mini:NAME" for one that is
// built in.
type ModelSpec struct {
	From     string         `yaml:"from,omitempty"`   // a model to go on with: a directory, or a name in the Hugging Face cache; nothing below "frozen" may be given then
	Extra    string         `yaml:"extra,omitempty"`  // a file with tensors that it lacks: cls.predictions.*, temp
	Frozen   string         `yaml:"frozen,omitempty"` // what its frozen parts' matrices are kept as: stored (default, mapped), bf16, f16, q8_0, q4_0 or q4_1
	Start    StartSpec      `yaml:"start,omitempty"`  // another model, and which of the bridge's tensors begin with its values
	Vision   string         `yaml:"vision,omitempty"`
	Language string         `yaml:"language,omitempty"`
	Text     string         `yaml:"text,omitempty"`   // a BERT: tokenizer, and what the text stream starts from
	System   string         `yaml:"system,omitempty"` // blip2 (default), or flamingo: resampler and gated blocks
	QFormer  QFormerSpec    `yaml:"qformer,omitempty"`
	Flamingo flamingo.Shape `yaml:"flamingo,omitempty"`
	Classes  string         `yaml:"class_names,omitempty"`   // JSONL: what each class of the encoder is called, {"names": […]} a line, and for caption_kinds which kinds of thing it is, "kinds": […]
	Kinds    string         `yaml:"caption_kinds,omitempty"` // JSONL: which kinds of thing captions speak of, {"text": …, "kinds": […]} a line, the narrowest first; with them, a caption that is a guess is said as one
	CutWords bool           `yaml:"cut_words,omitempty"`     // keep only those words of the BERT that the data needs
}

// QFormerSpec is the Q-Former's shape, by the keys of config.json.
type QFormerSpec struct {
	Width          int      `yaml:"hidden_size,omitempty"`
	Layers         int      `yaml:"num_hidden_layers,omitempty"`
	Heads          int      `yaml:"num_attention_heads,omitempty"`
	FeedForward    int      `yaml:"intermediate_size,omitempty"`
	Queries        int      `yaml:"num_query_tokens,omitempty"`
	CrossEvery     int      `yaml:"cross_attention_frequency,omitempty"`
	FeatureWidth   int      `yaml:"encoder_hidden_size,omitempty"` // only where features are of several kinds
	Positions      int      `yaml:"max_position_embeddings,omitempty"`
	Shared         int      `yaml:"image_text_hidden_size,omitempty"`
	Dropout        *float32 `yaml:"hidden_dropout_prob,omitempty"`
	AttnDropout    *float32 `yaml:"attention_probs_dropout_prob,omitempty"`
	TextPooling    string   `yaml:"text_pooling,omitempty"`
	TextReading    string   `yaml:"text_reading,omitempty"`             // texts that are compared with pictures are read by the language model too, as this text with {text} in it
	IdentityText   bool     `yaml:"identity_text_projection,omitempty"` // text_projection starts as the identity
	Features       []string `yaml:"features,omitempty"`
	PictureHead    int      `yaml:"picture_head,omitempty"`
	Landmarks      int      `yaml:"picture_landmarks,omitempty"` // of the picture's head, at most: no more than there are pictures
	Axes           int      `yaml:"picture_axes,omitempty"`
	Summary        []string `yaml:"picture_summary,omitempty"`
	Nearer         bool     `yaml:"picture_nearer,omitempty"` // for its summary, what stands on its ground is looked at from near
	SoftPrompt     string   `yaml:"soft_prompt,omitempty"`    // queries (default), linear: the baseline without them, resampler or perceiver in their place
	SoftPromptNorm bool     `yaml:"soft_prompt_norm,omitempty"`
	Prompt         string   `yaml:"prompt,omitempty"`       // between the soft prompt and the caption
	MatchWeight    float64  `yaml:"match_weight,omitempty"` // of the matching head where it ranks together with the cosine
	Hints          int      `yaml:"hints,omitempty"`        // captions that stand before the prompt, for the language model to choose from
	HintShare      float64  `yaml:"hint_share,omitempty"`   // how likely the second has to be, as a share of the first; default: any
}

// DataSpec names the pairs.
type DataSpec struct {
	Train      []Source `yaml:"train"`
	Validation []Source `yaml:"validation,omitempty"`
	Hold       float64  `yaml:"hold,omitempty"`                          // without validation: the share of the pictures that is held out, with all their rows
	HoldSeed   *uint64  `yaml:"hold_seed,omitempty"`                     // what they are drawn by: a recipe that goes on with a model holds what that model never met; default: the recipe's seed
	MaxTokens  int      `yaml:"max_tokens"`                              // of a caption or an answer, its ends included
	MaxPrompt  int      `yaml:"max_prompt_tokens,omitempty" for:"blip2"` // of what stands before it; default 128, the last ones count
	Prompts    []string `yaml:"prompts,omitempty" for:"blip2"`           // stage2: what stands before a text, one drawn each time; {question} is the row's; default: the model's own
	Clean      string   `yaml:"clean,omitempty"`                         // none (default), or lavis: captions and questions as its blip_caption and blip_question make them
	MaxPixels  int      `yaml:"max_pixels,omitempty"`
	Limit      int      `yaml:"validation_limit,omitempty"` // the most pairs that are validated on; default 512
}

// ViewSpec says what is made of a picture before the encoder sees it.
type ViewSpec struct {
	Augment string `yaml:"augment,omitempty"` // none (default) or drawing
	Cached  int    `yaml:"cached,omitempty"`  // views a picture whose features are kept on disk; 0: fresh ones every time
	Cache   string `yaml:"cache,omitempty"`   // where; default: the user's cache folder
}

// Stage is one of the run's stages.
type Stage struct {
	Name       string  `yaml:"name"`
	Kind       string  `yaml:"kind"` // warm, stage1 or stage2
	Steps      int     `yaml:"steps"`
	Batch      int     `yaml:"batch"`
	Accumulate int     `yaml:"accumulate,omitempty"` // batches a step; default 1
	LR         float64 `yaml:"lr"`
	MinLR      float64 `yaml:"min_lr,omitempty"`
	Warmup     int     `yaml:"warmup,omitempty"` // steps
	Beta1      float64 `yaml:"beta1,omitempty"`  // default 0.9
	Beta2      float64 `yaml:"beta2,omitempty"`  // default 0.999
	Eps        float64 `yaml:"eps,omitempty"`    // default 1e-8
	Decay      float64 `yaml:"weight_decay,omitempty"`
	Final      float64 `yaml:"final,omitempty"` // min_lr as a share of lr
	Clip       float64 `yaml:"clip,omitempty"`  // of the gradient's norm; 0: none
	Every      int     `yaml:"every,omitempty"` // steps between checkpoints (and validations); default a tenth of the stage
	Log        int     `yaml:"log,omitempty"`   // steps between lines of metrics; default 10

	Groups []LRGroup `yaml:"lr_groups,omitempty"` // rates of their own, the first that fits counts

	ITC             float32 `yaml:"itc,omitempty" for:"stage1 stage2"` // weights of stage1's losses
	ITM             float32 `yaml:"itm,omitempty" for:"stage1 stage2"`
	ITG             float32 `yaml:"itg,omitempty" for:"stage1 stage2"`
	Smoothing       float32 `yaml:"smoothing,omitempty" for:"stage1 stage2"`
	RandomNegatives int     `yaml:"random_negatives,omitempty" for:"stage1 stage2"` // steps before matching's negatives are drawn by similarity
	MatchingPairs   int     `yaml:"itm_pairs,omitempty" for:"stage1 stage2"`        // pairs of a batch that matching looks at; 0: all
	Bank            bool    `yaml:"bank,omitempty" for:"stage1 stage2"`             // contrast with all captions, not with the batch's
	LM              float32 `yaml:"lm,omitempty" for:"stage1 stage2"`               // weight of the caption's loss through the language model

	Sets []SetSpec `yaml:"sets,omitempty" for:"words pages"` // words, pages: the datasets that each step learns from; default: all, batch texts each

	Ridge     float64 `yaml:"ridge,omitempty" for:"warm words stage2"`       // warm: the head starts as a ridge regression with this λ; words: the bridge does; 0: at random; stage2: of the heads for hint_folds
	NearRidge float64 `yaml:"near_ridge,omitempty" for:"warm stage2"`        // warm: the λ of the head's landmarks; default 0.3
	NearViews int     `yaml:"near_views,omitempty" for:"warm stage2"`        // warm: views of each picture that a head with landmarks is fitted to, besides the picture as it is
	Folds     string  `yaml:"folds,omitempty" for:"warm"`                    // warm: a field of the rows; matching learns what remembered pictures tell from heads that are fitted without the pictures of one value each
	HintFolds string  `yaml:"hint_folds,omitempty" for:"stage2"`             // stage2: a field of the rows; hints come from heads that are fitted without the pictures of one value each, so that they are as often wrong as of new pictures
	Gain      float64 `yaml:"gain,omitempty" for:"words"`                    // words: how loudly the block says what the regression found; default 1
	Whiten    float64 `yaml:"whiten,omitempty" for:"warm"`                   // warm: how far the variances of the captions' embeddings are evened out, from 0 to 1; and their mean taken away
	Noise     float64 `yaml:"noise,omitempty" for:"warm words pages"`        // warm: noise on the head's input, in standard deviations; words, pages: on features, as a share of each
	Dropout   float32 `yaml:"dropout,omitempty" for:"warm words pages"`      // warm: of the head's input; words, pages: of whole feature tokens
	Neighbour float32 `yaml:"neighbours,omitempty" for:"warm stage1 stage2"` // warm, bank: share of the target that goes to captions like the pair's own
}

// LRGroup multiplies the rate of parameters whose name contains Match.
type LRGroup struct {
	Match string  `yaml:"match"`
	Scale float64 `yaml:"scale"` // 0: frozen
}

// Held is a set that the result is measured on.
type Held struct {
	Name string   `yaml:"name"`
	Data []Source `yaml:"data"`
	// OwnLabels: retrieval chooses among the set's own captions, not among all that were trained on too.
	OwnLabels bool `yaml:"own_labels,omitempty" for:"blip2"`
	Rerank    int  `yaml:"rerank,omitempty" for:"blip2"` // candidates that the matching head looks at again
	// Of a Flamingo: how many examples stand before what is asked, other pictures of the set with their texts; default none.
	Shots    []int    `yaml:"shots,omitempty" for:"flamingo"`
	Seeds    []uint64 `yaml:"seeds,omitempty" for:"flamingo"`    // what pictures and examples are drawn by, a trial each; default: the recipe's
	Most     int      `yaml:"most,omitempty" for:"flamingo"`     // pictures that are asked about, drawn from the set; default all
	Concept  string   `yaml:"concept,omitempty" for:"flamingo"`  // the field that says what a picture shows; default: its first text does
	Question string   `yaml:"question,omitempty" for:"flamingo"` // asked about pictures whose rows have none; default: they are to be described
	// How captions and answers are made: at most and at least so many tokens, by beams whose scores are divided by length to a power.
	MaxTokens     int     `yaml:"max_tokens,omitempty"` // default data.max_tokens
	MinTokens     int     `yaml:"min_tokens,omitempty" for:"blip2"`
	Beams         int     `yaml:"beams,omitempty" for:"blip2"`
	LengthPenalty float64 `yaml:"length_penalty,omitempty" for:"blip2"`
}

// Source is a set of pairs, in a format that package data reads.
type Source struct {
	Path  string            `yaml:"path"`                                       // relative to the recipe
	Where map[string]string `yaml:"where,omitempty"`                            // fields that rows must have: one of the values between bars; "!…": none of them
	Share *float64          `yaml:"share,omitempty" for:"blip2 flamingo pages"` // how many of the rows an epoch has, drawn anew each time; 0: the source is not read; default 1
	// Hold, where it is false, keeps the source out of what data.hold draws from, so that what others hold out stays the same. A picture of theirs is held
	// out with its rows here.
	Hold *bool `yaml:"hold,omitempty" for:"blip2 flamingo episodes"`
	// Prompts stand in the place of data.prompts for this source.
	Prompts []string `yaml:"prompts,omitempty" for:"blip2 validation"`
	// Questions are asked about pictures whose rows have none, one drawn each time, and one a page of episodes; an empty one asks for a
	// description. All sources of a dataset have the same.
	Questions []string `yaml:"questions,omitempty" for:"flamingo episodes"`
	// Set is the dataset that the source belongs to, for stages of kind words and pages; default: pairs, episodes or pages. Of what is validated
	// with it is the name under which its losses are told.
	Set string `yaml:"set,omitempty" for:"flamingo episodes pages held"`
	// Pages says how pages are read, where the source is one of them; path is then as package data's OpenPages takes it.
	Pages PageSpec `yaml:"pages,omitempty" for:"pages"`
	// Episodes makes pages of several pictures of the pairs, each with its text, that stand in for few-shot prompts.
	Episodes EpisodeSpec `yaml:"episodes,omitempty" for:"episodes"`
}

// PageSpec says what is learnt of a page at a time.
type PageSpec struct {
	Window   int     `yaml:"window,omitempty"`   // tokens, a stretch of the page that is drawn anew each time; 0: the source is none of pages
	Pictures int     `yaml:"pictures,omitempty"` // of the window, the first ones count; 0: all
	Next     float64 `yaml:"p_next,omitempty"`   // share of the pages whose texts look at the next picture, not at the last

	// How the source is read, as package data's PageOptions say it.
	Format        string  `yaml:"format,omitempty"`
	Folder        string  `yaml:"folder,omitempty"` // that pictures are looked for in, relative to the recipe; default: that of the file which names them
	MinSide       int     `yaml:"min_side,omitempty"`
	MaxAspect     float64 `yaml:"max_aspect,omitempty"`
	MinSimilarity float64 `yaml:"min_similarity,omitempty"`
	Language      string  `yaml:"language,omitempty"` // that pages are in, by ISO 639's letters
	Lenient       bool    `yaml:"lenient,omitempty"`
}

// EpisodeSpec says how pages are made of pairs.
type EpisodeSpec struct {
	Pictures []int   `yaml:"pictures,omitempty"` // the least and the most that a page has; none: no pages are made
	Concept  string  `yaml:"concept,omitempty"`  // the field that says what a picture shows; default: its first text does
	Style    string  `yaml:"style,omitempty"`    // the field that says what pictures look alike; default: they all do
	Repeated float64 `yaml:"repeated,omitempty"` // share of pages that show a few concepts several times each, under their texts
	Nonce    float64 `yaml:"nonce,omitempty"`    // share of those that do so under words that nobody knows, which only the page can teach
	Absent   float64 `yaml:"absent,omitempty"`   // share of these on which one picture is of yet another concept, under its own text
	Renamed  float64 `yaml:"renamed,omitempty"`  // share of these whose words are the texts of other concepts: what the page says counts for more than what the model knows
	Similar  float64 `yaml:"similar,omitempty"`  // share of pages that show a picture behind those most like it, as RICES chooses examples
	Related  float64 `yaml:"related,omitempty"`  // share of pages with a few concepts on which these have a tag in common, where there are such
	// Forms are ways to write texts, with {} for a text; all of a page are written in one, which is drawn, and which nothing tells before the second.
	Forms []string `yaml:"forms,omitempty"`
}

// SetSpec says how a stage learns from a dataset.
type SetSpec struct {
	Name   string   `yaml:"name"`
	Batch  int      `yaml:"batch"`            // texts or pages a step
	Weight *float64 `yaml:"weight,omitempty"` // of its loss; default 1
}

// Kinds of stages. Warm trains the picture's head alone, against all captions; stage 1 and 2 are BLIP-2's. Words trains Flamingo's
// resampler and the block before the first layer, without the language model behind it; pages trains all of its bridge.
const (
	KindWarm   = "warm"
	KindStage1 = "stage1"
	KindStage2 = "stage2"
	KindWords  = "words"
	KindPages  = "pages"
)

// Values of model.system, and of the tags that say where a field of a recipe counts: the kind of a stage, or of a source.
const (
	systemBLIP2    = "blip2"
	systemFlamingo = "flamingo"

	ofValidation = "validation"
	ofHeld       = "held" // what a Flamingo is validated with
	ofReport     = "report"
)

// Values of data.clean.
const (
	cleanNone  = "none"
	cleanLAVIS = "lavis"
)

// More queries and layers of a bridge than anybody has trained, and few enough that each query can look at the others.
const (
	maxQueries = 1 << 12
	maxLayers  = 1 << 9
)

// maxRecipe is the largest file that is taken for a recipe.
const maxRecipe = 1 << 24

// ReadRecipe reads a recipe's file, with settings "key=value" laid over it: keys are dotted paths, list entries numbers or
// names, as in stages.0.lr=1e-4.
func ReadRecipe(path string, settings []string) (*Recipe, error) {
	raw, err := readfile.Any(path, maxRecipe)
	if errors.As(err, new(*fs.PathError)) {
		return nil, fmt.Errorf("recipe: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("recipe: %s: %w", path, err)
	}
	r, err := ParseRecipe(raw, settings)
	if err != nil {
		return nil, fmt.Errorf("recipe: %s: %w", path, err)
	}
	r.dir = filepath.Dir(path)
	return r, nil
}

// ParseRecipe is ReadRecipe for a recipe in memory.
func ParseRecipe(raw []byte, settings []string) (*Recipe, error) {
	r, err := parseRecipe(raw, settings)
	if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) { // of a key or a setting, which are shown as they are
		err = errors.New(strings.Join(strings.FieldsFunc(err.Error(), unicode.IsControl), " "))
	}
	return r, err
}

func parseRecipe(raw []byte, settings []string) (*Recipe, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, errors.New("the file is empty")
	}
	var doc yaml.Node
	if err := yaml.Load(raw, &doc); err != nil {
		return nil, yamlError(err)
	}
	for _, s := range settings {
		if err := applySetting(&doc, s); err != nil {
			return nil, err
		}
	}
	r := &Recipe{}
	if err := checkNodes(&doc, r); err != nil {
		return nil, err
	}
	if err := doc.Decode(r); err != nil {
		return nil, yamlError(err)
	}
	d := defaults{doc: &doc}
	r.fill(&d)
	if d.err != nil {
		return nil, d.err
	}
	return r, r.check()
}

// check says what cannot work.
func (r *Recipe) check() error {
	if r.Output == "" {
		return fmt.Errorf("output: the run's folder is missing")
	}
	if len(r.Data.Train) == 0 {
		return fmt.Errorf("data.train: there is nothing to train on")
	}
	if err := r.checkSources(); err != nil {
		return err
	}
	if r.Data.MaxTokens < 3 || r.Data.MaxTokens > 1024 {
		return fmt.Errorf("data.max_tokens: %d is not in 3…1024", r.Data.MaxTokens)
	}
	if err := r.checkHold(); err != nil {
		return err
	}
	if err := unused(r.Data, r.Model.system(), "a model.system of "+r.Model.system()); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	if n := r.Data.MaxPrompt; n != 0 && (n < 2 || n > 4096) {
		return fmt.Errorf("data.max_prompt_tokens: %d is not in 2…4096", r.Data.MaxPrompt)
	}
	if r.Data.MaxPixels < 0 || r.Data.Limit < 0 {
		return fmt.Errorf("data: max_pixels is %d, validation_limit %d: neither may be negative", r.Data.MaxPixels, r.Data.Limit)
	}
	if err := oneOf("data.clean", r.Data.Clean, cleanNone, cleanLAVIS); err != nil {
		return err
	}
	if err := oneOf("dtype", r.DType, "auto", "f32", "bf16"); err != nil {
		return err
	}
	if err := r.Model.check(); err != nil {
		return err
	}
	if err := oneOf("views.augment", r.Views.Augment, "none", "drawing"); err != nil {
		return err
	}
	if r.Views.Cached < 0 {
		return fmt.Errorf("views.cached: %d is negative", r.Views.Cached)
	}
	if r.Views.Cache != "" && r.Views.Cached == 0 {
		return fmt.Errorf("views.cache: nothing is kept there: views.cached says how many views a picture, and is missing or 0")
	}
	if len(r.Stages) == 0 {
		return fmt.Errorf("stages: there is none")
	}
	for i, s := range r.Stages {
		if s.NearViews > r.Views.Cached && r.Views.Cached > 0 {
			return fmt.Errorf("stages.%d.near_views: %d, and views.cached keeps %d", i, s.NearViews, r.Views.Cached)
		}
	}
	for i, h := range r.Report {
		if err := unused(h, r.Model.system(), "a report on a model.system of "+r.Model.system()); err != nil {
			return fmt.Errorf("report.%d: %w", i, err)
		}
		if h.Beams < 0 || h.Beams > 64 || h.MaxTokens < 0 || h.MinTokens < 0 || h.MinTokens > cmp.Or(h.MaxTokens, r.Data.MaxTokens) {
			return fmt.Errorf("report.%d: beams is %d, max_tokens %d, min_tokens %d", i, h.Beams, h.MaxTokens, h.MinTokens)
		}
	}
	names := map[string]bool{}
	for i := range r.Stages {
		if err := r.Stages[i].check(r.Model.system()); err != nil {
			return fmt.Errorf("stages.%d: %w", i, err)
		}
		if n := r.Stages[i].Name; names[n] {
			return fmt.Errorf("stages.%d: there are two stages called %q", i, n)
		}
		names[r.Stages[i].Name] = true
	}
	return nil
}

// system is the kind of system.
func (m ModelSpec) system() string { return cmp.Or(m.System, systemBLIP2) }

// check says what a model that is gone on with cannot be given.
func (m ModelSpec) check() error {
	if err := oneOf("model.system", m.system(), systemBLIP2, systemFlamingo); err != nil {
		return err
	}
	if m.System == systemFlamingo {
		known := ModelSpec{System: m.System, From: m.From, Vision: m.Vision, Language: m.Language, Flamingo: m.Flamingo}
		if !reflect.DeepEqual(m, known) {
			return fmt.Errorf("model: a model.system of %s is made of from, or vision, language and flamingo, and nothing else", systemFlamingo)
		}
	}
	if m.System != systemFlamingo && !reflect.ValueOf(m.Flamingo).IsZero() {
		return fmt.Errorf("model.flamingo: it belongs to model.system: %s", systemFlamingo)
	}
	for _, c := range []struct {
		key       string
		got, most int
	}{
		{"model.qformer.num_query_tokens", m.QFormer.Queries, maxQueries},
		{"model.qformer.num_hidden_layers", m.QFormer.Layers, maxLayers},
		{"model.flamingo.resampler.num_latents", m.Flamingo.Resampler.Latents, maxQueries},
		{"model.flamingo.resampler.num_hidden_layers", m.Flamingo.Resampler.Layers, maxLayers},
	} {
		if c.got > c.most {
			return fmt.Errorf("%s: %d is more than %d", c.key, c.got, c.most)
		}
	}
	for key, p := range map[string]*float32{"hidden_dropout_prob": m.QFormer.Dropout, "attention_probs_dropout_prob": m.QFormer.AttnDropout} {
		if p != nil && !(*p >= 0 && *p < 1) {
			return fmt.Errorf("model.qformer.%s: %v is out of range", key, *p)
		}
	}
	if m.From == "" {
		if m.Extra != "" || m.Frozen != "" {
			return fmt.Errorf("model.extra, model.frozen: they belong to model.from, and there is none")
		}
		return nil
	}
	fresh := m
	fresh.From, fresh.Extra, fresh.Frozen, fresh.Start, fresh.System = "", "", "", StartSpec{}, ""
	if !reflect.DeepEqual(fresh, ModelSpec{}) {
		return fmt.Errorf("model.from: %s says what the model is, nothing but extra, frozen and start may stand beside it", m.From)
	}
	if m.Frozen != "" {
		return oneOf("model.frozen", m.Frozen, "stored", "bf16", "f16", "q8_0", "q4_0", "q4_1")
	}
	return nil
}

func oneOf(key, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			return nil
		}
	}
	return fmt.Errorf("%s: %q is none of %s%s", key, value, strings.Join(allowed, ", "), didYouMean(value, allowed))
}

// YAML is the recipe as resolved.
func (r *Recipe) YAML() ([]byte, error) { return yaml.Dump(r) }
