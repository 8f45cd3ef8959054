package gated_test

import (
	"math"
	"slices"
	"testing"

	"dragoman/bridge"
	"dragoman/bridge/gated"
	"dragoman/kernel"
	"dragoman/language"
	"dragoman/language/gptneox"
	"dragoman/language/llama"
	"dragoman/language/mpt"
	"dragoman/language/opt"
	"dragoman/nn"
	"dragoman/tensor"
)

// sizes are those of the models that follow.
var sizes = language.Sizes{Vocab: 40, Width: 16, FeedForward: 24, Layers: 4, Heads: 2, Context: 32}

// families are a small fresh model of each architecture.
var families = map[string]func(b *nn.Builder) language.Model{
	"llama": func(b *nn.Builder) language.Model {
		return llama.New(b, llama.Config{
			Sizes: sizes, KVHeads: 1, HeadDim: 8, Rope: tensor.Rope{Dim: 8, Base: 10000}, Eps: 1e-6, Act: kernel.SiLU,
		})
	},
	"gptneox": func(b *nn.Builder) language.Model {
		return gptneox.New(b, gptneox.Config{
			Sizes: sizes, Rope: tensor.Rope{Dim: 4, Base: 10000}, Act: kernel.GELU, Eps: 1e-5, Bias: true,
		})
	},
	"mpt": func(b *nn.Builder) language.Model {
		return mpt.New(b, mpt.Config{Sizes: sizes, BiasMax: 8, Eps: 1e-5, Tied: true})
	},
	"mosaicgpt": func(b *nn.Builder) language.Model {
		return mpt.New(b, mpt.Config{Sizes: sizes, First: true, HeadNorm: true, BiasMax: 8, Eps: 1e-5, Bias: true, Tied: true})
	},
	"opt": func(b *nn.Builder) language.Model {
		return opt.New(b, opt.Config{
			Sizes: sizes, WordWidth: 16, Act: kernel.ReLU, NormBefore: true, LastNorm: true, Bias: true, Tied: true,
		})
	},
}

// TestShutGates checks that a language model whose gates are at 0 is the plain one, to the bit, whatever it sees, and that opening
// them changes it.
func TestShutGates(t *testing.T) {
	released := gated.Released(16, 10, 4, 2)
	vectors := gated.Config{
		Width: 16, MediaWidth: 10, Heads: 2, HeadDim: 8, FeedForward: 24, Layers: 4, Every: 2, First: true, Norm: bridge.RMSNorm,
		HeadNorm: true, Vectors: true, Eps: 1e-6, Act: bridge.Act{Kind: kernel.SiLU}, Names: gated.IDEFICS,
	}
	untouched := released
	untouched.Untouched = true
	const rows, length, pictures = 2, 6, 2
	ids := []int32{5, 9, 2, 30, 11, 4, 8, 8, 1, 0, 39, 7}
	seen := []uint8{0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 1}
	media := make([]float32, rows*pictures*3*10)
	for i := range media {
		media[i] = float32(math.Sin(float64(i)))
	}
	for family, fresh := range families {
		m := fresh(nn.NewBuilder(nil, nn.BuilderOptions{Seed: 7}))
		for name, c := range map[string]gated.Config{"released": released, "vectors": vectors, "untouched": untouched} {
			b := nn.NewBuilder(nil, nn.BuilderOptions{Seed: 3}).Trainable(true)
			s := gated.New(c, func(_, index int) *nn.Builder { return b.Sub(index) })
			run := tensor.NewRun(tensor.Options{})
			logits := func(hook func(*tensor.Run) language.Hook) []float32 {
				run.Reset()
				in := language.Input{Embeds: m.Embed(run, ids, rows, length)}
				if hook != nil {
					in.Hook = hook(run)
				}
				return slices.Clone(m.Logits(run, m.Forward(run, in)).Data())
			}
			looking := func(run *tensor.Run) language.Hook {
				sight := s.See(run, tensor.FromFloats(media, rows, pictures, 3, 10), rows, false)
				sight.Show(seen, length)
				return sight.Hook
			}
			plain, shut := logits(nil), logits(looking)
			for i := range plain {
				if math.Float32bits(plain[i]) != math.Float32bits(shut[i]) {
					t.Errorf("%s, %s: logit %d is %v with shut gates, %v without", family, name, i, shut[i], plain[i])
					break
				}
			}
			for _, p := range b.Params() {
				if n := p.Name(); n == "0.attn_gate" || n == "0.alpha_cross_attn" {
					for i := range p.Data() {
						p.Data()[i] = 0.5
					}
				}
			}
			if slices.Equal(plain, logits(looking)) {
				t.Errorf("%s, %s: an open gate changes nothing", family, name)
			}
		}
	}
}
