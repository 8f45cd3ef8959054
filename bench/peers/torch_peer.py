"""PyTorch on the shapes of `dragoman bench`: linear, attention, BLIP-2's first-stage step, a small LLaMA's prefill and decode.

    python bench/peers/torch_peer.py [--threads 2] [--part linear,attention,train-stage1,prefill,decode]
"""

import argparse
import json
import time

import torch
import torch.nn.functional as F


def best(f, seconds=2.0, least=3):
    f()
    times, end = [], time.perf_counter() + seconds
    while len(times) < least or time.perf_counter() < end:
        t = time.perf_counter()
        f()
        times.append(time.perf_counter() - t)
    return min(times)


def emit(**kw):
    print(json.dumps({"peer": "torch " + torch.__version__, **kw}), flush=True)


def linear():
    for m, k, n in [(257, 1408, 6144), (512, 2560, 10240), (1, 2560, 10240)]:
        for name, dtype in [("f32", torch.float32), ("bf16", torch.bfloat16)]:
            # one row is bound by memory: walk over weights that no cache holds
            count = 1 if m > 1 else max(1, (1 << 30) // (k * n * dtype.itemsize))
            x, ws = torch.randn(m, k).to(dtype), [torch.randn(n, k).to(dtype) for _ in range(count)]
            s = best(lambda: [F.linear(x, w) for w in ws]) / count
            emit(part="linear", dtype=name, shape=[m, k, n], seconds=s, flops=2 * m * k * n / s)


def attention():
    for name, dtype in [("f32", torch.float32), ("bf16", torch.bfloat16)]:
        q, k, v = (torch.randn(1, 16, 257, 88).to(dtype) for _ in range(3))
        s = best(lambda: F.scaled_dot_product_attention(q, k, v))
        emit(part="attention", dtype=name, shape=[257, 257, 16, 88], seconds=s, flops=4 * 257 * 257 * 16 * 88 / s)


def stage1(batch=16, length=32):
    """ITC, ITM and ITG as LAVIS runs them: every pass projects the picture's keys and values anew."""
    from transformers import Blip2QFormerConfig
    from transformers.models.blip_2.modeling_blip_2 import Blip2QFormerModel

    c = Blip2QFormerConfig(vocab_size=30523, use_qformer_text_input=True, hidden_dropout_prob=0, attention_probs_dropout_prob=0)
    q = Blip2QFormerModel(c).train()
    words, positions = torch.nn.Embedding(30523, 768), torch.nn.Embedding(512, 768)
    queries = torch.nn.Parameter(torch.randn(1, 32, 768) * 0.02)
    vision, text, itm = torch.nn.Linear(768, 256), torch.nn.Linear(768, 256), torch.nn.Linear(768, 2)
    head = torch.nn.Sequential(torch.nn.Linear(768, 768), torch.nn.GELU(), torch.nn.LayerNorm(768))
    params = [queries] + [p for m in (q, words, positions, vision, text, itm, head) for p in m.parameters()]
    opt = torch.optim.AdamW(params, lr=1e-4)
    image, ids = torch.randn(batch, 257, 1408), torch.randint(1000, 30000, (batch, length))

    def embed(i):
        return words(i) + positions.weight[: i.shape[1]]

    def step():
        with torch.autocast("cpu", torch.bfloat16):
            a = q(queries.expand(batch, -1, -1), encoder_hidden_states=image).last_hidden_state
            b = q(embed(ids), query_length=0).last_hidden_state
            sim = torch.einsum("bqd,nd->bnq", F.normalize(vision(a), dim=-1), F.normalize(text(b[:, 0]), dim=-1)).amax(-1) / 0.07
            want = torch.arange(batch)
            itc = (F.cross_entropy(sim, want) + F.cross_entropy(sim.t(), want)) / 2
            roll = torch.roll(torch.arange(batch), 1)
            t, i = torch.cat([ids, ids, ids[roll]]), torch.cat([image, image[roll], image])
            x = torch.cat([queries.expand(3 * batch, -1, -1), embed(t)], 1)
            c3 = q(x, query_length=32, encoder_hidden_states=i).last_hidden_state[:, :32]
            itm_loss = F.cross_entropy(itm(c3).mean(1), torch.cat([torch.ones(batch), torch.zeros(2 * batch)]).long())
            # transformers 5 takes no mask of three axes here; without one the work is the same
            x = torch.cat([queries.expand(batch, -1, -1), embed(ids)], 1)
            d = q(x, query_length=32, encoder_hidden_states=image).last_hidden_state[:, 32:]
            logits = F.linear(head(d[:, :-1]), words.weight)
            itg = F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten(), label_smoothing=0.1)
        (itc + itm_loss + itg).backward()
        opt.step()
        opt.zero_grad()

    s = best(step, least=2)
    emit(part="train-stage1", dtype="bf16", shape=[batch, 257, 1408], seconds=s, samples_per_s=batch / s)


def llama(parts):
    from transformers import LlamaConfig, LlamaForCausalLM

    c = LlamaConfig(hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                    vocab_size=49152, tie_word_embeddings=True)
    m = LlamaForCausalLM(c).to(torch.bfloat16).eval()
    ids = torch.randint(0, 49152, (1, 512))
    with torch.inference_mode():
        if "prefill" in parts:
            s = best(lambda: m(ids, logits_to_keep=1))
            emit(part="prefill", dtype="bf16", shape=[512], seconds=s, tokens_per_s=512 / s)
        if "decode" in parts:
            def decode():
                past = m(ids[:, :8], use_cache=True).past_key_values
                for _ in range(64):
                    past = m(ids[:, :1], past_key_values=past, use_cache=True).past_key_values
            s = best(decode, least=2)
            emit(part="decode", dtype="bf16", shape=[64], seconds=s, tokens_per_s=64 / s)


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--part", default="linear,attention,train-stage1,prefill,decode")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    parts = a.part.split(",")
    if "linear" in parts:
        linear()
    if "attention" in parts:
        attention()
    if "train-stage1" in parts:
        stage1()
    if {"prefill", "decode"} & set(parts):
        llama(parts)
