package efficientnet

import "math"

// Config is the size of a network.
type Config struct {
	Name    string
	Width   float64 // multiplies the channels of every stage but stem and head
	Depth   float64 // multiplies the blocks of every stage but first and last
	Size    int     // the side of the pictures it was trained on
	Classes int
}

// The family, as published.
var (
	Lite0 = Config{"efficientnet-lite0", 1.0, 1.0, 224, 1000}
	Lite1 = Config{"efficientnet-lite1", 1.0, 1.1, 240, 1000}
	Lite2 = Config{"efficientnet-lite2", 1.1, 1.2, 260, 1000}
	Lite3 = Config{"efficientnet-lite3", 1.2, 1.4, 280, 1000}
	Lite4 = Config{"efficientnet-lite4", 1.4, 1.8, 300, 1000}
)

// Configs lists the family, smallest first.
func Configs() []Config { return []Config{Lite0, Lite1, Lite2, Lite3, Lite4} }

const (
	stemWidth = 32
	headWidth = 1280
	batchEps  = 1e-3 // of batch norm
)

// block is one inverted bottleneck: widen by Expand, a depthwise convolution, narrow to Out.
type block struct {
	in, out        int
	expand         int
	kernel, stride int
}

// stages are EfficientNet's seven, at width and depth 1.
var stages = []struct {
	repeat, kernel, stride, expand, in, out int
}{
	{1, 3, 1, 1, 32, 16},
	{2, 3, 2, 6, 16, 24},
	{2, 5, 2, 6, 24, 40},
	{3, 3, 2, 6, 40, 80},
	{3, 5, 1, 6, 80, 112},
	{4, 5, 2, 6, 112, 192},
	{1, 3, 1, 6, 192, 320},
}

// blocks lists the blocks in order. The Lite variants do not scale the stem, nor how often the first and last stages repeat.
func (c Config) blocks() []block {
	var bs []block
	for i, s := range stages {
		in, out, repeat := c.channels(s.in), c.channels(s.out), s.repeat
		if i == 0 {
			in = stemWidth
		}
		if i > 0 && i < len(stages)-1 {
			repeat = int(math.Ceil(c.Depth * float64(repeat)))
		}
		for j := range repeat {
			b := block{in: in, out: out, expand: s.expand, kernel: s.kernel, stride: s.stride}
			if j > 0 {
				b.in, b.stride = out, 1
			}
			bs = append(bs, b)
		}
	}
	return bs
}

// channels scales a number of channels to a multiple of 8, never down by more than a tenth.
func (c Config) channels(n int) int {
	scaled := float64(n) * c.Width
	rounded := max(8, int(scaled+4)/8*8)
	if float64(rounded) < 0.9*scaled {
		rounded += 8
	}
	return rounded
}

// Flops is how many operations one picture of the trained size takes, a multiplication and its addition counted as two.
func (c Config) Flops() int {
	n := side(c.Size, stemStride)
	sum := n * n * stemWidth * patchLen
	last := stemWidth
	for _, b := range c.blocks() {
		mid := b.in * b.expand
		if b.expand != 1 {
			sum += n * n * b.in * mid
		}
		n = side(n, b.stride)
		sum += n*n*mid*b.kernel*b.kernel + n*n*mid*b.out
		last = b.out
	}
	return 2 * (sum + n*n*last*headWidth + headWidth*c.Classes)
}

// side is a map's side after a convolution of that stride.
func side(n, stride int) int { return (n + stride - 1) / stride }

// sides are those of the maps at stride 16 and 32 for pictures of side n.
func sides(n int) (s16, s32 int) {
	for range 4 {
		n = side(n, 2)
	}
	return n, side(n, 2)
}
