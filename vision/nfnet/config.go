package nfnet

import (
	"fmt"
	"strings"

	"dragoman/internal/plainjson"
	"dragoman/nn"
	"dragoman/picture"
)

// What all of the family have in common.
const (
	alpha    = 0.2 // how much of a block is added to what came in
	attnGain = 2.0 // of squeeze-excitation
	stdEps   = 1e-5
	geluGain = 1.7015043497085571 // 1/√Var gelu(z) for z of a normal distribution
	stages   = 4
)

// Config is what a config.json says of pictures; the network's sizes are those of the checkpoint.
type Config struct {
	Size      int // the side of the pictures
	Mean, Std [3]float32
	Crop      float64 // which part of the shorter side is kept
	Squash    bool    // pictures are squeezed to a square before that
	Filter    picture.Filter
}

// prefix begins the architectures' names.
const prefix = "dm_nfnet_f"

// Is says whether an architecture of timm's is of this family.
func Is(architecture string) bool { return strings.HasPrefix(architecture, prefix) }

// sizes are the sides of the pictures that F0 to F6 were trained on.
var sizes = []int{192, 224, 256, 320, 384, 416, 448}

// ParseConfig reads the config.json of a timm model. What is left out has timm's default.
func ParseConfig(data []byte) (Config, error) {
	c := Config{Crop: 0.9, Filter: picture.Bicubic, Mean: [3]float32{0.485, 0.456, 0.406}, Std: [3]float32{0.229, 0.224, 0.225}}
	var j struct {
		Architecture string `json:"architecture"`
		Pretrained   struct {
			Size   []int     `json:"input_size"`
			Mean   []float32 `json:"mean"`
			Std    []float32 `json:"std"`
			Crop   float64   `json:"crop_pct"`
			Mode   string    `json:"crop_mode"`
			Filter string    `json:"interpolation"`
		} `json:"pretrained_cfg"`
	}
	if err := plainjson.Unmarshal(data, &j); err != nil {
		return c, fmt.Errorf("config.json: %w", err)
	}
	name, _, _ := strings.Cut(j.Architecture, ".")
	number, ok := strings.CutPrefix(name, prefix)
	if !ok || len(number) != 1 || number[0] < '0' || int(number[0]-'0') >= len(sizes) {
		return c, fmt.Errorf("config.json: architecture %.60q is none of %s0 to %s6", j.Architecture, prefix, prefix)
	}
	c.Size = sizes[number[0]-'0']
	p := j.Pretrained
	if len(p.Size) == 3 {
		if p.Size[0] != 3 || p.Size[1] != p.Size[2] || p.Size[1] < 32 || p.Size[1] > 1<<13 {
			return c, fmt.Errorf("config.json: pretrained_cfg: input_size %v is no square of 32 or more pixels in 3 colours", p.Size)
		}
		c.Size = p.Size[1]
	}
	if len(p.Mean) == 3 {
		c.Mean = [3]float32(p.Mean)
	}
	if len(p.Std) == 3 {
		c.Std = [3]float32(p.Std)
	}
	if p.Crop != 0 {
		c.Crop = p.Crop
	}
	for _, s := range c.Std {
		if !(s > 0) || !(c.Crop > 0.1 && c.Crop <= 1) {
			return c, fmt.Errorf("config.json: pretrained_cfg: std %v or crop_pct %v is out of range", c.Std, c.Crop)
		}
	}
	c.Squash = p.Mode == "squash"
	switch p.Filter {
	case "", "bicubic":
	case "bilinear":
		c.Filter = picture.Bilinear
	default:
		return c, fmt.Errorf("config.json: pretrained_cfg: interpolation %.60q is not supported", p.Filter)
	}
	return c, nil
}

// shape is a network's sizes, as the checkpoint has them.
type shape struct {
	stem     [4]int
	stages   [stages][]blockShape
	features int
	classes  int // 0: there is no head
}

// blockShape is a block's: group is the channels of a group, squeeze the width between squeeze-excitation's two maps.
type blockShape struct {
	in, mid, out, group, squeeze, stride int
	shortcut, gain                       bool
}

// detect reads the sizes off the checkpoint's shapes.
func detect(b *nn.Builder) (shape, error) {
	var s shape
	dim := func(name string, axis int) int {
		if d, ok := b.ShapeOf(name); ok && axis < len(d) && d[axis] > 0 && d[axis] < 1<<20 {
			return d[axis]
		}
		return 0
	}
	for i := range s.stem {
		s.stem[i] = dim(fmt.Sprintf("stem.conv%d.weight", i+1), 0)
	}
	in := s.stem[3]
	for i := range s.stages {
		for n := 0; ; n++ {
			at := fmt.Sprintf("stages.%d.%d.", i, n)
			if !b.Has(at + "conv1.weight") {
				break
			}
			k := blockShape{
				in: in, mid: dim(at+"conv1.weight", 0), out: dim(at+"conv3.weight", 0), group: dim(at+"conv2.weight", 1),
				squeeze: dim(at+"attn_last.fc1.weight", 0), stride: 1,
				shortcut: b.Has(at + "downsample.conv.weight"), gain: b.Has(at + "skipinit_gain"),
			}
			if n == 0 && i > 0 {
				k.stride = 2
			}
			if k.mid == 0 || k.group == 0 || k.mid%k.group != 0 || k.out == 0 || k.squeeze == 0 || !k.shortcut && (k.in != k.out || k.stride != 1) {
				return s, fmt.Errorf("nfnet: the checkpoint's tensors %s… are no block of an NFNet", at)
			}
			s.stages[i] = append(s.stages[i], k)
			in = k.out
		}
		if len(s.stages[i]) == 0 {
			return s, fmt.Errorf("nfnet: the checkpoint has no stages.%d", i)
		}
	}
	if s.features = dim("final_conv.weight", 0); s.features == 0 || s.stem[0]*s.stem[1]*s.stem[2]*s.stem[3] == 0 {
		return s, fmt.Errorf("nfnet: the checkpoint has no stem.conv1 to stem.conv4, or no final_conv")
	}
	s.classes = dim("head.fc.weight", 0)
	return s, nil
}
