package eval

import (
	"cmp"
	"fmt"
	"strings"
)

// Markdown prints reports as tables, a row each: what was said, what was answered, then what was found.
func Markdown(reports []Report) string {
	var b strings.Builder
	var captions, answers, retrieval []Report
	for _, r := range reports {
		if r.Captions != nil {
			captions = append(captions, r)
		}
		if r.Answers != nil {
			answers = append(answers, r)
		}
		if r.Text != nil {
			retrieval = append(retrieval, r)
		}
	}
	if len(captions) > 0 {
		b.WriteString("| greedy captions | pictures | exact | content word | BLEU-4 | ROUGE-L | CIDEr-D |\n|---|---|---|---|---|---|---|\n")
		for _, r := range captions {
			c := r.Captions
			fmt.Fprintf(&b, "| %s | %d | %.1f | %.1f | %.1f | %.1f | %.1f |\n", cell(r.Name), c.N, c.Exact, c.ContentWord, c.BLEU4, c.ROUGEL, c.CIDErD)
		}
	}
	if len(answers) > 0 {
		between(&b)
		b.WriteString("| answers | questions | VQA accuracy | exact |\n|---|---|---|---|\n")
		for _, r := range answers {
			fmt.Fprintf(&b, "| %s | %d | %.2f | %.2f |\n", cell(r.Name), r.Answers.N, r.Answers.VQA, r.Answers.Exact)
		}
	}
	for _, r := range reports {
		if r.FewShot != nil {
			between(&b)
			b.WriteString(r.FewShot.Markdown())
		}
	}
	if len(retrieval) > 0 {
		between(&b)
		b.WriteString("| retrieval, R@1 · R@5 · R@10 | pictures | texts | text for a picture | with the matching head | picture for a text | with the matching head |\n|---|---|---|---|---|---|---|\n")
		for _, r := range retrieval {
			fmt.Fprintf(&b, "| %s | %d | %d | %s | %s | %s | %s |\n", cell(r.Name), cmp.Or(r.Pictures, r.N), r.Labels,
				r.Text.Cosine, orDash(r.Text.Reranked), r.Image.Cosine, orDash(r.Image.Reranked))
		}
	}
	return b.String()
}

// cell is a name inside of a table, which ends at a line's end and at bars.
func cell(name string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "\r", " ").Replace(name)
}

// between parts tables.
func between(b *strings.Builder) {
	if b.Len() > 0 {
		b.WriteString("\n")
	}
}

// String is "R@1 · R@5 · R@10".
func (r Recall) String() string { return fmt.Sprintf("%.1f · %.1f · %.1f", r.R1, r.R5, r.R10) }

func orDash(r *Recall) string {
	if r == nil {
		return "–"
	}
	return r.String()
}
