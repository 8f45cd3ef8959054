// Package nn holds the layers that models are put together from, and the Builder that makes them. A layer is written once
// and serves inference, training and inspection: the same constructor binds a checkpoint's tensor or makes a fresh
// parameter, so names in the code are the names in the checkpoint, and module paths are transformers' own.
package nn
