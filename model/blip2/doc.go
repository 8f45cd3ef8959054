// Package blip2 is BLIP-2 (Li et al. 2023): a frozen image encoder, a Q-Former that learns to read it, and a frozen language
// model that takes what the Q-Former found for the beginning of a text.
//
//	pixels [B,3,H,W] ─ encoder → features [B,N,W] ─ Q-Former → [B,queries,width] ─ projection → soft prompt [B,queries,D]
//	                                                                           soft prompt, text → language model
//
// The bridge is learnt in two stages: from images and texts alone (Stage1: contrast, matching, generation), then through the
// language model (Stage2). A model is opened from a directory with Hugging Face's config.json.
package blip2
