"""Goldens of the stored types: the gguf package's quantised bytes of awkward rows, and what it reads back from them.

Writes kernel/testdata/quant.bin: for q8_0, q4_0, q4_1, f16 and bf16 in turn the stored bytes of x, then the float32 values they stand for,
after x itself (N float32).
"""
import pathlib

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import dequantize, quantize

N = 1024
r = np.random.default_rng(1)
x = r.standard_normal(N).astype(np.float32)
x[:32] = 0
x[32:64] *= 1e-4
x[64:96] = np.arange(32) - 15.5
x[96:128] = np.abs(x[96:128]) * 300
x[128:160] = -np.abs(x[128:160])
x[160:192] = 7

out = pathlib.Path(__file__).parents[2] / "kernel/testdata/quant.bin"
parts = [x.tobytes()]
for t in (T.Q8_0, T.Q4_0, T.Q4_1, T.F16, T.BF16):
    q = quantize(x, t)
    parts += [np.ascontiguousarray(q).tobytes(), np.asarray(dequantize(q, t), dtype=np.float32).tobytes()]
out.write_bytes(b"".join(parts))
