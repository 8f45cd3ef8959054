package blip2

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"dragoman/internal/plainjson"
	"dragoman/internal/rank"
	"dragoman/nn"
	"dragoman/tensor"
)

// Memory is what a model remembers of its training: the captions that it learnt, and the pictures that it met them on, as vectors
// in the shared space. From it come the hints that stand in the prompt before a caption; the language model chooses and corrects.
type Memory struct {
	Captions []string
	Texts    *tensor.Tensor // [captions, shared]
	Pictures *tensor.Tensor // [pictures, shared]; nil: none
	Of       []int32        // the caption of each picture
	// Landmarks are the captions of the landmarks of the picture's head, where matching counts these.
	Landmarks []int32
	Classes   []string // nil, or what the encoder's classes are called and which kinds of thing they are: "name, kind, wider kind"
	Kinds     []string // nil, or which kinds of thing each caption speaks of, the narrowest first: "kind, wider kind"

	number            map[string]int32 // of each caption
	counts            []int32          // how many landmarks each has
	kinds, classKinds [][]string       // Kinds and those of Classes, apart
}

// nearShare is how much a likeness to a remembered picture counts beside the cosine with a caption.
const nearShare = 0.5

const memoryFile = "memory.json"

type memoryJSON struct {
	Captions  []string `json:"captions"`
	Of        []int32  `json:"pictures,omitempty"`
	Landmarks []int32  `json:"landmarks,omitempty"`
	Classes   []string `json:"classes,omitempty"`
	Kinds     []string `json:"kinds,omitempty"`
}

// Scores says how well each remembered caption fits each picture: [B, captions].
func (m *Model) Scores(run *tensor.Run, s Seen) []float32 {
	mem := m.Memory
	out := slices.Clone(Cosines(run, m.Bridge.EmbedImages(run, s.Answer, s.Picture), mem.Texts).Data())
	if mem.Pictures == nil || s.Picture == nil {
		return out
	}
	near := run.MatMul(s.Picture, mem.Pictures, true).Data()
	n, captions, pictures := s.Picture.Dim(0), len(mem.Captions), len(mem.Of)
	best := make([]float32, captions)
	for b := range n {
		clear(best)
		for i, c := range mem.Of {
			best[c] = max(best[c], near[b*pictures+i])
		}
		for c, v := range best {
			out[b*captions+c] += nearShare * v
		}
	}
	return out
}

// Hints are the captions of the highest scores [B, captions], the best first.
func (m *Memory) Hints(scores []float32, n int) [][]string {
	width := len(m.Captions)
	hints := make([][]string, len(scores)/max(1, width))
	for b := range hints {
		for _, c := range rank.Best(scores[b*width:(b+1)*width], n) {
			hints[b] = append(hints[b], m.Captions[c])
		}
	}
	return hints
}

// Likely are those of a picture's hints, the best first, that are at least share as likely as the first. scores are those of all captions.
func (m *Memory) Likely(hints []string, scores []float32, temperature, share float64) []string {
	n := 0
	for n < len(hints) && math.Exp(float64(scores[m.number[hints[n]]]-scores[m.number[hints[0]]])/temperature) >= share {
		n++
	}
	return hints[:n]
}

// Prompts are what stands between each picture's soft prompt and its caption: the model's own prompt, with hints where it was
// trained with them.
func (m *Model) Prompts(run *tensor.Run, s Seen) []string {
	prompts := make([]string, s.Answer.Hidden.Dim(0))
	hints := m.hints(run, s)
	for i := range prompts {
		prompts[i] = m.Config.Extras.Prompt
		if hints != nil {
			prompts[i] = m.HintedPrompt(hints[i])
		}
	}
	return prompts
}

// TakesHints says whether captions that the model remembers stand in its prompts.
func (m *Model) TakesHints() bool { return m.Memory != nil && m.Config.Extras.Hints > 0 }

// HintsFor are the hints that stand in the prompt of one picture; nil for a model that takes none.
func (m *Model) HintsFor(run *tensor.Run, s Seen) []string {
	if all := m.hints(run, s); all != nil {
		return all[0]
	}
	return nil
}

// HintedPrompt is the model's prompt with hints before it.
func (m *Model) HintedPrompt(hints []string) string { return WithHints(hints, m.Config.Extras.Prompt) }

// Hinted is another prompt for one picture, with hints before it where the model takes them.
func (m *Model) Hinted(run *tensor.Run, s Seen, prompt string) string {
	return WithHints(m.HintsFor(run, s), prompt)
}

// WithHints is a prompt with hints before it, where there are some.
func WithHints(hints []string, prompt string) string {
	if len(hints) == 0 {
		return prompt
	}
	return "Hints: " + strings.Join(hints, "; ") + "\n" + prompt
}

// saveMemory writes what Save's tensors do not hold of the memory.
func (m *Model) saveMemory(dir string) error {
	if m.Memory == nil {
		return nil
	}
	raw, err := json.Marshal(memoryJSON{m.Memory.Captions, m.Memory.Of, m.Memory.Landmarks, m.Memory.Classes, m.Memory.Kinds})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, memoryFile), append(raw, '\n'), 0o644)
}

// openMemory binds the memory, where the model has one.
func (m *Model) openMemory(files Files, b *nn.Builder) error {
	raw, err := files.ReadFile(memoryFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var j memoryJSON
	if err := plainjson.Unmarshal(raw, &j); err != nil {
		return fmt.Errorf("%s: %w", memoryFile, err)
	}
	for _, list := range [][]int32{j.Of, j.Landmarks} {
		for _, c := range list {
			if c < 0 || int(c) >= len(j.Captions) {
				return fmt.Errorf("%s: a picture has caption %d of %d", memoryFile, c, len(j.Captions))
			}
		}
	}
	if n := len(j.Landmarks); n > 0 && n != m.Config.Extras.PictureLandmarks {
		return fmt.Errorf("%s: captions of %d landmarks, the model has %d", memoryFile, n, m.Config.Extras.PictureLandmarks)
	}
	if n := len(j.Kinds); n > 0 && n != len(j.Captions) {
		return fmt.Errorf("%s: kinds of %d captions, there are %d", memoryFile, n, len(j.Captions))
	}
	b = b.Trainable(false).Sub("memory")
	m.Memory = &Memory{Captions: j.Captions, Of: j.Of, Landmarks: j.Landmarks, Classes: j.Classes, Kinds: j.Kinds}
	m.Memory.settle()
	m.Memory.Texts = widened(b.Tensor("texts", nn.Init{}, len(j.Captions), m.Config.Shared))
	if len(j.Of) > 0 {
		m.Memory.Pictures = widened(b.Tensor("pictures", nn.Init{}, len(j.Of), m.Config.Shared))
	}
	return nil
}

// RestoreMemory gives the model the memory of a directory that Save wrote.
func (m *Model) RestoreMemory(dir string) error {
	files := Dir(dir)
	f, err := files.Weights("model.safetensors")
	if err != nil {
		return err
	}
	defer f.Close()
	b := nn.NewBuilder(f, nn.BuilderOptions{})
	if err := m.openMemory(files, b); err != nil {
		return err
	}
	if err := b.Err(); err != nil || m.Memory == nil {
		return err
	}
	// What was read lies in the file, which is about to be closed.
	mem := m.Memory
	var pictures []float32
	if mem.Pictures != nil {
		pictures = slices.Clone(mem.Pictures.Data())
	}
	m.Remember(mem.Captions, slices.Clone(mem.Texts.Data()), pictures, mem.Of)
	m.RememberKinds(mem.Classes, mem.Kinds)
	m.RememberLandmarks(mem.Landmarks)
	return nil
}

// tensors are the memory's.
func (m *Memory) tensors() []*tensor.Tensor {
	switch {
	case m == nil:
		return nil
	case m.Pictures == nil:
		return []*tensor.Tensor{m.Texts}
	}
	return []*tensor.Tensor{m.Texts, m.Pictures}
}

// Remember gives the model a memory of captions, and of pictures where there are some. texts and pictures hold a row of length 1 each.
func (m *Model) Remember(captions []string, texts, pictures []float32, of []int32) {
	fixed := func(name string, x []float32) *tensor.Tensor {
		t := tensor.NewParamOf(name, x, len(x)/m.Config.Shared, m.Config.Shared)
		t.SetTrainable(false)
		return t
	}
	m.Memory = &Memory{Captions: captions, Texts: fixed("memory.texts", texts), Of: of}
	if len(pictures) > 0 {
		m.Memory.Pictures = fixed("memory.pictures", pictures)
	}
	m.Memory.settle()
}

// RememberKinds says what the encoder's classes are called and which kinds of thing they and the remembered captions are, as Memory has them.
func (m *Model) RememberKinds(classes, captions []string) {
	m.Memory.Classes, m.Memory.Kinds = classes, captions
	m.Memory.settle()
}

// RememberLandmarks says which of the remembered captions each landmark of the picture's head had.
func (m *Model) RememberLandmarks(of []int32) {
	m.Memory.Landmarks = of
	m.Memory.settle()
}
