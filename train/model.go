package train

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"dragoman/bridge/qformer"
	"dragoman/internal/builtin"
	"dragoman/internal/rss"
	"dragoman/model/blip2"
)

// makeModel puts together the model that a recipe describes, for so many pictures.
func makeModel(r *Recipe, corpus []string, pictures int) (*blip2.Model, error) {
	spec := r.Model
	if spec.From != "" {
		return openFrom(r)
	}
	if spec.Vision == "" {
		return nil, errors.New("model.vision: an image encoder is missing")
	}
	classes, err := r.classLines()
	if err != nil {
		return nil, err
	}
	var names [][]string
	for _, c := range classes {
		names = append(names, c.Names)
		corpus = append(corpus, c.Names...)
	}
	if !spec.CutWords {
		corpus = nil
	}
	config := spec.config()
	const block = 32 // of quantised weights: a whole number of them in a row
	if config.Extras.PictureLandmarks = min(spec.QFormer.Landmarks, pictures/block*block); spec.QFormer.Landmarks > 0 && config.Extras.PictureLandmarks == 0 {
		return nil, fmt.Errorf("model.qformer.picture_landmarks: %d pictures are too few, it takes %d", pictures, block)
	}
	vision, err := r.findModel("vision", spec.Vision)
	if err != nil {
		return nil, err
	}
	language, err := r.findModel("language", spec.Language)
	if err != nil {
		return nil, err
	}
	return blip2.Assemble(config, blip2.Parts{
		Vision: vision, Language: language, Text: r.path(spec.Text),
		Corpus: corpus, Classes: names, Identity: spec.QFormer.IdentityText, Seed: r.Seed,
	}, blip2.Options{Trainable: true, Room: room()})
}

// room is what a model has to fit into.
func room() blip2.Room {
	bytes, by := rss.Limit()
	return blip2.Room{Bytes: bytes, By: by}
}

// path is where a file that the recipe names is.
func (r *Recipe) path(name string) string {
	if name == "" || builtin.Is(name) || filepath.IsAbs(name) {
		return name
	}
	path := filepath.Join(r.dir, name)
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// config is the model's configuration; what the recipe leaves out is as in BLIP-2.
func (s ModelSpec) config() blip2.Config {
	c := blip2.Config{QFormer: qformer.Defaults(), Shared: 256, ImageID: -1}
	q, spec := &c.QFormer, s.QFormer
	q.Text = s.Text != ""
	for _, v := range []struct{ to, from *int }{
		{&q.Width, &spec.Width},
		{&q.Layers, &spec.Layers},
		{&q.Heads, &spec.Heads},
		{&q.FeedForward, &spec.FeedForward},
		{&q.Queries, &spec.Queries},
		{&q.CrossEvery, &spec.CrossEvery},
		{&q.FeatureWidth, &spec.FeatureWidth},
		{&q.Positions, &spec.Positions},
		{&c.Shared, &spec.Shared},
	} {
		if *v.from != 0 {
			*v.to = *v.from
		}
	}
	if spec.Dropout != nil {
		q.HiddenDropout = *spec.Dropout
	}
	if spec.AttnDropout != nil {
		q.AttentionDropout = *spec.AttnDropout
	}
	c.Extras = blip2.Extras{
		TextPooling: spec.TextPooling, TextReading: spec.TextReading, Features: spec.Features, PictureHead: spec.PictureHead,
		PictureAxes: spec.Axes, Summary: spec.Summary, Nearer: spec.Nearer,
		SoftPrompt: spec.SoftPrompt, SoftPromptNorm: spec.SoftPromptNorm, Prompt: spec.Prompt, Hints: spec.Hints, HintShare: spec.HintShare, MatchWeight: spec.MatchWeight,
	}
	return c
}

// hash tells recipes apart by what they do, wherever they write.
func (r *Recipe) hash() (string, error) {
	same := *r
	same.Output = ""
	same.Views.Cache = ""
	raw, err := same.YAML()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}
