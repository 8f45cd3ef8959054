package hub

import (
	"fmt"
	"path"
	"strings"

	"dragoman/internal/hint"
	"dragoman/internal/networds"
)

// weightFiles are the ways in which a model's folder holds its weights, best
// first: the first whose first pattern is there is taken. They are the ones that
// package weights opens a folder by.
var weightFiles = [][]string{
	{"model.safetensors"},
	{"model.safetensors.index.json", "model-*-of-*.safetensors"},
	{"pytorch_model.bin"},
	{"pytorch_model.bin.index.json", "pytorch_model-*-of-*.bin"},
	{"checkpoint.pt"},
	{"*.safetensors"},
	{"*.gguf"},
	{"*.pth"},
}

// smallFiles are a folder's configuration, tokenizers and processors.
var smallFiles = []string{"*.json", "*.txt", "*.model", "*.jinja"}

// subFolders are read besides the model's own folder.
var subFolders = []string{"qformer_tokenizer"}

// choose picks the files that dragoman reads: configurations, tokenizers and
// processors, and the weights in one format.
func choose(files []string) []string {
	var weights []string
	for _, patterns := range weightFiles {
		if weights = atTop(files, patterns[:1]); len(weights) > 0 {
			weights = atTop(files, patterns)
			break
		}
	}
	chosen := weights
	for _, f := range files {
		dir, name := path.Split(f)
		known := dir == ""
		for _, sub := range subFolders {
			known = known || dir == sub+"/"
		}
		if known && anyMatches(smallFiles, name) && !strings.HasSuffix(name, ".index.json") {
			chosen = append(chosen, f)
		}
	}
	return chosen
}

// atTop is the files of the top folder that fit a pattern.
func atTop(files, patterns []string) []string {
	var found []string
	for _, f := range files {
		if !strings.Contains(f, "/") && anyMatches(patterns, f) {
			found = append(found, f)
		}
	}
	return found
}

// selection picks what a pull brings: what choose does, or what include names,
// without what exclude names.
func selection(name string, files, include, exclude []string) ([]string, error) {
	chosen := choose(files)
	if len(include) > 0 {
		chosen = nil
		for _, f := range files {
			if anyMatches(include, f) {
				chosen = append(chosen, f)
			}
		}
	}
	var kept, gguf []string
	for _, f := range chosen {
		if anyMatches(exclude, f) {
			continue
		}
		kept = append(kept, f)
		if strings.HasSuffix(f, ".gguf") {
			gguf = append(gguf, f)
		}
	}
	switch {
	case len(kept) == 0 && len(include)+len(exclude) > 0:
		return nil, hint.Wrap(failf(networds.NotFound, "%s: no file fits --include and --exclude", name), "it has %s", some(files))
	case len(kept) == 0:
		return nil, hint.Wrap(failf(networds.NotFound, "%s: it has no file that dragoman reads", name), "it has %s; --include '*' fetches them all the same", some(files))
	case len(gguf) > 1 && len(include) == 0:
		return nil, hint.Wrap(fmt.Errorf("%s: it has %d GGUF files, each of them a model", name, len(gguf)), "choose one with --include: %s", some(gguf))
	}
	return kept, nil
}

// some lists a few names.
func some(files []string) string {
	const most = 8
	if len(files) == 0 {
		return "none"
	}
	if len(files) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(files[:most], ", "), len(files)-most)
	}
	return strings.Join(files, ", ")
}
