package dragoman

// Inspection is what was seen inside a model while it read one picture.
type Inspection struct {
	Image   string `json:"image"`
	Caption string `json:"caption"`
	// Hints are the remembered captions that stand in the prompt; Alone is the caption without them, from the queries only. Both
	// are empty for a model that takes no hints.
	Hints   []string `json:"hints,omitempty"`
	Alone   string   `json:"alone,omitempty"`
	Queries int      `json:"queries"` // of a model that reads pages, the resampler's latents
	Grid    [2]int   `json:"grid"`    // rows and columns of the encoder's map of features
	Extra   []string `json:"extra"`   // what the keys beyond the grid are, by name
	Layers  []Layer  `json:"layers"`
	// Outputs are the queries' last hidden states, one row each.
	Outputs [][]float32 `json:"-"`
	// Words are, for each query, the words of the language model that what it hands over is nearest to.
	Words [][]Word `json:"words"`
	// Without is the caption, without hints, with query k knocked out, in its order; nil where it was not asked for.
	Without []string `json:"without,omitempty"`
	// Frames are, of a video, the shares of its frames in what the resampler's last layer reads of it; Layers are then of all frames together.
	Frames []float32 `json:"frames,omitempty"`
	// Gates are how far Flamingo's blocks are open; nil for other models.
	Gates []Gate `json:"gates,omitempty"`
}

// FromQueries is the caption that comes from the queries only: what Without is to be compared with.
func (in *Inspection) FromQueries() string {
	if in.Hints != nil {
		return in.Alone
	}
	return in.Caption
}

// finite refuses what tells nothing: weights and outputs that are no numbers.
func (in *Inspection) finite() error {
	for _, l := range in.Layers {
		if err := finite("inspecting: "+in.Image, l.PerHead...); err != nil {
			return err
		}
	}
	for _, row := range in.Outputs {
		if err := finite("inspecting: "+in.Image, row...); err != nil {
			return err
		}
	}
	return nil
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
