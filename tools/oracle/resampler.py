"""Tiny random resamplers and what PyTorch computes with them, each in bridge/resampler/testdata/VARIANT.safetensors:

    python tools/oracle/resampler.py idefics paper perceiver     transformers' IDEFICS; the paper's, written down here from its text; the
                                                                 same reading the features alone
    python tools/oracle/resampler.py openflamingo                open_flamingo 2.0.1's (torch 2.0.1)

    PARAMETER, features [batch, frames, tokens, width], out [batch, latents, width]
    dy, grad.PARAMETER, grad.features                            gradients of Σ out·dy
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

ROOT = Path(__file__).parents[2] / "bridge" / "resampler" / "testdata"
WIDTH, LATENTS, LAYERS, HEADS, HEAD = 12, 5, 2, 3, 6


class Paper(nn.Module):
    """Alayrac et al. 2022, section 3.1.1 and appendix A.1.1: frames' vectors interpolated, squared ReLU."""

    def __init__(self, frames, alone):
        super().__init__()
        inner = HEADS * HEAD
        self.alone = alone
        self.latents = nn.Parameter(torch.zeros(LATENTS, WIDTH))
        self.frame_embs = nn.Parameter(torch.zeros(frames, WIDTH))
        self.layers = nn.ModuleList()
        for _ in range(LAYERS):
            look = nn.Module()
            look.norm_media, look.norm_latents = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            look.to_q = nn.Linear(WIDTH, inner, bias=False)
            look.to_kv = nn.Linear(WIDTH, 2 * inner, bias=False)
            look.to_out = nn.Linear(inner, WIDTH, bias=False)
            think = nn.ModuleDict({"0": nn.LayerNorm(WIDTH), "1": nn.Linear(WIDTH, 4 * WIDTH, bias=False), "3": nn.Linear(4 * WIDTH, WIDTH, bias=False)})
            self.layers.append(nn.ModuleList([look, think]))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x):
        batch, frames, tokens, _ = x.shape
        marks = F.interpolate(self.frame_embs.T[None], size=frames, mode="linear", align_corners=True)[0].T
        x = (x + marks[None, :, None]).reshape(batch, frames * tokens, WIDTH)
        latents = self.latents.expand(batch, -1, -1)
        for look, think in self.layers:
            media, own = look.norm_media(x), look.norm_latents(latents)
            q = look.to_q(own)
            k, v = look.to_kv(media if self.alone else torch.cat([media, own], 1)).chunk(2, -1)
            q, k, v = (t.reshape(batch, -1, HEADS, HEAD).transpose(1, 2) for t in (q, k, v))
            found = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, LATENTS, -1)
            latents = latents + look.to_out(found)
            latents = latents + think["3"](F.relu(think["1"](think["0"](latents))) ** 2)
        return self.norm(latents)


def idefics():
    from transformers import IdeficsConfig
    from transformers.models.idefics.perceiver import IdeficsPerceiverResampler

    c = IdeficsConfig(vision_config={"embed_dim": WIDTH}, perceiver_config={"qk_layer_norms_perceiver": True})
    m = IdeficsPerceiverResampler(c, WIDTH, LAYERS, HEADS, HEAD, LATENTS)
    return m, 1, lambda x: m(x[:, 0])


def openflamingo():
    from open_flamingo.src.helpers import PerceiverResampler

    m = PerceiverResampler(dim=WIDTH, depth=LAYERS, dim_head=HEAD, heads=HEADS, num_latents=LATENTS, max_num_frames=4)
    return m, 3, lambda x: m(x[:, None])[:, 0]


def paper(alone=False):
    m = Paper(3, alone)
    return m, 7, m


def perceiver():
    return paper(alone=True)


for variant in sys.argv[1:]:
    torch.manual_seed(3)
    module, frames, forward = globals()[variant]()
    with torch.no_grad():
        for name, p in module.named_parameters():
            norm = p.dim() == 1 and name.endswith("weight")
            p.copy_(torch.randn_like(p) * (0.4 if p.dim() > 1 else 0.2) + (1.0 if norm else 0.0))
    x = torch.randn(2, frames, 4, WIDTH, requires_grad=True)
    y = forward(x)
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    out = {"features": x, "out": y, "dy": dy, "grad.features": x.grad}
    out |= dict(module.named_parameters()) | {"grad." + n: p.grad for n, p in module.named_parameters()}
    ROOT.mkdir(parents=True, exist_ok=True)
    save_file({n: t.detach().contiguous().clone() for n, t in out.items()}, ROOT / f"{variant}.safetensors")
    print(variant, y.abs().max().item())
