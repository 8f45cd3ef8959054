package dragoman

// Inspection is what was seen inside a model while it read one picture.
type Inspection struct {
	Image   string   `json:"image"`
	Caption string   `json:"caption"`
	Queries int      `json:"queries"`
	Grid    [2]int   `json:"grid"`  // rows and columns of the encoder's map of features
	Extra   []string `json:"extra"` // what the keys beyond the grid are, by name
	Layers  []Layer  `json:"layers"`
	// Outputs are the queries' last hidden states, one row each.
	Outputs [][]float32 `json:"-"`
	// Words are, for each query, the words of the language model that what it hands over is nearest to.
	Words [][]Word `json:"words"`
	// Without is the caption with query k knocked out, in its order; nil where it was not asked for.
	Without []string `json:"without,omitempty"`
}

// Layer is the cross-attention of one layer of the bridge.
type Layer struct {
	Path string `json:"path"` // the module, as transformers names it
	// Weights [query][key] are the mean over heads; the first Grid[0]·Grid[1] keys are the map row by row, the others Extra.
	Weights [][]float32 `json:"weights"`
	Heads   int         `json:"heads"`
	// PerHead is [heads, queries, keys], row-major.
	PerHead []float32 `json:"-"`
}

// Word is a word and its cosine with what a query hands over.
type Word struct {
	Text   string  `json:"text"`
	Cosine float64 `json:"cosine"`
}
