// Package flamingo is Flamingo (Alayrac et al. 2022) as it was rebuilt in the open: IDEFICS (transformers' IdeficsForVisionText2Text) and
// OpenFlamingo (Awadalla et al. 2023). A frozen language model reads a page of pictures and text in any order, and writes on:
//
//	pixels [pictures,3,H,W] ─ encoder → features ─ resampler → [rows,pictures,latents,width] ─┐
//	page: text and picture tokens ─ language model, before some of whose blocks the text looks at it
//
// A picture stands in the text as a token, and the tokens behind it look at that picture until the next one. So examples can be shown
// before a question: pictures with texts, then a picture whose text is missing.
//
// What the two projects do otherwise, in tokens, prompts, names and files, is in idefics.go and openflamingo.go.
package flamingo
