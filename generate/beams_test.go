package generate

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// table is a language model of two tables of logits, [last id, next] and [the one before, next].
type table struct {
	t, u []float32
	rows [][]int32
}

func (m *table) Logits(i int) []float32 {
	row := m.rows[i]
	last, before := row[len(row)-1], int32(0)
	if len(row) > 1 {
		before = row[len(row)-2]
	}
	n := int32(math.Sqrt(float64(len(m.t))))
	logits := slices.Clone(m.t[last*n:][:n])
	for k, x := range m.u[before*n:][:n] {
		logits[k] += x
	}
	return logits
}

func (m *table) Advance(parents []int, tokens []int32) error {
	rows := make([][]int32, len(parents))
	for i, p := range parents {
		rows[i] = append(slices.Clone(m.rows[p]), tokens[i])
	}
	m.rows = rows
	return nil
}

// TestBeamsAgainstTransformers compares sentences and scores under every way of stopping, penalty and rule, several searches at a time
// (tools/oracle/beams.py).
func TestBeamsAgainstTransformers(t *testing.T) {
	raw, err := os.ReadFile("testdata/beams.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Words []string
		Cases []struct {
			T, U    []float32
			Prompts [][]int32
			EOS     []int32
			Options struct {
				MaxTokens  int       `json:"max_new_tokens"`
				MinTokens  int       `json:"min_new_tokens"`
				Beams      int       `json:"num_beams"`
				Repetition float64   `json:"repetition_penalty"`
				Length     float64   `json:"length_penalty"`
				Early      any       `json:"early_stopping"`
				NoRepeat   int       `json:"no_repeat_ngram_size"`
				Phrases    [][]int32 `json:"bad_words_ids"`
			}
			Stop   []string
			New    [][]int32
			Scores []float64
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	early := map[any]EarlyStopping{false: Attainable, true: Early, "never": Never}
	rows := 0
	for i, c := range file.Cases {
		q := c.Options
		o := Options{
			MaxTokens: q.MaxTokens, MinTokens: q.MinTokens, Beams: q.Beams, RepetitionPenalty: q.Repetition, LengthPenalty: q.Length, EarlyStopping: early[q.Early],
			Rules: Rules{NoRepeat: q.NoRepeat, Phrases: q.Phrases}, StopIDs: c.EOS, Stop: c.Stop,
			Text: func(ids []int32) string {
				var b strings.Builder
				for _, id := range ids {
					b.WriteString(file.Words[id])
				}
				return b.String()
			},
		}
		got, err := Run(context.Background(), &table{c.T, c.U, slices.Clone(c.Prompts)}, c.Prompts, o)
		if err != nil {
			t.Fatal(err)
		}
		for b, r := range got {
			rows++
			n := len(r.Tokens)
			same := n <= len(c.New[b]) && slices.Equal(r.Tokens, c.New[b][:n]) && (n == len(c.New[b]) || r.Finish == Stopped) // behind its end a row is filled up
			if d := math.Abs(r.Score - c.Scores[b]); !same || !(d <= 1e-4*max(1, math.Abs(c.Scores[b]))) {
				t.Errorf("case %d, row %d, %+v: %v (%v), want %v (%v)", i, b, q, r.Tokens, r.Score, c.New[b], c.Scores[b])
			}
		}
	}
	if rows < len(file.Cases) || rows == 0 {
		t.Errorf("%d rows were compared", rows)
	}
}
