package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"dragoman/internal/plainjson"
	"dragoman/internal/plural"
)

// The names of a question's fields. A row with a question has answers for its texts: a text, a list of texts (ten people's, as VQAv2
// has them, equal ones as often as they were given), a list of objects with "answer" and perhaps "weight", or an object of weights by
// answer. Weights may also stand in a field of their own, one for each answer.
var (
	questionKeys = []string{"question"}
	answerKeys   = append([]string{"answers", "answer"}, textKeys...)
	weightKeys   = []string{"weights", "answer_weights", "weight"}
)

// takeQuestion takes a row's question and its answers out of fields; asked is false where the row has no question.
func takeQuestion(fields map[string]any, row *Row, o Options) (asked bool, err error) {
	key, value, err := take(fields, "", questionKeys)
	if err != nil {
		return false, nil
	}
	question, err := stringsFrom(value)
	if err != nil {
		return true, fmt.Errorf("%s: %w", key, err)
	}
	if len(question) != 1 {
		return true, fmt.Errorf("%s: a row has one, this one has %d", key, len(question))
	}
	row.Question = question[0]
	key, value, err = take(fields, o.TextKey, answerKeys)
	if err != nil {
		if o.NoText {
			return true, nil
		}
		return true, fmt.Errorf("no answer: %w", err)
	}
	if row.Texts, row.Weights, err = answersFrom(value); err != nil {
		return true, fmt.Errorf("%s: %w", key, err)
	}
	if weightKey, value, err := take(fields, "", weightKeys); err == nil && value != "" { // a table's empty cell
		if row.Weights, err = weightsFrom(value); err != nil {
			return true, fmt.Errorf("%s: %w", weightKey, err)
		}
	}
	if row.Texts, row.Weights, err = kept(row.Texts, row.Weights); err != nil {
		return true, fmt.Errorf("%s: %w", key, err)
	}
	if len(row.Texts) == 0 && !o.NoText {
		return true, fmt.Errorf("%s: the answer is empty", key)
	}
	return true, nil
}

// answersFrom reads answers in any of their forms. Without weights of their own, weights is nil.
func answersFrom(v any) (answers []string, weights []float64, err error) {
	switch v := listed(v).(type) {
	case map[string]any:
		for _, answer := range slices.Sorted(maps.Keys(v)) {
			w, err := number(v[answer])
			if err != nil {
				return nil, nil, err
			}
			answers, weights = append(answers, answer), append(weights, w)
		}
		return answers, weights, nil
	case []any:
		for _, e := range v {
			answer, weight, err := answerFrom(e)
			if err != nil {
				return nil, nil, err
			}
			if answers = append(answers, answer); weight != nil {
				weights = append(weights, *weight)
			}
		}
		return answers, weights, nil
	case []string:
		return v, nil, nil
	default:
		answer, _, err := answerFrom(v)
		return []string{answer}, nil, err
	}
}

// answerFrom reads one answer: a text, a number, or an object that has one.
func answerFrom(v any) (answer string, weight *float64, err error) {
	switch v := v.(type) {
	case string:
		return v, nil, nil
	case []byte:
		return string(v), nil, nil
	case int64, float64, bool:
		return fmt.Sprint(v), nil, nil
	case map[string]any:
		if answer, _, err = answerFrom(v["answer"]); err != nil {
			return "", nil, err
		}
		if w, ok := v["weight"]; ok {
			n, err := number(w)
			return answer, &n, err
		}
		return answer, nil, nil
	}
	return "", nil, fmt.Errorf("is %s, not an answer", plainjson.Of(v))
}

func weightsFrom(v any) (weights []float64, err error) {
	switch v := listed(v).(type) {
	case []any:
		for _, e := range v {
			w, err := number(e)
			if err != nil {
				return nil, err
			}
			weights = append(weights, w)
		}
		return weights, nil
	case []float64:
		return v, nil
	default:
		w, err := number(v)
		return []float64{w}, err
	}
}

func number(v any) (float64, error) {
	switch v := plain(v).(type) {
	case int64:
		return float64(v), nil
	case float64:
		return v, nil
	case string: // a table's cell
		if w, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			return w, nil
		}
		return 0, fmt.Errorf("a weight is %.20q, not a number", v)
	}
	return 0, fmt.Errorf("a weight is %s, not a number", plainjson.Of(v))
}

// kept trims answers and leaves out empty ones, with their weights; weights that say nothing are nil.
func kept(answers []string, weights []float64) ([]string, []float64, error) {
	if weights != nil && len(weights) != len(answers) {
		return nil, nil, fmt.Errorf("%s for %s", plural.Of(len(weights), "weight"), plural.Of(len(answers), "answer"))
	}
	var texts []string
	var shares []float64
	var sum float64
	for i, a := range answers {
		clean, err := stringsFrom(a)
		if err != nil {
			return nil, nil, err
		}
		if len(clean) == 0 {
			continue
		}
		texts = append(texts, clean...)
		if weights == nil {
			continue
		}
		w := weights[i]
		if !(w >= 0) || math.IsInf(w, 1) {
			return nil, nil, fmt.Errorf("a weight is %v", w)
		}
		shares, sum = append(shares, w), sum+w
	}
	if shares != nil && sum == 0 {
		return nil, nil, errors.New("all weights are 0")
	}
	return texts, shares, nil
}

// listed reads a list or an object out of a table's cell, which can hold but text: ["yes", "no"]. What is no list stays as it is.
func listed(v any) any {
	s, ok := v.(string)
	if !ok {
		return v
	}
	if s = strings.TrimSpace(s); !strings.HasPrefix(s, "[") && !strings.HasPrefix(s, "{") {
		return v
	}
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	var out any
	if dec.Decode(&out) != nil || dec.More() {
		return v
	}
	return plain(out)
}
