package mini

import (
	_ "embed"

	"dragoman/internal/builtin"
)

// The second built-in model, mini-flamingo, is a bridge between the same frozen parts as the first.
var (
	//go:embed flamingo/model.gguf
	flamingoFile string
	//go:embed flamingo/config.json
	flamingoConfig string
)

func init() {
	for name, data := range map[string]string{"flamingo/model.gguf": flamingoFile, "flamingo/config.json": flamingoConfig} {
		builtin.Add(prefix+name, func() ([]byte, error) { return view(data), nil })
	}
}

// flamingoParts lists its files.
func flamingoParts() []Part {
	const (
		ours    = "trained by this project from recipes/mini-flamingo.yaml"
		author  = "the dragoman project"
		license = "Apache-2.0"
	)
	return []Part{
		{
			File: "flamingo/model.gguf", What: "mini-flamingo's bridge: a resampler and gated cross-attention", Origin: ours, Author: author, License: license,
			SHA256: "68e5d1b8259ff998cabf296a8c76f22992a0546619da49e718df8044106259c9", Bytes: 23857088,
		},
		{
			File: "flamingo/config.json", What: "how the parts of mini-flamingo fit together", Origin: ours, Author: author, License: license,
			SHA256: "90fa658788eadff2f3b300c7f7205851fd223f92b008efdaade0e3315de8228c", Bytes: 773,
		},
	}
}
