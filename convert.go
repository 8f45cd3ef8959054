package dragoman

import (
	"fmt"
	"strings"

	"dragoman/internal/atomicfile"
	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/model/flamingo"
)

// Convert writes a model anew, with coarser matrices. Where out ends in .gguf it is one file with everything in it (encoder, bridge,
// language model, tokenizer, preprocessing), which Open takes; see blip2.Pack. Where it ends in .pt it is what was trained of an OpenFlamingo, as
// its project publishes it; see flamingo.WriteCheckpoint. Otherwise it is a directory: of a model that reads pages, all
// of it, as flamingo.Write has it; of any other the bridge quantised, and the frozen parts stay where they are; see blip2.Model.Convert.
//
// The dtype is a name as WithDType takes it. "auto" and "f32" round nothing, which a bridge in a folder cannot say. except are types of their
// own for some of the bridge's matrices, "GLOB=DTYPE" by their names, which only the directory can have.
func Convert(name, out, dtype string, except ...string) error {
	path, err := resolve(name)
	if err != nil {
		return err
	}
	var p blip2.Precision
	if dtype != "" && dtype != "auto" && dtype != "f32" {
		if p.Matrices, err = kernel.ParseDType(dtype); err != nil {
			return err
		}
		p.Some = true
	}
	var exceptions []blip2.Exception
	for _, e := range except {
		exception, err := blip2.ParseException(e)
		if err != nil {
			return fmt.Errorf("convert model: except: %w", err)
		}
		exceptions = append(exceptions, exception)
	}
	packed, checkpoint := strings.HasSuffix(out, ".gguf"), strings.HasSuffix(out, ".pt")
	pages, own := flamingo.Is(path), flamingo.IsOwn(path)
	if len(exceptions) > 0 && (packed || checkpoint || pages) {
		return fmt.Errorf("convert model: %s: exceptions are for the bridge of a BLIP-2 in a folder", out)
	}
	switch {
	case checkpoint && !pages:
		return fmt.Errorf("convert model: %s: only what was trained of an OpenFlamingo becomes such a file", out)
	case checkpoint:
		return flamingo.WriteCheckpoint(path, out, p)
	case packed && pages:
		return flamingo.Pack(path, out, p)
	case packed:
		return blip2.Pack(path, out, p)
	case pages && !own:
		return intoFolder(out, func(dir string) error { return flamingo.Write(path, dir, p) })
	case !p.Some:
		return fmt.Errorf("convert model: %s: a bridge in a folder is rounded, to f16, bf16, q8_0, q4_0 or q4_1", out)
	case pages:
		m, err := flamingo.Open(path, flamingo.Options{Trainable: true})
		if err != nil {
			return err
		}
		defer m.Close()
		return intoFolder(out, func(dir string) error { return m.Convert(dir, p.Matrices) })
	}
	m, err := blip2.Open(path, blip2.Options{Trainable: true})
	if err != nil {
		return err
	}
	defer m.Close()
	return intoFolder(out, func(dir string) error { return m.Convert(dir, p.Matrices, exceptions...) })
}

// intoFolder writes a model's directory whole or not at all; where others look for a model, its config.json comes last.
func intoFolder(dir string, write func(dir string) error) error {
	return atomicfile.WriteFolder(dir, write, "config.json")
}
