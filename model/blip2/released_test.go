package blip2

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dragoman/tensor"
	"dragoman/weights"
)

// TestAssembledIsWhole: a model of parts that transformers knows is saved with everything in one directory, by transformers' names; what
// it has no place for is beside them. One that has something of this project's own is not.
func TestAssembledIsWhole(t *testing.T) {
	if tinyModel(t).Whole() { // which has a norm behind the soft prompt
		t.Error("transformers has no class for a soft prompt's norm")
	}
	c := oracleConfig()
	c.QFormer.Width, c.QFormer.Heads, c.QFormer.FeedForward, c.QFormer.Layers = 32, 2, 64, 2
	for _, language := range []string{"language", ""} {
		m, err := Assemble(c, Parts{Files: Dir("../../recipes/tiny"), Vision: "vision", Language: language, Text: "text", Seed: 2}, Options{Trainable: true})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		dir := t.TempDir()
		if err := m.Save(dir); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(dir, "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		var config struct {
			Architectures []string       `json:"architectures"`
			Image         *int           `json:"image_token_index"`
			Vision        map[string]any `json:"vision_config"`
		}
		if err := json.Unmarshal(raw, &config); err != nil || strings.Contains(string(raw), "weights") {
			t.Errorf("%v: %s", err, raw)
		}
		main, beside := openFile(t, filepath.Join(dir, wholeFile)), openFile(t, filepath.Join(dir, firstStageFile))
		class := classMatching
		if language != "" {
			class = classLanguage
			if config.Image == nil || *config.Image != m.Language.Config().Vocab-1 {
				t.Errorf("a query's token is %v", config.Image)
			}
		}
		if len(config.Architectures) != 1 || config.Architectures[0] != class {
			t.Errorf("architectures %v, not %s", config.Architectures, class)
		}
		for name, file := range map[string]*weights.File{"vision_model.post_layernorm.weight": main, "qformer.layernorm.weight": main, "temp": beside, "cls.predictions.bias": beside} {
			if _, ok := file.Lookup(name); !ok {
				t.Errorf("%s: %s is not where it belongs", class, name)
			}
		}
		again, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer again.Close()
		run := tensor.NewRun(tensor.Options{})
		texts := []string{"a red circle", "a bar"}
		near(t, "embedded texts", again.EmbedTexts(run, texts), m.EmbedTexts(run, texts), 1e-6)
		// What transformers saves anew has lost what it has no place for.
		if err := os.Remove(filepath.Join(dir, firstStageFile)); err != nil {
			t.Fatal(err)
		}
		less, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer less.Close()
		if language != "" && (less.Words != nil || less.Language == nil) {
			t.Error("a text stream without words")
		}
	}
}

func TestCutPrompt(t *testing.T) {
	m, err := Open("../../testdata/blip2-opt", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	context, queries := m.Language.Config().Context, m.Config.QFormer.Queries
	for _, c := range []struct {
		ids           []int32
		limit, answer int
		want          []int32
	}{
		{[]int32{2, 5, 6, 7}, 9, 1, []int32{2, 5, 6, 7}},
		{[]int32{2, 5, 6, 7}, 3, 1, []int32{2, 6, 7}},
		{[]int32{4, 5, 6, 7}, 3, 1, []int32{5, 6, 7}},
		{[]int32{2, 5, 6, 7}, 9, context - queries - 2, []int32{2, 7}},
		{[]int32{2, 5, 6, 7}, 9, context, []int32{7}},
	} {
		if got := m.CutPrompt(c.ids, c.limit, c.answer); !slices.Equal(got, c.want) {
			t.Errorf("%v cut to %d before %d: %v", c.ids, c.limit, c.answer, got)
		}
	}
	vicuna, err := Open("../../testdata/instructblip", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer vicuna.Close()
	if got := vicuna.CutPrompt(vicuna.PromptIDs("w5 w6 w7"), 3, 1); !slices.Equal(got, []int32{2, 6, 7}) {
		t.Errorf("a prompt that begins as its tokenizer has it, not as config.json: %v", got)
	}
}
