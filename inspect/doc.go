// Package inspect shows what learned queries look at: a page for one picture (the picture, each query's map on it, layer by
// layer, the words its output is nearest to, the caption without it), a contact sheet as PNG, and over many pictures the
// averages: which queries do the work, where they look, and how alike they are.
package inspect
