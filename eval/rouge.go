package eval

// rougeBeta weighs recall against precision in ROUGE-L, as COCO's evaluation does.
const rougeBeta = 1.2

// rougeL is the F-measure of the longest common subsequence: the best precision and the best recall over the references.
func rougeL(caption []string, references [][]string) float64 {
	var precision, recall float64
	caption = orEmptyWord(caption)
	for _, r := range references {
		r = orEmptyWord(r)
		common := float64(longestCommon(r, caption))
		precision = max(precision, common/float64(len(caption)))
		recall = max(recall, common/float64(len(r)))
	}
	if precision == 0 || recall == 0 {
		return 0
	}
	return (1 + rougeBeta*rougeBeta) * precision * recall / (recall + rougeBeta*rougeBeta*precision)
}

// orEmptyWord is what COCO's evaluation takes a text without words for: one empty word, which two such texts have in common.
func orEmptyWord(words []string) []string {
	if len(words) == 0 {
		return []string{""}
	}
	return words
}

// longestCommon is the length of the longest common subsequence.
func longestCommon(a, b []string) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}
