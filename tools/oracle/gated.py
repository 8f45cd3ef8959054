"""Tiny random gated cross-attention blocks and what PyTorch computes with them, each in bridge/gated/testdata/VARIANT.safetensors:

    python tools/oracle/gated.py idefics vector     transformers' IDEFICS with norms of queries and keys; the same with vectors for gates
    python tools/oracle/gated.py openflamingo       open_flamingo 2.0.1's (torch 2.0.1)

    PARAMETER, hidden [rows, tokens, width], media [rows, pictures, latents, media width], out
    seen [rows, tokens, pictures]                   which pictures each token sees
    dy, grad.PARAMETER, grad.hidden, grad.media     gradients of Σ out·dy
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

ROOT = Path(__file__).parents[2] / "bridge" / "gated" / "testdata"
WIDTH, MEDIA, ROWS, TOKENS, PICTURES, LATENTS = 12, 10, 2, 6, 3, 4


def last_seen(locations):
    """Each token sees the last picture at or before it."""
    time = locations.cumsum(1)
    return (time[:, :, None] == torch.arange(1, PICTURES + 1)).float()


def openflamingo():
    from open_flamingo.src.helpers import GatedCrossAttentionBlock

    m = GatedCrossAttentionBlock(dim=WIDTH, dim_visual=MEDIA, dim_head=5, heads=2)
    locations = torch.tensor([[0, 1, 0, 1, 0, 0], [1, 0, 0, 1, 1, 0]]).bool()
    return m, last_seen(locations), lambda x, media: m(x, media, media_locations=locations)


def idefics(alpha="float"):
    from transformers import IdeficsConfig
    from transformers.models.idefics.modeling_idefics import IdeficsGatedCrossAttentionLayer

    c = IdeficsConfig(hidden_size=WIDTH, intermediate_size=20, num_attention_heads=2, qk_layer_norms=True, alpha_type=alpha,
                      vision_config={"embed_dim": MEDIA})
    c._attn_implementation = "eager"
    m = IdeficsGatedCrossAttentionLayer(c, layer_idx=0)
    seen = last_seen(torch.tensor([[0, 1, 0, 1, 0, 0], [1, 0, 0, 1, 1, 0]]))
    seen[0, 4, 0] = 1  # masks may show several
    seen[1, 2] = 0  # or none any more

    def forward(x, media):
        mask = seen.repeat_interleave(LATENTS, 2)[:, None]
        return m(x, None, media.flatten(1, 2), image_attention_mask=(1 - mask) * torch.finfo(x.dtype).min,
                 cross_attention_gate=(mask.amax(-1)[:, 0] > 0).float())

    return m, seen, forward


def vector():
    return idefics("vector")


for variant in sys.argv[1:]:
    torch.manual_seed(4)
    module, seen, forward = globals()[variant]()
    with torch.no_grad():
        for name, p in module.named_parameters():
            norm = "norm" in name and name.endswith("weight") or name in ("attn.norm.weight", "ff.0.weight")
            gate = "gate" in name.split("_") or "alpha" in name
            p.copy_(torch.randn_like(p) * (0.4 if p.dim() > 1 else 0.2) + (1.0 if norm else 0.7 if gate else 0.0))
    x = torch.randn(ROWS, TOKENS, WIDTH, requires_grad=True)
    media = torch.randn(ROWS, PICTURES, LATENTS, MEDIA, requires_grad=True)
    y = forward(x, media)
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    out = {"hidden": x, "media": media, "seen": seen, "out": y, "dy": dy, "grad.hidden": x.grad, "grad.media": media.grad}
    out |= dict(module.named_parameters()) | {"grad." + n: p.grad for n, p in module.named_parameters()}
    ROOT.mkdir(parents=True, exist_ok=True)
    save_file({n: t.detach().contiguous().clone() for n, t in out.items()}, ROOT / f"{variant}.safetensors")
    print(variant, y.abs().max().item())
