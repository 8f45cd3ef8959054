"""What every module of the committed checkpoints gives in transformers.

    python tools/oracle/modules.py

writes modules.safetensors beside the inputs.safetensors of each of the checkpoints in testdata, by module path; for the matching model
itm/… and itc/…, the passes of its two heads. A module that is called twice gives its last output, but for post_layernorm, whose first
holds all tokens.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import Blip2ForConditionalGeneration, Blip2ForImageTextRetrieval, InstructBlipForConditionalGeneration

root = Path(__file__).parents[2] / "testdata"


def watch(model, out):
    def keep(name):
        def hook(_m, _a, y):
            if isinstance(y, tuple):
                y = y[0]
            y = getattr(y, "last_hidden_state", getattr(y, "logits", y))
            if isinstance(y, torch.Tensor) and not (name.endswith("post_layernorm") and y.dim() < 3):
                out[name] = y.detach().clone().float()
        return hook
    # A rotary embedding gives two tables, and a dropout of attention weights is the map.
    skip = ("rotary_emb", "attention.attention.dropout")
    return [m.register_forward_hook(keep(n)) for n, m in model.named_modules() if n and not n.endswith(skip)]


def record(name, cls, passes):
    m = cls.from_pretrained(root / name, attn_implementation="eager").eval()
    inputs = {k: v for k, v in load_file(root / name / "inputs.safetensors").items() if k in cls.forward.__annotations__}
    everything = {}
    for prefix, more in passes.items():
        out = {}
        hooks = watch(m, out)
        with torch.no_grad():
            m(**inputs, **more)
        for h in hooks:
            h.remove()
        everything |= {prefix + k: v.contiguous() for k, v in out.items()}
    save_file(everything, root / name / "modules.safetensors")
    print(name, len(everything))


if __name__ == "__main__":
    record("blip2-itm", Blip2ForImageTextRetrieval, {h + "/": {"use_image_text_matching_head": h == "itm"} for h in ("itm", "itc")})
    for name in ("blip2-opt", "blip2-llama", "blip2-t5"):
        record(name, Blip2ForConditionalGeneration, {"": {}})
    for name in ("instructblip", "instructblip-t5"):
        record(name, InstructBlipForConditionalGeneration, {"": {}})
