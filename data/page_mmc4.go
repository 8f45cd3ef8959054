package data

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dragoman/internal/plainjson"
)

// mmc4 reads MMC4's documents: sentences, and pictures that each belong to one of them. Pictures stand in the order of their
// sentences, which need not be that of the list.
func (p *maker) mmc4(fields map[string]any) error {
	var sentences []string
	for i, v := range fields["text_list"].([]any) {
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("text_list: number %d is %s, not a text", i+1, plainjson.Of(v))
		}
		sentences = append(sentences, strings.TrimSpace(s))
	}
	pictures, err := mmc4Pictures(fields, len(sentences))
	if err != nil {
		return err
	}
	for _, key := range []string{"text_list", "image_info", "similarity_matrix"} {
		delete(fields, key)
	}
	for i, s := range sentences {
		for len(pictures) > 0 && pictures[0].sentence == i {
			if err := p.mmc4Picture(pictures[0]); err != nil {
				p.leaveOut(pictures[0].name(), err)
			}
			pictures = pictures[1:]
		}
		p.text(s, " ")
	}
	return nil
}

// mmc4Image is a picture of a document: what the document calls it, and the sentence that it belongs to.
type mmc4Image struct {
	info       map[string]any
	number     int // in the document's list, from 0
	sentence   int
	similarity float64
	known      bool // how alike they are
}

func (m mmc4Image) name() any {
	for _, key := range []string{"image_name", "raw_url"} {
		if s, ok := m.info[key].(string); ok && s != "" {
			return s
		}
	}
	return nil
}

// mmc4Pictures reads the pictures in the order of their sentences.
func mmc4Pictures(fields map[string]any, sentences int) ([]mmc4Image, error) {
	list := fields["image_info"].([]any)
	matrix, err := similarities(fields["similarity_matrix"], len(list), sentences)
	if err != nil {
		return nil, fmt.Errorf("similarity_matrix: %w", err)
	}
	var out []mmc4Image
	matched := true
	for i, v := range list {
		info, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("image_info: number %d is %s, not an object", i+1, plainjson.Of(v))
		}
		m := mmc4Image{info: info, number: i, sentence: -1}
		if at, ok := info["matched_text_index"].(int64); ok {
			if at < 0 || at >= int64(sentences) {
				return nil, fmt.Errorf("image_info: number %d belongs to sentence %d of %d", i+1, at, sentences)
			}
			m.sentence = int(at)
		}
		matched = matched && m.sentence >= 0
		out = append(out, m)
	}
	if !matched {
		if matrix == nil {
			return nil, errors.New("image_info: without matched_text_index there must be a similarity_matrix")
		}
		if short, long := min(len(out), sentences), max(len(out), sentences); short > 1<<12 || short*short > maxAssignment/long {
			return nil, fmt.Errorf("image_info: %d pictures and %d sentences are too many to match; matched_text_index is missing", len(out), sentences)
		}
		for i, s := range assign(matrix) {
			out[i].sentence = s
		}
	}
	for i := range out {
		m := &out[i]
		if s, err := number(m.info["matched_sim"]); err == nil {
			m.similarity, m.known = s, true
		} else if matrix != nil && m.sentence >= 0 {
			m.similarity, m.known = matrix[i][m.sentence], true
		}
	}
	// Pictures beyond the number of sentences belong to none.
	out = slices.DeleteFunc(out, func(m mmc4Image) bool { return m.sentence < 0 })
	slices.SortStableFunc(out, func(a, b mmc4Image) int { return a.sentence - b.sentence })
	return out, nil
}

// mmc4Picture adds a picture: the one inside the document, the file of its name, or what is at its address.
func (p *maker) mmc4Picture(m mmc4Image) error {
	if m.known && p.o.MinSimilarity != 0 && m.similarity < p.o.MinSimilarity {
		return because(Unlike, "a similarity of %.3g is less than %.3g", m.similarity, p.o.MinSimilarity)
	}
	if s, ok := m.info["image_base64"].(string); ok && s != "" {
		return p.picture(map[string]any{"bytes": s}, m.number)
	}
	err := because(NotFound, "it has neither image_base64 nor image_name nor raw_url")
	for _, key := range []string{"image_name", "raw_url"} {
		s, ok := m.info[key].(string)
		if !ok || s == "" {
			continue
		}
		if err = p.picture(s, m.number); err == nil || WhyOf(err) != NotFound {
			return err
		}
	}
	return err
}

// maxAssignment bounds the work of matching a document's pictures and sentences.
const maxAssignment = 1 << 28

// similarities reads a matrix [pictures][sentences]; nil where there is none.
func similarities(v any, pictures, sentences int) ([][]float64, error) {
	rows, ok := v.([]any)
	if !ok || pictures == 0 || sentences == 0 {
		return nil, nil
	}
	if len(rows) != pictures {
		return nil, fmt.Errorf("%d rows for %d pictures", len(rows), pictures)
	}
	var out [][]float64
	for _, r := range rows {
		cells, ok := r.([]any)
		if !ok || len(cells) != sentences {
			return nil, fmt.Errorf("a row is not %d numbers, one for each sentence", sentences)
		}
		row := make([]float64, sentences)
		for j, c := range cells {
			var err error
			if row[j], err = number(c); err != nil {
				return nil, errors.New("it has what is not a number")
			}
		}
		out = append(out, row)
	}
	return out, nil
}
