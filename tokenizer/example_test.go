package tokenizer_test

import (
	"fmt"
	"log"
	"os"

	"dragoman/tokenizer"
)

func ExampleFromJSON() {
	data, err := os.ReadFile("testdata/llama.json")
	if err != nil {
		log.Fatal(err)
	}
	t, err := tokenizer.FromJSON(data)
	if err != nil {
		log.Fatal(err)
	}
	ids := t.Encode("A dragoman speaks.", true)
	fmt.Println(t.Token(ids[0]), t.Decode(ids, true))
	// Output: <s> A dragoman speaks.
}

func ExampleStream() {
	data, err := os.ReadFile("testdata/bytelevel.json")
	if err != nil {
		log.Fatal(err)
	}
	t, err := tokenizer.FromJSON(data)
	if err != nil {
		log.Fatal(err)
	}
	// The four bytes of the fox are four tokens, and one piece of text.
	stream := tokenizer.NewStream(t, true)
	for _, id := range t.Encode("a 🦊!", false) {
		if text := stream.Next(id); text != "" {
			fmt.Printf("%q\n", text)
		}
	}
	fmt.Printf("%q\n", stream.Flush())
	// Output:
	// "a"
	// " "
	// "🦊"
	// "!"
	// ""
}

func ExampleChatML() {
	fmt.Print(tokenizer.ChatML([]tokenizer.Message{{Role: "user", Text: "Hello!"}}, "", true))
	// Output:
	// <|im_start|>user
	// Hello!<|im_end|>
	// <|im_start|>assistant
}
