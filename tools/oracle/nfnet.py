"""Reference values of vision/nfnet: timm's dm_nfnet_*, tiny and random, and one of F0's real shape.

    python tools/oracle/nfnet.py

writes vision/nfnet/testdata/tiny: config.json and model.safetensors as timm saves them, expected.safetensors with pixels (of an odd size) and
modules' outputs, channels last, as out.PATH, and pixel_values, what timm's transform makes of picture.png; and vision/nfnet/testdata/f0.json, a sample of
dm_nfnet_f0's features for weights and pixels that are made by a formula (see fill).
"""

import json
import math
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.models.nfnet import NfCfg, NormFreeNet, model_cfgs

ROOT = Path(__file__).parents[2] / "vision/nfnet/testdata"
(ROOT / "tiny").mkdir(parents=True, exist_ok=True)


def tiny():
    torch.manual_seed(4)
    cfg = NfCfg(**{**model_cfgs["dm_nfnet_f0"].__dict__, "depths": (1, 2, 3, 1), "channels": (16, 24, 32, 32), "stem_chs": 16, "group_size": 8, "num_features": 40})
    m = NormFreeNet(cfg, num_classes=7).eval()
    with torch.no_grad():
        for n, p in m.named_parameters():
            if n.endswith("skipinit_gain"):
                p.fill_(0.7 + 0.1 * torch.rand(()))
            elif n.endswith("gain"):
                p.copy_(1 + 0.2 * torch.randn_like(p))
            else:
                p.copy_(torch.randn_like(p) * 0.2)
    out = {}

    def keep(name):
        def hook(_m, _a, y):
            out["out." + name] = (y.permute(0, 2, 3, 1) if y.dim() == 4 else y).detach().contiguous()
        return hook

    for n, x in m.named_modules():
        part = n in ("stem.conv4", "stages.1.0.conv2", "stages.1.0.conv2b", "stages.1.0.attn_last", "stages.1.0.downsample.conv", "final_act", "head")
        if part or n.startswith("stages.") and n.count(".") == 2:
            x.register_forward_hook(keep(n))
    pixels = torch.randn(2, 3, 70, 99)
    with torch.no_grad():
        out["out.pooled"] = m.forward_head(m.forward_features(pixels), pre_logits=True)
        m(pixels)
    save_file({n: t.contiguous() for n, t in m.state_dict().items()}, ROOT / "tiny/model.safetensors")
    pretrained = {"input_size": [3, 64, 64], "crop_pct": 0.9, "crop_mode": "squash", "interpolation": "bicubic", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    (ROOT / "tiny/config.json").write_text(json.dumps({"architecture": "dm_nfnet_f0", "num_classes": 7, "num_features": 40, "pretrained_cfg": pretrained}, indent=1) + "\n")
    rng = np.random.default_rng(3)
    picture = Image.fromarray(np.kron(rng.integers(0, 256, (9, 13, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8)))
    picture.save(ROOT / "picture.png", optimize=True)
    transform = timm.data.create_transform(input_size=(3, 64, 64), crop_pct=0.9, crop_mode="squash", interpolation="bicubic", mean=pretrained["mean"], std=pretrained["std"])
    out["pixel_values"] = transform(picture)[None].contiguous()
    save_file({**out, "pixels": pixels}, ROOT / "tiny/expected.safetensors")


def fill(name, shape):
    """sin of a number that depends on the name's length and the element's place, as vision/nfnet's test makes it."""
    n = math.prod(shape)
    i = torch.arange(n, dtype=torch.float64)
    x = torch.sin(i * 0.37 + len(name)) * 0.1
    return ((1 + x) if name.endswith("gain") else x).float().reshape(shape)


def f0():
    m = timm.create_model("dm_nfnet_f0", pretrained=False, num_classes=0).eval()
    with torch.no_grad():
        for n, p in m.named_parameters():
            p.copy_(fill(n, p.shape))
        y = m.forward_features(fill("pixels", (1, 3, 64, 64))).permute(0, 2, 3, 1).reshape(-1)
    at = torch.linspace(0, y.numel() - 1, 200).long()
    shapes = {n: list(p.shape) for n, p in m.named_parameters()}
    (ROOT / "f0.json").write_text(json.dumps({"max": float(y.abs().max()), "size": y.numel(), "at": at.tolist(), "values": [float(v) for v in y[at]], "shapes": shapes}) + "\n")


tiny()
f0()
