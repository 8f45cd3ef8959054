// Package dragoman lets an image talk to a language model: captions, answers, match scores and embeddings of pictures inside a
// Go program, without Python and without cgo.
//
// A model is a frozen image encoder, a bridge of learned latent queries, and a frozen language model, as in BLIP-2
// (arXiv:2301.12597) and Flamingo (arXiv:2204.14198). Open loads one from a directory, a file or, if the program imports
// dragoman/mini, from the program itself:
//
//	m, err := dragoman.Open("mini")
//	…
//	text, err := m.Caption(ctx, dragoman.ImageFile("photo.jpg"), nil)
package dragoman
