package dragoman_test

import (
	"context"
	"errors"
	"image"
	"slices"
	"strings"
	"testing"

	"dragoman"
)

const idefics = "model/flamingo/testdata/idefics"

func plain(v uint8) dragoman.Image {
	img := image.NewGray(image.Rect(0, 0, 20, 14))
	for i := range img.Pix {
		img.Pix[i] = v + uint8(i%7)
	}
	return dragoman.ImageOf(img)
}

// TestPages lets a model that learnt from pages read some: what is shown before a question counts, and each page is read by itself.
func TestPages(t *testing.T) {
	m, err := dragoman.Open(idefics, dragoman.WithDType("f32"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	ctx := context.Background()
	dark, light := plain(10), plain(200)
	ask := dragoman.Shot{Images: []dragoman.Image{dark}, Question: "a"}
	g := &dragoman.Generate{MaxTokens: 4}
	alone, err := m.Answer(ctx, dark, "a", g)
	if err != nil {
		t.Fatal(err)
	}
	same, err := m.AnswerLike(ctx, nil, ask, g)
	if err != nil || !slices.Equal(same.Logprobs, alone.Logprobs) {
		t.Errorf("without examples the answer is another: %v, %v (%v)", same, alone, err)
	}
	shown, err := m.AnswerLike(ctx, []dragoman.Shot{{Images: []dragoman.Image{light}, Question: "a", Text: "b"}}, ask, g)
	if err != nil || shown.PromptTokens <= alone.PromptTokens || slices.Equal(shown.Logprobs, alone.Logprobs) {
		t.Errorf("an example does not count: %+v, %+v (%v)", shown, alone, err)
	}
	page := []dragoman.Part{{Text: "a"}, {Image: &dark}, {Image: &light}, {Text: "b"}}
	first, err := m.Continue(ctx, page, g)
	if err != nil {
		t.Fatal(err)
	}
	page[2].Image = &dark
	if other, err := m.Continue(ctx, page, g); err != nil || slices.Equal(other.Logprobs, first.Logprobs) {
		t.Errorf("a page's last picture does not count (%v)", err)
	}
	page[2].Image = &light
	page[3].Text = "<image>b"
	if same, err := m.Continue(ctx, page, g); err != nil || !slices.Equal(same.Logprobs, first.Logprobs) || page[3].Text != "<image>b" {
		t.Errorf("a text that spells a picture's token is read as another: %v", err)
	}
	if _, err := m.Continue(ctx, page[3:], g); err == nil || !strings.Contains(err.Error(), "0 pictures for 1 picture token") {
		t.Errorf("a picture's token without a picture: %v", err)
	}
	if _, err := m.Caption(ctx, dark, &dragoman.Generate{Prompt: "<image>", MaxTokens: 1}); err == nil || !strings.Contains(err.Error(), "1 picture for 2") {
		t.Errorf("a picture token in a prompt: %v", err)
	}
	if _, err := m.EmbedImage(ctx, dark); !errors.Is(err, dragoman.ErrNoPart) {
		t.Errorf("embedding: %v", err)
	}
	if _, err := m.Chat(ctx, []dragoman.Message{{Role: "user", Content: "a"}}, g); err != nil {
		t.Errorf("chatting: %v", err)
	}
	other, err := dragoman.Open("testdata/blip2-llama", dragoman.WithDType("f32"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Continue(ctx, page, g); !errors.Is(err, dragoman.ErrNoPart) {
		t.Errorf("a page for a model that reads none: %v", err)
	}
}

// TestEmptyPage: a page of no tokens is refused, where a model's texts begin with none of their own.
func TestEmptyPage(t *testing.T) {
	m, err := dragoman.Open("model/flamingo/testdata/openflamingo-mpt")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, page := range [][]dragoman.Part{nil, {{Text: ""}}} {
		if text, err := m.Continue(context.Background(), page, nil); err == nil || !strings.Contains(err.Error(), "nothing to read") {
			t.Errorf("%+v, %v", text, err)
		}
	}
}
