package tokenizer

// Pad makes rows of equal length out of sequences: rows×length ids, filled up
// with pad, and a mask with 1 where a row has a token of its own. With left the
// filling comes before the tokens, as language models want it that write on.
func Pad(sequences [][]int32, pad int32, left bool) (ids, mask []int32, length int) {
	for _, s := range sequences {
		length = max(length, len(s))
	}
	ids = make([]int32, len(sequences)*length)
	mask = make([]int32, len(ids))
	for i := range ids {
		ids[i] = pad
	}
	for row, s := range sequences {
		at := row * length
		if left {
			at += length - len(s)
		}
		copy(ids[at:], s)
		for i := range s {
			mask[at+i] = 1
		}
	}
	return ids, mask, length
}
