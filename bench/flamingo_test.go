package bench

import (
	"testing"

	"dragoman/bridge/resampler"
	"dragoman/kernel"
	"dragoman/model/flamingo"
	"dragoman/nn"
	"dragoman/tensor"
)

// TestFlamingoWork: what a page and a picture take, counted by hand: the matrices of a block have 8·2048² + 2·2048·512 elements for each
// token, which sees 64 latents; a picture's latents become keys and values of 512 columns each; the resampler's six layers read 256 + 64
// keys.
func TestFlamingoWork(t *testing.T) {
	empty := func(name string, _ nn.Init, dims []int) *tensor.Tensor {
		if len(dims) == 1 {
			return tensor.NewParam(name, dims...)
		}
		return tensor.NewWeight(name, kernel.Mat{DType: kernel.BF16, Rows: dims[0], Cols: tensor.Count(dims) / dims[0]}, dims...)
	}
	m, err := flamingo.Fresh(openFlamingo3B, empty, flamingo.Rooms{Language: true})
	if err != nil {
		t.Fatal(err)
	}
	const perToken = 24 * (8*2048*2048 + 2*2048*512)
	if got, want := gatedWork(m.Gates, 10, 3, 64), float64(2*10*perToken+24*(3*64*2*1024*1024+4*10*64*512)); got != want {
		t.Errorf("a page takes %g, want %g", got, want)
	}
	if c := flamingoCost(m); c.Weights != perToken+24*12*2048*2048 || c.Head != 50280*2048 {
		t.Errorf("a token is multiplied by %d weights, and %d of the head", c.Weights, c.Head)
	}
	const layer = 320*2*1024*1024 + 64*4*1024*512 + 4*64*320*512 + 64*4*1024*4096
	if got := resamplerWork(resampler.Released(1024), 256); got != 6*layer {
		t.Errorf("a picture takes %g, want %g", got, float64(6*layer))
	}
}
