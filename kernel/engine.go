package kernel

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Family is a set of instructions that the hot loops are written for.
type Family uint8

// The families, slowest first. Each has what the ones before it have.
const (
	Generic    Family = iota
	AVX2              // with FMA and F16C
	AVX512            // F, BW, DQ, VL
	AVX512BF16        // with VNNI
	AMX               // tiles, int8 and bf16; on Linux, which must grant them
	numFamilies
)

var familyNames = [numFamilies]string{"generic", "avx2", "avx512", "avx512bf16", "amx"}

// String is the family's name as DRAGOMAN_ISA and the command line spell it.
func (f Family) String() string {
	if f < numFamilies {
		return familyNames[f]
	}
	return fmt.Sprintf("family(%d)", uint8(f))
}

// Engine computes with one family. It may be used by many goroutines at the same time.
type Engine struct {
	family Family
	cpu    identity
}

// identity is what the choice of a kernel within a family depends on, besides the shapes: the processor's make, never a
// timing, so that the same machine gives the same bytes.
type identity struct {
	// dotBF16 says that VDPBF16PS is worth using: twice the rate of f32 FMA on AMD (Zen 4 and Zen 5), half of it on Intel
	// (Sapphire Rapids and Granite Rapids), where bf16 without AMX is computed by the f32 kernels instead.
	dotBF16 bool
}

// Family is what the engine computes with.
func (e *Engine) Family() Family { return e.family }

// isaEnv is the environment variable that chooses the default family.
const isaEnv = "DRAGOMAN_ISA"

var (
	chosen  atomic.Pointer[Engine]
	engines = sync.OnceValue(func() []*Engine {
		var list []*Engine
		best, cpu := detect()
		for f := Generic; f <= best; f++ {
			list = append(list, &Engine{family: f, cpu: cpu})
		}
		return list
	})
)

// Default is the engine that Use chose, or else the one that DRAGOMAN_ISA names, or else the best for this processor. A name
// in the environment that cannot be had is passed over here: a program that wants to say so calls Use with it.
func Default() *Engine {
	if e := chosen.Load(); e != nil {
		return e
	}
	e, err := find(os.Getenv(isaEnv))
	if err != nil {
		e, _ = find("auto")
	}
	chosen.CompareAndSwap(nil, e)
	return chosen.Load()
}

// Use makes the named family (amx, avx512bf16, avx512, avx2, generic; auto or nothing for the best) the default. It is an
// error if there is no such family or this machine lacks it.
func Use(isa string) error {
	e, err := find(isa)
	if err != nil {
		return err
	}
	chosen.Store(e)
	return nil
}

// Engines lists an engine for each family that this machine can run, generic first.
func Engines() []*Engine { return append([]*Engine(nil), engines()...) }

// Names are the families' names, as DRAGOMAN_ISA and the command line spell them, generic first.
func Names() []string { return slices.Clone(familyNames[:]) }

func find(isa string) (*Engine, error) {
	list := engines()
	isa = strings.ToLower(strings.TrimSpace(isa))
	if isa == "" || isa == "auto" {
		return list[len(list)-1], nil
	}
	for f := range numFamilies {
		if familyNames[f] != isa {
			continue
		}
		if int(f) >= len(list) {
			return nil, fmt.Errorf("isa %s: this machine has %s at most", isa, list[len(list)-1].family)
		}
		return list[f], nil
	}
	return nil, fmt.Errorf("unknown isa %q (auto, %s)", isa, strings.Join(familyNames[:], ", "))
}
