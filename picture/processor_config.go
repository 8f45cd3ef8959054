package picture

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"dragoman/internal/plainjson"
	"dragoman/internal/readfile"
)

// sizeLimit is far above any encoder's input and keeps a wrong number in a file from becoming an allocation.
const sizeLimit = 8192

// maxConfig is the largest file that is taken for a processor's.
const maxConfig = 1 << 24

// ProcessorFiles are the files that may say how pictures are prepared, in transformers' order: processor_config.json with an image_processor
// inside, as transformers 5 writes it, and preprocessor_config.json, which an earlier one may have left in the same folder.
var ProcessorFiles = [2]string{"processor_config.json", "preprocessor_config.json"}

// LoadProcessor reads the processor of a model's folder, the first of ProcessorFiles that has one.
func LoadProcessor(dir string) (Processor, error) {
	for _, name := range ProcessorFiles {
		path := filepath.Join(dir, name)
		data, err := readfile.Regular(path, maxConfig)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return Processor{}, fmt.Errorf("read processor: %s: %w", path, bare(err))
		}
		p, err := ParseProcessor(data)
		if errors.Is(err, ErrNoImageProcessor) {
			continue
		}
		if err != nil {
			return Processor{}, fmt.Errorf("read processor: %s: %w", path, err)
		}
		return p, nil
	}
	return Processor{}, fmt.Errorf("read processor: %s: neither %s nor %s there says how pictures are prepared: %w", dir, ProcessorFiles[0], ProcessorFiles[1], ErrNoImageProcessor)
}

// ErrNoImageProcessor says that a configuration says nothing of pictures.
var ErrNoImageProcessor = errors.New("no image processor in it")

// imageProcessor has the keys of transformers' image processors. A pointer is nil where the key is absent or null.
type imageProcessor struct {
	Type         string          `json:"image_processor_type"`
	FeatureType  string          `json:"feature_extractor_type"`
	DoResize     *bool           `json:"do_resize"`
	DoCenterCrop *bool           `json:"do_center_crop"`
	DoRescale    *bool           `json:"do_rescale"`
	DoNormalize  *bool           `json:"do_normalize"`
	Size         json.RawMessage `json:"size"`
	CropSize     json.RawMessage `json:"crop_size"`
	ImageSize    json.RawMessage `json:"image_size"` // IDEFICS, whose class reads it before size
	Resample     *int            `json:"resample"`
	Rescale      *float64        `json:"rescale_factor"`
	Mean         perChannel      `json:"image_mean"`
	Std          perChannel      `json:"image_std"`
	Offset       bool            `json:"rescale_offset"` // EfficientNet: 1 less, once rescaled
	Top          *bool           `json:"include_top"`    // EfficientNet: over the deviation once more
}

// ParseProcessor reads either layout of a processor's configuration. What a file leaves out has the default of its class.
func ParseProcessor(data []byte) (Processor, error) {
	var nested struct {
		ImageProcessor json.RawMessage `json:"image_processor"`
	}
	if err := plainjson.Unmarshal(data, &nested); err != nil {
		return Processor{}, err
	}
	if len(nested.ImageProcessor) > 0 && string(nested.ImageProcessor) != "null" {
		data = nested.ImageProcessor
	}
	var c imageProcessor
	if err := plainjson.Unmarshal(data, &c); err != nil {
		return Processor{}, err
	}
	if c.Type == "" && c.FeatureType == "" && c.Size == nil && c.ImageSize == nil && c.Mean == nil {
		return Processor{}, ErrNoImageProcessor
	}
	return c.processor()
}

func (c *imageProcessor) processor() (Processor, error) {
	class := cmp.Or(c.Type, c.FeatureType)
	isCLIP := strings.HasPrefix(class, "CLIP") || strings.HasPrefix(class, "BitImage")
	isIDEFICS, isEfficientNet := strings.HasPrefix(class, "Idefics"), strings.HasPrefix(class, "EfficientNet")
	p := BLIP2Processor(384)
	if isIDEFICS {
		p.Size = [2]int{224, 224}
	}
	cut := [2]int{}
	if isCLIP {
		p.Fit, p.Edge, cut = Crop, 224, [2]int{224, 224}
	}
	if isEfficientNet {
		half := [3]float32{0.5, 0.5, 0.5}
		p.Size, p.Mean, p.Std, cut = [2]int{346, 346}, half, half, [2]int{289, 289}
	}
	size := c.Size
	if given(c.ImageSize) && (isIDEFICS || !given(size)) {
		size = c.ImageSize
	}
	dim, err := parseSize(size)
	if err != nil {
		return p, fmt.Errorf("size: %w", err)
	}
	// A number is a square, but to CLIP's class; files from before there were classes say so by what they cut.
	square := dim.edge > 0 && !dim.named && !isCLIP && (class != "" || !isTrue(c.DoCenterCrop))
	switch {
	case square:
		p.Fit, p.Size = Squash, [2]int{dim.edge, dim.edge}
	case dim.edge > 0:
		p.Fit, p.Edge, p.Size = Crop, dim.edge, [2]int{dim.edge, dim.edge}
	case dim.h > 0:
		p.Fit, p.Size = Squash, [2]int{dim.h, dim.w}
	}
	if c.DoResize != nil && !*c.DoResize {
		p.Fit = Keep
	}
	crop, err := parseSize(c.CropSize)
	switch {
	case err != nil:
		return p, fmt.Errorf("crop_size: %w", err)
	case crop.edge > 0:
		cut = [2]int{crop.edge, crop.edge}
	case crop.h > 0:
		cut = [2]int{crop.h, crop.w}
	case cut == [2]int{}:
		cut = p.Size
	}
	switch crops := isTrue(c.DoCenterCrop) || c.DoCenterCrop == nil && (isCLIP || class == "" && p.Fit == Crop); {
	case crops && p.Fit == Squash && cut != p.Size:
		p.Squashed, p.Size = p.Size, cut
	case crops:
		p.Size = cut
	case p.Fit != Squash:
		p.Uncut, p.Size = true, [2]int{}
	}
	return p, c.numbers(&p, isEfficientNet)
}

// numbers reads what happens to the values once the picture has its size.
// EfficientNet's class may take 1 away before, and divides once more behind; both go into the one sum and quotient.
func (c *imageProcessor) numbers(p *Processor, isEfficientNet bool) error {
	if c.Resample != nil {
		p.Resample = Filter(*c.Resample)
		if !p.Resample.valid() {
			return fmt.Errorf("resample: no filter has the number %d", *c.Resample)
		}
	}
	if c.Rescale != nil {
		p.Rescale = *c.Rescale
	}
	if c.DoRescale != nil && !*c.DoRescale {
		p.Rescale = 1
	}
	if err := three(&p.Mean, c.Mean); err != nil {
		return fmt.Errorf("image_mean: %w", err)
	}
	if err := three(&p.Std, c.Std); err != nil {
		return fmt.Errorf("image_std: %w", err)
	}
	std := p.Std
	if c.DoNormalize != nil && !*c.DoNormalize {
		p.Mean, p.Std = [3]float32{}, [3]float32{1, 1, 1}
	}
	for i := range p.Std {
		if isEfficientNet && c.Offset && (c.DoRescale == nil || *c.DoRescale) {
			p.Mean[i]++
		}
		if isEfficientNet && (c.Top == nil || *c.Top) {
			p.Std[i] *= std[i]
		}
	}
	for _, s := range p.Std {
		if !(s > 0) {
			return fmt.Errorf("image_std: %v is not above 0", s)
		}
	}
	return nil
}

func isTrue(b *bool) bool { return b != nil && *b }

// perChannel is a number for each channel, or one for all.
type perChannel []float32

// UnmarshalJSON implements json.Unmarshaler.
func (c *perChannel) UnmarshalJSON(data []byte) error {
	var all float32
	if json.Unmarshal(data, &all) == nil && string(data) != "null" {
		*c = perChannel{all, all, all}
		return nil
	}
	return json.Unmarshal(data, (*[]float32)(c))
}

func three(to *[3]float32, from perChannel) error {
	switch len(from) {
	case 0:
	case 3:
		copy(to[:], from)
	default:
		return fmt.Errorf("has %d numbers, not 3", len(from))
	}
	return nil
}

// dimensions is a size as a file may give it: one number, height and width (by name or one after the other), or a shortest edge.
type dimensions struct {
	h, w, edge int
	named      bool // edge was given as shortest_edge
}

// given says whether a file says anything under a key.
func given(raw json.RawMessage) bool { return len(raw) > 0 && string(raw) != "null" }

func parseSize(raw json.RawMessage) (d dimensions, err error) {
	if !given(raw) {
		return d, nil
	}
	if raw[0] == '{' {
		var o struct {
			Height       int `json:"height"`
			Width        int `json:"width"`
			ShortestEdge int `json:"shortest_edge"`
			LongestEdge  int `json:"longest_edge"`
		}
		if err := plainjson.Unmarshal(raw, &o); err != nil {
			return d, err
		}
		d = dimensions{h: o.Height, w: o.Width, edge: o.ShortestEdge, named: true}
		if o.LongestEdge > 0 {
			return d, fmt.Errorf("%s: a longest_edge is not supported", plainjson.Brief(raw))
		}
		if d.edge > 0 {
			d.h, d.w = 0, 0
		} else if d.h < 1 || d.w < 1 {
			return d, fmt.Errorf("%s has neither height and width nor shortest_edge", plainjson.Brief(raw))
		}
	} else if raw[0] == '[' {
		var sides []int
		if err := plainjson.Unmarshal(raw, &sides); err != nil {
			return d, err
		}
		if len(sides) != 2 || sides[0] < 1 || sides[1] < 1 {
			return d, fmt.Errorf("%s is neither height and width nor shortest_edge", plainjson.Brief(raw))
		}
		d.h, d.w = sides[0], sides[1]
	} else if err := plainjson.Unmarshal(raw, &d.edge); err != nil {
		return d, err
	} else if d.edge < 1 {
		return d, fmt.Errorf("%s is not a size", plainjson.Brief(raw))
	}
	if max(d.h, d.w, d.edge) > sizeLimit {
		return d, fmt.Errorf("%s is more than %d", raw, sizeLimit)
	}
	return d, nil
}
