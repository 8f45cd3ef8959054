"""Reference values of vision/clip: transformers' CLIPVisionModel and IDEFICS's encoder, tiny and random; the first also as open_clip.

    python tools/oracle/clip.py

writes vision/clip/testdata/{clip,idefics,openclip}.safetensors: the weights, pixel_values, and every module's output as out.PATH.
idefics-sizes has the second's last rows for pictures of other sizes. openclip has the weights of clip under open_clip's names and layout, and nothing else.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CLIPVisionConfig, CLIPVisionModel
from transformers.models.idefics.configuration_idefics import IdeficsVisionConfig
from transformers.models.idefics.vision import IdeficsVisionTransformer

ROOT = Path(__file__).parents[2] / "vision/clip/testdata"
ROOT.mkdir(parents=True, exist_ok=True)
SIZES = dict(intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=14, patch_size=7)


def make(name, model):
    torch.manual_seed(7)
    with torch.no_grad():
        for n, p in model.named_parameters():
            norm = "norm" in n and n.endswith("weight")
            p.copy_(torch.randn_like(p) * (0.3 if p.dim() > 1 else 0.1) + (1.0 if norm else 0.0))
    out = {}

    def keep(path):
        def hook(_module, _args, result):
            x = result[0] if isinstance(result, tuple) else getattr(result, "last_hidden_state", result)
            out["out.vision_model" + path] = x.detach().clone()

        return hook

    # CLIPVisionModel was a module vision_model inside of another until transformers 5; files still say so.
    inner = getattr(model, "vision_model", model)
    for path in ("", ".embeddings", ".pre_layrnorm", ".encoder.layers.0", ".encoder.layers.0.self_attn", ".encoder.layers.0.mlp", ".encoder.layers.1"):
        inner.get_submodule(path[1:]).register_forward_hook(keep(path))
    pixels = torch.randn(2, 3, 14, 14)
    with torch.no_grad():
        inner(pixel_values=pixels)
    tensors = {"vision_model." + n: p.detach().clone() for n, p in inner.named_parameters()}
    save_file({**tensors, **out, "pixel_values": pixels}, ROOT / f"{name}.safetensors")
    return tensors


def openclip(w):
    """clip's tensors as open_clip's VisionTransformer has them."""
    v = "vision_model."
    out = {
        "class_embedding": w[v + "embeddings.class_embedding"],
        "positional_embedding": w[v + "embeddings.position_embedding.weight"],
        "conv1.weight": w[v + "embeddings.patch_embedding.weight"],
    }
    for kind in ("weight", "bias"):
        out[f"ln_pre.{kind}"], out[f"ln_post.{kind}"] = w[v + f"pre_layrnorm.{kind}"], w[v + f"post_layernorm.{kind}"]
        for i in range(SIZES["num_hidden_layers"]):
            a, b = f"{v}encoder.layers.{i}.", f"transformer.resblocks.{i}."
            out[f"{b}attn.in_proj_{kind}"] = torch.cat([w[f"{a}self_attn.{x}_proj.{kind}"] for x in "qkv"])
            for to, of in (("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"), ("attn.out_proj", "self_attn.out_proj"), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")):
                out[f"{b}{to}.{kind}"] = w[f"{a}{of}.{kind}"]
    save_file({"visual." + n: t.clone() for n, t in out.items()}, ROOT / "openclip.safetensors")


openclip(make("clip", CLIPVisionModel(CLIPVisionConfig(hidden_size=16, **SIZES)).eval()))
config = IdeficsVisionConfig(embed_dim=16, **SIZES)
config._attn_implementation = "eager"
idefics = IdeficsVisionTransformer(config).eval()
make("idefics", idefics)


def sizes():
    """idefics on pictures of other sizes, positions interpolated: pixels.SIZE and out.SIZE, and the gradients of Σ out·dy: dy, grad.PARAMETER."""
    torch.manual_seed(8)
    out = {}
    for size in (7, 20, 21, 35, 44):
        out[f"pixels.{size}"] = torch.randn(1, 3, size, size)
        with torch.no_grad():
            out[f"out.{size}"] = idefics(out[f"pixels.{size}"], interpolate_pos_encoding=True).last_hidden_state
    y = idefics(out["pixels.35"], interpolate_pos_encoding=True).last_hidden_state
    out["dy"] = torch.randn_like(y)
    (y * out["dy"]).sum().backward()
    for name in ("position_embedding.weight", "class_embedding"):
        out["grad." + name] = idefics.get_parameter("embeddings." + name).grad
    save_file(out, ROOT / "idefics-sizes.safetensors")


sizes()
