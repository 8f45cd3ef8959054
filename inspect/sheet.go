package inspect

import (
	"fmt"
	"strconv"
	"strings"

	"dragoman"
	"dragoman/picture"
)

// Sizes of a picture on a contact sheet, in pixels: with few queries, and with more than fewQueries.
const (
	cell, smallCell = 144, 72
	fewQueries      = 12
)

// Sheet draws where every query looks, layer by layer: a row a layer, and in it the picture, then each query's map over it with the
// query's number and the word that its output is nearest to.
func Sheet(in *dragoman.Inspection, img *picture.Image) *picture.Image {
	side := cell
	if in.Queries > fewQueries {
		side = smallCell
	}
	small := fit(img, side)
	var tiles []picture.Tile
	for _, l := range in.Layers {
		tiles = append(tiles, picture.Tile{Image: small, Label: "layer " + layerNumber(l.Path)})
		for q, weights := range l.Weights {
			heat := picture.Heat{H: in.Grid[0], W: in.Grid[1], Values: weights[:in.Grid[0]*in.Grid[1]]}
			label := fmt.Sprint(q)
			if q < len(in.Words) && len(in.Words[q]) > 0 {
				label += " " + in.Words[q][0].Text
			}
			tiles = append(tiles, picture.Tile{Image: heat.Overlay(small), Label: label})
		}
	}
	return picture.Sheet(tiles, 1+in.Queries)
}

// layerNumber is the first number in a module path such as qformer.encoder.layer.4.crossattention or perceiver.layers.4.0.
func layerNumber(path string) string {
	for part := range strings.SplitSeq(path, ".") {
		if _, err := strconv.Atoi(part); err == nil {
			return part
		}
	}
	return path
}
