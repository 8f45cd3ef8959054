package inspect

import (
	"fmt"

	"dragoman"
	"dragoman/picture"
)

// cell is the size of a picture on a contact sheet, in pixels.
const cell = 144

// Sheet draws every query's map of one layer over the picture, side by side; layer −1 is the last.
func Sheet(in *dragoman.Inspection, img *picture.Image, layer int) *picture.Image {
	if layer < 0 {
		layer += len(in.Layers)
	}
	small := fit(img, cell)
	tiles := []picture.Tile{{Image: small, Label: "picture"}}
	for q, weights := range in.Layers[layer].Weights {
		heat := picture.Heat{H: in.Grid[0], W: in.Grid[1], Values: weights[:in.Grid[0]*in.Grid[1]]}
		label := fmt.Sprint(q)
		if q < len(in.Words) && len(in.Words[q]) > 0 {
			label += " " + in.Words[q][0].Text
		}
		tiles = append(tiles, picture.Tile{Image: heat.Overlay(small), Label: label})
	}
	return picture.Sheet(tiles, columns(len(tiles)))
}

// Layers draws a row a layer: where the queries look on average, from the first layer to the last.
func Layers(in *dragoman.Inspection, img *picture.Image) *picture.Image {
	small := fit(img, cell)
	tiles := []picture.Tile{{Image: small, Label: "picture"}}
	cells := in.Grid[0] * in.Grid[1]
	for _, l := range in.Layers {
		mean := make([]float32, cells)
		for _, w := range l.Weights {
			for i := range mean {
				mean[i] += w[i] / float32(len(l.Weights))
			}
		}
		heat := picture.Heat{H: in.Grid[0], W: in.Grid[1], Values: mean}
		tiles = append(tiles, picture.Tile{Image: heat.Overlay(small), Label: "layer " + layerNumber(l.Path)})
	}
	return picture.Sheet(tiles, len(tiles))
}

// columns makes a sheet about as wide as high.
func columns(n int) int {
	c := 1
	for c*c < n {
		c++
	}
	return c
}

// layerNumber is the number in a module path such as qformer.encoder.layer.4.crossattention.
func layerNumber(path string) string {
	number := path
	for i := 0; i < len(path); i++ {
		if c := path[i]; c >= '0' && c <= '9' && (i == 0 || path[i-1] == '.') {
			j := i
			for j < len(path) && path[j] >= '0' && path[j] <= '9' {
				j++
			}
			number = path[i:j]
		}
	}
	return number
}
