package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestDepthwiseMatchesGeneric runs every family over odd numbers of channels and places, with guards around the result.
func TestDepthwiseMatchesGeneric(t *testing.T) {
	eachVector(t, func(t *testing.T, e *Engine) {
		r := rand.New(rand.NewPCG(1, 2))
		for _, channels := range []int{1, 3, 7, 8, 9, 15, 16, 17, 24, 31, 32, 40, 63, 64, 65, 96, 100, 129} {
			for _, places := range []int{1, 2, 5} {
				for _, act := range []Act{NoAct, ReLU, ReLU6} {
					const wide, taps = 11, 6
					d := Depthwise{Channels: channels, Places: places, Step: 2 * channels, Act: act}
					f := normal(r, 2)
					d.In = newGuarded(wide*channels, 1).of(f).x
					d.Weight = newGuarded(taps*channels, 3).of(f).x
					d.Bias = newGuarded(channels, 2).of(f).x
					d.In[r.IntN(len(d.In))] = float32(math.NaN())
					d.In[r.IntN(len(d.In))] = float32(math.Inf(1))
					for tap := range taps {
						if tap != 2 {
							d.Taps = append(d.Taps, Tap{Pixel: (tap % 3) * channels, Weight: tap * channels})
						}
					}
					want, got := d, d
					want.Out = make([]float32, places*channels)
					out := newGuarded(places*channels, 1)
					got.Out = out.x
					lo, hi := d.bounds()
					want.generic(lo, hi)
					e.Depthwise(&got)
					for i := range want.Out {
						if !near(got.Out[i], want.Out[i], 1e-5) {
							t.Fatalf("%d channels, %d places, act %d: result %d is %v, want %v", channels, places, act, i, got.Out[i], want.Out[i])
						}
					}
					out.check(t, "depthwise")
				}
			}
		}
	})
}

// TestDepthwiseRows runs windows of whole rows of 3 and 5 taps at stride 1, as the inside of a picture has them.
func TestDepthwiseRows(t *testing.T) {
	eachVector(t, func(t *testing.T, e *Engine) {
		r := rand.New(rand.NewPCG(3, 4))
		for _, wide := range []int{3, 5} {
			for _, channels := range []int{1, 15, 16, 17, 31, 32, 33, 48, 64, 72, 144} {
				for _, places := range []int{3, 4, 5, 7, 8, 13} {
					for _, rows := range []int{1, 3, 5} {
						d := Depthwise{Channels: channels, Places: places, Step: channels, Act: ReLU6}
						across := places + wide - 1
						f := normal(r, 1)
						d.In = newGuarded(rows*across*channels, 1).of(f).x
						d.Weight = newGuarded(rows*wide*channels, 3).of(f).x
						d.Bias = newGuarded(channels, 2).of(f).x
						for y := range rows {
							for x := range wide {
								d.Taps = append(d.Taps, Tap{Pixel: (y*across + x) * channels, Weight: (y*wide + x) * channels})
							}
						}
						want, got := d, d
						want.Out = make([]float32, places*channels)
						out := newGuarded(places*channels, 1)
						got.Out = out.x
						want.generic(0, 6)
						e.Depthwise(&got)
						for i := range want.Out {
							if !near(got.Out[i], want.Out[i], 1e-5) {
								t.Fatalf("%d×%d taps, %d channels, %d places: result %d is %v, want %v", rows, wide, channels, places, i, got.Out[i], want.Out[i])
							}
						}
						out.check(t, "depthwise rows")
						// A place alone must get the same bytes as in a run.
						one := d
						one.Places, one.In, one.Out = 1, d.In[(places-1)*channels:], make([]float32, channels)
						e.Depthwise(&one)
						for i, v := range one.Out {
							if v != got.Out[(places-1)*channels+i] {
								t.Fatalf("%d×%d taps, %d channels: the last of %d places is %v in the run, %v alone", rows, wide, channels, places, got.Out[(places-1)*channels+i], v)
							}
						}
					}
				}
			}
		}
	})
}

func TestDepthwiseChecks(t *testing.T) {
	good := Depthwise{
		Channels: 4, Places: 2, Step: 4, Taps: []Tap{{0, 0}}, In: make([]float32, 8), Weight: make([]float32, 4),
		Bias: make([]float32, 4), Out: make([]float32, 8),
	}
	Default().Depthwise(&good)
	for name, spoil := range map[string]func(d *Depthwise){
		"input":  func(d *Depthwise) { d.In = d.In[:7] },
		"weight": func(d *Depthwise) { d.Taps = []Tap{{0, 1}} },
		"bias":   func(d *Depthwise) { d.Bias = nil },
		"result": func(d *Depthwise) { d.Out = d.Out[:7] },
		"pixel":  func(d *Depthwise) { d.Taps = []Tap{{-1, 0}} },
		"act":    func(d *Depthwise) { d.Act = GELU },
	} {
		bad := good
		spoil(&bad)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a wrong %s is not noticed", name)
				}
			}()
			Default().Depthwise(&bad)
		}()
	}
}
