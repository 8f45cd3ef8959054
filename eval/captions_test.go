package eval

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
)

// recorded is the output of tools/oracle/captions.py.
type recorded struct {
	Cases []struct {
		Caption         string   `json:"caption"`
		References      []string `json:"references"`
		CaptionTokens   string   `json:"caption_tokens"`
		ReferenceTokens []string `json:"reference_tokens"`
		Rouge           float64  `json:"rouge"`
		Cider           float64  `json:"cider"`
	} `json:"cases"`
	Bleu  [4]float64 `json:"bleu"`
	Rouge float64    `json:"rouge"`
	Cider float64    `json:"cider"`
}

func readRecorded(t *testing.T) recorded {
	t.Helper()
	raw, err := os.ReadFile("testdata/captions.json")
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTokenizeAsTheTreebank(t *testing.T) {
	for _, c := range readRecorded(t).Cases {
		for i, text := range append([]string{c.Caption}, c.References...) {
			want := append([]string{c.CaptionTokens}, c.ReferenceTokens...)[i]
			if got := strings.Join(Tokenize(text), " "); got != want {
				t.Errorf("%q: %q, Stanford's tokeniser says %q", text, got, want)
			}
		}
	}
}

func TestMetricsAsCOCO(t *testing.T) {
	r := readRecorded(t)
	var captions []string
	var references [][]string
	var hypotheses [][]string
	var tokens [][][]string
	for _, c := range r.Cases {
		captions = append(captions, c.Caption)
		references = append(references, c.References)
		hypotheses = append(hypotheses, strings.Fields(c.CaptionTokens))
		var refs [][]string
		for _, ref := range c.ReferenceTokens {
			refs = append(refs, strings.Fields(ref))
		}
		tokens = append(tokens, refs)
	}
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
			t.Errorf("%s: %v, recorded %v", what, got, want)
		}
	}
	for i, score := range ciderD(hypotheses, tokens) {
		near("cider of "+captions[i], score, r.Cases[i].Cider)
		near("rouge of "+captions[i], rougeL(hypotheses[i], tokens[i]), r.Cases[i].Rouge)
	}
	var b bleu
	for i := range hypotheses {
		b.add(hypotheses[i], tokens[i])
	}
	for n, score := range b.scores() {
		near("bleu", score, r.Bleu[n])
	}
	s := ScoreCaptions(captions, references, nil)
	near("corpus cider", s.CIDErD, 100*r.Cider)
	near("corpus rouge", s.ROUGEL, 100*r.Rouge)
	near("corpus bleu", s.BLEU4, 100*r.Bleu[3])
}

func TestContentWords(t *testing.T) {
	for _, c := range []struct {
		caption    string
		references []string
		want       bool
	}{
		{"two dogs on a beach", []string{"a dog"}, true},
		{"the picture of a man on the left", []string{"a view on the left of it"}, false},
		{"smiling face with heart-eyes", []string{"heart"}, true},
		{"a berry", []string{"berries"}, true},
		{"glass", []string{"glas"}, false},
		{"", []string{"anything"}, false},
	} {
		if got := SharesContent(c.caption, c.references); got != c.want {
			t.Errorf("%q shares a content word with %q: %v", c.caption, c.references, got)
		}
	}
}

func TestExactIgnoresCaseAndSpace(t *testing.T) {
	s := ScoreCaptions([]string{"A  Cat ", "a dog"}, [][]string{{"a cat"}, {"a cat"}}, [][]string{nil, {"dog"}})
	if s.Exact != 50 || s.ContentWord != 100 {
		t.Errorf("exact %v, content word %v", s.Exact, s.ContentWord)
	}
}
