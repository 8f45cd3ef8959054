package eval

import (
	"strings"
)

// Captions is how captions compare with their references. Shares are in percent; BLEU4, ROUGEL and CIDErD as COCO's
// evaluation has them, times 100.
type Captions struct {
	N           int     `json:"n"`
	Exact       float64 `json:"exact"`        // equal to a reference after lower-casing and trimming
	ContentWord float64 `json:"content_word"` // shares a content word with a reference
	BLEU4       float64 `json:"bleu4"`
	ROUGEL      float64 `json:"rouge_l"`
	CIDErD      float64 `json:"cider_d"`
}

// ScoreCaptions compares each caption with its references. Besides them, keywords[i] (tags; may be nil) count for the content
// word alone.
func ScoreCaptions(captions []string, references, keywords [][]string) Captions {
	s := Captions{N: len(captions)}
	if s.N == 0 {
		return s
	}
	var b bleu
	hypotheses, refs := make([][]string, s.N), make([][][]string, s.N)
	for i, c := range captions {
		hypotheses[i] = Tokenize(c)
		for _, r := range references[i] {
			refs[i] = append(refs[i], Tokenize(r))
		}
		b.add(hypotheses[i], refs[i])
		s.ROUGEL += rougeL(hypotheses[i], refs[i])
		s.Exact += toOne(equalsAny(c, references[i]))
		words := references[i]
		if keywords != nil {
			words = append(words[:len(words):len(words)], keywords[i]...)
		}
		s.ContentWord += toOne(SharesContent(c, words))
	}
	for _, v := range ciderD(hypotheses, refs) {
		s.CIDErD += v
	}
	scale := 100 / float64(s.N)
	s.Exact, s.ContentWord, s.ROUGEL, s.CIDErD = s.Exact*scale, s.ContentWord*scale, s.ROUGEL*scale, s.CIDErD*scale
	s.BLEU4 = 100 * b.scores()[maxOrder-1]
	return s
}

func equalsAny(caption string, references []string) bool {
	c := strings.Join(strings.Fields(strings.ToLower(caption)), " ")
	for _, r := range references {
		if c == strings.Join(strings.Fields(strings.ToLower(r)), " ") {
			return true
		}
	}
	return false
}
