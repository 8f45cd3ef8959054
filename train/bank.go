package train

import (
	"math"
	"path/filepath"

	"dragoman/model/blip2"
	"dragoman/tensor"
	"dragoman/weights"
)

// bankRefresh is how many steps old the captions' vectors may become that a stage contrasts pictures with.
const bankRefresh = 100

// bank is all captions as vectors, and how alike they were when the stage began.
type bank struct {
	blip2.Bank
	origin []float32 // [captions, shared], as the stage found them; kept with a checkpoint
}

const originName = "bank.origin"

// newBank embeds all captions at a stage's beginning, or reads how they were from the checkpoint to go on from.
func (t *bridging) newBank(share float32, checkpoint string) (*bank, error) {
	b := &bank{}
	n, shared := len(t.labels.texts), t.model.Config.Shared
	run := tensor.NewRun(tensor.Options{Compute: t.compute})
	if checkpoint == "" {
		b.origin = t.model.EmbedTexts(run, t.labels.texts)
	} else {
		f, err := weights.Open(filepath.Join(checkpoint, "trainer.safetensors"))
		if err != nil {
			return nil, err
		}
		defer f.Close()
		b.origin = make([]float32, n*shared)
		if err := readInto(f, originName, b.origin); err != nil {
			return nil, err
		}
	}
	b.Share = share
	if t.model.Words != nil {
		for _, text := range t.labels.texts {
			b.IDs = append(b.IDs, t.labels.words(t.model, text, t.recipe.Data.MaxTokens))
		}
	}
	b.Near = likeness(run, tensor.FromFloats(b.origin, n, shared))
	return b, nil
}

// refresh embeds all captions as the model does it at this step. It is due at a checkpoint too, so that a resumed run sees the same.
func (b *bank) refresh(t *bridging, st *Stage) {
	if b.Texts != nil && t.state.Step%bankRefresh != 0 && t.state.Step%st.Every != 0 {
		return
	}
	run := tensor.NewRun(tensor.Options{Compute: t.compute})
	b.Texts = tensor.FromFloats(t.model.EmbedTexts(run, t.labels.texts), len(t.labels.texts), t.model.Config.Shared)
}

// likenessTemperature is of captions' likeness to one another.
const likenessTemperature = 0.1

// likeness is, for every caption, the softmax over the others of their cosines.
func likeness(run *tensor.Run, texts *tensor.Tensor) []float32 {
	n := texts.Dim(0)
	run.Reset()
	s := run.MatMul(texts, texts, true)
	for i := range n {
		s.Data()[i*n+i] = float32(math.Inf(-1))
	}
	out := run.Softmax(run.Scale(s, 1/likenessTemperature))
	return append([]float32(nil), out.Data()...)
}
