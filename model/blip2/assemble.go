package blip2

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"dragoman/model"
	"dragoman/nn"
	"dragoman/tensor"
	"dragoman/tokenizer"
	"dragoman/weights"
)

// Parts names what a fresh model is put together from.
type Parts struct {
	Files    Files
	Vision   string     // a checkpoint of an image encoder
	Language string     // of a language model; "" for a matching model
	Text     string     // a BERT's directory, which the text stream starts from; "" for none
	Corpus   []string   // nil, or the texts for which the BERT's vocabulary is cut to what they need
	Classes  [][]string // nil, or what each of the encoder's classes is called
	Identity bool       // the text projection starts as the identity, so that texts are embedded as the BERT embeds them
	Seed     uint64
}

// Assemble makes a model whose bridge is fresh: the Q-Former as c says (sizes that follow from the parts are filled in), its text
// stream and the feed-forwards of both streams from the BERT.
func Assemble(c Config, p Parts, opt Options) (*Model, error) {
	m := &Model{}
	if err := m.assemble(c, p, opt); err != nil {
		m.Close()
		return nil, fmt.Errorf("assemble model: %w", err)
	}
	return m, nil
}

func (m *Model) assemble(c Config, p Parts, opt Options) (err error) {
	opt.stock = &m.stock
	if c.Vision, err = model.VisionPart(p.Files, p.Vision); err != nil {
		return err
	}
	if err := m.openVision(c.Vision, p.Files, nil, opt); err != nil {
		return err
	}
	want := Want{Heads: p.Text != ""}
	if p.Language != "" {
		if c.Language, err = model.LanguagePart(p.Files, p.Language); err != nil {
			return err
		}
		if err = m.openLanguage(c.Language, p.Files, nil, languageModule, opt); err != nil {
			return err
		}
		want.LanguageWidth = m.Language.Config().Width
	}
	var start weights.Source = weights.Memory{}
	if p.Text != "" {
		if start, err = m.openBERT(&c, p); err != nil {
			return err
		}
	}
	c.Extras.Classes = len(p.Classes)
	m.Config = c
	if m.groups, err = c.groups(m.Vision.Shape()); err != nil {
		return err
	}
	if !c.projected() {
		m.Config.QFormer.FeatureWidth = m.groups[0].width
	}
	if err := m.Config.Validate(); err != nil {
		return err
	}
	b := nn.NewBuilder(start, nn.BuilderOptions{Seed: p.Seed, Fresh: true, Most: opt.Room.Learnable()}).Trainable(opt.Trainable)
	m.Bridge = NewBridge(b, m.Config, m.groups, want)
	m.params = b.Params()
	if err := b.Err(); err != nil {
		return err
	}
	if p.Identity {
		m.Bridge.Heads.Text.SetIdentity()
	}
	if m.Bridge.Classes != nil {
		if err := m.embedClasses(p.Classes); err != nil {
			return err
		}
	}
	if m.Language != nil {
		m.Bridge.Prompt.Scale(spread(m.Language.Embed(tensor.NewRun(tensor.Options{}), someIDs(m.Language.Config().Vocab), 1024)))
	}
	if err := m.keepAssembled(p); err != nil {
		return err
	}
	return m.check()
}

// embedClasses fills the table of classes with their names' embeddings, the first two of each.
func (m *Model) embedClasses(names [][]string) error {
	if want := m.Vision.Shape().Classes; len(names) != want {
		return fmt.Errorf("names for %d classes, the encoder tells %d apart", len(names), want)
	}
	var texts []string
	for _, n := range names {
		texts = append(texts, strings.Join(n[:min(2, len(n))], ", "))
	}
	copy(m.Bridge.Classes.Data(), m.EmbedTexts(tensor.NewRun(tensor.Options{}), texts))
	return nil
}

// EmbedTexts embeds texts in the shared space, a row of length 1 each.
func (m *Model) EmbedTexts(run *tensor.Run, texts []string) []float32 {
	return m.readTexts(run, texts, m.Config.Shared, m.TextVectors)
}

// readTexts is what read makes of texts, a row of a width each. Nothing is recorded.
func (m *Model) readTexts(run *tensor.Run, texts []string, width int, read func(run *tensor.Run, texts []string, limit int) *tensor.Tensor) []float32 {
	const batch = 64
	recording := run.Recording()
	run.SetRecording(false)
	defer run.SetRecording(recording)
	out := make([]float32, 0, len(texts)*width)
	for from := 0; from < len(texts); from += batch {
		part := texts[from:min(from+batch, len(texts))]
		run.Reset()
		out = append(out, read(run, part, m.Config.QFormer.Positions).Data()...)
	}
	run.Reset()
	return out
}

// someIDs spreads 1024 ids over a vocabulary.
func someIDs(vocab int) []int32 {
	ids := make([]int32, 1024)
	for i := range ids {
		ids[i] = int32(i * vocab / len(ids))
	}
	return ids
}

// openBERT reads a BERT's vocabulary, to which [DEC] is added, and shows its tensors under the Q-Former's names.
func (m *Model) openBERT(c *Config, p Parts) (weights.Source, error) {
	vocab, err := p.Files.ReadFile(p.Text + "/vocab.txt")
	if err != nil {
		return nil, err
	}
	file, err := p.Files.Weights(p.Text)
	if err != nil {
		return nil, err
	}
	m.open = append(m.open, file)
	src, err := bertNames(file)
	if err != nil {
		return nil, err
	}
	words := strings.Split(strings.TrimRight(string(vocab), "\n"), "\n")
	keep, err := wordsOf(vocab, p.Corpus)
	if err != nil {
		return nil, err
	}
	rows, kept := keepWords(words, keep)
	m.vocab = []byte(strings.Join(append(kept, decToken), "\n") + "\n")
	if err := m.setWords(m.vocab); err != nil {
		return nil, err
	}
	c.QFormer.Text = true
	c.QFormer.Vocab = len(kept) + 1
	c.Extras.DecoderStart = int32(len(kept))
	table, err := pickRows(src, "embeddings.word_embeddings.weight", rows, slices.Index(words, clsToken))
	if err != nil {
		return nil, err
	}
	positions, ok := src.Lookup("embeddings.position_embeddings.weight")
	if !ok || len(positions.Shape) != 2 {
		return nil, fmt.Errorf("%s: no position embeddings", p.Text)
	}
	if c.QFormer.Positions == 0 {
		c.QFormer.Positions = positions.Shape[0]
	}
	c.QFormer.Positions = min(c.QFormer.Positions, positions.Shape[0])
	places, err := foldTypes(src, positions, c.QFormer.Positions)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.Text, err)
	}
	return weights.Merge(weights.NewMemory(table, places), src), nil
}

// foldTypes cuts a table of positions to the first n, and adds to each the embedding of token type 0, which every token of a BERT
// has and the Q-Former does not know.
func foldTypes(src weights.Source, positions weights.Tensor, n int) (weights.Tensor, error) {
	x, err := positions.Float32()
	if err != nil {
		return weights.Tensor{}, err
	}
	width := positions.Shape[1]
	x = x[:n*width]
	if types, ok := src.Lookup("embeddings.token_type_embeddings.weight"); ok {
		t, err := types.Float32()
		if err == nil && len(t) < width {
			err = fmt.Errorf("tensor %s: %v, and positions are %d wide", types.Name, types.Shape, width)
		}
		if err != nil {
			return weights.Tensor{}, err
		}
		for i := range x {
			x[i] += t[i%width]
		}
	}
	return weights.FromFloat32(positions.Name, []int{n, width}, x), nil
}

// decToken begins the texts that the Q-Former generates.
const decToken = "[DEC]"

// clsToken begins all others, and is what [DEC] starts from.
const clsToken = "[CLS]"

// wordsOf says which words of a vocabulary a corpus needs; nil for a nil corpus: all.
func wordsOf(vocab []byte, corpus []string) (func(string) bool, error) {
	if corpus == nil {
		return nil, nil
	}
	t, err := tokenizer.FromVocabTxt(vocab, true)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, text := range corpus {
		for _, id := range t.Encode(text, false) {
			used[t.Token(id)] = true
		}
	}
	return func(w string) bool { return used[w] }, nil
}

// keepWords picks the words of a vocabulary that are needed: those that keep wants, what is in brackets, and single characters,
// with which every text can be written.
func keepWords(words []string, keep func(string) bool) (rows []int, kept []string) {
	for i, w := range words {
		w = strings.TrimRight(w, "\r")
		single := len([]rune(strings.TrimPrefix(w, "##"))) == 1
		special := strings.HasPrefix(w, "[") && !strings.HasPrefix(w, "[unused")
		if keep == nil || special || single && isASCII(w) || keep(w) {
			rows, kept = append(rows, i), append(kept, w)
		}
	}
	return rows, kept
}

func isASCII(w string) bool { return strings.IndexFunc(w, func(r rune) bool { return r > 126 }) < 0 }

// pickRows copies rows of a stored table, and the last of them once more: for [DEC], which no BERT knows.
func pickRows(src weights.Source, name string, rows []int, last int) (weights.Tensor, error) {
	t, ok := src.Lookup(name)
	if !ok || len(t.Shape) != 2 {
		return weights.Tensor{}, fmt.Errorf("the text model has no matrix %s", name)
	}
	x, err := t.Float32()
	if err != nil {
		return weights.Tensor{}, err
	}
	width := t.Shape[1]
	out := make([]float32, 0, (len(rows)+1)*width)
	for _, r := range append(rows[:len(rows):len(rows)], last) {
		if r >= t.Shape[0] {
			return weights.Tensor{}, fmt.Errorf("%s has %d rows, the vocabulary more", name, t.Shape[0])
		}
		out = append(out, x[r*width:(r+1)*width]...)
	}
	return weights.FromFloat32(name, []int{len(rows) + 1, width}, out), nil
}

// bertNames shows a BERT's tensors under the names that a Q-Former has for them; the feed-forward of the queries' stream starts as
// the text's.
func bertNames(src weights.Source) (weights.Source, error) {
	inner := weights.Source(src)
	for _, name := range src.Names() {
		if cut, ok := strings.CutSuffix(name, "embeddings.word_embeddings.weight"); ok && cut != "" {
			inner = weights.Prefix(src, cut)
			break
		}
	}
	const in, out = "encoder.layer.*.", "qformer.encoder.layer.*."
	text, err := weights.Rename(inner,
		weights.Rule{From: "embeddings.LayerNorm.*", To: "qformer.layernorm.*"},
		weights.Rule{From: in + "attention.self.*", To: out + "attention.attention.*"},
		weights.Rule{From: in + "attention.output.*", To: out + "attention.output.*"},
		weights.Rule{From: in + "intermediate.*", To: out + "intermediate.*"},
		weights.Rule{From: in + "output.*", To: out + "output.*"},
	)
	if err != nil {
		return nil, err
	}
	queries, err := weights.Rename(inner,
		weights.Rule{From: "embeddings.*", To: ""},
		weights.Rule{From: "pooler.*", To: ""},
		weights.Rule{From: in + "attention.*", To: ""},
		weights.Rule{From: in + "intermediate.*", To: out + "intermediate_query.*"},
		weights.Rule{From: in + "output.*", To: out + "output_query.*"},
	)
	if err != nil {
		return nil, err
	}
	return weights.Merge(text, queries), nil
}

// spread is the standard deviation of a tensor's values around zero.
func spread(t *tensor.Tensor) float32 {
	var sum float64
	for _, v := range t.Data() {
		sum += float64(v) * float64(v)
	}
	return float32(math.Sqrt(sum / float64(t.Len())))
}
