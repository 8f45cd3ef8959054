package dragoman_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"dragoman"
)

// flamingos are tiny models that learnt from pages, of each family.
var flamingos = []string{idefics, "model/flamingo/testdata/idefics-plain", "model/flamingo/testdata/openflamingo-mpt"}

func threeShots() []dragoman.Shot {
	var shots []dragoman.Shot
	for i, text := range []string{"cat", "dog", "b"} {
		shots = append(shots, dragoman.Shot{Images: []dragoman.Image{plain(uint8(40 * i))}, Question: "w?", Text: text})
	}
	return shots
}

func ask(v uint8) dragoman.Shot {
	return dragoman.Shot{Images: []dragoman.Image{plain(v)}, Question: "w?"}
}

// TestPromptIsReadOnce asks several questions behind the same examples, at once and one after the other: each answer is, to the bit, what
// it is where everything is read anew, and near to what it is where the page is read in one piece.
func TestPromptIsReadOnce(t *testing.T) {
	ctx := context.Background()
	for _, dir := range flamingos {
		for _, dtype := range []string{"f32", "auto"} {
			m, err := dragoman.Open(dir, dragoman.WithDType(dtype))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			g := &dragoman.Generate{MaxTokens: 5}
			p, err := m.Prompt(threeShots())
			if err != nil {
				t.Fatal(err)
			}
			values := []uint8{200, 90, 7, 200}
			got := make([]*dragoman.Text, len(values))
			var all sync.WaitGroup
			for i, v := range values {
				all.Go(func() {
					var err error
					if got[i], err = p.Answer(ctx, ask(v), g); err != nil {
						t.Error(err)
					}
				})
			}
			all.Wait()
			for i, v := range values {
				anew, err := m.AnswerLike(ctx, threeShots(), ask(v), g)
				if err != nil {
					t.Fatal(err)
				}
				if got[i] == nil || !slices.Equal(got[i].Logprobs, anew.Logprobs) || !slices.Equal(got[i].Tokens, anew.Tokens) || got[i].PromptTokens != anew.PromptTokens {
					t.Errorf("%s, %s: picture %d: %+v, anew %+v", dir, dtype, v, got[i], anew)
				}
			}
			if slices.Equal(got[0].Logprobs, got[1].Logprobs) {
				t.Errorf("%s, %s: the picture that is asked about does not count", dir, dtype)
			}
		}
	}
}

// TestPromptAgainstPage reads a prompt in two pieces and as one page.
func TestPromptAgainstPage(t *testing.T) {
	ctx := context.Background()
	pages := map[string]func(q, a string) (before, behind string){
		idefics: func(q, a string) (string, string) {
			return "User:", q + "<end_of_utterance>\nAssistant: " + a + "<end_of_utterance>\n"
		},
		"model/flamingo/testdata/idefics-plain": func(q, a string) (string, string) { return "", "Question: " + q + " Answer: " + a + "\n" },
		"model/flamingo/testdata/openflamingo-mpt": func(q, a string) (string, string) {
			return "", "Question:" + q + " Short answer:" + a + "<|endofchunk|>\n"
		},
	}
	for dir, write := range pages {
		m := open32(t, dir)
		var page []dragoman.Part
		for _, s := range append(threeShots(), ask(200)) {
			before, behind := write(s.Question, s.Text)
			if s.Text == "" {
				behind, _, _ = strings.Cut(behind, " <")
				behind, _, _ = strings.Cut(behind, "<|")
				behind = strings.TrimRight(behind, " \n")
			}
			if n := len(page); n > 0 {
				page[n-1].Text += before
			} else if before != "" {
				page = append(page, dragoman.Part{Text: before})
			}
			page = append(page, dragoman.Part{Image: &s.Images[0]}, dragoman.Part{Text: behind})
		}
		g := &dragoman.Generate{MaxTokens: 6}
		whole, err := m.Continue(ctx, page, g)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.AnswerLike(ctx, threeShots(), ask(200), g)
		if err != nil {
			t.Fatal(err)
		}
		if got.PromptTokens != whole.PromptTokens || !slices.Equal(got.Tokens, whole.Tokens) {
			t.Errorf("%s: %+v, as a page %+v", dir, got, whole)
			continue
		}
		for i, p := range whole.Logprobs {
			if math.Abs(float64(got.Logprobs[i]-p)) > 1e-4 {
				t.Errorf("%s: log-probability %d is %v, as a page %v", dir, i, got.Logprobs[i], p)
			}
		}
	}
}

// TestChoices chooses among texts: probabilities add up to 1, orders of the examples are averaged, and what is read before does not change.
func TestChoices(t *testing.T) {
	ctx := context.Background()
	texts := []string{"yes", "no", "a cat"}
	for _, dir := range flamingos {
		m := open32(t, dir)
		p, err := m.Prompt(threeShots())
		if err != nil {
			t.Fatal(err)
		}
		one, err := p.Answer(ctx, ask(9), &dragoman.Generate{Choices: texts})
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		best := 0
		for i, c := range one.Choices {
			sum += c.Probability
			if c.LogLikelihood > one.Choices[best].LogLikelihood {
				best = i
			}
			alone, err := p.Answer(ctx, ask(9), &dragoman.Generate{Choices: []string{c.Text}})
			if err != nil || alone.Choices[0].LogLikelihood != c.LogLikelihood {
				t.Errorf("%s: %q alone is %+v, among others %+v (%v)", dir, c.Text, alone, c, err)
			}
		}
		if math.Abs(sum-1) > 1e-9 || one.Text != texts[best] || one.Finish != "choice" || len(one.Logprobs) != one.Choices[best].Tokens {
			t.Errorf("%s: chose %+v", dir, one)
		}
		mean, err := p.Answer(ctx, ask(9), &dragoman.Generate{Choices: texts, PerToken: true})
		if err != nil || math.Abs(mean.Choices[2].LogLikelihood*float64(mean.Choices[2].Tokens)-one.Choices[2].LogLikelihood) > 1e-6 {
			t.Errorf("%s: a token is %+v of %+v (%v)", dir, mean, one, err)
		}
		// All six orders together, by hand.
		want := make([]float64, len(texts))
		shots := threeShots()
		for _, o := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			x, err := m.AnswerLike(ctx, []dragoman.Shot{shots[o[0]], shots[o[1]], shots[o[2]]}, ask(9), &dragoman.Generate{Choices: texts})
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range x.Choices {
				want[i] += c.LogLikelihood / 6
			}
		}
		for _, n := range []int{6, 100} {
			said := ""
			stream := func(piece string) error { said += piece; return nil }
			got, err := p.Answer(ctx, ask(9), &dragoman.Generate{Choices: texts, Permutations: n, Seed: 5, Stream: stream})
			if err != nil {
				t.Fatal(err)
			}
			if said != got.Text {
				t.Errorf("%s: %q comes in pieces as %q", dir, got.Text, said)
			}
			for i, c := range got.Choices {
				if math.Abs(c.LogLikelihood-want[i]) > 1e-5 {
					t.Errorf("%s: %d orders: %q is %v, want %v", dir, n, c.Text, c.LogLikelihood, want[i])
				}
			}
		}
		some := func(seed uint64) string {
			x, err := m.AnswerLike(ctx, shots, ask(9), &dragoman.Generate{Choices: texts, Permutations: 3, Seed: seed})
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(x.Choices)
		}
		if first, again := some(1), some(1); first != again || first == some(2) && first == some(3) {
			t.Errorf("%s: orders do not follow from the seed", dir)
		}
	}
}

// TestKindsOfQuestions asks questions of different kinds behind one prompt, whose beginnings differ.
func TestKindsOfQuestions(t *testing.T) {
	ctx := context.Background()
	m := open32(t, longContext(t))
	p, err := m.Prompt(nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &dragoman.Generate{MaxTokens: 3}
	for _, question := range []string{"w?", "", "v?", ""} {
		ask := dragoman.Shot{Images: []dragoman.Image{plain(9)}, Question: question}
		got, err := p.Answer(ctx, ask, g)
		if err != nil {
			t.Fatal(err)
		}
		if want, err := m.AnswerLike(ctx, nil, ask, g); err != nil || !slices.Equal(got.Logprobs, want.Logprobs) {
			t.Errorf("%q: %v, anew %v (%v)", question, got, want, err)
		}
	}
}

// longContext is a tiny OpenFlamingo that reads long texts.
func longContext(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "long")
	if err := os.CopyFS(dir, os.DirFS("model/flamingo/testdata/openflamingo-mpt")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "language", "config.json")
	raw, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(raw), `"max_seq_len": 128`, `"max_seq_len": 4096`, 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestConversation goes on with a conversation: each answer is what it is to all that was said before, and what fails was never said.
func TestConversation(t *testing.T) {
	ctx := context.Background()
	for _, dir := range append([]string{"testdata/blip2-llama"}, flamingos...) {
		m := open32(t, dir)
		light := plain(200)
		g := &dragoman.Generate{MaxTokens: 3}
		first := dragoman.Message{Role: "user", Content: "a"}
		if m.ReadsPages() {
			first.Parts = []dragoman.Part{{Image: &light}, {Text: "a"}}
		}
		talk := m.Converse("")
		one, err := talk.Say(ctx, first, g)
		if err != nil {
			t.Fatal(err)
		}
		missing := dragoman.ImageFile("none.png")
		if _, err := talk.Say(ctx, dragoman.Message{Role: "user", Parts: []dragoman.Part{{Image: &missing}}}, g); err == nil {
			t.Errorf("%s: a picture that is not there is talked about", dir)
		}
		second := dragoman.Message{Role: "user", Content: "b"}
		two, err := talk.Say(ctx, second, g)
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Chat(ctx, []dragoman.Message{first, {Role: "assistant", Content: one.Text}, second}, g)
		if err != nil || !slices.Equal(two.Tokens, want.Tokens) || two.PromptTokens != want.PromptTokens {
			t.Fatalf("%s: says %+v, to all at once %+v (%v)", dir, two, want, err)
		}
		for i, p := range want.Logprobs {
			if math.Abs(float64(two.Logprobs[i]-p)) > 1e-4 {
				t.Errorf("%s: log-probability %d is %v, to all at once %v", dir, i, two.Logprobs[i], p)
			}
		}
		if _, err := m.Chat(ctx, []dragoman.Message{{Role: "narrator", Content: "a"}}, g); err == nil {
			t.Errorf("%s: a narrator talks", dir)
		}
	}
}

// TestPromptSaysWhatItDid: an error names examples only where there are some; of a picture that cannot be read it says that alone, as with any model.
func TestPromptSaysWhatItDid(t *testing.T) {
	m, err := dragoman.Open(idefics, dragoman.WithDType("f32"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	bad, many := []dragoman.Image{dragoman.ImageBytes([]byte("no picture"))}, slices.Repeat([]dragoman.Image{plain(9)}, 3000)
	for want, c := range map[string]struct {
		shots []dragoman.Shot
		ask   dragoman.Shot
	}{
		"captioning: ":            {nil, dragoman.Shot{Images: many}},
		"answering: ":             {nil, dragoman.Shot{Images: many, Question: "a"}},
		"answering by examples: ": {[]dragoman.Shot{{Images: []dragoman.Image{plain(9)}, Text: "a"}}, dragoman.Shot{Images: many, Question: "a"}},
		"reading a picture: ":     {nil, dragoman.Shot{Images: bad}},
	} {
		_, err := m.AnswerLike(context.Background(), c.shots, c.ask, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
