package dragoman_test

import (
	"context"
	"fmt"
	"image"
	"log"
	"os"

	"dragoman"
)

// The examples open small models with random weights, which the tests have; "mini" is the one to use, in a program that imports
// dragoman/mini.

func Example() {
	m, err := dragoman.Open("testdata/blip2-llama", dragoman.WithDType("f32"))
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	text, err := m.Caption(context.Background(), dragoman.ImageFile("cmd/dragoman/testdata/pictures/cat.png"), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(text.Tokens) == len(text.Logprobs), text.PromptTokens > 0)
	// Output: true true
}

// Text is handed over as it comes.
func ExampleModel_Caption_stream() {
	m, err := dragoman.Open("testdata/blip2-llama", dragoman.WithDType("f32"))
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	_, err = m.Caption(context.Background(), dragoman.ImageOf(image.NewGray(image.Rect(0, 0, 8, 8))), &dragoman.Generate{
		MaxTokens: 4,
		Stream:    func(piece string) error { _, err := os.Stderr.WriteString(piece); return err },
	})
	fmt.Println(err)
	// Output: <nil>
}

// How well a picture and each of several texts go together.
func ExampleModel_Match() {
	m, err := dragoman.Open("testdata/blip2-itm")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	texts := []string{"w1 w2", "w3"}
	scores, err := m.Match(context.Background(), dragoman.ImageFile("cmd/dragoman/testdata/pictures/cat.png"), texts...)
	if err != nil {
		log.Fatal(err)
	}
	for i, s := range scores {
		fmt.Println(texts[i], s.ITM >= 0 && s.ITM <= 1, s.ITC >= -1 && s.ITC <= 1)
	}
	// Output:
	// w1 w2 true true
	// w3 true true
}

// A picture's vectors, one a learned query, are compared with a text's by their products.
func ExampleModel_EmbedImage() {
	ctx := context.Background()
	m, err := dragoman.Open("testdata/blip2-itm")
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	queries, err := m.EmbedImage(ctx, dragoman.ImageFile("cmd/dragoman/testdata/pictures/cat.png"))
	if err != nil {
		log.Fatal(err)
	}
	text, err := m.EmbedText(ctx, "w1 w2")
	if err != nil {
		log.Fatal(err)
	}
	best := float32(-1)
	for _, q := range queries {
		var cosine float32
		for i := range q {
			cosine += q[i] * text[i]
		}
		best = max(best, cosine)
	}
	fmt.Println(len(queries), len(queries[0]) == len(text), best > -1)
	// Output: 4 true true
}
