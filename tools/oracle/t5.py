"""Tiny random T5s of each version, and what transformers computes with them.

    python tools/oracle/t5.py

writes language/t5/testdata/v1.0 (relu, the head is the embedding), v1.1 (gated, gelu_new) and flan (gated, erf by dense_act_fn, with
an embedding under all of its names): the model's directory as transformers 4 wrote it, with a tokenizer of words w0, w3, w4, …, and
expected.safetensors with

    input_ids, attention_mask, labels        two rows, the second padded on the right
    MODULE PATH                              the module's output
    ….attention_probs                        the attention's weights
    logits, loss, grad.PARAMETER
    prompts, prompts_mask                    rows padded on the right
    case.N, scores.N                         what is generated behind them as cases.json says, and the scores of beams
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import T5ForConditionalGeneration

ROOT = Path(__file__).parents[2] / "language" / "t5" / "testdata"
VOCAB, WIDTH, INNER, WIDE = 40, 12, 10, 14
EOS = 1

CASES = [
    dict(max_new_tokens=12),
    dict(max_new_tokens=12, repetition_penalty=1.6),
    dict(max_new_tokens=12, min_new_tokens=5, eos=[1, 7, 9, 11, 20]),
    dict(max_new_tokens=10, num_beams=3),
    dict(max_new_tokens=10, num_beams=4, length_penalty=2.0, eos=[1, 7, 9, 11, 20]),
    dict(max_new_tokens=10, num_beams=4, length_penalty=-1.0, early_stopping=True, eos=[1, 7, 9, 11, 20]),
    dict(max_new_tokens=10, num_beams=3, repetition_penalty=1.3, min_new_tokens=4, early_stopping="never", eos=[1, 7, 9]),
]


def tensors(gated, untied, layers=2):
    def matrix(*shape, scale=0.3):
        return torch.randn(*shape) * scale

    t = {"shared.weight": matrix(VOCAB, WIDTH, scale=1.0 if untied else 0.4)}
    for stack in ("encoder", "decoder"):
        for i in range(layers):
            parts = [("SelfAttention", 0)] + ([("EncDecAttention", 1)] if stack == "decoder" else [])
            for name, n in parts:
                at = f"{stack}.block.{i}.layer.{n}."
                for p in "qkv":
                    t[f"{at}{name}.{p}.weight"] = matrix(INNER, WIDTH)
                t[f"{at}{name}.o.weight"] = matrix(WIDTH, INNER)
                t[at + "layer_norm.weight"] = 1 + matrix(WIDTH)
            if i == 0:
                t[f"{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight"] = matrix(8, 2, scale=1.0)
            at = f"{stack}.block.{i}.layer.{len(parts)}."
            for p in ("wi_0", "wi_1") if gated else ("wi",):
                t[f"{at}DenseReluDense.{p}.weight"] = matrix(WIDE, WIDTH)
            t[at + "DenseReluDense.wo.weight"] = matrix(WIDTH, WIDE)
            t[at + "layer_norm.weight"] = 1 + matrix(WIDTH)
        t[stack + ".final_layer_norm.weight"] = 1 + matrix(WIDTH)
    if untied:
        t["lm_head.weight"] = matrix(VOCAB, WIDTH, scale=0.7)
    return t


def tokenizer(path):
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"w{i}": i for i in range(3, VOCAB)}
    t = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    t.add_special_tokens(["<pad>", "</s>", "<unk>"])
    t.save(str(path / "tokenizer.json"))


def trim(ids, eos):
    for i, x in enumerate(ids):
        if x in eos:
            return ids[: i + 1]
    return ids


def make(name, seed, gated, untied, alias=False, **config):
    torch.manual_seed(seed)
    path = ROOT / name
    path.mkdir(parents=True, exist_ok=True)
    stored = tensors(gated, untied)
    if alias:
        stored["encoder.embed_tokens.weight"] = stored["shared.weight"].clone()
        stored["decoder.embed_tokens.weight"] = stored["shared.weight"].clone()
    save_file(stored, path / "model.safetensors", metadata={"format": "pt"})
    config = dict(
        architectures=["T5ForConditionalGeneration"], model_type="t5", is_encoder_decoder=True, vocab_size=VOCAB, d_model=WIDTH,
        d_kv=INNER // 2, num_heads=2, d_ff=WIDE, num_layers=2, num_decoder_layers=2, relative_attention_num_buckets=8,
        relative_attention_max_distance=16, layer_norm_epsilon=1e-6, dropout_rate=0.0, pad_token_id=0, eos_token_id=EOS,
        decoder_start_token_id=0, **config,
    )
    (path / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    tokenizer(path)
    m, info = T5ForConditionalGeneration.from_pretrained(path, output_loading_info=True, attn_implementation="eager")
    m.eval()
    print(name, info)
    assert torch.equal(m.lm_head.weight, stored.get("lm_head.weight", stored["shared.weight"]))
    m.requires_grad_(True)

    out = {}

    def keep(name):
        def hook(_m, _a, result):
            x = result[0] if isinstance(result, tuple) else getattr(result, "last_hidden_state", result)
            out[name] = x.detach().clone()
            if name.endswith("Attention"):
                out[name + ".attention_probs"] = result[2].detach().clone()
        return hook

    skip = ("dropout", "act", "embed_tokens", "shared", "layer", ".q", ".k", ".v", ".o", "wi", "wi_0", "wi_1", "wo", "block", "relative_attention_bias")
    hooks = [x.register_forward_hook(keep(n)) for n, x in m.named_modules() if n and not n.endswith(skip)]
    ids = torch.randint(3, VOCAB, (2, 7))
    mask = torch.ones_like(ids)
    ids[1, 5:], mask[1, 5:] = 0, 0
    labels = torch.randint(3, VOCAB, (2, 5))
    labels[0, 4], labels[1, 2:] = EOS, torch.tensor([EOS, -100, -100])
    r = m(input_ids=ids, attention_mask=mask, labels=labels)
    out["logits"], out["loss"] = r.logits.detach(), r.loss.detach().reshape(1)
    for h in hooks:
        h.remove()
    r.loss.backward()
    for n, p in m.named_parameters():
        out["grad." + n] = p.grad
    out |= {"input_ids": ids.float(), "attention_mask": mask.float(), "labels": labels.float()}

    lengths = (7, 3, 5)
    prompts = torch.zeros(3, 7, dtype=torch.long)
    for b, n in enumerate(lengths):
        prompts[b, :n] = torch.randint(3, VOCAB, (n,))
    keep_mask = (prompts != 0).long()
    out |= {"prompts": prompts.float(), "prompts_mask": keep_mask.float()}
    for n, args in enumerate(CASES):
        args = dict(args)
        eos = args.pop("eos", [EOS])
        with torch.no_grad():
            g = m.generate(input_ids=prompts, attention_mask=keep_mask, eos_token_id=eos, do_sample=False, return_dict_in_generate=True,
                           output_scores=True, **args)
            new = [trim(s[1:].tolist(), eos) for s in g.sequences]
            for b, length in enumerate(lengths):  # a check of the padding
                alone = m.generate(input_ids=prompts[b : b + 1, :length], eos_token_id=eos, do_sample=False, **args)
                assert trim(alone[0, 1:].tolist(), eos) == new[b], (name, args)
        longest = max(map(len, new))
        out[f"case.{n}"] = torch.tensor([x + [-1] * (longest - len(x)) for x in new]).float()
        if getattr(g, "sequences_scores", None) is not None:
            out[f"scores.{n}"] = g.sequences_scores
        print(args, new)
    save_file({k: v.detach().float().contiguous() for k, v in out.items()}, path / "expected.safetensors")


if __name__ == "__main__":
    make("v1.0", 1, gated=False, untied=False, feed_forward_proj="relu")
    make("v1.1", 2, gated=True, untied=True, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
    make("flan", 3, gated=True, untied=True, alias=True, feed_forward_proj="gated-gelu", dense_act_fn="gelu", tie_word_embeddings=False)
    (ROOT / "cases.json").write_text("[\n " + ",\n ".join(json.dumps(c) for c in CASES) + "\n]\n")
    for f in sorted(ROOT.rglob("*")):
        if f.is_file():
            print(f.relative_to(ROOT), f.stat().st_size)
