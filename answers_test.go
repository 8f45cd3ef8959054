package dragoman_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"dragoman"
)

// answer is what transformers' generate says of testdata/MODEL/picture.png behind a prompt (tools/oracle).
type answer struct {
	Prompt   *string   `json:"prompt"` // nil: none
	Size     int       `json:"size"`   // of the picture as it is read; 0: the model's own
	InputIDs []int32   `json:"input_ids"`
	Tokens   []int32   `json:"tokens"`
	Logprobs []float64 `json:"logprobs"`
}

// TestAnswersAgainstTransformers looks at a picture file and says what transformers says of it, greedily: the same ids, and their
// log-probabilities, from either generation of a model's directory.
func TestAnswersAgainstTransformers(t *testing.T) {
	for _, tt := range []struct{ dir, answers string }{
		{"testdata/blip2-opt", "testdata/blip2-opt"},
		{"testdata/blip2-opt-legacy", "testdata/blip2-opt"},
		{"testdata/instructblip", "testdata/instructblip"},
		{"testdata/instructblip-t5", "testdata/instructblip-t5"},
	} {
		var want []answer
		readJSON(t, tt.answers+"/answers.json", &want)
		for _, w := range want {
			m := open32(t, tt.dir, dragoman.WithImageSize(w.Size))
			g := &dragoman.Generate{MaxTokens: 12}
			if w.Prompt != nil {
				g.Prompt = *w.Prompt
			}
			got, err := m.Caption(context.Background(), dragoman.ImageFile(tt.answers+"/picture.png"), g)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got.Tokens, w.Tokens) {
				t.Errorf("%s, %q: says %v, want %v", tt.dir, g.Prompt, got.Tokens, w.Tokens)
				continue
			}
			if w.Prompt != nil && got.PromptTokens != len(w.InputIDs) {
				t.Errorf("%s, %q: read %d tokens, want %d", tt.dir, g.Prompt, got.PromptTokens, len(w.InputIDs))
			}
			for i, p := range w.Logprobs {
				if d := math.Abs(float64(got.Logprobs[i]) - p); d > 1e-4 {
					t.Errorf("%s, %q: log-probability %d is %v, want %v", tt.dir, g.Prompt, i, got.Logprobs[i], p)
				}
			}
		}
	}
}

// TestQuestionsAreWrapped asks a question as OPT was taught to be asked.
func TestQuestionsAreWrapped(t *testing.T) {
	m := open32(t, "testdata/blip2-opt")
	img := dragoman.ImageFile("testdata/blip2-opt/picture.png")
	asked, err := m.Answer(context.Background(), img, "what is this?", nil)
	if err != nil {
		t.Fatal(err)
	}
	said, err := m.Caption(context.Background(), img, &dragoman.Generate{Prompt: "Question: what is this? Answer:"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(asked.Tokens, said.Tokens) {
		t.Errorf("asked, it says %v; behind the whole prompt %v", asked.Tokens, said.Tokens)
	}
}

// open32 opens a model that rounds nothing on the way.
func open32(t *testing.T, dir string, opts ...dragoman.Option) *dragoman.Model {
	t.Helper()
	m, err := dragoman.Open(dir, append(opts, dragoman.WithDType("f32"))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestMatchAgainstTransformers compares a picture file with texts, and the embeddings of both (tools/oracle/blip2.py).
func TestMatchAgainstTransformers(t *testing.T) {
	var want []struct {
		Text   string      `json:"text"`
		ITM    float64     `json:"itm"`
		ITC    float64     `json:"itc"`
		Images [][]float32 `json:"image_embeds"`
		Texts  []float32   `json:"text_embeds"`
	}
	readJSON(t, matcher+"/match.json", &want)
	ctx, m := context.Background(), open32(t, matcher)
	img := dragoman.ImageFile(matcher + "/picture.png")
	var texts []string
	for _, w := range want {
		texts = append(texts, w.Text)
	}
	scores, err := m.Match(ctx, img, texts...)
	if err != nil {
		t.Fatal(err)
	}
	images, err := m.EmbedImage(ctx, img)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want {
		if s := scores[i]; math.Abs(s.ITM-w.ITM) > 1e-4 || math.Abs(s.ITC-w.ITC) > 1e-4 {
			t.Errorf("%q: %+v, want %v and %v", w.Text, s, w.ITM, w.ITC)
		}
		text, err := m.EmbedText(ctx, w.Text)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := slices.Concat(append(images, text)...), slices.Concat(append(w.Images, w.Texts)...); !closeTo(got, want) {
			t.Errorf("%q: embeddings %v, want %v", w.Text, got, want)
		}
	}
}

// closeTo says whether values of about 1 are the same to 1e-4.
func closeTo(got, want []float32) bool {
	return slices.EqualFunc(got, want, func(a, b float32) bool { return math.Abs(float64(a-b)) <= 1e-4 })
}

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}
