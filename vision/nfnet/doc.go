// Package nfnet is NFNet (Brock, De, Smith and Simonyan 2021), the convolutional image encoder that Flamingo stands on: a ResNet before whose
// convolutions are activations, and which needs no norms of activations, because its weights are standardised and its activations scaled so
// that variances stay near 1. F0 to F6, timm's dm_nfnet_*, with timm's names of tensors.
//
//	pixels [B, 3, H, W] ─ stem, stride 4 ─ four stages, strides 1 2 2 2 ─ 1×1 convolution, activation → [B, H/32, W/32, features]
//
// A block of the stages, with γ the activation's gain, E[h²] what the variance is expected to be, and SE squeeze-excitation:
//
//	x = γ·gelu(h)/√E[h²]
//	h ← shortcut + α·s·2·SE(W₄ γ·gelu(W₃ γ·gelu(W₂ γ·gelu(W₁ x))))    W₂, W₃: 3×3 in groups; s: skip-init's gain
//
// The shortcut is h itself or, in a stage's first block, a 1×1 convolution of x, averaged over 2×2 where the stage has a stride. A
// convolution's weight is
//
//	g·(w − mean w)/√((var w + ε)·fan-in)
//
// over each output channel, which is computed once, when it is bound. Maps lie channels last. Sizes follow from the checkpoint's shapes.
package nfnet
