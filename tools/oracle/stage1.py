"""BLIP-2's first-stage losses and their gradients, computed by PyTorch for model/blip2's tests.

The passes are written as one sequence [queries, text] under a dense mask each, as the paper draws them, with autograd for
the gradients; where transformers has the part (its Q-Former without a cache), the result is compared with it before anything
is written. Run: python tools/oracle/stage1.py model/blip2/testdata/stage1.safetensors
"""

import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import Blip2QFormerConfig
from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel

WIDTH, LAYERS, HEADS, FF, EVERY = 16, 3, 4, 32, 2
QUERIES, VOCAB, POSITIONS, SHARED = 3, 41, 9, 8
BATCH, TOKENS, FEATURES, LENGTH = 4, 5, 12, 6
DEC, PAD, EPS, SMOOTHING = VOCAB - 1, 0, 1e-12, 0.1


def parameters(seed):
    g = torch.Generator().manual_seed(seed)
    p = {}

    def matrix(name, *shape, std=0.25):
        p[name] = torch.randn(*shape, generator=g) * std

    def linear(name, inputs, outputs):
        matrix(name + ".weight", outputs, inputs)
        matrix(name + ".bias", outputs, std=0.1)

    def norm(name):
        p[name + ".weight"] = 1 + 0.2 * torch.randn(WIDTH, generator=g)
        matrix(name + ".bias", WIDTH, std=0.1)

    def attention(name, inputs):
        linear(name + ".attention.query", WIDTH, WIDTH)
        linear(name + ".attention.key", inputs, WIDTH)
        linear(name + ".attention.value", inputs, WIDTH)
        linear(name + ".output.dense", WIDTH, WIDTH)
        norm(name + ".output.LayerNorm")

    matrix("query_tokens", 1, QUERIES, WIDTH, std=1)
    matrix("embeddings.word_embeddings.weight", VOCAB, WIDTH, std=1)
    matrix("embeddings.position_embeddings.weight", POSITIONS, WIDTH, std=0.5)
    norm("qformer.layernorm")
    for i in range(LAYERS):
        layer = f"qformer.encoder.layer.{i}."
        attention(layer + "attention", WIDTH)
        if i % EVERY == 0:
            attention(layer + "crossattention", FEATURES)
        for kind in "", "_query":
            linear(layer + f"intermediate{kind}.dense", WIDTH, FF)
            linear(layer + f"output{kind}.dense", FF, WIDTH)
            norm(layer + f"output{kind}.LayerNorm")
    linear("vision_projection", WIDTH, SHARED)
    linear("text_projection", WIDTH, SHARED)
    linear("itm_head", WIDTH, 2)
    linear("cls.predictions.transform.dense", WIDTH, WIDTH)
    norm("cls.predictions.transform.LayerNorm")
    matrix("cls.predictions.bias", VOCAB, std=0.1)
    p["temp"] = torch.tensor([0.07])
    return {name: value.requires_grad_() for name, value in p.items()}


def linear(p, name, x):
    return x @ p[name + ".weight"].T + p[name + ".bias"]


def norm(p, name, x):
    return F.layer_norm(x, (WIDTH,), p[name + ".weight"], p[name + ".bias"], EPS)


def attention(p, name, x, y, mask):
    def split(t):
        return t.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    q = split(linear(p, name + ".attention.query", x))
    k = split(linear(p, name + ".attention.key", y))
    v = split(linear(p, name + ".attention.value", y))
    scores = q @ k.transpose(-1, -2) * (WIDTH // HEADS) ** -0.5
    if mask is not None:
        scores = scores.masked_fill(~mask[:, None], float("-inf"))
    found = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
    return norm(p, name + ".output.LayerNorm", linear(p, name + ".output.dense", found) + x)


def feed_forward(p, layer, kind, x):
    y = F.gelu(linear(p, layer + f"intermediate{kind}.dense", x))
    return norm(p, layer + f"output{kind}.LayerNorm", linear(p, layer + f"output{kind}.dense", y) + x)


def qformer(p, queries, text, mask, features):
    """hidden states of [queries, text]: queries [B,Q,W] or None, text [B,T,W] or None, mask [B,L,L] true where visible"""
    x = torch.cat([t for t in (queries, text) if t is not None], 1)
    n = 0 if queries is None else queries.shape[1]
    x = norm(p, "qformer.layernorm", x)
    for i in range(LAYERS):
        layer = f"qformer.encoder.layer.{i}."
        x = attention(p, layer + "attention", x, x, mask)
        q, t = x[:, :n], x[:, n:]
        if n:
            if i % EVERY == 0:
                q = attention(p, layer + "crossattention", q, features, None)
            q = feed_forward(p, layer, "_query", q)
        if t.shape[1]:
            t = feed_forward(p, layer, "", t)
        x = torch.cat([q, t], 1)
    return x


def embed(p, ids):
    return p["embeddings.word_embeddings.weight"][ids] + p["embeddings.position_embeddings.weight"][: ids.shape[1]]


def masks(mask):
    """the three masks of the paper over [queries, text]: uni-modal, bi-directional, multi-modal causal"""
    b, t = mask.shape
    n = QUERIES + t
    visible = torch.cat([torch.ones(b, QUERIES, dtype=torch.bool), mask], 1)[:, None].expand(b, n, n)
    is_query = torch.arange(n) < QUERIES
    uni = visible & (is_query[:, None] == is_query[None])
    place = torch.arange(n)
    causal = visible & (is_query[None] | (~is_query[:, None] & (place[None] <= place[:, None])))
    return uni, visible, causal


def stage1(p, inputs):
    ids, mask, features = inputs["input_ids"], inputs["attention_mask"].bool(), inputs["features"]
    b = ids.shape[0]
    queries = p["query_tokens"].expand(b, -1, -1)
    uni, _, causal = masks(mask)

    x = qformer(p, queries, embed(p, ids), uni, features)
    image = F.normalize(linear(p, "vision_projection", x[:, :QUERIES]), dim=-1)
    text = F.normalize(linear(p, "text_projection", x[:, QUERIES]), dim=-1)
    i2t = torch.einsum("bqd,nd->bnq", image, text).amax(-1) / p["temp"]
    t2i = torch.einsum("bd,nqd->bnq", text, image).amax(-1) / p["temp"]
    target = torch.arange(b)
    itc = (F.cross_entropy(i2t, target, label_smoothing=SMOOTHING) + F.cross_entropy(t2i, target, label_smoothing=SMOOTHING)) / 2

    nt, ni = inputs["itm_negative_texts"], inputs["itm_negative_images"]
    own = torch.arange(b)
    t_rows, i_rows = torch.cat([own, own, nt]), torch.cat([own, ni, own])
    _, both, _ = masks(mask[t_rows])
    y = qformer(p, p["query_tokens"].expand(3 * b, -1, -1), embed(p, ids[t_rows]), both, features[i_rows])
    logits = linear(p, "itm_head", y[:, :QUERIES]).mean(1)
    itm = F.cross_entropy(logits, torch.cat([torch.ones(b), torch.zeros(2 * b)]).long())

    decoder = ids.clone()
    decoder[:, 0] = DEC
    z = qformer(p, queries, embed(p, decoder), causal, features)[:, QUERIES:]
    h = norm(p, "cls.predictions.transform.LayerNorm", F.gelu(linear(p, "cls.predictions.transform.dense", z)))
    words = h @ p["embeddings.word_embeddings.weight"].T + p["cls.predictions.bias"]
    labels = decoder.masked_fill(~mask, -100)
    itg = F.cross_entropy(words[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100, label_smoothing=SMOOTHING)
    out = {"i2t": i2t, "itm_logits": logits, "queries": x[:, :QUERIES], "text": x[:, QUERIES:], "matched": y[:, :QUERIES], "words": words}
    return {"itc": itc, "itm": itm, "itg": itg, "loss": itc + itm + itg}, out, (i_rows, t_rows)


def compare_with_transformers(p, inputs, out, rows):
    config = Blip2QFormerConfig(
        vocab_size=VOCAB, hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=HEADS, intermediate_size=FF,
        encoder_hidden_size=FEATURES, cross_attention_frequency=EVERY, use_qformer_text_input=True, layer_norm_eps=EPS,
    )
    model = Blip2QFormerModel(config).eval()
    model.load_state_dict({k.removeprefix("qformer."): v.detach() for k, v in p.items() if k.startswith("qformer.")})
    b, ids, mask = BATCH, inputs["input_ids"], inputs["attention_mask"]
    i_rows, t_rows = rows
    with torch.no_grad():
        queries = model(p["query_tokens"].expand(b, -1, -1), encoder_hidden_states=inputs["features"]).last_hidden_state
        text = model(embed(p, ids), query_length=0, attention_mask=mask).last_hidden_state
        x = torch.cat([p["query_tokens"].expand(3 * b, -1, -1), embed(p, ids[t_rows])], 1)
        whole = torch.cat([torch.ones(3 * b, QUERIES, dtype=torch.long), mask[t_rows]], 1)
        matched = model(x, query_length=QUERIES, attention_mask=whole, encoder_hidden_states=inputs["features"][i_rows]).last_hidden_state
    valid = mask.bool()
    torch.testing.assert_close(out["queries"], queries, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(out["text"][valid], text[valid], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(out["matched"], matched[:, :QUERIES], rtol=1e-4, atol=1e-5)


def main(path):
    p = parameters(7)
    g = torch.Generator().manual_seed(8)
    lengths = torch.tensor([6, 4, 5, 3])
    mask = (torch.arange(LENGTH)[None] < lengths[:, None]).long()
    ids = torch.randint(5, VOCAB - 1, (BATCH, LENGTH), generator=g)
    ids[:, 0] = 1
    ids[torch.arange(BATCH), lengths - 1] = 2
    ids = ids * mask
    inputs = {
        "features": torch.randn(BATCH, TOKENS, FEATURES, generator=g),
        "input_ids": ids,
        "attention_mask": mask,
        "itm_negative_texts": torch.tensor([2, 0, 1, 1]),
        "itm_negative_images": torch.tensor([1, 3, 0, 2]),
    }
    losses, out, rows = stage1(p, inputs)
    compare_with_transformers(p, inputs, {k: v.detach() for k, v in out.items()}, rows)
    losses["loss"].backward()
    file = {"input." + k: (v.int() if v.dtype == torch.long else v) for k, v in inputs.items()}
    file |= {"loss." + k: v.detach().reshape(1) for k, v in losses.items()}
    file |= {"output." + k: out[k].detach() for k in ("i2t", "itm_logits", "queries", "text")}
    file |= {k: v.detach() for k, v in p.items()}
    file |= {"grad." + k: v.grad for k, v in p.items()}
    save_file({k: v.contiguous() for k, v in file.items()}, path)
    print({k: round(v.item(), 6) for k, v in losses.items()})


main(sys.argv[1])
