"""What a bridge learns from pages, computed apart from everything in this repository: a tiny LLaMA of transformers', a resampler and gated blocks
in a few lines of torch.

    python tools/oracle/pages.py

writes model/flamingo/testdata/pages/inputs.safetensors: the bridge's tensors under their names, features [pictures, FeatureLen], and
the pages: ids and labels [rows, tokens] (-100: not to be predicted), mask, and pictures, the place of each of a row's pictures; and
expected.safetensors: the loss, and its gradient for every tensor of the bridge.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import LlamaForCausalLM

HERE = Path(__file__).parents[2]
OUT = HERE / "model" / "flamingo" / "testdata" / "pages"
TOKENS, WIDTH, HIDDEN, LATENTS, HEADS, DIM = 17, 32, 24, 4, 2, 16  # the tiny encoder's rows and their width; the resampler's sizes
WORDS = 308  # of the tiny language model; behind them <|endofchunk|> and <image>
END, IMAGE = WORDS, WORDS + 1


def norm(p, name, x):
    return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"], 1e-5)


def heads(x):
    return x.unflatten(-1, (HEADS, DIM)).transpose(1, 2)


def attend(p, name, x, y, mask=None):
    """x looks at y; mask [rows, queries, keys] says what each sees, and what sees nothing finds nothing."""
    q = heads(x @ p[name + "to_q.weight"].T)
    k, v = (heads(z) for z in (y @ p[name + "to_kv.weight"].T).chunk(2, -1))
    scores = q @ k.transpose(-1, -2) * DIM**-0.5
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None], -1e30)
    found = scores.softmax(-1)
    if mask is not None:
        found = found * mask[:, None].any(-1, keepdim=True)
    return (found @ v).transpose(1, 2).flatten(2) @ p[name + "to_out.weight"].T


def think(p, name, x, act):
    return act(norm(p, name + "0", x) @ p[name + "1.weight"].T) @ p[name + "3.weight"].T


def square(x):
    return F.relu(x) ** 2


def resample(p, features):
    tokens, whole = features.split([TOKENS * WIDTH, WIDTH], -1)
    parts = [
        norm(p, f"feature_projection.{kind}.layernorm", x) @ p[f"feature_projection.{kind}.weight"].T + p[f"feature_projection.{kind}.bias"]
        for kind, x in (("tokens", tokens.unflatten(-1, (TOKENS, WIDTH))), ("pooled", whole[:, None]))
    ]
    features = torch.cat(parts, 1)
    x = p["perceiver.latents"].expand(len(features), -1, -1)
    for i in range(2):
        at = f"perceiver.layers.{i}."
        latents = norm(p, at + "0.norm_latents", x)
        x = x + attend(p, at + "0.", latents, torch.cat([norm(p, at + "0.norm_media", features), latents], 1))
        x = x + think(p, at + "1.", x, square)
    return norm(p, "perceiver.norm", x)


def main():
    torch.manual_seed(5)
    model = LlamaForCausalLM.from_pretrained(HERE / "recipes" / "tiny" / "language", dtype=torch.float32).eval().requires_grad_(False)
    d = model.config.hidden_size
    shapes = {"perceiver.latents": (LATENTS, HIDDEN), "new_words.embedding.weight": (2, d)}
    for kind in ("tokens", "pooled"):
        shapes |= {f"feature_projection.{kind}.layernorm.weight": (WIDTH,), f"feature_projection.{kind}.layernorm.bias": (WIDTH,), f"feature_projection.{kind}.weight": (HIDDEN, WIDTH), f"feature_projection.{kind}.bias": (HIDDEN,)}
    layer = lambda at, w: {f"{at}.weight": (w,), f"{at}.bias": (w,)}
    for i in range(2):
        at = f"perceiver.layers.{i}."
        shapes |= layer(at + "0.norm_media", HIDDEN) | layer(at + "0.norm_latents", HIDDEN) | layer(at + "1.0", HIDDEN)
        shapes |= {at + "0.to_q.weight": (HEADS * DIM, HIDDEN), at + "0.to_kv.weight": (2 * HEADS * DIM, HIDDEN), at + "0.to_out.weight": (HIDDEN, HEADS * DIM), at + "1.1.weight": (4 * HIDDEN, HIDDEN), at + "1.3.weight": (HIDDEN, 4 * HIDDEN)}
    shapes |= layer("perceiver.norm", HIDDEN)
    for i in range(2):
        at = f"lang_encoder.model.layers.{i}.gated_cross_attn_layer."
        shapes |= {at + "attn_gate": (1,), at + "ff_gate": (1,)} | layer(at + "attn.norm", d) | layer(at + "ff.0", d)
        shapes |= {at + "attn.to_q.weight": (HEADS * DIM, d), at + "attn.to_kv.weight": (2 * HEADS * DIM, HIDDEN), at + "attn.to_out.weight": (d, HEADS * DIM), at + "ff.1.weight": (4 * d, d), at + "ff.3.weight": (d, 4 * d)}
    p = {}
    for name, shape in shapes.items():
        x = torch.randn(shape) * 0.3
        if len(shape) == 1 and name.endswith(".weight"):
            x = x + 1
        p[name] = (x + 0.7 if name.endswith("gate") else x).requires_grad_()

    # Pages of one to three pictures, one of them shown twice, one with text before any picture; of the last, the text runs to its end.
    rows = [
        ([IMAGE, 20, 33, 47, END], [0]),
        ([71, 72, 9, IMAGE, 5, 6, END, 13, IMAGE, 200, END], [1, 2]),
        ([IMAGE, 100, END, IMAGE, 101, 102, END, 14, 15, IMAGE, 100, 307], [2, 0, 3]),
    ]
    length = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    places = torch.full((len(rows), 3), -1)
    sees = torch.full_like(ids, -1)  # which of the row's pictures each token looks at
    for r, (row, shown) in enumerate(rows):
        ids[r, : len(row)], mask[r, : len(row)], places[r, : len(shown)] = torch.tensor(row), 1, torch.tensor(shown)
        last, within = -1, False
        for t, token in enumerate(row):
            if token == IMAGE:
                last, within = last + 1, True
            elif within:
                labels[r, t] = token
                within = token != END
            sees[r, t] = last
    features = torch.randn(4, TOKENS * WIDTH + WIDTH)

    media = resample(p, features)
    shown = media[places.clamp(min=0)].flatten(1, 2)  # [rows, pictures·latents, width]
    visible = (torch.arange(3)[None, None] == sees[..., None]).repeat_interleave(LATENTS, -1)
    sighted = visible.any(-1, keepdim=True)

    def block(i):
        at = f"lang_encoder.model.layers.{i}.gated_cross_attn_layer."

        def hook(module, args, kwargs):
            x = args[0] if args else kwargs["hidden_states"]
            y = x + p[at + "attn_gate"].tanh() * attend(p, at + "attn.", norm(p, at + "attn.norm", x), shown, visible)
            y = y + p[at + "ff_gate"].tanh() * think(p, at + "ff.", y, F.gelu)
            y = torch.where(sighted, y, x)  # text before any picture is the language model's own
            return ((y, *args[1:]), kwargs) if args else (args, kwargs | {"hidden_states": y})

        return hook

    for i, layer in enumerate(model.model.layers):
        layer.register_forward_pre_hook(block(i), with_kwargs=True)
    table = torch.cat([model.model.embed_tokens.weight, p["new_words.embedding.weight"]])
    out = model.model(inputs_embeds=F.embedding(ids, table), attention_mask=mask).last_hidden_state
    logits = out @ table.T
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
    loss.backward()
    OUT.mkdir(parents=True, exist_ok=True)
    f = lambda x: x.detach().float().contiguous()
    save_file({n: f(x) for n, x in p.items()} | {"features": f(features), "ids": f(ids), "labels": f(labels), "mask": f(mask), "pictures": f(places)}, OUT / "inputs.safetensors")
    save_file({"loss": f(loss[None])} | {"grad." + n: f(x.grad) for n, x in p.items()}, OUT / "expected.safetensors")
    print(loss.item())


main()
