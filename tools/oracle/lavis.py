"""A tiny checkpoint of blip2.py as LAVIS would have saved it: the trained part alone, under LAVIS's names, in a training checkpoint,
and the vision transformer in a file of its own.

    python tools/oracle/lavis.py

reads testdata/blip2-llama, and writes bridge.pth and eva.pth to testdata/lavis. They compute what the original computes: a bias of the
keys, which EVA's transformer lacks, adds the same to all scores of a row.
"""

import re
from collections import OrderedDict
from pathlib import Path

import torch
from safetensors.torch import load_file

root = Path(__file__).parents[2] / "testdata"

BRIDGE = [
    (r"^query_tokens$", "query_tokens"),
    (r"^vision_model\.post_layernorm\.", "ln_vision."),
    (r"^qformer\.layernorm\.", "Qformer.bert.embeddings.LayerNorm."),
    (r"^qformer\.encoder\.layer\.(\d+)\.(attention|crossattention)\.attention\.", r"Qformer.bert.encoder.layer.\1.\2.self."),
    (r"^qformer\.", "Qformer.bert."),
    (r"^language_projection\.", "opt_proj."),
]
EVA = [
    (r"^embeddings\.class_embedding$", "cls_token"),
    (r"^embeddings\.position_embedding$", "pos_embed"),
    (r"^embeddings\.patch_embedding\.", "patch_embed.proj."),
    (r"^encoder\.layers\.(\d+)\.layer_norm(\d)\.", r"blocks.\1.norm\2."),
    (r"^encoder\.layers\.(\d+)\.self_attn\.projection\.", r"blocks.\1.attn.proj."),
    (r"^encoder\.layers\.(\d+)\.self_attn\.qkv\.weight$", r"blocks.\1.attn.qkv.weight"),
    (r"^encoder\.layers\.(\d+)\.mlp\.", r"blocks.\1.mlp."),
]


def renamed(name, rules):
    for pattern, to in rules:
        new, n = re.subn(pattern, to, name)
        if n:
            return new
    return None


def training_checkpoint(state):
    """What LAVIS's runner saves besides the model: an optimiser after a step, the configuration, a scaler."""
    p = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.AdamW([p])
    p.sum().backward()
    optimizer.step()
    config = {"run": {"lr_sched": "linear_warmup_cosine_lr", "init_lr": 1e-4, "resume_ckpt_path": None, "amp": True}}
    return {"model": state, "optimizer": optimizer.state_dict(), "config": config, "scaler": None, "epoch": 3}


def main():
    (root / "lavis").mkdir(exist_ok=True)
    trained, eva = OrderedDict(), OrderedDict()
    for name, tensor in load_file(root / "blip2-llama/model.safetensors").items():
        if new := renamed(name, BRIDGE):
            trained[new] = tensor
        name = name.removeprefix("vision_model.")
        if new := renamed(name, EVA):
            eva[new] = tensor
        elif name.endswith("self_attn.qkv.bias"):
            q, _, v = tensor.chunk(3)
            block = name.split(".")[2]
            eva[f"blocks.{block}.attn.q_bias"], eva[f"blocks.{block}.attn.v_bias"] = q.clone(), v.clone()
    eva["norm.weight"] = torch.ones(24)  # of the block that BLIP-2 leaves out
    torch.save(training_checkpoint(trained), root / "lavis" / "bridge.pth")
    torch.save(eva, root / "lavis" / "eva.pth")


if __name__ == "__main__":
    main()
