"""Checkpoints of every container and element type, and what PyTorch and the
gguf package read in them, for the tests of package weights.

    /opt/oracle/bin/python tools/oracle/weights.py

writes weights/testdata. The values are seeded; the files come out the same.
"""

import json
import os
import sys

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Q
from safetensors.torch import save_file

OUT = os.path.join(os.path.dirname(__file__), "..", "..", "weights", "testdata")


def values(tensor):
    """A shape and the elements as the bits of float32, which JSON can hold."""
    flat = tensor.detach().to(torch.float32).reshape(-1).numpy()
    return {"shape": list(tensor.shape), "bits": flat.view(np.uint32).tolist()}


def write_expected(name, tensors):
    with open(os.path.join(OUT, name), "w") as f:
        json.dump({k: values(v) for k, v in tensors.items()}, f, separators=(",", ":"))
        f.write("\n")


def quantised(rng, kind, rows, columns):
    """Random blocks of a type, as raw bytes; the half-precision scales are made
    finite, everything else may be any bits."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    raw = rng.integers(0, 256, (rows, columns // block, size), dtype=np.uint8)
    scales = {
        Q.Q4_0: [0], Q.Q4_1: [0, 2], Q.Q5_0: [0], Q.Q5_1: [0, 2], Q.Q8_0: [0],
        Q.Q2_K: [80, 82], Q.Q3_K: [108], Q.Q4_K: [0, 2], Q.Q5_K: [0, 2], Q.Q6_K: [208],
    }[kind]
    for at in scales:
        half = rng.normal(0, 0.1, raw.shape[:2]).astype("<f2")
        half.flat[0] = np.float16(6e-8)  # a subnormal
        raw[..., at : at + 2] = half[..., None].view(np.uint8)
    return raw.reshape(rows, -1)


def write_gguf():
    rng = np.random.default_rng(3)
    writer = gguf.GGUFWriter(os.path.join(OUT, "types.gguf"), "test")
    writer.add_uint32("test.u32", 7)
    writer.add_int32("test.i32", -7)
    writer.add_uint8("test.u8", 255)
    writer.add_int8("test.i8", -128)
    writer.add_uint16("test.u16", 65535)
    writer.add_int16("test.i16", -32768)
    writer.add_uint64("test.u64", 2**63)
    writer.add_int64("test.i64", -(2**62))
    writer.add_float32("test.f32", 1e-5)
    writer.add_float64("test.f64", 1e-5)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "grüße, 世界")
    writer.add_array("test.strings", ["a", "", "Ġthe", "🦊"])
    writer.add_array("test.ints", [1, -2, 3])
    writer.add_array("test.floats", [0.5, -1.25])
    writer.add_array("test.bools", [True, False])
    expected = []
    kinds = [Q.F32, Q.F16, Q.BF16, Q.F64, Q.I8, Q.I16, Q.I32, Q.I64,
             Q.Q4_0, Q.Q4_1, Q.Q5_0, Q.Q5_1, Q.Q8_0, Q.Q2_K, Q.Q3_K, Q.Q4_K, Q.Q5_K, Q.Q6_K]
    for kind in kinds:
        name = kind.name.lower() + ".weight"
        if kind in (Q.F32, Q.F16, Q.F64):
            dtype = {Q.F32: np.float32, Q.F16: np.float16, Q.F64: np.float64}[kind]
            tensor = rng.normal(size=(3, 5)).astype(dtype)
            writer.add_tensor(name, tensor)
            expected.append(tensor.astype("<f4"))
        elif kind in (Q.I8, Q.I16, Q.I32, Q.I64):
            dtype = np.dtype(kind.name.lower().replace("i", "int"))
            tensor = rng.integers(-100, 100, (3, 5)).astype(dtype)
            writer.add_tensor(name, tensor)
            expected.append(tensor.astype("<f4"))
        elif kind == Q.BF16:
            raw = gguf.quants.quantize(rng.normal(size=(3, 8)).astype(np.float32), kind)
            writer.add_tensor(name, raw, raw_dtype=kind)
            expected.append(gguf.quants.dequantize(raw, kind).astype("<f4"))
        else:
            raw = quantised(rng, kind, 2, 256)
            writer.add_tensor(name, raw, raw_dtype=kind)
            expected.append(gguf.quants.dequantize(raw, kind).astype("<f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with open(os.path.join(OUT, "types.f32"), "wb") as f:
        for e in expected:
            f.write(e.tobytes())


def plain(seed):
    g = torch.Generator().manual_seed(seed)
    r = lambda *shape: torch.randn(*shape, generator=g)
    return {
        "f32": r(3, 4),
        "f64": r(2, 3).double(),
        "f16": torch.tensor([0.0, -0.0, 1.5, 6e-8, -6.1e-5, 65504.0, float("inf")]).half(),
        "bf16": r(2, 2, 3).bfloat16(),
        "i64": torch.tensor([[1, -2], [3, 1 << 40]]),
        "i32": torch.tensor([7, -8], dtype=torch.int32),
        "i16": torch.tensor([-300, 300], dtype=torch.int16),
        "i8": torch.tensor([-128, 127, 5], dtype=torch.int8),
        "u8": torch.tensor([0, 255, 7], dtype=torch.uint8),
        "bool": torch.tensor([True, False, True]),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
    }


def write_safetensors():
    tensors = plain(1)
    path = os.path.join(OUT, "types.safetensors")
    save_file(tensors, path, metadata={"format": "pt", "note": "grüße"})
    os.chmod(path, 0o644)
    write_expected("types.safetensors.json", tensors)


def write_torch():
    tensors = plain(2)
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    tensors["base"] = base
    tensors["transposed"] = base.t()
    tensors["columns"] = base[:, 1:5:2]
    tensors["row"] = base[2]
    tensors["tied"] = tensors["f32"]
    tensors["expanded"] = torch.tensor([[1.0], [2.0]]).expand(2, 3)
    tensors["parameter"] = torch.nn.Parameter(torch.ones(2, 2).bfloat16())
    torch.save(tensors, os.path.join(OUT, "types.pt"))
    torch.save(tensors, os.path.join(OUT, "legacy.pt"), _use_new_zipfile_serialization=False)
    write_expected("types.pt.json", tensors)

    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for i, p in enumerate(module.parameters()):
            p.copy_(torch.arange(p.numel()).reshape(p.shape) * 0.5 + i)
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-3)
    module(torch.ones(4, 3)).sum().backward()
    optimiser.step()
    wrapped = {"module." + k: v for k, v in module.state_dict().items()}
    torch.save(
        {"epoch": 3, "model_state_dict": wrapped, "optimizer": optimiser.state_dict(), "best": 0.25, "note": None},
        os.path.join(OUT, "training.pt"),
    )
    write_expected("training.pt.json", module.state_dict())
    torch.save(module, os.path.join(OUT, "module.pt"))


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    torch.manual_seed(0)
    write_gguf()
    write_safetensors()
    write_torch()
    print("written with torch", torch.__version__, "gguf", getattr(gguf, "__version__", "?"), file=sys.stderr)
