// Package mini carries the built-in model. A program that imports it (as it would time/tzdata)
//
//	import _ "dragoman/mini"
//
// can open the model "mini" without a file or a download; one that does not carries no weights. Where each file is from,
// and under which licence, is in README.md and in Parts.
package mini

import (
	_ "embed"
	"unsafe"

	"dragoman/internal/builtin"
)

// The files are embedded as strings: those lie in the program's read-only data, are paged in as they are read, and are
// never copied.
var (
	//go:embed SmolLM2-135M-Instruct.Q4_1.gguf
	languageFile string
	//go:embed efficientnet-lite0-57934424.pth
	visionFile string
	//go:embed model.gguf
	bridgeFile string
	//go:embed config.json
	configFile string
	//go:embed memory.json
	memoryFile string
	//go:embed qformer_tokenizer/vocab.txt
	vocabFile string
)

// prefix is what the names of built-in files begin with.
const prefix = "mini:"

func init() {
	for name, data := range map[string]string{
		"SmolLM2-135M-Instruct.Q4_1.gguf": languageFile,
		"efficientnet-lite0-57934424.pth": visionFile,
		"model.gguf":                      bridgeFile,
		"config.json":                     configFile,
		"memory.json":                     memoryFile,
		"qformer_tokenizer/vocab.txt":     vocabFile,
	} {
		builtin.Add(prefix+name, func() ([]byte, error) { return view(data), nil })
	}
}

// view is the bytes of an embedded file. They cannot be written to.
func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
