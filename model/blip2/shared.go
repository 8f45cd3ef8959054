package blip2

import "dragoman/model"

// Files finds a model's files.
type Files = model.Files

// Dir finds files below a directory; "mini:" is the built-in model's.
func Dir(path string) Files { return model.Dir(path) }

// Precision is how coarse a model's matrices may be, Room what its weights have to fit into.
type (
	Precision = model.Precision
	Room      = model.Room
)

// Part is the configuration of a frozen part, as its own package reads it.
type Part = model.Part
