// Package nn holds what models are put together with: the Builder, which binds a checkpoint's tensors or makes fresh
// parameters, and the activations by the names that configurations give them. A layer is written once and serves inference,
// training and inspection: the same constructor binds or makes, so names in the code are the names in the checkpoint, and
// module paths are transformers' own. The layers themselves are in the packages of the models, because each model's differ.
package nn
