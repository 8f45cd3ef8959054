"""The first steps of fine-tuning testdata's models, by transformers and torch.optim.AdamW.

    python tools/oracle/finetune.py [blip2-opt] [blip2-t5] [instructblip]

writes train/testdata/finetune/MODEL.jsonl, the rows that are learnt from, each with the prompt that stands before its text, and
MODEL.safetensors: loss [steps], each before its update, and grad.PARAMETER of the first. Q-Former, queries and projection learn. The batch
has all rows, padded on the right, so their order does not matter. Pictures are recipes/tiny's, by Pillow's resizing.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import Blip2ForConditionalGeneration, InstructBlipForConditionalGeneration

root = Path(__file__).parents[2]
out = root / "train" / "testdata" / "finetune"
pictures = root / "recipes" / "tiny" / "pictures"
STEPS, LR, DECAY = 3, 1e-2, 0.05
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]

CAPTION, QUESTION = "a photo of", "Question: {question} Answer:"
ROWS = {
    "blip2-opt": [
        ("red-circle", CAPTION, None, "a red circle"),
        ("blue-bar", CAPTION, None, "a bar"),
        ("green-ring", "this is", None, "a ring of green, lying on its side"),
        ("black-cross", QUESTION, "Which colour is it?", "black"),
        ("red-bar", QUESTION, "Round?", "no"),
    ],
    "blip2-t5": [
        ("red-circle", "w3 w4 w5", None, "w9 w10 w11 w12"),
        ("blue-bar", "w3 w4 w5", None, "w13"),
        ("black-cross", "w6 {question} w7", "w20 w21 w22 w23", "w30 w31"),
        ("red-bar", "w6 {question} w7", "w24", "w32 w33 w34"),
    ],
}
ROWS["instructblip"] = ROWS["blip2-t5"]


def pixels(name, size):
    x = Image.open(pictures / f"{name}.png").convert("RGBA")
    x = Image.alpha_composite(Image.new("RGBA", x.size, "white"), x).convert("RGB").resize((size, size), Image.BICUBIC)
    x = (np.asarray(x, dtype=np.float64) / 255).astype(np.float32)
    return torch.tensor(((x - np.float32(MEAN)) / np.float32(STD)).transpose(2, 0, 1))


def padded(rows, value):
    n = max(map(len, rows))
    return torch.tensor([r + [value] * (n - len(r)) for r in rows])


def batch(name, path, model, rows):
    c = model.config
    tok = Tokenizer.from_file(str(path / "tokenizer.json"))
    image = [c.image_token_index] * c.num_query_tokens
    asked = [p.replace("{question}", q or "") for _, p, q, _ in rows]
    texts = [r[3] for r in rows]
    b = {"pixel_values": torch.stack([pixels(r[0], c.vision_config.image_size) for r in rows])}
    before = [tok.encode(p).ids for p in asked]
    if name == "blip2-t5":
        said = [tok.encode(t, add_special_tokens=False).ids + [1] for t in texts]
        b["input_ids"] = padded([image + p for p in before], 0)
        b["attention_mask"] = padded([[1] * len(image + p) for p in before], 0)
        b["labels"] = padded(said, -100)
        return b
    if name == "instructblip":  # input and output one after the other, as LAVIS's concat_text_input_output leaves them
        said = [tok.encode(t, add_special_tokens=False).ids + [2] for t in texts]
        words = Tokenizer.from_file(str(path / "qformer_tokenizer" / "tokenizer.json"))
        read = [words.encode(p).ids for p in asked]
        b["qformer_input_ids"] = padded(read, 0)
        b["qformer_attention_mask"] = padded([[1] * len(r) for r in read], 0)
    else:
        both = [tok.encode(p + " " + t).ids for p, t in zip(asked, texts)]
        assert all(x[: len(p)] == p for x, p in zip(both, before))
        said = [x[len(p) :] + [model.generation_config.eos_token_id] for x, p in zip(both, before)]
    b["input_ids"] = padded([image + p + s for p, s in zip(before, said)], 1)
    b["attention_mask"] = padded([[1] * len(image + p + s) for p, s in zip(before, said)], 0)
    b["labels"] = padded([[-100] * len(image + p) + s for p, s in zip(before, said)], -100)
    return b


def finetune(name):
    path = root / "testdata" / name
    kind = InstructBlipForConditionalGeneration if name == "instructblip" else Blip2ForConditionalGeneration
    model = kind.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()
    rows = ROWS[name]
    b = batch(name, path, model, rows)
    learns = {n: p for n, p in model.named_parameters() if n.startswith(("qformer.", "query_tokens", "language_projection."))}
    model.requires_grad_(False)
    for p in learns.values():
        p.requires_grad_(True)
    plain = [p for n, p in learns.items() if p.dim() == 1 or n.endswith(".bias")]
    matrices = [p for n, p in learns.items() if not (p.dim() == 1 or n.endswith(".bias"))]
    adam = torch.optim.AdamW([dict(params=matrices, weight_decay=DECAY), dict(params=plain, weight_decay=0.0)], lr=LR, betas=(0.9, 0.999), eps=1e-8)
    losses, result = [], {}
    for step in range(STEPS):
        adam.zero_grad()
        loss = model(**b).loss
        loss.backward()
        losses.append(loss.detach())
        if step == 0:
            result = {"grad." + n: p.grad.clone() for n, p in learns.items() if p.grad is not None}
        adam.step()
    result["loss"] = torch.stack(losses)
    print(name, [round(x.item(), 6) for x in losses], len(result) - 1, "of", len(learns))
    out.mkdir(parents=True, exist_ok=True)
    save_file({k: v.contiguous() for k, v in result.items()}, out / f"{name}.safetensors")
    with open(out / f"{name}.jsonl", "w") as f:
        for picture, prompt, question, text in rows:
            row = dict(image=f"../../../recipes/tiny/pictures/{picture}.png", prompt=prompt)
            f.write(json.dumps(row | (dict(question=question, answer=text) if question else dict(text=text))) + "\n")


for name in sys.argv[1:] or ROWS:
    finetune(name)
