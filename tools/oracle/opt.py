"""Tiny random OPTs of both norm orders, as transformers writes them, and what transformers computes with them.

    python tools/oracle/opt.py

writes language/opt/testdata/before (norms before each part, as most OPTs have them) and language/opt/testdata/behind (norms behind,
narrower word embeddings: opt-350m): the model's directory with a tokenizer of words w0, w3, w4, …, and expected.safetensors with

    input_ids, attention_mask, labels    two rows, the first padded on the right
    MODULE PATH                          the module's output
    logits, loss, grad.PARAMETER
    prompts, prompts_mask, generated     greedy continuations of rows padded on the left
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import OPTConfig, OPTForCausalLM

ROOT = Path(__file__).parents[2] / "language" / "opt" / "testdata"
EOS = 7


def randomize(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = "norm" in name and name.endswith("weight")
            p.copy_(torch.randn_like(p) * (0.25 if p.dim() > 1 else 0.1) + (1.0 if norm else 0.0))


def tokenizer(path):
    words = {f"w{i}": i for i in range(40)} | {"<pad>": 1, "</s>": 2}
    t = Tokenizer(models.WordLevel({w: i for w, i in words.items() if w not in ("w1", "w2")}, unk_token="<pad>"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    t.save(str(path / "tokenizer.json"))


def make(name, **config):
    torch.manual_seed(5)
    path = ROOT / name
    c = OPTConfig(vocab_size=40, hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=24,
                  dropout=0.0, bos_token_id=2, eos_token_id=EOS, pad_token_id=1, **config)
    m = OPTForCausalLM(c).eval()
    randomize(m)
    m.save_pretrained(path)
    tokenizer(path)
    out = {}

    def keep(name):
        def hook(_m, _a, result):
            x = result[0] if isinstance(result, tuple) else getattr(result, "last_hidden_state", result)
            out[name] = x.detach().clone()
        return hook

    parts = ("self_attn", "project_in", "project_out", "decoder.final_layer_norm", "lm_head", "model.decoder")
    hooks = [x.register_forward_hook(keep(n)) for n, x in m.named_modules() if n.endswith(parts) or n.rpartition(".")[0].endswith("layers")]
    ids = torch.randint(3, 40, (2, 7))
    mask = torch.ones_like(ids)
    mask[0, 5:], ids[0, 5:] = 0, 1
    labels = ids.masked_fill(mask == 0, -100)
    r = m(input_ids=ids, attention_mask=mask, labels=labels)
    for h in hooks:
        h.remove()
    r.loss.backward()
    out |= {"input_ids": ids, "attention_mask": mask, "labels": labels, "logits": r.logits.detach(), "loss": r.loss.detach().reshape(1)}
    out |= {"grad." + n: p.grad for n, p in m.named_parameters()}
    prompts, left = ids.clone(), torch.ones_like(ids)
    prompts[0], left[0, :3] = torch.tensor([1, 1, 1, 2, 9, 4, 30]), 0
    with torch.no_grad():
        got = m.generate(input_ids=prompts, attention_mask=left, max_new_tokens=9, do_sample=False)
    out |= {"prompts": prompts, "prompts_mask": left, "generated": got[:, 7:]}
    save_file({k: v.contiguous().clone().float() for k, v in out.items()}, path / "expected.safetensors")
    print(name, got[:, 7:].tolist())


if __name__ == "__main__":
    make("before")
    make("behind", do_layer_norm_before=False, word_embed_proj_dim=12)
