package weights

import (
	"errors"
	"fmt"
	"math"
	"strings"
)

// torchStorages maps PyTorch's storage classes to element types.
var torchStorages = map[pickleGlobal]Type{
	"torch.FloatStorage":    F32,
	"torch.DoubleStorage":   F64,
	"torch.HalfStorage":     F16,
	"torch.BFloat16Storage": BF16,
	"torch.LongStorage":     I64,
	"torch.IntStorage":      I32,
	"torch.ShortStorage":    I16,
	"torch.CharStorage":     I8,
	"torch.ByteStorage":     U8,
	"torch.BoolStorage":     Bool,
}

// torchStorage is a run of elements that tensors view, known before its bytes
// are found.
type torchStorage struct {
	kind  Type
	numel int
	data  []byte
}

// torchTensor is a view of a storage; offset and strides count elements.
type torchTensor struct {
	storage *torchStorage
	offset  int
	shape   []int
	strides []int
}

// torchReader builds storages and tensors out of a checkpoint's pickle.
type torchReader struct {
	storages map[string]*torchStorage
	keys     []string // in the order of their first use
}

// unpickler is an unpickler for this reader's storages.
func (r *torchReader) unpickler() *unpickler {
	r.storages = map[string]*torchStorage{}
	return &unpickler{known: knownGlobal, reduce: r.reduce, persistent: r.storage}
}

// knownGlobal is the allow-list: the names that tensors, and the plain values
// around them in a training checkpoint, are pickled with.
func knownGlobal(global pickleGlobal) bool {
	if _, ok := torchStorages[global]; ok {
		return true
	}
	switch global {
	case "collections.OrderedDict", "torch.Size",
		"torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter",
		"torch.float32", "torch.float64", "torch.float16", "torch.bfloat16",
		"torch.int64", "torch.int32", "torch.int16", "torch.int8", "torch.uint8", "torch.bool":
		return true
	}
	return false
}

// storage answers a persistent id: ("storage", class, key, device, elements),
// in legacy files with None (no view) at the end. The device is ignored.
func (r *torchReader) storage(id pickleTuple) (any, error) {
	if len(id) == 6 && id[5] == nil {
		id = id[:5]
	}
	if len(id) != 5 || id[0] != "storage" {
		return nil, errors.New("a persistent id that is not a storage")
	}
	class, _ := id[1].(pickleGlobal)
	kind, ok := torchStorages[class]
	if !ok {
		return nil, fmt.Errorf("unknown storage class %s", quote(string(class)))
	}
	key, ok := id[2].(string)
	if !ok || key == "" || len(key) > maxName {
		return nil, errors.New("a storage without a proper key")
	}
	numel, ok := id[4].(int64)
	if !ok || numel < 0 || numel > math.MaxInt/8 {
		return nil, fmt.Errorf("storage %s: no proper number of elements", quote(key))
	}
	if known := r.storages[key]; known != nil {
		if known.kind != kind || known.numel != int(numel) {
			return nil, fmt.Errorf("storage %s: described in two ways", quote(key))
		}
		return known, nil
	}
	made := &torchStorage{kind: kind, numel: int(numel)}
	r.storages[key] = made
	r.keys = append(r.keys, key)
	return made, nil
}

// reduce knows the calls that a state dict is made of.
func (r *torchReader) reduce(callable pickleGlobal, args pickleTuple) (any, error) {
	switch callable {
	case "collections.OrderedDict":
		if len(args) != 0 {
			return nil, errors.New("an OrderedDict with arguments")
		}
		return &pickleDict{}, nil
	case "torch.Size":
		if len(args) != 1 {
			return nil, errors.New("a torch.Size without dimensions")
		}
		return args[0], nil
	case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
		return rebuildTensor(args)
	case "torch._utils._rebuild_parameter":
		if len(args) > 0 {
			if tensor, ok := args[0].(*torchTensor); ok {
				return tensor, nil
			}
		}
		return nil, errors.New("a parameter without a tensor")
	}
	return nil, fmt.Errorf("it calls %s, which makes no tensor", quote(string(callable)))
}

// rebuildTensor checks (storage, offset, size, stride, …).
func rebuildTensor(args pickleTuple) (*torchTensor, error) {
	if len(args) < 4 {
		return nil, errors.New("a tensor with too few arguments")
	}
	storage, ok := args[0].(*torchStorage)
	if !ok {
		return nil, fmt.Errorf("a tensor over a %T", args[0])
	}
	offset, ok := args[1].(int64)
	if !ok || offset < 0 || offset > int64(storage.numel) {
		return nil, fmt.Errorf("a tensor that does not start within its %d elements", storage.numel)
	}
	shape, err := pickleInts(args[2])
	if err != nil {
		return nil, fmt.Errorf("a tensor's size: %w", err)
	}
	strides, err := pickleInts(args[3])
	if err != nil {
		return nil, fmt.Errorf("a tensor's strides: %w", err)
	}
	if len(shape) != len(strides) {
		return nil, fmt.Errorf("a tensor of size %v with strides %v", shape, strides)
	}
	if len(args) > 6 { // what is not in the numbers themselves
		if kept, ok := args[6].(*pickleDict); ok && (kept.get("neg") == true || kept.get("conj") == true) {
			return nil, errors.New("a tensor that is a negated view: its numbers are stored with the other sign")
		}
	}
	return &torchTensor{storage, int(offset), shape, strides}, nil
}

// pickleInts is a short tuple of non-negative integers.
func pickleInts(value any) ([]int, error) {
	tuple, ok := value.(pickleTuple)
	if !ok {
		return nil, fmt.Errorf("a %T instead of a tuple", value)
	}
	if len(tuple) > maxDims {
		return nil, fmt.Errorf("%d dimensions, at most %d are supported", len(tuple), maxDims)
	}
	ints := make([]int, len(tuple))
	for i, item := range tuple {
		n, ok := item.(int64)
		if !ok || n < 0 || int64(int(n)) != n {
			return nil, errors.New("not a proper length")
		}
		ints[i] = int(n)
	}
	return ints, nil
}

// kindOf is what a checkpoint's value is, in words.
func kindOf(value any) string {
	switch value.(type) {
	case *torchTensor:
		return "a single tensor"
	case *pickleList, pickleTuple:
		return "a list"
	case string:
		return "a text"
	case int64, float64, bool:
		return "a number"
	case nil:
		return "nothing"
	}
	return "something else"
}

// wrappers are the keys under which training programs put the state dict.
var wrappers = []string{"model_state_dict", "state_dict", "model"}

// addStateDict enters the tensors of a checkpoint's value, whose storages have
// their bytes: a dict of tensors, alone or under one of the wrappers. Entries
// that are not tensors are passed over, and a "module." that all names share
// (DistributedDataParallel) is dropped.
func (f *File) addStateDict(root any) error {
	dict, ok := root.(*pickleDict)
	for depth := 0; ok && depth < 4; depth++ {
		inner := (*pickleDict)(nil)
		for _, key := range wrappers {
			if inner, _ = dict.get(key).(*pickleDict); inner != nil {
				break
			}
		}
		if inner == nil {
			break
		}
		dict = inner
	}
	if !ok {
		return fmt.Errorf("holds %s, not a state dict", kindOf(root))
	}
	type named struct {
		name   string
		tensor *torchTensor
	}
	var found []named
	prefix := "module."
	for i, key := range dict.keys {
		name, isName := key.(string)
		tensor, isTensor := dict.values[i].(*torchTensor)
		if isName && isTensor {
			found = append(found, named{name, tensor})
			if !strings.HasPrefix(name, prefix) {
				prefix = ""
			}
		}
	}
	if len(found) == 0 {
		return errors.New("holds no tensors by name")
	}
	for _, n := range found {
		e, err := n.tensor.entry(strings.TrimPrefix(n.name, prefix))
		if err != nil {
			return fmt.Errorf("tensor %s: %w", quote(n.name), err)
		}
		if err := f.add(e); err != nil {
			return err
		}
	}
	return nil
}

// maxExpanded bounds what a view that repeats elements (stride 0) may grow to
// beyond the storage that it repeats.
const maxExpanded = 1 << 20

// entry checks that the view stays within its storage.
func (t *torchTensor) entry(name string) (e entry, err error) {
	size, err := byteSize(t.storage.kind, t.shape)
	if err != nil {
		return e, err
	}
	e.Tensor = Tensor{Name: name, Type: t.storage.kind, Shape: t.shape}
	if size == 0 {
		return e, nil
	}
	last, contiguous, expected := t.offset, true, 1
	for i := len(t.shape) - 1; i >= 0; i-- {
		dim, stride := t.shape[i], t.strides[i]
		if dim > 1 && stride > (math.MaxInt-last)/(dim-1) {
			return e, fmt.Errorf("size %v with strides %v overflows", t.shape, t.strides)
		}
		last += (dim - 1) * stride
		contiguous = contiguous && (dim == 1 || stride == expected)
		expected *= dim
	}
	if last >= t.storage.numel {
		return e, fmt.Errorf("reaches element %d of a storage of %d", last, t.storage.numel)
	}
	width := t.storage.kind.BlockBytes()
	data := t.storage.data[t.offset*width:]
	if contiguous {
		e.Data = data[:size:size]
		return e, nil
	}
	if size > maxExpanded && size/width > t.storage.numel {
		return e, fmt.Errorf("size %v repeats a storage of %d elements", t.shape, t.storage.numel)
	}
	e.Data, e.strides = data, t.strides
	return e, nil
}
