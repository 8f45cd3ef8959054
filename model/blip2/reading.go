package blip2

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"dragoman/bridge/qformer"
	"dragoman/language"
	"dragoman/tensor"
)

// A sentence encoder knows which texts mean alike; a language model knows more of what the things in them look like. So a bridge may
// have the language model, which stands still, read each text that is compared with pictures, put as Extras.TextReading says ("A drawing
// of a {text}. It looks like"): its state where the next word would come joins the text stream's vector, through a matrix of its own.

// textPlace stands for the text in Extras.TextReading.
const textPlace = "{text}"

// readTokens is how much of a text the language model reads at most.
const readTokens = 512

// readingProjection is the name of the matrix.
const readingProjection = "reading_projection"

// checkReading refuses a TextReading that no text can be put into, or that there is nobody for.
func (c Config) checkReading() error {
	if c.Extras.TextReading == "" {
		return nil
	}
	before, after, _ := strings.Cut(c.Extras.TextReading, textPlace)
	if strings.Count(c.Extras.TextReading, textPlace) != 1 || strings.TrimSpace(before+after) == "" {
		return fmt.Errorf("config.json: text_reading is %.60q, not words with %s among them once", c.Extras.TextReading, textPlace)
	}
	if c.Language.Type == "" {
		return errors.New("config.json: text_reading: there is no language model to read texts")
	}
	return nil
}

// checkReader refuses a language model that cannot read texts for the bridge.
func (m *Model) checkReader() error {
	if m.Bridge == nil || m.Bridge.Reading == nil {
		return nil
	}
	if m.Language == nil {
		return errors.New("text_reading: there is no language model to read texts")
	}
	if _, apart := m.Language.(language.Reader); apart {
		return errors.New("text_reading: an encoder-decoder model does not read texts so")
	}
	if got, want := m.Bridge.Reading.Dim(1), m.Language.Config().Width; got != want {
		return fmt.Errorf("%s.weight is for states %d wide, the language model's are %d", readingProjection, got, want)
	}
	return nil
}

// Readings are the language model's states behind texts, for Bridge.EmbedTexts: [texts, language width]; nil where the bridge asks for
// none. Nothing is recorded.
func (m *Model) Readings(run *tensor.Run, texts []string) *tensor.Tensor {
	if m.Bridge.Reading == nil {
		return nil
	}
	recording := run.Recording()
	run.SetRecording(false)
	defer run.SetRecording(recording)
	if kept := m.kept.readings(run, texts); kept != nil {
		return kept
	}
	mark := run.Mark()
	before, after, _ := strings.Cut(m.Config.Extras.TextReading, textPlace)
	tail := m.Tokenizer.Encode(after, false)
	most := readTokens
	if c := m.Language.Config(); c.Context > 0 {
		most = max(1, min(most, c.Context-len(tail)))
	}
	rows, length := make([][]int32, len(texts)), 0
	for i, t := range texts {
		ids := m.ReadIDs(before + t)
		rows[i] = slices.Concat(ids[:min(len(ids), most)], tail)
		length = max(length, len(rows[i]))
	}
	ids, mask := make([]int32, 0, len(texts)*length), make([]uint8, 0, len(texts)*length)
	for _, row := range rows { // padded in front: all end at the same place
		for range length - len(row) {
			ids, mask = append(ids, row[0]), append(mask, 0)
		}
		for _, id := range row {
			ids, mask = append(ids, id), append(mask, 1)
		}
	}
	states := m.Language.Forward(run, language.Input{Embeds: m.Language.Embed(run, ids, len(texts), length), Mask: mask})
	return run.Release(mark, run.Reshape(run.Slice(states, 1, length-1, length), len(texts), -1))
}

// keptReadings are states behind texts that are asked for again and again.
type keptReadings struct {
	number map[string]int // of each text
	states *tensor.Tensor // [texts, language width]
}

// KeepReadings has the language model, which stands still, read texts once for all: while a bridge is trained on them, say.
func (m *Model) KeepReadings(texts []string) {
	m.kept = keptReadings{}
	if m.Bridge.Reading == nil {
		return
	}
	states := m.allReadings(tensor.NewRun(tensor.Options{}), texts)
	m.kept = keptReadings{make(map[string]int, len(texts)), tensor.FromFloats(states, len(texts), m.Bridge.Reading.Dim(1))}
	for i, t := range texts {
		m.kept.number[t] = i
	}
}

// allReadings are the states behind many texts, some at a time.
func (m *Model) allReadings(run *tensor.Run, texts []string) []float32 {
	return m.readTexts(run, texts, m.Bridge.Reading.Dim(1), func(run *tensor.Run, texts []string, _ int) *tensor.Tensor {
		return m.Readings(run, texts)
	})
}

// readings are those of texts; nil where one of them was not kept.
func (k keptReadings) readings(run *tensor.Run, texts []string) *tensor.Tensor {
	if k.states == nil {
		return nil
	}
	width := k.states.Dim(1)
	out := run.New(len(texts), width)
	for row, t := range texts {
		i, ok := k.number[t]
		if !ok {
			return nil
		}
		copy(out.Data()[row*width:(row+1)*width], k.states.Data()[i*width:])
	}
	return out
}

// TextVectors are texts in the shared space, read up to limit tokens: [texts, shared], each of length 1.
func (m *Model) TextVectors(run *tensor.Run, texts []string, limit int) *tensor.Tensor {
	return m.Bridge.EmbedTexts(run, m.Texts(texts, limit), m.Readings(run, texts))
}

// textsOf are texts again, from their tokens: as good as the text stream's vocabulary has them.
func (m *Model) textsOf(t qformer.Text) ([]string, error) {
	if m.Words == nil || m.Tokenizer == nil {
		return nil, errNoWords
	}
	out := make([]string, t.Batch())
	for i := range out {
		var ids []int32
		for j, id := range t.IDs[i*t.Len : (i+1)*t.Len] {
			if t.Mask == nil || t.Mask[i*t.Len+j] != 0 {
				ids = append(ids, id)
			}
		}
		out[i] = m.Words.Decode(ids, true)
	}
	return out, nil
}
