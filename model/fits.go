package model

import (
	"fmt"
	"strings"

	"dragoman/internal/bytesize"
	"dragoman/internal/hint"
	"dragoman/kernel"
	"dragoman/weights"
)

// Room is how much memory a model's weights may take, and what says so.
type Room struct {
	Bytes int64 // 0: nobody asks
	By    string
}

// tooLarge is a model that would not fit, said before anything of it is read.
type tooLarge struct {
	need int64
	room Room
}

func (e *tooLarge) Error() string {
	return fmt.Sprintf("its weights would take %s of memory, %s are all that %s allows", bytesize.Of(e.need), bytesize.Of(e.room.Bytes), e.room.By)
}

// ErrorType names the kind of the error for scripts.
func (e *tooLarge) ErrorType() string { return "out_of_memory" }

// smaller are what weights may be rounded to so that they fit, finest first.
var smaller = []kernel.DType{kernel.BF16, kernel.Q8_0, kernel.Q4_0}

// Learnable is how many float32 values may be parameters that learn, each with its gradient and two moments; 0: any number.
func (room Room) Learnable() int64 {
	if room.Bytes <= 0 {
		return 0
	}
	return max(1, room.Bytes/16)
}

// Fits refuses tensors, under their names in a whole model, that are larger than the memory when they are bound under p; or, as parameters
// to learn, as float32 values.
func (room Room) Fits(tensors []weights.Tensor, p Precision, params bool) error {
	if room.Bytes <= 0 {
		return nil
	}
	need := p.Bytes(tensors)
	if params {
		need = 0
		for _, t := range tensors {
			need += 4 * int64(t.Len())
		}
	}
	if need <= room.Bytes {
		return nil
	}
	e := &tooLarge{need: need, room: room}
	var fitting []string
	var last int64
	for _, d := range smaller {
		if last = (Precision{Some: true, Matrices: d}).Bytes(tensors); last <= room.Bytes {
			fitting = append(fitting, fmt.Sprintf("--dtype %v takes %s", d, bytesize.Of(last)))
		}
	}
	if len(fitting) == 0 || params {
		return hint.Wrap(e, "even --dtype %v takes %s; --memory 0 tries all the same", smaller[len(smaller)-1], bytesize.Of(last))
	}
	return hint.Wrap(e, "%s", strings.Join(fitting, ", "))
}

// FitsAs is Fits for all tensors of sources, of which part gives the names in a whole model; a name that several sources have is the first's.
func (room Room) FitsAs(part func(name string) string, p Precision, params bool, sources ...weights.Source) error {
	if room.Bytes <= 0 {
		return nil
	}
	all := weights.Merge(sources...)
	var tensors []weights.Tensor
	for _, name := range all.Names() {
		if t, ok := all.Lookup(name); ok {
			t.Name = part(name)
			tensors = append(tensors, t)
		}
	}
	return room.Fits(tensors, p, params)
}

// Bytes is what tensors take when they are bound: rounded, as they lie, or as float32 values.
func (p Precision) Bytes(tensors []weights.Tensor) int64 {
	var sum int64
	for _, t := range tensors {
		d, convert := p.Store(t)
		_, direct := t.Kernel()
		switch {
		case convert && t.Shape[1]%d.BlockLen() == 0:
			sum += int64(t.Shape[0]) * int64(d.RowBytes(t.Shape[1]))
		case direct && len(t.Shape) == 2:
			sum += int64(len(t.Data))
		default:
			sum += 4 * int64(t.Len())
		}
	}
	return sum
}
