package dragoman

import (
	"fmt"
	"strings"

	"dragoman/internal/hint"
	"dragoman/kernel"
	"dragoman/model/blip2"
	"dragoman/model/flamingo"
)

// Convert writes a model anew, with coarser matrices. Where out ends in .gguf it is one file with everything in it (encoder, bridge,
// language model, tokenizer, preprocessing), which Open takes; see blip2.Pack. Otherwise it is a directory with the bridge quantised,
// and the frozen parts stay where they are; see blip2.Model.Convert.
//
// The dtype is a name as WithDType takes it. "auto" and "f32" round nothing, which only the one file can say. except are types of their
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
	oneFile := strings.HasSuffix(out, ".gguf")
	if flamingo.Is(configOf(path)) {
		if oneFile || len(exceptions) > 0 {
			return hint.Wrap(fmt.Errorf("convert model: %s: of what reads pages only a bridge that was trained here is written, into a folder, all of it as one type", name), "--out DIR, without --except")
		}
		m, err := flamingo.Open(path, flamingo.Options{Trainable: true})
		if err != nil {
			return err
		}
		defer m.Close()
		return m.Convert(out, p.Matrices)
	}
	if oneFile {
		if len(exceptions) > 0 {
			return fmt.Errorf("convert model: %s: exceptions are for a folder", out)
		}
		return blip2.Pack(path, out, p)
	}
	m, err := blip2.Open(path, blip2.Options{Trainable: true})
	if err != nil {
		return err
	}
	defer m.Close()
	return m.Convert(out, p.Matrices, exceptions...)
}
