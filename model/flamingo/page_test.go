package flamingo

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/vision"
	"dragoman/weights"
)

// TestIDEFICSDialogue writes a conversation as transformers' documentation of IDEFICS has it for models that follow instructions, and
// examples as turns of one.
func TestIDEFICSDialogue(t *testing.T) {
	m := openTiny(t, "idefics", Options{})
	text := func(parts []Part) string { return m.dialect.page(parts) }
	const picture = "<fake_token_around_image><image><fake_token_around_image>"
	turns := []Turn{
		{"user", []Part{{Text: "What is in this image?"}, {Picture: true}}},
		{"assistant", []Part{{Text: "This picture depicts Idefix."}}},
		{"user", []Part{{Picture: true}, {Text: "And who is that?"}}},
	}
	if got, want := text(m.Chat(turns)), "<s>User: What is in this image?"+picture+"<end_of_utterance>\nAssistant: This picture depicts Idefix.<end_of_utterance>\nUser:"+
		picture+"And who is that?<end_of_utterance>\nAssistant:"; got != want {
		t.Errorf("wrote\n%q, want\n%q", got, want)
	}
	if got, want := text(m.Chat([]Turn{{"system", []Part{{Text: "Be kind."}}}, {"user", []Part{{Text: "a"}}}})), "<s>Be kind.\nUser: a<end_of_utterance>\nAssistant:"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if got, want := text(m.Prompt([]Shot{{Pictures: 1, Question: "what?", Text: "a cat"}, {Text: "b"}}, Shot{Pictures: 2})),
		"<s>User:"+picture+"what?<end_of_utterance>\nAssistant: a cat<end_of_utterance>\nUser: Describe this image.<end_of_utterance>\nAssistant: b<end_of_utterance>\nUser:"+
			"<fake_token_around_image><image><fake_token_around_image><image><fake_token_around_image>Describe this image.<end_of_utterance>\nAssistant:"; got != want {
		t.Errorf("wrote\n%q, want\n%q", got, want)
	}
}

// TestDialogueIDs compares a dialogue's ids with those that IdeficsProcessor makes of it (tools/oracle/dialogue.py).
func TestDialogueIDs(t *testing.T) {
	var want struct {
		Turns [][2]json.RawMessage `json:"turns"` // a role, and parts: texts, or null for a picture
		IDs   []int32              `json:"ids"`
	}
	raw, err := os.ReadFile("testdata/idefics/dialogue.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	var turns []Turn
	for _, w := range want.Turns {
		var turn Turn
		var parts []*string
		if err := errors.Join(json.Unmarshal(w[0], &turn.Role), json.Unmarshal(w[1], &parts)); err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			if p == nil {
				turn.Parts = append(turn.Parts, Part{Picture: true})
			} else {
				turn.Parts = append(turn.Parts, Part{Text: *p})
			}
		}
		turns = append(turns, turn)
	}
	m := openTiny(t, "idefics", Options{})
	ids, err := m.Encode(m.Chat(turns))
	if err != nil || !slices.Equal(ids, want.IDs) {
		t.Errorf("a dialogue is %v, want %v (%v)", ids, want.IDs, err)
	}
}

// TestLines writes a conversation for models that were taught no turns, and examples for IDEFICS as it was pretrained.
func TestLines(t *testing.T) {
	m := openTiny(t, "openflamingo-opt", Options{})
	turns := []Turn{{"user", []Part{{Picture: true}, {Text: "what?"}}}, {"assistant", []Part{{Text: "a"}}}, {"user", []Part{{Text: "b"}}}}
	if got, want := m.dialect.page(m.Chat(turns)), "<image>what?\na\nb"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	if err := m.Tokenizer.AddSpecial(tokenizer.TurnStart); err != nil {
		t.Fatal(err)
	}
	if got, want := m.dialect.page(m.Chat(turns)), tokenizer.ChatML([]tokenizer.Message{
		{Role: "user", Text: "<image>what?"}, {Role: "assistant", Text: "a"}, {Role: "user", Text: "b"},
	}, tokenizer.DefaultSystem, true); got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	m = openTiny(t, "idefics-plain", Options{})
	const picture = "<fake_token_around_image><image><fake_token_around_image>"
	if got, want := m.dialect.page(m.Prompt([]Shot{{Pictures: 1, Question: "what?", Text: "a cat"}}, Shot{Pictures: 1, Question: "who?"})),
		"<s>"+picture+"Question: what? Answer: a cat\n"+picture+"Question: who? Answer:"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

// TestWholePicture compares pictures by what CLIP pools of them, and, where the encoder's file has it, by CLIP's projection of that, under
// either name.
func TestWholePicture(t *testing.T) {
	whole := func(dir string) []float32 {
		m, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		p := m.Processor()
		values := make([]float32, p.Len())
		for i := range values {
			values[i] = float32(i%13) / 13
		}
		run := tensor.NewRun(tensor.Options{})
		pixels := tensor.FromFloats(values, 1, 3, p.Size[0], p.Size[1])
		media, w := m.Glance(run, pixels)
		look := m.Look(run, pixels, 1)
		for i, v := range media.Data() {
			if v != look.Data()[i] {
				t.Fatal("a glance sees another picture")
			}
		}
		if pooled := m.Vision.Encode(run, pixels).Pooled; pooled == nil || m.compare == nil && pooled.Data()[0] != w.Data()[0] {
			t.Error("what CLIP pools is not what pictures are compared by")
		}
		return append([]float32(nil), w.Data()...)
	}
	whole("testdata/idefics")
	plain := whole("testdata/openflamingo-opt")
	const out = 5
	width := len(plain)
	matrix := make([]float32, out*width)
	for i := range matrix {
		matrix[i] = float32(i%7) - 3
	}
	dir := copied(t, "openflamingo-opt")
	path := filepath.Join(dir, "vision", "model.safetensors")
	var tensors []weights.Tensor
	for _, name := range openFile(t, "testdata/openflamingo-opt/vision/model.safetensors").Names() {
		w, _ := openFile(t, "testdata/openflamingo-opt/vision/model.safetensors").Lookup(name)
		tensors = append(tensors, w)
	}
	if err := weights.WriteSafetensors(path, append(tensors, weights.FromFloat32("visual_projection.weight", []int{out, width}, matrix)), nil); err != nil {
		t.Fatal(err)
	}
	got := whole(dir)
	for o := range out {
		var want float64
		for k, v := range plain {
			want += float64(v) * float64(matrix[o*width+k])
		}
		if len(got) != out || math.Abs(float64(got[o])-want) > 1e-4 {
			t.Fatalf("compared by %v, want %v at %d", got, want, o)
		}
	}
	turned := make([]float32, out*width)
	for i, v := range matrix {
		turned[i%width*out+i/width] = v
	}
	p, err := projection(weights.NewMemory(weights.FromFloat32("visual.proj", []int{width, out}, turned)), width)
	if err != nil || p.Data()[1] != matrix[1] || p.Data()[width] != matrix[width] {
		t.Errorf("open_clip's projection is %v (%v)", p, err)
	}
}

// rectified is an encoder that pools what is never negative.
type rectified struct{ vision.Encoder }

func (rectified) Encode(*tensor.Run, *tensor.Tensor) vision.Features {
	return vision.Features{Tokens: tensor.FromFloats(make([]float32, 6), 1, 2, 3), Pooled: tensor.FromFloats([]float32{0, 4, 2.25}, 1, 3)}
}

func (rectified) Shape() vision.Shape {
	return vision.Shape{Tokens: 2, Width: 3, Pooled: 3, Rectified: true}
}

// TestRootsOfWhole: what a rectified encoder pools is compared by its roots.
func TestRootsOfWhole(t *testing.T) {
	m := &Model{Vision: rectified{}}
	_, whole := m.Glance(tensor.NewRun(tensor.Options{}), tensor.FromFloats(make([]float32, 12), 1, 3, 2, 2))
	if got := whole.Data(); !slices.Equal(got, []float32{0, 2, 1.5}) {
		t.Errorf("%v", got)
	}
}
