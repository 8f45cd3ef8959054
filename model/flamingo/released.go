package flamingo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"dragoman/hub"
	"dragoman/internal/hint"
	"dragoman/model"
)

// The project released checkpoints without a word on what they were trained upon: the paper's table says it (Awadalla et al. 2023, table 1).

// openCLIP is what open_clip calls the encoder of all releases.
const openCLIP = "ViT-L-14"

// aliases are where a frozen part is found under another name, besides its own: the first that there is counts.
var aliases = map[string][]string{
	openCLIP:                                    {"openai/clip-vit-large-patch14", "timm/vit_large_patch14_clip_224.openai"},
	"anas-awadalla/mpt-1b-redpajama-200b":       {"mosaicml/mpt-1b-redpajama-200b"},
	"anas-awadalla/mpt-1b-redpajama-200b-dolly": {"mosaicml/mpt-1b-redpajama-200b-dolly"},
	"anas-awadalla/mpt-7b":                      {"mosaicml/mpt-7b"},
}

// organisation is whose repositories the releases are.
const organisation = "openflamingo"

// releases are the checkpoints by the names of their repositories.
var releases = map[string]openFlamingoConfig{
	"OpenFlamingo-3B-vitl-mpt1b":              {Language: "anas-awadalla/mpt-1b-redpajama-200b", Every: 1},
	"OpenFlamingo-3B-vitl-mpt1b-langinstruct": {Language: "anas-awadalla/mpt-1b-redpajama-200b-dolly", Every: 1},
	"OpenFlamingo-4B-vitl-rpj3b":              {Language: "togethercomputer/RedPajama-INCITE-Base-3B-v1", Every: 2},
	"OpenFlamingo-4B-vitl-rpj3b-langinstruct": {Language: "togethercomputer/RedPajama-INCITE-Instruct-3B-v1", Every: 2},
	"OpenFlamingo-9B-vitl-mpt7b":              {Language: "anas-awadalla/mpt-7b", Every: 4},
}

// released is the configuration of a directory that holds a released checkpoint and no config.json, by its own name or that of its folder in
// the Hugging Face cache.
func released(files model.Files) (openFlamingoConfig, bool) {
	if files.Packed != nil || files.Has("config.json") || !files.Has(checkpointName) {
		return openFlamingoConfig{}, false
	}
	at, err := filepath.Abs(files.Where("."))
	if err != nil {
		return openFlamingoConfig{}, false
	}
	for _, folder := range []string{at, filepath.Dir(filepath.Dir(at))} { // models--ORG--NAME/snapshots/COMMIT
		name := filepath.Base(folder)
		if c, ok := releases[strings.TrimPrefix(name, "models--"+organisation+"--")]; ok {
			c.Type, c.Vision, c.Tokenizer = typeOpenFlamingo, openCLIP, c.Language
			return c, true
		}
	}
	return openFlamingoConfig{}, false
}

// readConfig is a directory's config.json, or what is known of a released checkpoint.
func readConfig(files model.Files) ([]byte, error) {
	raw, err := files.ReadFile("config.json")
	if errors.Is(err, fs.ErrNotExist) {
		if c, ok := released(files); ok {
			return json.Marshal(c)
		}
	}
	return raw, err
}

// Needs are the models that a released one of that name stands upon, as a hub calls them; none for any other name.
func Needs(name string) []string {
	organised, base, ok := strings.Cut(name, "/")
	c, known := releases[base]
	if !ok || !known || organised != organisation {
		return nil
	}
	return []string{aliases[openCLIP][0], c.Language}
}

// locate finds the frozen parts of a configuration, which keeps where they are: paths that Files knows. The error's hint says how to get all
// of those that are missing.
func (c *openFlamingoConfig) locate(files model.Files) error {
	var missing error
	var pulls []string
	for _, p := range []struct {
		key  string
		name *string
	}{{"clip_vision_encoder_path", &c.Vision}, {"lang_encoder_path", &c.Language}, {"tokenizer_path", &c.Tokenizer}} {
		names := append([]string{*p.name}, aliases[*p.name]...)
		if *p.name == openCLIP && !files.Has(openCLIP) {
			names = names[1:] // no model of a hub
		}
		var first error
		for _, name := range names {
			at, err := files.Locate(name)
			if err == nil {
				*p.name, first = at, nil
				break
			}
			if first == nil {
				first = err
			}
		}
		if first == nil {
			continue
		}
		if !errors.Is(first, hub.ErrNotCached) {
			return fmt.Errorf("%s: %w", p.key, first)
		}
		if missing == nil {
			missing = fmt.Errorf("%s: %w", p.key, first)
		}
		if pull := hint.Of(first); !strings.Contains(strings.Join(pulls, "\n"), pull) {
			pulls = append(pulls, pull)
		}
	}
	if missing == nil {
		return nil
	}
	return hint.Wrap(missing, "%s", strings.Join(pulls, " && "))
}
