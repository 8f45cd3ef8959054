"""The language model of recipes/bridges: two blocks that have read a little, so that what stands before a caption says something to it.

    python tools/oracle/bridges.py

writes recipes/bridges/language: a LLaMA of 64 numbers a token over the tokenizer of recipes/tiny, trained for a minute on lines such as
"the ring is blue Caption: a blue ring", in which a colour and a shape are named in one of several ways and then put in order. It has never
seen a picture.
"""

import random
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

ROOT = Path(__file__).parents[2] / "recipes"
OUT = ROOT / "bridges/language"
COLOURS = ["red", "green", "blue", "yellow", "purple", "black"]
SHAPES = ["circle", "square", "triangle", "cross", "ring", "bar"]
WAYS = ["{c} {s}", "{s} {c}", "the {s} is {c}", "{c} and {s}", "{s} in {c}", "{x} no {c} {s}", "{c}", "{s}", ""]
STEPS, BATCH, END = 900, 64, 0

torch.manual_seed(3)
torch.set_num_threads(1)
draw = random.Random(3)
tok = Tokenizer.from_file(str(ROOT / "tiny/language/tokenizer.json"))
model = LlamaForCausalLM(LlamaConfig(
    vocab_size=308, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
    max_position_embeddings=128, rms_norm_eps=1e-6, tie_word_embeddings=True, bos_token_id=None, eos_token_id=END, pad_token_id=END))
adam = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
rate = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, STEPS)


def line():
    c, s = draw.choice(COLOURS), draw.choice(SHAPES)
    way = draw.choice(WAYS).format(c=c, s=s, x=draw.choice(COLOURS))
    return tok.encode(f"{way} Caption: a {c} {s}".strip()).ids + [END]


for step in range(STEPS):
    rows = [line() for _ in range(BATCH)]
    most = max(map(len, rows))
    ids = torch.tensor([r + [END] * (most - len(r)) for r in rows])
    labels = torch.tensor([r + [-100] * (most - len(r)) for r in rows])
    loss = model(ids, attention_mask=(labels >= 0).long(), labels=labels).loss
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    adam.step()
    rate.step()
    if step % 100 == 99:
        print(step + 1, round(float(loss), 3), flush=True)
model.half().save_pretrained(OUT)
(OUT / "generation_config.json").unlink(missing_ok=True)
shutil.copy(ROOT / "tiny/language/tokenizer.json", OUT / "tokenizer.json")
