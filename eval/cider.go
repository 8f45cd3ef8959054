package eval

import (
	"math"
)

// ciderSigma is the width of CIDEr-D's penalty on a difference in length.
const ciderSigma = 6.0

// ciderD scores each caption against its references: tf-idf vectors of n-grams, document frequencies counted over the pictures
// whose references are given. The corpus's score is the mean.
func ciderD(captions [][]string, references [][][]string) []float64 {
	var frequency [maxOrder]map[string]float64
	for n := range maxOrder {
		frequency[n] = make(map[string]float64)
		for _, refs := range references {
			seen := make(map[string]bool)
			for _, r := range refs {
				for g := range ngrams(r, n+1) {
					seen[g] = true
				}
			}
			for g := range seen {
				frequency[n][g]++
			}
		}
	}
	pictures := math.Log(float64(len(references)))
	scores := make([]float64, len(captions))
	for i, caption := range captions {
		h := newCiderVector(caption, &frequency, pictures)
		var sum float64
		for _, r := range references[i] {
			sum += h.similarity(newCiderVector(r, &frequency, pictures))
		}
		if len(references[i]) > 0 {
			scores[i] = sum / float64(len(references[i])) * 10
		}
	}
	return scores
}

type ciderVector struct {
	weights [maxOrder]map[string]float64
	norms   [maxOrder]float64
	bigrams int // stands for the length
}

func newCiderVector(tokens []string, frequency *[maxOrder]map[string]float64, pictures float64) *ciderVector {
	v := &ciderVector{bigrams: max(0, len(tokens)-1)}
	for n := range maxOrder {
		v.weights[n] = make(map[string]float64)
		for g, c := range ngrams(tokens, n+1) {
			w := float64(c) * (pictures - math.Log(max(1, frequency[n][g])))
			v.weights[n][g] = w
			v.norms[n] += w * w
		}
		v.norms[n] = math.Sqrt(v.norms[n])
	}
	return v
}

// similarity is the mean over the orders of a cosine whose numerator counts no word more often than the reference has it.
func (v *ciderVector) similarity(reference *ciderVector) float64 {
	difference := float64(v.bigrams - reference.bigrams)
	var sum float64
	for n := range maxOrder {
		var dot float64
		for g, w := range v.weights[n] {
			r := reference.weights[n][g]
			dot += min(w, r) * r
		}
		if v.norms[n] != 0 && reference.norms[n] != 0 {
			dot /= v.norms[n] * reference.norms[n]
		}
		sum += dot
	}
	return sum / maxOrder * math.Exp(-difference*difference/(2*ciderSigma*ciderSigma))
}
