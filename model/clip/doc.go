// Package clip is CLIP (Radford et al. 2021, section 2) on its own: an image encoder and a text encoder whose outputs lie in one space,
// in which a picture is near what is said of it. No bridge stands between them, and no language model: it can compare, not speak.
//
//	pixels [B,3,S,S] ─ vision/clip → the class row, normed ─ projection ─┐ length 1
//	ids [N,T] ─ Text → the row of the end token, normed ─ projection ────┘ cosines × exp(logit_scale)
//
// Directories are transformers' CLIPModel, CLIPVisionModelWithProjection and CLIPTextModelWithProjection, in both generations of their
// configurations, and open_clip's, with open_clip_config.json. Names of modules and parameters are transformers'.
package clip
