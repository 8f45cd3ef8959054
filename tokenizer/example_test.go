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

func ExampleChatML() {
	fmt.Print(tokenizer.ChatML([]tokenizer.Message{{Role: "user", Text: "Hello!"}}, "", true))
	// Output:
	// <|im_start|>user
	// Hello!<|im_end|>
	// <|im_start|>assistant
}
