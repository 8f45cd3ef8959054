"""A tiny random GPT-NeoX as torch.save writes the parameters of transformers 5, whose head is called lm_head, and what transformers computes
with it where a mask has holes.

    python tools/oracle/gptneox.py

writes language/gptneox/testdata/tiny: config.json, pytorch_model.bin and expected.safetensors with input_ids, attention_mask, labels, the
outputs of blocks, logits, loss and every gradient; and stretched.json, logits with rotations slowed.
"""

import json
from pathlib import Path

import torch
from opt import randomize
from safetensors.torch import save_file
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

PATH = Path(__file__).parents[2] / "language" / "gptneox" / "testdata" / "tiny"

torch.manual_seed(8)
PATH.mkdir(parents=True, exist_ok=True)
m = GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=30, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2, rotary_pct=0.5,
                                     use_parallel_residual=False, hidden_dropout=0.0, attention_dropout=0.0, max_position_embeddings=32)).eval()
randomize(m)
m.config.save_pretrained(PATH)
torch.save(m.state_dict(), PATH / "pytorch_model.bin")
ids = torch.randint(0, 30, (2, 8))
mask = torch.tensor([[1, 0, 1, 1, 0, 1, 1, 1], [1, 1, 1, 1, 1, 0, 0, 0]])
labels = ids.masked_fill(mask == 0, -100)
out = {}


def keep(name):
    def hook(_m, _a, result):
        out[name] = (result[0] if isinstance(result, tuple) else result).detach().clone()
    return hook


for i, block in enumerate(m.gpt_neox.layers):
    block.register_forward_hook(keep(f"gpt_neox.layers.{i}"))
r = m(input_ids=ids, attention_mask=mask, labels=labels)
r.loss.backward()
out |= {"input_ids": ids, "attention_mask": mask, "labels": labels, "logits": r.logits.detach(), "loss": r.loss.detach().reshape(1)}
out |= {"grad." + n: p.grad for n, p in m.named_parameters()}
save_file({k: v.contiguous().clone().float() for k, v in out.items()}, PATH / "expected.safetensors")

# The same text with rotations slowed, in the configuration's old and new spelling; it is longer than the context where that counts.
cases = []
for kind, rest, longest in [("linear", {"factor": 2.5}, 32), ("dynamic", {"factor": 2.0}, 4), ("yarn", {"factor": 4.0, "original_max_position_embeddings": 8}, 32)]:
    c = GPTNeoXConfig.from_pretrained(PATH)
    c.max_position_embeddings = longest
    c.rope_parameters = c.rope_parameters | {"rope_type": kind} | rest
    slowed = GPTNeoXForCausalLM(c).eval()
    slowed.load_state_dict(m.state_dict())
    with torch.no_grad():
        logits = slowed(input_ids=ids).logits.reshape(-1).tolist()
    old = {"rotary_pct": 0.5, "rope_scaling": {"type": kind} | rest}
    for spelling in [{"rope_parameters": c.rope_parameters}, old]:
        cases.append({"config": {"hidden_size": 16, "num_attention_heads": 2, "max_position_embeddings": longest} | spelling, "logits": logits})
(PATH / "stretched.json").write_text(json.dumps(cases, separators=(",", ":")) + "\n")
