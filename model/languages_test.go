package model

import (
	"os"
	"path/filepath"
	"testing"
)

// TestUnheededKeys: a generation_config.json that would have transformers choose other tokens is refused, and the values that change nothing are not.
func TestUnheededKeys(t *testing.T) {
	for file, want := range map[string]string{
		`{"guidance_scale": 1.5}`:                                                                        "generation_config.json: guidance_scale is not supported",
		`{"encoder_repetition_penalty": 1.5}`:                                                            "generation_config.json: encoder_repetition_penalty is not supported",
		`{"encoder_no_repeat_ngram_size": 2}`:                                                            "generation_config.json: encoder_no_repeat_ngram_size is not supported",
		`{"sequence_bias": [[[5, 6], 2.0]]}`:                                                             "generation_config.json: sequence_bias is not supported",
		`{"exponential_decay_length_penalty": [5, 1.1]}`:                                                 "generation_config.json: exponential_decay_length_penalty is not supported",
		`{"guidance_scale": null, "sequence_bias": null}`:                                                "",
		`{"guidance_scale": 1, "top_k": 50, "min_length": 0}`:                                            "",
		`{"encoder_no_repeat_ngram_size": 0, "encoder_repetition_penalty": 1.0, "eos_token_id": [2, 3]}`: "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, GenerationFile), []byte(file), 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := ReadGeneration(Dir(dir))
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
}
