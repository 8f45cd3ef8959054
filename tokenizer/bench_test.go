package tokenizer

import (
	"strings"
	"testing"
)

func BenchmarkEncode(b *testing.B) {
	text := strings.Repeat("A dragoman is an interpreter who stands between two parties; they don't speak each other's language. ", 200)
	for _, name := range families {
		p := fromJSONFile(b, name+".json")
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				p.Encode(text, true)
			}
		})
	}
}

// BenchmarkLoad reads the largest of the committed tokenizers.
func BenchmarkLoad(b *testing.B) {
	data := mustRead(b, "llama.json")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromJSON(data); err != nil {
			b.Fatal(err)
		}
	}
}
