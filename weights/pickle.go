package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// The opcodes of pickle protocol 2 that PyTorch writes for state dicts and
// training checkpoints. Everything else is refused.
const (
	opMark         = '('
	opStop         = '.'
	opNone         = 'N'
	opReduce       = 'R'
	opBuild        = 'b'
	opGlobal       = 'c'
	opAppend       = 'a'
	opAppends      = 'e'
	opSetItem      = 's'
	opSetItems     = 'u'
	opEmptyDict    = '}'
	opEmptyList    = ']'
	opEmptyTuple   = ')'
	opTuple        = 't'
	opTuple1       = 0x85
	opTuple2       = 0x86
	opTuple3       = 0x87
	opTrue         = 0x88
	opFalse        = 0x89
	opProto        = 0x80
	opBinGet       = 'h'
	opLongBinGet   = 'j'
	opBinPut       = 'q'
	opLongBinPut   = 'r'
	opBinInt       = 'J'
	opBinInt1      = 'K'
	opBinInt2      = 'M'
	opLong1        = 0x8a
	opBinFloat     = 'G'
	opBinUnicode   = 'X'
	opBinPersID    = 'Q'
	maxPickle      = 1 << 28 // bytes
	maxPickleSteps = 1 << 22 // opcodes, and so objects
)

// What a pickle is made of, besides nil, bool, int64, float64 and string.
type (
	pickleTuple  []any
	pickleList   struct{ items []any }
	pickleGlobal string // "module.name": a name and nothing more
	pickleDict   struct {
		keys, values []any
		index        map[any]int
	}
)

// set adds or replaces an item. Keys are strings, integers or booleans.
func (d *pickleDict) set(key, value any) error {
	switch key.(type) {
	case string, int64, bool:
	default:
		return fmt.Errorf("a dict key of type %T", key)
	}
	if i, ok := d.index[key]; ok {
		d.values[i] = value
		return nil
	}
	if d.index == nil {
		d.index = map[any]int{}
	}
	d.index[key] = len(d.keys)
	d.keys = append(d.keys, key)
	d.values = append(d.values, value)
	return nil
}

// get is the value under a string key, nil where there is none.
func (d *pickleDict) get(key string) any {
	if i, ok := d.index[key]; ok {
		return d.values[i]
	}
	return nil
}

// unpickler interprets the opcodes above. It builds plain values, and calls
// reduce and persistent for the two things that mean something to PyTorch. A
// global that is not known is refused where it is named.
type unpickler struct {
	known      func(global pickleGlobal) bool
	reduce     func(callable pickleGlobal, args pickleTuple) (any, error)
	persistent func(id pickleTuple) (any, error)

	data  []byte
	at    int
	stack []any
	marks []int
	memo  map[uint32]any
}

var errPickleStack = errors.New("the stack is too short")

// unpickle reads one pickle from the beginning of data and returns its value
// and its length.
func (u *unpickler) unpickle(data []byte) (value any, size int, err error) {
	u.data, u.at, u.stack, u.marks, u.memo = data, 0, nil, nil, map[uint32]any{}
	for range maxPickleSteps {
		begin := u.at
		code, err := u.take(1)
		if err != nil {
			return nil, 0, fmt.Errorf("pickle: %w", err)
		}
		if code[0] == opStop {
			value, err := u.pop()
			if err != nil {
				return nil, 0, fmt.Errorf("pickle: byte %d: %w", begin, err)
			}
			return value, u.at, nil
		}
		if err := u.step(code[0]); err != nil {
			return nil, 0, fmt.Errorf("pickle: byte %d: opcode %#x: %w", begin, code[0], err)
		}
	}
	return nil, 0, fmt.Errorf("pickle: more than %d opcodes", maxPickleSteps)
}

// take is the next n bytes of the pickle.
func (u *unpickler) take(n int) ([]byte, error) {
	if n < 0 || n > len(u.data)-u.at {
		return nil, fmt.Errorf("truncated at byte %d", len(u.data))
	}
	b := u.data[u.at : u.at+n]
	u.at += n
	return b, nil
}

// line is the text up to the next line feed.
func (u *unpickler) line() (string, error) {
	rest := u.data[u.at:]
	for i, c := range rest[:min(len(rest), maxName)] {
		if c == '\n' {
			u.at += i + 1
			return string(rest[:i]), nil
		}
	}
	return "", errors.New("a name without an end")
}

func (u *unpickler) push(value any) { u.stack = append(u.stack, value) }

// floor is the lowest stack position that operations may pop: the last mark.
func (u *unpickler) floor() int {
	if len(u.marks) == 0 {
		return 0
	}
	return u.marks[len(u.marks)-1]
}

// pop takes the top of the stack off, never across a mark.
func (u *unpickler) pop() (any, error) {
	if len(u.stack) <= u.floor() {
		return nil, errPickleStack
	}
	top := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	return top, nil
}

// top is the value that APPEND, SETITEM and BUILD work on.
func (u *unpickler) top() (any, error) {
	if len(u.stack) <= u.floor() {
		return nil, errPickleStack
	}
	return u.stack[len(u.stack)-1], nil
}

// popN takes n values off, in the order in which they were pushed.
func (u *unpickler) popN(n int) ([]any, error) {
	if len(u.stack)-u.floor() < n {
		return nil, errPickleStack
	}
	values := append([]any(nil), u.stack[len(u.stack)-n:]...)
	u.stack = u.stack[:len(u.stack)-n]
	return values, nil
}

// popMark takes everything above the last mark off, and the mark.
func (u *unpickler) popMark() ([]any, error) {
	if len(u.marks) == 0 {
		return nil, errors.New("no mark on the stack")
	}
	values, err := u.popN(len(u.stack) - u.floor())
	u.marks = u.marks[:len(u.marks)-1]
	return values, err
}

// step carries out one opcode.
func (u *unpickler) step(code byte) error {
	switch code {
	case opProto:
		version, err := u.take(1)
		if err == nil && version[0] > 3 {
			err = fmt.Errorf("protocol %d, supported is 2", version[0])
		}
		return err
	case opMark:
		u.marks = append(u.marks, len(u.stack))
	case opNone:
		u.push(nil)
	case opTrue:
		u.push(true)
	case opFalse:
		u.push(false)
	case opEmptyDict:
		u.push(&pickleDict{})
	case opEmptyList:
		u.push(&pickleList{})
	case opEmptyTuple:
		u.push(pickleTuple{})
	case opTuple1, opTuple2, opTuple3:
		values, err := u.popN(int(code) - opTuple1 + 1)
		u.push(pickleTuple(values))
		return err
	case opTuple:
		values, err := u.popMark()
		u.push(pickleTuple(values))
		return err
	case opBinInt, opBinInt1, opBinInt2, opLong1, opBinFloat, opBinUnicode:
		return u.scalar(code)
	case opBinGet, opLongBinGet, opBinPut, opLongBinPut:
		return u.remember(code)
	case opAppend, opAppends:
		return u.appendItems(code)
	case opSetItem, opSetItems:
		return u.setItems(code)
	case opGlobal, opReduce, opBuild, opBinPersID:
		return u.object(code)
	default:
		return errors.New("not one that a state dict is made of")
	}
	return nil
}

// scalarWidth is how many bytes follow the opcode of a number, or hold the
// length of what follows.
var scalarWidth = [256]int{
	opBinInt: 4, opBinInt1: 1, opBinInt2: 2, opLong1: 1, opBinFloat: 8, opBinUnicode: 4,
}

// scalar pushes a number or a string.
func (u *unpickler) scalar(code byte) error {
	b, err := u.take(scalarWidth[code])
	if err != nil {
		return err
	}
	switch code {
	case opBinInt:
		u.push(int64(int32(binary.LittleEndian.Uint32(b))))
	case opBinInt1:
		u.push(int64(b[0]))
	case opBinInt2:
		u.push(int64(binary.LittleEndian.Uint16(b)))
	case opBinFloat:
		u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case opBinUnicode:
		size := binary.LittleEndian.Uint32(b)
		text, err := u.take(int(size))
		u.push(string(text))
		return err
	case opLong1:
		digits, err := u.take(int(b[0]))
		if err != nil {
			return err
		}
		if len(digits) > 8 {
			return fmt.Errorf("an integer of %d bytes", len(digits))
		}
		var number int64
		for i, digit := range digits {
			number |= int64(digit) << (8 * i)
		}
		if n := len(digits); n > 0 { // the last digit carries the sign
			unused := 64 - 8*n
			number = number << unused >> unused
		}
		u.push(number)
	}
	return nil
}

// remember stores the top of the stack in the memo, or pushes from it.
func (u *unpickler) remember(code byte) error {
	width := 1
	if code == opLongBinGet || code == opLongBinPut {
		width = 4
	}
	b, err := u.take(width)
	if err != nil {
		return err
	}
	key := uint32(b[0])
	if width == 4 {
		key = binary.LittleEndian.Uint32(b)
	}
	if code == opBinPut || code == opLongBinPut {
		value, err := u.top()
		u.memo[key] = value
		return err
	}
	value, ok := u.memo[key]
	if !ok {
		return fmt.Errorf("nothing was remembered as %d", key)
	}
	u.push(value)
	return nil
}

// appendItems adds one value, or all above the mark, to the list below.
func (u *unpickler) appendItems(code byte) error {
	var items []any
	var err error
	if code == opAppend {
		items, err = u.popN(1)
	} else {
		items, err = u.popMark()
	}
	if err != nil {
		return err
	}
	target, err := u.top()
	if err != nil {
		return err
	}
	list, ok := target.(*pickleList)
	if !ok {
		return fmt.Errorf("appends to a %T", target)
	}
	list.items = append(list.items, items...)
	return nil
}

// setItems adds one pair, or all above the mark, to the dict below.
func (u *unpickler) setItems(code byte) error {
	var items []any
	var err error
	if code == opSetItem {
		items, err = u.popN(2)
	} else {
		items, err = u.popMark()
	}
	if err != nil {
		return err
	}
	target, err := u.top()
	if err != nil {
		return err
	}
	dict, ok := target.(*pickleDict)
	if !ok || len(items)%2 != 0 {
		return fmt.Errorf("sets %d keys and values of a %T", len(items), target)
	}
	for i := 0; i < len(items); i += 2 {
		if err := dict.set(items[i], items[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// object carries out the opcodes that make objects in Python: here they name
// something, or are answered by reduce and persistent.
func (u *unpickler) object(code byte) error {
	if code == opGlobal {
		module, err := u.line()
		if err != nil {
			return err
		}
		name, err := u.line()
		if err != nil {
			return err
		}
		global := pickleGlobal(module + "." + name)
		if !u.known(global) {
			return fmt.Errorf("it names %s: only state dicts are read, and nothing in the file is run", quote(string(global)))
		}
		u.push(global)
		return nil
	}
	argument, err := u.pop()
	if err != nil {
		return err
	}
	if code == opBuild {
		// A dict's attributes (a state dict's _metadata) hold no tensors.
		target, err := u.top()
		if _, ok := target.(*pickleDict); err == nil && !ok {
			err = fmt.Errorf("sets attributes of a %T", target)
		}
		return err
	}
	args, ok := argument.(pickleTuple)
	if !ok {
		return fmt.Errorf("arguments of type %T", argument)
	}
	var value any
	if code == opBinPersID {
		value, err = u.persistent(args)
	} else {
		var callable any
		if callable, err = u.pop(); err != nil {
			return err
		}
		name, ok := callable.(pickleGlobal)
		if !ok {
			return fmt.Errorf("calls a %T", callable)
		}
		value, err = u.reduce(name, args)
	}
	u.push(value)
	return err
}
