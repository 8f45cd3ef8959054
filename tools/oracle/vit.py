"""Reference values of vision/vit: transformers' Blip2VisionModel, tiny and random.

    python tools/oracle/vit.py

writes vision/vit/testdata/tiny.safetensors: the weights, the pixels, and every module's output.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Blip2VisionConfig
from transformers.models.blip_2.modeling_blip_2 import Blip2VisionModel

torch.manual_seed(7)
config = Blip2VisionConfig(
    hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3,
    image_size=28, patch_size=7, layer_norm_eps=1e-6,
)
model = Blip2VisionModel(config).eval()
with torch.no_grad():
    for name, p in model.named_parameters():
        p.copy_(torch.randn_like(p) * (0.3 if p.dim() > 1 else 0.1) + (1.0 if name.endswith("norm.weight") or "layer_norm1.weight" in name or "layer_norm2.weight" in name else 0.0))

out = {}


def keep(name):
    def hook(_module, _args, result):
        out["out.vision_model" + ("." + name if name else "")] = (result[0] if isinstance(result, tuple) else getattr(result, "last_hidden_state", result)).detach().clone()

    return hook


wanted = ["embeddings", "encoder.layers.0", "encoder.layers.0.self_attn", "encoder.layers.0.mlp", "encoder.layers.1", ""]
for name, module in model.named_modules():
    if name in wanted:
        module.register_forward_hook(keep(name))
pixels = torch.randn(2, 3, 28, 28)
with torch.no_grad():
    model(pixel_values=pixels)
tensors = {"vision_model." + n: p.detach().clone() for n, p in model.named_parameters()}
path = Path(__file__).parents[2] / "vision/vit/testdata/tiny.safetensors"
path.parent.mkdir(exist_ok=True)
save_file({**tensors, **out, "pixel_values": pixels}, path)
print(path, path.stat().st_size)
