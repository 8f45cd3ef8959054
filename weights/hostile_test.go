package weights

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var containers = []string{"types.safetensors", "types.gguf", "types.pt", "legacy.pt", "training.pt"}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(testdata(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// touch reads every tensor of a file that opened.
func touch(t *testing.T, f *File) {
	t.Helper()
	for _, name := range f.Names() {
		tensor, ok := f.Lookup(name)
		if !ok {
			t.Fatalf("%s is listed but not found", name)
		}
		if _, err := tensor.Float32(); err != nil {
			t.Fatalf("%s opened but does not decode: %v", name, err)
		}
	}
}

// TestTruncated cuts each container at every byte: an error that names the
// file, and never a panic. Only the padding after a GGUF's last tensor can be
// lost unnoticed.
func TestTruncated(t *testing.T) {
	for _, name := range containers {
		whole := mustRead(t, name)
		for n := range whole {
			f, err := OpenBytes("cut.file", whole[:n:n])
			if err == nil {
				touch(t, f)
				if f.Format != GGUF || n < len(whole)-31 || len(f.Names()) != 18 {
					t.Errorf("%s cut to %d of %d bytes opened", name, n, len(whole))
				}
			} else if message := err.Error(); !strings.Contains(message, "cut.file") || strings.Contains(message, "\n") {
				t.Errorf("%s cut to %d bytes: %q", name, n, message)
			}
		}
	}
}

// TestGrown appends bytes that belong to no tensor.
func TestGrown(t *testing.T) {
	for _, name := range []string{"types.safetensors", "legacy.pt"} {
		if _, err := OpenBytes(name, append(mustRead(t, name), 0)); err == nil {
			t.Errorf("%s with a byte more opened", name)
		}
	}
}

// TestFlipped changes each byte in turn: what opens must decode.
func TestFlipped(t *testing.T) {
	for _, name := range containers {
		whole := mustRead(t, name)
		for i := range whole {
			for _, flip := range []byte{1, 0xff} {
				whole[i] ^= flip
				if f, err := OpenBytes(name, whole); err == nil {
					touch(t, f)
				}
				whole[i] ^= flip
			}
		}
	}
}

// header makes a safetensors file of a header and a body.
func header(json string, body int) []byte {
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(json)))
	return append(append(data, json...), make([]byte, body)...)
}

func TestHostileSafetensors(t *testing.T) {
	tensor := func(dtype, shape string, from, to uint64) string {
		return fmt.Sprintf(`{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, dtype, shape, from, to)
	}
	for what, c := range map[string]struct {
		data []byte
		want string
	}{
		"overlap": {header(`{"a":`+tensor("F32", "[2]", 0, 8)+`,"b":`+tensor("F32", "[2]", 4, 12)+`}`, 12), `"b": overlaps tensor "a"`},
		"gap":     {header(`{"a":`+tensor("U8", "[1]", 0, 1)+`,"b":`+tensor("U8", "[1]", 2, 3)+`}`, 3), `"b": 1 bytes before it`},
		"beyond":  {header(`{"a":`+tensor("F32", "[2]", 0, 8)+`}`, 7), `"a": truncated`},
		"backwards": {
			header(`{"a":`+tensor("F32", "[2]", 8, 0)+`}`, 8), `"a": ends at byte 0`,
		},
		"negative offset": {header(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, 0), `"a": data offsets -1 and 0`},
		"offset text":     {header(`{"a":{"dtype":"U8","shape":[1],"data_offsets":["0",1]}}`, 1), `"a": header: data_offsets cannot be of JSON type string`},
		"offset fraction": {header(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,0.5]}}`, 1), `"a": header: data_offsets cannot be of JSON type number 0.5`},
		"type number":     {header(`{"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}}`, 1), `"a": header: dtype cannot be of JSON type number`},
		"no entry":        {header(`{"a":[]}`, 0), `"a": header: an entry cannot be of JSON type array`},
		"wrong size":      {header(`{"a":`+tensor("F32", "[3]", 0, 8)+`}`, 8), `"a": F32 [3] needs 12 bytes`},
		"overflow": {
			header(`{"a":`+tensor("F32", "[4294967296,4294967296]", 0, 0)+`}`, 0), `overflows`,
		},
		"byte overflow": {
			header(`{"a":`+tensor("F64", "[4611686018427387904]", 0, 0)+`}`, 0), `overflows`,
		},
		"negative":     {header(`{"a":`+tensor("F32", "[-2]", 0, 8)+`}`, 8), `negative dimension`},
		"dimensions":   {header(`{"a":`+tensor("F32", "[1,1,1,1,1,1,1,1,1]", 0, 4)+`}`, 4), `9 dimensions`},
		"unknown type": {header(`{"a":`+tensor("F99", "[1]", 0, 4)+`}`, 4), `"a": unknown element type "F99"`},
		"block type":   {header(`{"a":`+tensor("Q4_0", "[32]", 0, 18)+`}`, 18), `unknown element type`},
		"twice":        {header(`{"a":`+tensor("U8", "[0]", 0, 0)+`,"a":`+tensor("U8", "[0]", 0, 0)+`}`, 0), `"a": listed twice`},
		"huge header": {
			append(binary.LittleEndian.AppendUint64(nil, 1<<62), '{', '}'), `a header of`,
		},
		"long name":   {header(`{"`+strings.Repeat("a", 5000)+`":`+tensor("U8", "[0]", 0, 0)+`}`, 0), `a name of 5000 bytes`},
		"not JSON":    {header(`{"a":`, 0), `malformed JSON`},
		"no offsets":  {header(`{"a":{"dtype":"U8","shape":[0]}}`, 0), `0 data offsets`},
		"more":        {header(`{}{}`, 0), `more after its end`},
		"meta twice":  {header(`{"__metadata__":{},"__metadata__":{}}`, 0), `twice`},
		"meta number": {header(`{"__metadata__":{"a":1}}`, 0), `__metadata__`},
		"empty":       {nil, `empty`},
		"text":        {[]byte("hello, world"), `not safetensors`},
	} {
		_, err := OpenBytes("x.safetensors", c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", what, err, c.want)
		}
	}
}

// TestUnaligned opens a file whose tensors lie at odd addresses.
func TestUnaligned(t *testing.T) {
	body := `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}`
	data := header(body, 9)
	copy(data[len(data)-8:], []byte{0, 0, 128, 63, 0, 0, 0, 64})
	f, err := OpenBytes("odd", data)
	if err != nil {
		t.Fatal(err)
	}
	wantTensor(t, f, "b", []int{2}, []float32{1, 2})
}

// ggufBytes assembles a GGUF header out of integers (8 bytes), uint32s and
// strings.
func ggufBytes(parts ...any) []byte {
	data := []byte("GGUF")
	for _, part := range parts {
		switch p := part.(type) {
		case int:
			data = binary.LittleEndian.AppendUint64(data, uint64(p))
		case uint32:
			data = binary.LittleEndian.AppendUint32(data, p)
		case string:
			data = append(binary.LittleEndian.AppendUint64(data, uint64(len(p))), p...)
		}
	}
	return append(data, make([]byte, 200)...)
}

func TestHostileGGUF(t *testing.T) {
	const three = uint32(3)
	one := func(parts ...any) []byte { return ggufBytes(append([]any{three, 1, 0}, parts...)...) }
	key := func(parts ...any) []byte { return ggufBytes(append([]any{three, 0, 1}, parts...)...) }
	for what, c := range map[string]struct {
		data []byte
		want string
	}{
		"version":         {ggufBytes(uint32(1), 0, 0), "version 1"},
		"big endian":      {ggufBytes(uint32(3<<24), 0, 0), "big-endian"},
		"many tensors":    {ggufBytes(three, -1, 0), "tensors in"},
		"many keys":       {ggufBytes(three, 0, 1<<60), "metadata keys in"},
		"long key":        {key(1 << 40), "a name of"},
		"long string":     {key("k", uint32(ggufString), 1<<50), `"k": truncated`},
		"long array":      {key("k", uint32(ggufArray), uint32(ggufU64), 1<<61), `"k": `},
		"many strings":    {key("k", uint32(ggufArray), uint32(ggufString), 1<<61), `"k": `},
		"array of arrays": {key("k", uint32(ggufArray), uint32(ggufArray), 1), "arrays of arrays"},
		"value type":      {key("k", uint32(77)), "unknown value type 77"},
		"array type":      {key("k", uint32(ggufArray), uint32(77), 1), "unknown value type 77"},
		"key twice":       {ggufBytes(three, 0, 2, "k", uint32(ggufU64), 1, "k", uint32(ggufU64), 1), "twice"},
		"alignment":       {key("general.alignment", uint32(ggufU64), 0), "general.alignment"},
		"dimensions":      {one("w", uint32(1<<30)), `"w": 1073741824 dimensions`},
		"overflow":        {one("w", uint32(2), 1<<40, 1<<40, uint32(0), 0), `"w": shape`},
		"dimension":       {one("w", uint32(1), -1, uint32(0), 0), `"w": dimension`},
		"type":            {one("w", uint32(1), 4, uint32(99), 0), `"w": unknown element type number 99`},
		"blocks":          {one("w", uint32(1), 33, uint32(2), 0), `"w": rows`},
		"beyond":          {one("w", uint32(1), 4, uint32(0), 1<<60), `"w": truncated`},
		"offset wraps":    {one("w", uint32(1), 4, uint32(0), -8), `"w": truncated`},
		"no name":         {one("", uint32(1), 4, uint32(0), 0), "without a name"},
		"twice":           {ggufBytes(three, 2, 0, "w", uint32(1), 1, uint32(0), 0, "w", uint32(1), 1, uint32(0), 32), "listed twice"},
		"overlap":         {ggufBytes(three, 2, 0, "v", uint32(1), 4, uint32(0), 0, "w", uint32(1), 4, uint32(0), 8), `"w": overlaps`},
	} {
		_, err := OpenBytes("x.gguf", c.data)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "x.gguf") {
			t.Errorf("%s: error %v, want one with %q", what, err, c.want)
		}
	}
}

// TestHostilePickle feeds the unpickler directly.
func TestHostilePickle(t *testing.T) {
	const rebuild = "ctorch._utils\n_rebuild_tensor_v2\n"
	// A storage of 4 floats, as a persistent id.
	const storage = "(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQ"
	tensor := func(offset, size, stride string) string {
		return "}X\x01\x00\x00\x00w" + rebuild + "(" + storage + offset + size + stride + "\x89Nt" + "Rs."
	}
	for what, c := range map[string]struct{ pickle, want string }{
		"cyclic dict":     {"}q\x00X\x05\x00\x00\x00modelh\x00s.", "holds no tensors"},
		"cyclic list":     {"]q\x00h\x00a.", "holds a list, not a state dict"},
		"negated":         {strings.Replace(tensor("K\x00", "K\x01\x85", "K\x01\x85"), "\x89Nt", "\x89N}X\x03\x00\x00\x00neg\x88st", 1), "a negated view"},
		"code":            {"cposix\nsystem\n(X\x02\x00\x00\x00lstR.", "posix.system"},
		"numpy":           {"cnumpy.core.multiarray\nscalar\n.", "numpy"},
		"inst":            {"(iposix\nsystem\n.", "opcode 0x69"},
		"memo":            {"h\x07.", "nothing was remembered"},
		"long memo":       {"}r\xff\xff\xff\xff.", "no tensors"},
		"empty":           {".", "stack"},
		"no stop":         {"N", "truncated"},
		"long string":     {"X\xff\xff\xff\x7f", "truncated"},
		"wide integer":    {"\x8a\x0a0123456789.", "10 bytes"},
		"no mark":         {"t.", "no mark"},
		"across a mark":   {"}(Nh\x00.", "remembered"},
		"pop across mark": {"NN(\x86.", "stack"},
		"odd items":       {"}(Nu.", "sets 1 keys"},
		"unhashable key":  {"}]Ns.", "dict key"},
		"append to None":  {"NNa.", "appends"},
		"storage class":   {"(X\x07\x00\x00\x00storageNX\x01\x00\x00\x000NK\x04tQ.", "unknown storage class"},
		"no id":           {"NQ.", "arguments"},
		"offset":          {tensor("K\x05", "K\x01\x85", "K\x01\x85"), "does not start within"},
		"negative offset": {tensor("J\xff\xff\xff\xff", "K\x01\x85", "K\x01\x85"), "does not start within"},
		"reach":           {tensor("K\x01", "K\x04\x85", "K\x01\x85"), `"w": reaches element 4`},
		"stride":          {tensor("K\x00", "K\x02\x85", "J\xff\xff\xff\x7f\x85"), `"w": reaches element`},
		"stride overflow": {tensor("K\x00", "K\x03\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85"), `"w": size [3]`},
		"shape overflow":  {tensor("K\x00", "\x8a\x05\x00\x00\x00\x00\x7f\x8a\x05\x00\x00\x00\x00\x7f\x86", "K\x00K\x00\x86"), `"w": shape`},
		"expanded":        {tensor("K\x00", "J\x00\x00\x00\x7f\x85", "K\x00\x85"), `"w": size [2130706432] repeats`},
		"strides missing": {tensor("K\x00", "K\x01\x85", ")"), "strides []"},
		"string size":     {tensor("K\x00", "X\x01\x00\x00\x00a\x85", "K\x01\x85"), "not a proper length"},
	} {
		reader := torchReader{}
		root, _, err := reader.unpickler().unpickle([]byte("\x80\x02" + c.pickle))
		if err == nil {
			for _, s := range reader.storages {
				s.data = make([]byte, s.numel*4)
			}
			f := &File{tensors: map[string]entry{}}
			err = f.addStateDict(root)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", what, err, c.want)
		}
	}
}

// TestDeepPickle nests tuples far deeper than a stack of calls could follow.
func TestDeepPickle(t *testing.T) {
	pickle := append([]byte("\x80\x02)"), strings.Repeat("\x85", 1_000_000)...)
	reader := torchReader{}
	if _, _, err := reader.unpickler().unpickle(append(pickle, 'Q', '.')); err == nil {
		t.Error("a tuple of tuples passed for a storage")
	}
	long := []byte("\x80\x02" + strings.Repeat("N", maxPickleSteps) + ".")
	if _, _, err := reader.unpickler().unpickle(long); err == nil || !strings.Contains(err.Error(), "opcodes") {
		t.Errorf("too many opcodes: %v", err)
	}
}

func TestShards(t *testing.T) {
	dir := t.TempDir()
	put := func(name, contents string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(contents), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name string, tensors ...Tensor) {
		t.Helper()
		if err := WriteSafetensors(filepath.Join(dir, name), tensors, nil); err != nil {
			t.Fatal(err)
		}
	}
	write("model-1.safetensors", numbered("a", 2), numbered("tied", 3))
	write("model-2.safetensors", numbered("b", 2, 2), numbered("tied", 1))
	const index = "model.safetensors.index.json"
	put(index, `{"metadata":{"total_size":1},"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors","tied":"model-2.safetensors"}}`)
	for _, path := range []string{dir, filepath.Join(dir, index)} {
		f := open(t, path)
		if got := slices.Sorted(slices.Values(f.Names())); !slices.Equal(got, []string{"a", "b", "tied"}) {
			t.Errorf("names %v", got)
		}
		wantTensor(t, f, "b", []int{2, 2}, []float32{0, 1, 2, 3})
		wantTensor(t, f, "tied", []int{1}, []float32{0})
	}
	for want, contents := range map[string]string{
		"outside the directory": `{"weight_map":{"a":"../model-1.safetensors"}}`,
		`"c": not in shard`:     `{"weight_map":{"c":"model-1.safetensors"}}`,
		"no such file":          `{"weight_map":{"a":"model-3.safetensors"}}`,
		"no weight_map":         `{}`,
		"JSON":                  `{`,
		// A list of shards that names itself must not be followed.
		"not safetensors": `{"weight_map":{"a":"model.safetensors.index.json"}}`,
		"regular":         `{"weight_map":{"a":"."}}`,
	} {
		put(index, contents)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), index) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func TestOpenDirectory(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "no weights") {
		t.Errorf("an empty directory: %v", err)
	}
	if err := WriteSafetensors(filepath.Join(dir, "any.safetensors"), []Tensor{numbered("a", 2)}, nil); err != nil {
		t.Fatal(err)
	}
	wantTensor(t, open(t, dir), "a", []int{2}, []float32{0, 1})
	if err := os.WriteFile(filepath.Join(dir, "other.bin"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "several") {
		t.Errorf("two files: %v", err)
	}
}
