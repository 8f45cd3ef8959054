package train

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"dragoman/model/blip2"
)

// TestWithCaptions: a style's head does without its pictures and without a part of the captions in every style, which it meets in its gallery
// all the same; a part's own, without the part alone.
func TestWithCaptions(t *testing.T) {
	var texts []string
	var captions []int32
	for i := range 40 { // each caption in two styles
		texts = append(texts, fmt.Sprint("caption ", i))
		captions = append(captions, int32(i), int32(i))
	}
	styles := make([]fold, 2)
	for i := range captions {
		styles[i%2].pictures = append(styles[i%2].pictures, i)
	}
	folds := withCaptions(slices.Clone(styles), captions, texts)
	parts := 0
	for k, f := range folds {
		part := uint32(k)
		if k >= len(styles) {
			parts, part = parts+1, partOf(texts[captions[f.pictures[0]]])
		}
		for i, c := range captions {
			inPart := partOf(texts[c]) == part
			gone := inPart || k < len(styles) && i%2 == k
			if slices.Contains(f.without, i) != gone {
				t.Errorf("fold %d: picture %d of part %d is in its head, or is not", k, i, partOf(texts[c]))
			}
			if compared := k < len(styles) && i%2 == k || k >= len(styles) && inPart; slices.Contains(f.pictures, i) != compared {
				t.Errorf("fold %d: picture %d is compared, or is not", k, i)
			}
		}
		if f.unmet != (k >= len(styles)) || !slices.IsSorted(f.without) {
			t.Errorf("fold %d: unmet %v, without %v", k, f.unmet, f.without)
		}
	}
	if parts < 2 {
		t.Errorf("%d parts of the captions", parts)
	}
}

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
