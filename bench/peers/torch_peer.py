"""PyTorch on the shapes of `dragoman bench`: linear, attention, BLIP-2's first-stage step, a step of a Flamingo on pages, a small LLaMA's
prefill and decode; with --shape blip2-opt-2.7b that model's encoder, Q-Former, prefill, decode, a whole caption, and its load; with --shape openflamingo-3b that
model's encoder, resampler, gated blocks, prefill and decode.

    python bench/peers/torch_peer.py [--threads 2] [--part linear,attention,train-stage1,train-pages,prefill,decode]
    python bench/peers/torch_peer.py --shape blip2-opt-2.7b [--part vision,qformer,prefill,decode,caption,load]
    python bench/peers/torch_peer.py --shape openflamingo-3b [--part vision,resampler,gated,prefill,decode]
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


def language(parts, llm, ids, name):
    """Prefill of the 512 ids, and decoding of 16 tokens behind 32."""
    if "prefill" in parts:
        s = best(lambda: llm(ids, logits_to_keep=1))
        emit(part="prefill", dtype=name, shape=[512], seconds=s, tokens_per_s=512 / s)
    if "decode" in parts:
        past = llm(ids[:, :32], use_cache=True).past_key_values

        def decode():
            for _ in range(16):
                llm(ids[:, :1], past_key_values=past, use_cache=True)
            past.crop(-16)
        s = best(decode)
        emit(part="decode", dtype=name, shape=[16], seconds=s, tokens_per_s=16 / s)


def blip2(parts, folder=None, dtype=torch.bfloat16, name="bf16"):
    """BLIP-2 with OPT-2.7B, each part by itself and all together, in bf16; with a folder it is saved there, too."""
    from transformers import Blip2Config, Blip2ForConditionalGeneration, OPTConfig

    text = OPTConfig(hidden_size=2560, word_embed_proj_dim=2560, ffn_dim=10240, num_hidden_layers=32, num_attention_heads=32,
                     vocab_size=50304, max_position_embeddings=2048, bos_token_id=2, eos_token_id=50118)
    config = Blip2Config(text_config=text.to_dict(), image_token_index=50265)
    with torch.device("meta"):
        m = Blip2ForConditionalGeneration(config)
    m = m.to(dtype).to_empty(device="cpu").eval()
    m.tie_weights()
    for k, p in m.named_parameters():
        # One row of noise for all rows: drawing billions of numbers takes minutes and no product is faster or slower for it.
        p.data.copy_(torch.ones(()) if "norm" in k.lower() and p.dim() == 1 and k.endswith("weight")
                     else torch.randn(p.shape[-1:]) * (0.02 if p.dim() > 1 else 0.0))
    pixels = torch.randn(1, 3, 224, 224).to(dtype)
    features, ids = torch.randn(1, 257, 1408).to(dtype), torch.randint(10, 50000, (1, 512))
    llm = m.language_model
    with torch.inference_mode():
        if "vision" in parts:
            s = best(lambda: m.vision_model(pixels))
            emit(part="vision", dtype=name, shape=[257, 1408], seconds=s, samples_per_s=1 / s)
        if "qformer" in parts:
            s = best(lambda: m.qformer(query_embeds=m.query_tokens, encoder_hidden_states=features))
            emit(part="qformer", dtype=name, shape=[32, 257, 1408], seconds=s, samples_per_s=1 / s)
        language(parts, llm, ids, name)
        if "caption" in parts:
            s = best(lambda: m.generate(pixel_values=pixels, min_new_tokens=21, max_new_tokens=21))
            emit(part="caption", dtype=name, shape=[21], seconds=s, tokens_per_s=21 / s)
    if folder:
        m.save_pretrained(folder)


class SquaredReLU(torch.nn.Module):
    def forward(self, x):
        return F.relu(x).square()


class Look(torch.nn.Module):
    """Attention of heads of 64 to what is given, behind norms, as OpenFlamingo's resampler and gated blocks have it."""

    def __init__(self, width, media, own, heads=8, act=torch.nn.GELU):
        super().__init__()
        self.norm, self.media_norm = torch.nn.LayerNorm(width), torch.nn.LayerNorm(media) if own else torch.nn.Identity()
        inner = 64 * heads
        self.q, self.kv, self.out = (torch.nn.Linear(i, o, bias=False) for i, o in ((width, inner), (media, 2 * inner), (inner, width)))
        self.ff = torch.nn.Sequential(torch.nn.LayerNorm(width), torch.nn.Linear(width, 4 * width, bias=False), act(), torch.nn.Linear(4 * width, width, bias=False))
        self.gates, self.own, self.heads = None if own else torch.nn.Parameter(torch.ones(2)), own, heads

    def forward(self, x, media, mask=None):
        y = self.norm(x)
        if self.own:
            media = torch.cat([self.media_norm(media), y], 1)
        q, k, v = (z.unflatten(-1, (self.heads, 64)).transpose(1, 2) for z in (self.q(y), *self.kv(media).chunk(2, -1)))
        y = self.out(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))
        if self.own:
            x = x + y
            return x + self.ff(x)
        x = x + y * self.gates[0].tanh()
        return x + self.ff(x) * self.gates[1].tanh()


def pages(batch=16, pictures=4, words=6):
    """A step on the bridge of mini-flamingo's shape, from what the encoder made of the pictures: 49 tokens of 320 and their mean of 1280 each, a
    resampler of two layers, a gated block before every sixth layer of a LLaMA of SmolLM2-135M's size in f32, two words of its own."""
    from transformers import LlamaConfig, LlamaForCausalLM

    vocab, width, latents, chunk = 49152, 576, 16, words + 2
    llm = LlamaForCausalLM(LlamaConfig(hidden_size=width, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9, num_key_value_heads=3,
                                       vocab_size=vocab, tie_word_embeddings=True)).requires_grad_(False)
    inputs = torch.nn.ModuleList(torch.nn.Sequential(torch.nn.LayerNorm(n), torch.nn.Linear(n, 384)) for n in (320, 1280))
    features = torch.randn(batch * pictures, 49, 320), torch.randn(batch * pictures, 1, 1280)
    queries, new = torch.nn.Parameter(torch.randn(1, latents, 384)), torch.nn.Parameter(torch.randn(2, width) * 0.02)
    resampler = torch.nn.ModuleList(Look(384, 384, True, 6, SquaredReLU) for _ in range(2))
    norm = torch.nn.LayerNorm(384)
    gated = torch.nn.ModuleList(Look(width, 384, False, 8, SquaredReLU) for _ in range(5))
    trained = [queries, new] + [p for m in (inputs, resampler, norm, gated) for p in m.parameters()]
    opt = torch.optim.AdamW(trained, lr=1e-6)
    # A page is a picture's token, words and the end for each picture; all but the pictures' tokens are predicted.
    ids = torch.randint(0, vocab, (batch, pictures, chunk))
    ids[..., 0], ids[..., -1] = vocab, vocab + 1
    ids = ids.flatten(1)
    learnt = torch.arange(1, pictures * chunk)[torch.arange(1, pictures * chunk) % chunk > 0]
    sees = torch.arange(pictures * chunk)[:, None] // chunk == torch.arange(pictures).repeat_interleave(latents)[None]
    seen = {}
    for layer, look in zip(llm.model.layers[::6], gated):
        layer.register_forward_pre_hook(lambda _m, args, look=look: (look(args[0], seen["media"], sees), *args[1:]))

    def step(auto):
        with torch.autocast("cpu", torch.bfloat16, enabled=auto):
            x = queries.expand(batch * pictures, -1, -1)
            media = torch.cat([project(f) for project, f in zip(inputs, features)], 1)
            for layer in resampler:
                x = layer(x, media)
            seen["media"] = norm(x).reshape(batch, pictures * latents, 384)
            embeds = torch.where((ids >= vocab)[..., None], F.embedding((ids - vocab).clamp(min=0), new), llm.model.embed_tokens(ids.clamp(max=vocab - 1)))
            h = llm.model(inputs_embeds=embeds, use_cache=False).last_hidden_state[:, learnt - 1]
            logits = torch.cat([llm.lm_head(h), F.linear(h, new)], -1)
        loss = F.cross_entropy(logits.flatten(0, 1).float(), ids[:, learnt].flatten())
        loss.backward()
        opt.step()
        opt.zero_grad()

    for name in ("f32", "bf16"):
        s = best(lambda: step(name == "bf16"), least=2)
        emit(part="train-pages", dtype=name, shape=[batch, pictures, pictures * chunk], trained=sum(p.numel() for p in trained), seconds=s,
             samples_per_s=batch * pictures / s)


def flamingo(parts, dtype=torch.bfloat16, name="bf16"):
    """OpenFlamingo-3B: CLIP's ViT-L/14, the resampler, and an MPT of MPT-1B's size (whose norms of queries and keys transformers lacks) with a
    gated block before each layer."""
    from transformers import CLIPVisionConfig, CLIPVisionModel, MptConfig, MptForCausalLM

    def make(build):
        with torch.device("meta"):
            m = build()
        m = m.to(dtype).to_empty(device="cpu").eval()
        for p in m.parameters():
            p.data.copy_(torch.randn(p.shape[-1:]) * 0.02 if p.dim() > 1 else torch.ones(()))
        return m

    with torch.inference_mode():
        if "vision" in parts:
            look = make(lambda: CLIPVisionModel(CLIPVisionConfig(hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=14)))
            # Positions are a buffer, which meta leaves empty.
            getattr(look, "vision_model", look).embeddings.position_ids.copy_(torch.arange(257)[None])
            pixels = torch.randn(1, 3, 224, 224).to(dtype)
            s = best(lambda: look(pixels))
            emit(part="vision", dtype=name, shape=[257, 1024], seconds=s, samples_per_s=1 / s)
        if "resampler" in parts:
            layers, features = make(lambda: torch.nn.ModuleList(Look(1024, 1024, True) for _ in range(6))), torch.randn(1, 256, 1024).to(dtype)

            def read():
                x = torch.zeros(1, 64, 1024, dtype=dtype)
                for layer in layers:
                    x = layer(x, features)
            s = best(read)
            emit(part="resampler", dtype=name, shape=[64, 256, 1024], seconds=s, samples_per_s=1 / s)
        if not {"gated", "prefill", "decode"} & set(parts):
            return
        gated = make(lambda: torch.nn.ModuleList(Look(2048, 1024, False) for _ in range(24)))
        if "gated" in parts:
            x, media = torch.randn(1, 512, 2048).to(dtype), torch.randn(1, 5 * 64, 1024).to(dtype)
            mask = torch.arange(512)[:, None] * 5 // 512 == torch.arange(5).repeat_interleave(64)[None]
            s = best(lambda: [g(x, media, mask) for g in gated])
            emit(part="gated", dtype=name, shape=[512, 5, 2048], seconds=s, tokens_per_s=512 / s)
        if not {"prefill", "decode"} & set(parts):
            return
        llm = make(lambda: MptForCausalLM(MptConfig(d_model=2048, n_heads=16, n_layers=24, vocab_size=50280, max_seq_len=2048)))
        llm.tie_weights()
        media, ids = torch.randn(1, 64, 1024).to(dtype), torch.randint(10, 50000, (1, 512))
        for block, g in zip(llm.transformer.blocks, gated):
            block.register_forward_pre_hook(lambda _m, args, g=g: (g(args[0], media), *args[1:]))
        language(parts, llm, ids, name)


def load():
    """Has another process load the saved model, and say how long and how much memory that took."""
    import os
    import subprocess
    import sys
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        blip2([], folder)
        size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
        code = ("import sys, time, resource; t = time.perf_counter(); import torch; from transformers import Blip2ForConditionalGeneration as B;"
                "m = B.from_pretrained(sys.argv[1], dtype=torch.bfloat16); s = time.perf_counter() - t;"
                "print(s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10)")
        s, peak = subprocess.run([sys.executable, "-c", code, folder], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
        emit(part="load", dtype="bf16", seconds=float(s), bytes=size, peak_rss=int(peak))


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--part", help="parts, with commas between; all if left out (load only by name)")
    p.add_argument("--shape", choices=["blip2-opt-2.7b", "openflamingo-3b"], help="a whole model's shapes")
    a = p.parse_args()
    if a.part is None:
        a.part = "vision,resampler,qformer,gated,prefill,decode,caption" if a.shape else "linear,attention,train-stage1,train-pages,prefill,decode"
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    parts = a.part.split(",")
    if a.shape == "openflamingo-3b":
        flamingo(parts)
        raise SystemExit
    if a.shape and set(parts) - {"load"}:
        blip2(parts)
    if a.shape and "load" in parts:
        load()
    if a.shape:
        raise SystemExit
    if "linear" in parts:
        linear()
    if "attention" in parts:
        attention()
    if "train-stage1" in parts:
        stage1()
    if "train-pages" in parts:
        pages()
    if {"prefill", "decode"} & set(parts):
        llama(parts)
