package inspect

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"dragoman"
	"dragoman/picture"
)

// sample is what a bridge with two queries on a 2×2 grid and one more key might have seen.
func sample() (*dragoman.Inspection, *picture.Image) {
	return &dragoman.Inspection{
		Image: `<script>alert("x")</script>.png`, Caption: "a cat & a </script> dog", Queries: 2, Grid: [2]int{2, 2}, Extra: []string{"class"},
		Layers: []dragoman.Layer{{
			Path: "qformer.encoder.layer.2.crossattention", Heads: 1,
			Weights: [][]float32{{1, 0, 0, 0, 0}, {0.2, 0.2, 0.2, 0.2, 0.2}},
		}},
		Outputs: [][]float32{{1, 0}, {0, 2}},
		Words:   [][]dragoman.Word{{{Text: "cat", Cosine: 0.5}}, {{Text: "dog", Cosine: 0.25}}},
		Without: []string{"a dog", "a cat & a </script> dog"},
	}, picture.New(8, 6)
}

// TestHTML checks that the page stands alone and that a hostile file name or caption cannot break out of it.
func TestHTML(t *testing.T) {
	in, img := sample()
	var b bytes.Buffer
	if err := WriteHTML(&b, in, img); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d script elements, want the page's own", n)
	}
	for _, foreign := range []string{"http://", "https://", "src=\"/", "ZgotmplZ"} {
		if strings.Contains(page, foreign) {
			t.Errorf("the page refers to something outside: %q", foreign)
		}
	}
	for _, want := range []string{"data:image/png;base64,", "a cat &amp; a", `"cosine":0.5`, "caption without it"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestAverage checks the averages of two pictures worked out by hand.
func TestAverage(t *testing.T) {
	in, _ := sample()
	var a Average
	a.Add(in)
	a.Add(in)
	a.Finish()
	near := func(what string, got, want float64) {
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	near("query 0 changed", a.Query[0].Changed, 1)
	near("query 1 changed", a.Query[1].Changed, 0)
	near("query 0 spread", a.Query[0].Spread, 1)
	near("query 1 spread", a.Query[1].Spread, 5)
	near("query 1 extra", a.Query[1].Extra, 0.2)
	near("query 1 map", a.Query[1].Map[3], 0.2)
	near("alike", a.Alike, 0)
	// Singular values √2 and √8: shares 1/3 and 2/3.
	near("effective rank", a.EffectiveRank, math.Exp(-(math.Log(1.0/3)/3 + 2*math.Log(2.0/3)/3)))
}

// TestSheet: a row a layer, a column a query, and the brightest cell of a map is where its query looks.
func TestSheet(t *testing.T) {
	in, img := sample()
	one := Sheet(in, img)
	in.Layers = append(in.Layers, in.Layers[0])
	two := Sheet(in, img)
	if one.W != two.W || two.H <= one.H || one.W < (1+in.Queries)*img.W {
		t.Errorf("a sheet of %d×%d for one layer, of %d×%d for two", one.W, one.H, two.W, two.H)
	}
	query := img.W + 12 // where the first query's map begins
	at := func(x, y int) int { return int(one.Pix[3*(y*one.W+x)]) }
	if looked, not := at(query+1, 7), at(query+img.W-2, 10); looked <= not {
		t.Errorf("brightness %d where the query looks, %d elsewhere", looked, not)
	}
	if got := layerNumber(in.Layers[0].Path); got != "2" {
		t.Errorf("layer %q, want 2", got)
	}
}
