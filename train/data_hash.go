package train

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// dataHash is of everything that rows say of what is trained on and validated with, in order; pictures count by which rows share one, and not
// by what they show, which would have to be read for it.
func (t *trainer) dataHash() string {
	sum := sha256.New()
	for _, list := range [][]pair{t.train.pairs, t.held} {
		fmt.Fprintf(sum, "%d rows\n", len(list))
		for i := range list {
			p := &list[i]
			name := ""
			if p.media != nil {
				name = p.media.Name()
			}
			fmt.Fprintf(sum, "%d %d %q %q %v %q %q\n", p.row, p.picture, p.texts, p.tags, p.weights, p.question, name)
		}
	}
	for _, src := range t.train.pages {
		fmt.Fprintf(sum, "pages %q %v\n", src.set, src.rows)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
