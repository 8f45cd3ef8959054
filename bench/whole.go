package bench

import (
	"cmp"
	"slices"
	"strings"

	"dragoman"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/model/blip2"
	"dragoman/model/clip"
	"dragoman/model/flamingo"
	encoders "dragoman/vision"
	vitclip "dragoman/vision/clip"
	"dragoman/vision/efficientnet"
	"dragoman/vision/vit"
)

// A model that is named is measured as a shape is, with weights of its own: it is opened anew for each type, and its matrices are rounded to
// that, but for those that are stored as coarsely already.

// wholeParts are the parts of a model.
var wholeParts = []string{"vision", "text", "qformer", "resampler", "gated", "prefill", "decode", "caption"}

// whole says whether a part is measured on a whole model, and neither on a shape's nor on one file, an image encoder's or a language model's.
func (r *Runner) whole(part string) bool {
	switch {
	case r.Shape != "" || !slices.Contains(wholeParts, part):
		return false
	case r.Model == "": // whose parts are measured on its files, and others on shapes
		return part == "caption"
	case r.Model == "mini":
		return part == "caption" || part == "qformer"
	case strings.HasSuffix(r.Model, ".pth"):
		return false
	case strings.HasSuffix(r.Model, ".gguf"):
		return blip2.IsPacked(r.Model)
	}
	return true
}

// loaded is the model that is named, opened under one type: a BLIP-2, a language model by itself, one that reads pages, or a CLIP.
type loaded struct {
	*dragoman.Model
	as    *kernel.DType // nil: as stored
	blip2 *blip2.Model
	pages *flamingo.Model
	clip  *clip.Model
}

// load opens the model that is named under a type, unless it is open so; nil is for any, and as it is stored where none is open. The one before
// is closed.
func (r *Runner) load(d *kernel.DType) (*loaded, error) {
	if r.loaded != nil {
		if d == nil || r.loaded.as != nil && *d == *r.loaded.as {
			return r.loaded, nil
		}
		if err := r.unload(); err != nil {
			return nil, err
		}
	}
	r.free()
	dtype := kernel.F32 // which rounds nothing
	if d != nil {
		dtype = *d
	}
	m, err := dragoman.Open(r.Model, dragoman.WithDType(dtype.String()))
	if err != nil {
		return nil, err
	}
	r.loaded = &loaded{Model: m, as: d}
	r.loaded.blip2, r.loaded.pages, r.loaded.clip = m.Systems()
	return r.loaded, nil
}

// unload closes the model that is open.
func (r *Runner) unload() (err error) {
	if r.loaded != nil {
		err = r.loaded.Close()
		r.loaded = nil
	}
	return err
}

// has says whether the model has a part.
func (l *loaded) has(part string) bool {
	if m := l.clip; m != nil {
		return part == "vision" && m.Vision != nil || part == "text" && m.Text != nil
	}
	if m := l.pages; m != nil {
		return part != "qformer" && part != "text" && (part != "resampler" || m.Resampler != nil)
	}
	m := l.blip2
	bridge := m.Bridge != nil && m.Bridge.QFormer != nil
	switch part {
	case "vision":
		return m.Vision != nil
	case "qformer":
		return bridge
	case "prefill", "decode":
		return m.Language != nil
	case "caption":
		return m.Vision != nil && bridge && m.Bridge.Prompt != nil && m.Language != nil
	}
	return false
}

// blip2 is the BLIP-2 to measure: the one that is named, whole, or parts of the shape's.
func (r *Runner) blip2(d kernel.DType, want blip2.Rooms) (*blip2.Model, error) {
	if !r.loads {
		return r.fresh(d, want)
	}
	m, err := r.load(&d)
	if err != nil {
		return nil, err
	}
	return m.blip2, nil
}

// flamingo is the same of those that read pages.
func (r *Runner) flamingo(d kernel.DType, want flamingo.Rooms) (*flamingo.Model, error) {
	if !r.loads {
		return r.freshFlamingo(d, want)
	}
	m, err := r.load(&d)
	if err != nil {
		return nil, err
	}
	return m.pages, nil
}

// sees is the image encoder of the model that is named, or of the shape.
func (r *Runner) sees(d kernel.DType) (encoders.Encoder, error) {
	if !r.loads && r.Shape == flamingoName {
		m, err := r.freshFlamingo(d, flamingo.Rooms{Vision: true})
		if err != nil {
			return nil, err
		}
		return m.Vision, nil
	}
	if !r.loads {
		m, err := r.fresh(d, blip2.Rooms{Vision: true})
		if err != nil {
			return nil, err
		}
		return m.Vision, nil
	}
	m, err := r.load(&d)
	switch {
	case err != nil:
		return nil, err
	case m.clip != nil:
		return m.clip.Vision, nil
	case m.pages != nil:
		return m.pages.Vision, nil
	}
	return m.blip2.Vision, nil
}

// what is measured, by name.
func (r *Runner) what() string {
	switch {
	case r.Shape != "" || !r.loads:
		return r.Shape
	case r.Model == "":
		return "mini"
	}
	return cmp.Or(r.Name, r.Model)
}

// share is one of what memory gives, or none where a language model is so small that a cache may hold its weights from one token to the next.
func (r *Runner) share(of float64, c language.Cost) float64 {
	if r.loads && c.Bytes+c.HeadBytes < cold/8 {
		return 0
	}
	return of
}

// encoderWork is what one picture takes in an image encoder; 0 where nobody counted.
func encoderWork(v encoders.Encoder) float64 {
	switch v := v.(type) {
	case *vit.Model:
		return visionWork(v.Config).flops
	case *vitclip.Model:
		return clipWork(v.Config)
	case *efficientnet.Model:
		return float64(v.Config().Flops())
	}
	return 0
}
