package blip2

import (
	"slices"

	"dragoman/bridge/qformer"
)

// Texts tokenises texts for the Q-Former's text stream: [CLS] … [SEP], cut to limit tokens, padded to the longest.
func (m *Model) Texts(texts []string, limit int) qformer.Text {
	rows := make([][]int32, len(texts))
	for i, t := range texts {
		rows[i] = m.TextIDs(t, limit)
	}
	return PadTexts(rows, max(0, m.Words.Special().Pad))
}

// TextIDs tokenises one text: [CLS] … [SEP], at most limit tokens. Placeholders of the queries, which a matching model's tokenizer may know
// and its embeddings do not, are left out.
func (m *Model) TextIDs(text string, limit int) []int32 {
	ids := slices.DeleteFunc(m.Words.Encode(text, true), func(id int32) bool { return int(id) >= m.Config.QFormer.Vocab })
	limit = min(limit, m.Config.QFormer.Positions)
	if len(ids) > limit {
		last := ids[len(ids)-1]
		ids = append(ids[:limit-1:limit-1], last)
	}
	return ids
}

// PadTexts lays tokenised texts side by side, padded behind.
func PadTexts(rows [][]int32, pad int32) qformer.Text {
	var t qformer.Text
	padded := false
	for _, r := range rows {
		t.Len = max(t.Len, len(r))
		padded = padded || len(r) != len(rows[0])
	}
	for _, r := range rows {
		t.IDs = append(t.IDs, r...)
		for range t.Len - len(r) {
			t.IDs = append(t.IDs, pad)
		}
	}
	if padded {
		for _, r := range rows {
			for i := range t.Len {
				var m uint8
				if i < len(r) {
					m = 1
				}
				t.Mask = append(t.Mask, m)
			}
		}
	}
	return t
}
