package inspect

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"dragoman"
)

// Average is what many pictures say together about a bridge's queries.
type Average struct {
	Pictures int `json:"pictures"`
	Queries  int `json:"queries"`
	// EffectiveRank is exp of the entropy of the normalised singular values of all queries' outputs: how many directions
	// they use (Roy and Vetterli, 2007).
	EffectiveRank float64 `json:"effective_rank"`
	// Alike is the mean cosine between the outputs of two queries for the same picture.
	Alike   float64        `json:"alike"`
	Query   []QueryAverage `json:"query"`
	outputs *mat.SymDense  // Σ output·outputᵀ
	rows    int
}

// QueryAverage is the average over pictures of one query.
type QueryAverage struct {
	// Changed is the share of pictures whose caption changes without the query; −1 where that was not measured.
	Changed float64 `json:"changed"`
	// Spread is exp of the entropy of its last layer's map: over how many keys it reads.
	Spread float64 `json:"spread"`
	// Extra is the share of its last layer's weight on keys that are no cells of the picture.
	Extra float64 `json:"extra"`
	// Map is where it looks on average: the last layer's weights over the grid, row by row.
	Map []float64 `json:"map"`
	// Alike is the mean cosine of its output with the other queries'.
	Alike float64 `json:"alike"`
}

// Add counts one picture in.
func (a *Average) Add(in *dragoman.Inspection) {
	if len(in.Layers) == 0 { // nothing reads
		return
	}
	if a.Query == nil {
		a.Queries = in.Queries
		a.Query = make([]QueryAverage, in.Queries)
		for q := range a.Query {
			a.Query[q].Map = make([]float64, in.Grid[0]*in.Grid[1])
		}
		a.outputs = mat.NewSymDense(len(in.Outputs[0]), nil)
	}
	n := float64(a.Pictures)
	blend := func(old *float64, x float64) { *old += (x - *old) / (n + 1) }
	last := in.Layers[len(in.Layers)-1].Weights
	cells := in.Grid[0] * in.Grid[1]
	alike := pairwise(in.Outputs)
	for q := range a.Query {
		qa := &a.Query[q]
		if in.Without == nil {
			qa.Changed = -1
		} else {
			changed := 0.0
			if in.Without[q] != in.FromQueries() {
				changed = 1
			}
			blend(&qa.Changed, changed)
		}
		extra := 0.0
		for k, w := range last[q] {
			p := float64(w)
			if k < cells {
				blend(&qa.Map[k], p)
			} else {
				extra += p
			}
		}
		blend(&qa.Spread, Reach(last[q]))
		blend(&qa.Extra, extra)
		blend(&qa.Alike, alike[q])
	}
	for _, row := range in.Outputs {
		x := make([]float64, len(row))
		for i, v := range row {
			x[i] = float64(v)
		}
		a.outputs.SymRankOne(a.outputs, 1, mat.NewVecDense(len(x), x))
		a.rows++
	}
	a.Pictures++
}

// Reach is over how many keys weights that sum to 1 are spread: exp of their entropy.
func Reach(weights []float32) float64 {
	entropy := 0.0
	for _, w := range weights {
		if p := float64(w); p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	return math.Exp(entropy)
}

// Finish computes what needs all pictures.
func (a *Average) Finish() {
	if a.Pictures == 0 {
		return
	}
	a.Alike = 0
	for _, q := range a.Query {
		a.Alike += q.Alike / float64(len(a.Query))
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(a.outputs, false) {
		a.EffectiveRank = math.NaN()
		return
	}
	sum := 0.0
	values := eigen.Values(nil)
	for i, v := range values {
		values[i] = math.Sqrt(max(0, v))
		sum += values[i]
	}
	entropy := 0.0
	for _, v := range values {
		if p := v / sum; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	a.EffectiveRank = math.Exp(entropy)
}

// pairwise is, for each row, its mean cosine with the others.
func pairwise(rows [][]float32) []float64 {
	norm := make([]float64, len(rows))
	for i, r := range rows {
		norm[i] = math.Sqrt(dot(r, r))
	}
	out := make([]float64, len(rows))
	for i := range rows {
		for j := range i {
			c := dot(rows[i], rows[j]) / max(1e-12, norm[i]*norm[j]) / float64(len(rows)-1)
			out[i] += c
			out[j] += c
		}
	}
	return out
}

func dot(a, b []float32) float64 {
	s := 0.0
	for i := range a {
		s += float64(a[i]) * float64(b[i])
	}
	return s
}
