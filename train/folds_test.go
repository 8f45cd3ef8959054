package train

import (
	"reflect"
	"testing"

	"dragoman/model/blip2"
)

// TestChoicesOf: the lists of three pictures, of captions 4, 2 and 4, and of a caption in the gallery that none of them has.
func TestChoicesOf(t *testing.T) {
	f := fold{pictures: []int{5, 6, 7}, gallery: []int32{2, 3, 4}, unmet: true}
	cosines := []float32{
		0.1, 0.2, 0.3,
		0.6, 0.5, 0.4,
		0.9, 0.8, 0.7,
	}
	evidence := make([]blip2.Evidence, len(cosines))
	for i := range evidence {
		evidence[i][1] = float64(i)
	}
	got := choicesOf(f, []int32{4, 2, 4}, cosines, evidence)
	list := func(places []float64, right ...bool) choice {
		c := choice{right: right}
		for _, p := range places {
			c.pairs = append(c.pairs, blip2.Evidence{1: p})
		}
		return c
	}
	want := choices{
		texts: []choice{
			list([]float64{2, 1, 0}, true, false, false),
			list([]float64{3, 4, 5}, true, false, false),
			list([]float64{6, 7, 8}, false, false, true),
		},
		pictures: []choice{
			list([]float64{6, 3, 0}, false, true, false), // caption 2
			list([]float64{8, 5, 2}, true, false, true),  // caption 4
		},
		unmet: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("lists %+v, want %+v", got, want)
	}
}
