package tokenizer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The kinds of pieces in a SentencePiece model that matter here.
const (
	pieceNormal      = 1
	pieceUnknown     = 2
	pieceControl     = 3
	pieceUserDefined = 4
)

// The models that SentencePiece trains and that are read here.
const (
	spmUnigram = 1
	spmBPE     = 2
)

// spmModel is what is read of a SentencePiece model.
type spmModel struct {
	tokens []string
	scores []float64
	types  []int

	kind         uint64
	byteFallback bool

	charsmap         []byte
	dummyPrefix      bool // a space is put before the text
	removeWhitespace bool // white space at the ends and in runs goes
}

// spmStyle is how a SentencePiece model is read, which depends on who reads it.
type spmStyle struct {
	words     bool // Unigram: white space of any kind separates words, as for T5
	legacy    bool // every text between added tokens begins with a space, else the first only
	marksOnly bool // LLaMA's class: the file's normaliser does not count, and a space that is there suffices
	noPrefix  bool // no text begins with a space that was not there
}

// fromSentencePiece builds the tokenizer of a SentencePiece model (spiece.model, tokenizer.model): Unigram as T5 has it, or BPE as LLaMA has it.
// Ids are those of the tokenizers library, which, unlike SentencePiece, recognises control tokens in the text and drops a combining mark after a
// character that the table replaces. What is put around a text is not told by the file, but by those beside it.
func fromSentencePiece(data []byte, style spmStyle) (*Pipeline, error) {
	m := spmModel{kind: spmUnigram, dummyPrefix: true, removeWhitespace: true}
	err := m.parse(data)
	var p *Pipeline
	if err == nil {
		p, err = m.pipeline(style)
	}
	if err != nil {
		return nil, fmt.Errorf("sentencepiece model: %w", err)
	}
	return p, nil
}

func (m *spmModel) pipeline(style spmStyle) (*Pipeline, error) {
	v := vocabulary{m.tokens, make(map[string]int32, len(m.tokens))}
	unknown := None
	var added []addedToken
	for i, token := range m.tokens {
		if _, twice := v.ids[token]; twice || token == "" {
			return nil, fmt.Errorf("piece %d: %.40q is empty or listed twice", i, token)
		}
		v.ids[token] = int32(i)
		switch m.types[i] {
		case pieceUnknown:
			unknown = int32(i)
		case pieceControl:
			added = append(added, addedToken{text: token, id: int32(i), special: true})
		case pieceUserDefined:
			added = append(added, addedToken{text: token, id: int32(i)})
		}
	}
	p := &Pipeline{special: noSpecial}
	var err error
	switch m.kind {
	case spmUnigram:
		p.model, err = newUnigram(m.tokens, m.scores, unknown, m.byteFallback)
	case spmBPE:
		p.model, err = m.bpe(v, unknown)
	default:
		err = fmt.Errorf("model type %d is not supported", m.kind)
	}
	if err == nil {
		err = p.spmSpaces(m, style)
	}
	if err != nil {
		return nil, err
	}
	p.added = newAddedTokens(added, p.normalizer)
	return p, nil
}

// bpe sets up LLaMA's kind of model.
func (m *spmModel) bpe(v vocabulary, unknown int32) (*bpe, error) {
	normal := func(id int32) bool { return m.types[id] == pieceNormal }
	b, err := newBPE(v, mergesOf(v, m.scores, normal), "")
	if err != nil {
		return nil, err
	}
	b.unknown, b.fuseUnknown, b.byteFallback = unknown, true, m.byteFallback
	return b, nil
}

// spmSpaces sets up what happens to spaces, before and after.
func (p *Pipeline) spmSpaces(m *spmModel, style spmStyle) error {
	table, err := newPrecompiled(m.charsmap)
	if err != nil {
		return err
	}
	prefix := m.dummyPrefix && !style.noPrefix
	marks := metaspace{mark: "▁", prepend: prependFirst}
	switch {
	case !prefix:
		marks.prepend = prependNever
	case style.legacy:
		marks.prepend = prependAlways
	}
	switch {
	case style.words && m.kind == spmUnigram:
		// Whatever the file says of the first word, as in the class: white space goes, and a mark is all that tells of it.
		marks.words, marks.prepend = true, prependAlways
		p.normalizer, p.preTokenizer, p.decoder = table, marks, marks
		if m.removeWhitespace {
			p.preTokenizer = preTokenizers{whitespaceSplit, marks}
		}
		return nil
	case style.marksOnly:
		p.preTokenizer = marks
	default:
		before := normalizers{table}
		if m.removeWhitespace {
			before = append(before, trimSpaces{}, squeeze{})
		}
		if prefix && style.legacy {
			before = append(before, prepend("▁"))
		} else {
			p.preTokenizer = marks
		}
		p.normalizer = append(before, replace{literal(" "), "▁"})
	}
	p.decoder = spmDecoder(prefix)
	return nil
}

// spmDecoder is how LLaMA's kind makes spaces of its marks.
func spmDecoder(prefix bool) decoder {
	after := decoders{replace{literal("▁"), " "}, byteFallback{}, fuse{}}
	if prefix {
		after = append(after, stripDecoder{" ", 1, 0})
	}
	return after
}

// parse reads the protocol buffer: pieces (1), the trainer's settings (2) and
// the normaliser's (3).
func (m *spmModel) parse(data []byte) error {
	err := eachField(data, func(f field) error {
		switch f.number {
		case 1:
			return m.piece(f.bytes)
		case 2:
			return eachField(f.bytes, func(f field) error {
				switch f.number {
				case 3:
					m.kind = f.value
				case 35:
					m.byteFallback = f.value != 0
				}
				return nil
			})
		case 3:
			return eachField(f.bytes, func(f field) error {
				switch f.number {
				case 2:
					m.charsmap = f.bytes
				case 3:
					m.dummyPrefix = f.value != 0
				case 4:
					m.removeWhitespace = f.value != 0
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && len(m.tokens) == 0 {
		err = errors.New("no pieces in it")
	}
	return err
}

// piece reads a token, its score and its kind.
func (m *spmModel) piece(data []byte) error {
	if len(m.tokens) == maxVocabulary {
		return fmt.Errorf("more than %d pieces", maxVocabulary)
	}
	token, score, kind := "", 0.0, pieceNormal
	err := eachField(data, func(f field) error {
		switch f.number {
		case 1:
			token = toValid(string(f.bytes))
		case 2:
			score = float64(math.Float32frombits(uint32(f.value)))
		case 3:
			kind = int(f.value)
		}
		return nil
	})
	if math.IsNaN(score) || math.IsInf(score, 0) {
		return fmt.Errorf("piece %d: its score is %v", len(m.tokens), score)
	}
	m.tokens, m.scores, m.types = append(m.tokens, token), append(m.scores, score), append(m.types, kind)
	return err
}

// field is a field of a protocol buffer: a number, or bytes.
type field struct {
	number int
	value  uint64
	bytes  []byte
}

var errProtobuf = errors.New("not a protocol buffer, or truncated")

// eachField walks over the fields of a message.
func eachField(data []byte, do func(f field) error) error {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<29 {
			return errProtobuf
		}
		data = data[n:]
		f := field{number: int(key >> 3)}
		size := 0
		switch key & 7 {
		case 0:
			if f.value, n = binary.Uvarint(data); n <= 0 {
				return errProtobuf
			}
			data = data[n:]
		case 1:
			size = 8
		case 2:
			length, n := binary.Uvarint(data)
			if n <= 0 || length > uint64(len(data)-n) {
				return errProtobuf
			}
			data = data[n:]
			f.bytes, data = data[:length], data[length:]
		case 5:
			size = 4
		default:
			return errProtobuf
		}
		if size > len(data) {
			return errProtobuf
		}
		for i := range size {
			f.value |= uint64(data[i]) << (8 * i)
		}
		data = data[size:]
		if err := do(f); err != nil {
			return err
		}
	}
	return nil
}
