"""Makes recipes/tiny: what recipes/tiny.yaml trains on. Pictures of coloured shapes, and random frozen parts small enough to commit.

Run from the repository's root: python tools/oracle/tiny.py
"""

import json
import pathlib

import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import BertConfig, BertModel, Blip2VisionConfig, LlamaConfig, LlamaForCausalLM
from transformers.models.blip_2.modeling_blip_2 import Blip2VisionModel

OUT = pathlib.Path("recipes/tiny")
COLOURS = {"red": "#d33", "green": "#2a2", "blue": "#33d", "yellow": "#dd2", "black": "#222", "purple": "#a3c"}
SHAPES = ["circle", "square", "triangle", "ring", "cross", "bar"]
torch.manual_seed(3)


def draw(shape, colour):
    im = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    d = ImageDraw.Draw(im)
    match shape:
        case "circle":
            d.ellipse((4, 4, 27, 27), fill=colour)
        case "square":
            d.rectangle((5, 5, 26, 26), fill=colour)
        case "triangle":
            d.polygon(((16, 3), (28, 27), (4, 27)), fill=colour)
        case "ring":
            d.ellipse((4, 4, 27, 27), outline=colour, width=5)
        case "cross":
            d.rectangle((13, 3, 18, 28), fill=colour)
            d.rectangle((3, 13, 28, 18), fill=colour)
        case "bar":
            d.rectangle((2, 12, 29, 19), fill=colour)
    return im


def save(name, model, prefix=""):
    (OUT / name).mkdir(parents=True, exist_ok=True)
    tensors = {prefix + k: v.half().contiguous() for k, v in model.state_dict().items() if "position_ids" not in k}
    save_file(tensors, OUT / name / "model.safetensors")


def pairs():
    (OUT / "pictures").mkdir(parents=True, exist_ok=True)
    lines = []
    for s, shape in enumerate(SHAPES):
        for c, (name, colour) in enumerate(COLOURS.items()):
            path = f"pictures/{name}-{shape}.png"
            draw(shape, colour).save(OUT / path, optimize=True)
            split = "held" if (s + c) % 6 == 0 else "train"
            lines.append(json.dumps({"image": path, "text": f"a {name} {shape}", "split": split}))
    (OUT / "pairs.jsonl").write_text("\n".join(lines) + "\n")
    return [json.loads(line)["text"] for line in lines]


def vision():
    config = Blip2VisionConfig(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8)
    config.initializer_range = 0.1
    model = Blip2VisionModel(config)
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() > 1:
                p.normal_(0, 0.15)
    save("vision", model)
    keys = ["hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "image_size", "patch_size"]
    vision_config = {"model_type": "blip_2_vision_model"} | {k: getattr(config, k) for k in keys}
    (OUT / "vision" / "config.json").write_text(json.dumps({"vision_config": vision_config}, indent=1) + "\n")


def text(captions):
    words = sorted({w for c in captions for w in c.split()})
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + letters + ["##" + c for c in letters] + [w for w in words if len(w) > 1]
    config = BertConfig(vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=16)
    save("text", BertModel(config, add_pooling_layer=False))
    (OUT / "text" / "vocab.txt").write_text("\n".join(vocab) + "\n")


def language(captions):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(
        captions, trainers.BpeTrainer(vocab_size=340, special_tokens=["<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    )
    config = LlamaConfig(
        vocab_size=t.get_vocab_size(), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=128, bos_token_id=None, eos_token_id=0, pad_token_id=0, tie_word_embeddings=True, initializer_range=0.1,
    )
    save("language", LlamaForCausalLM(config))
    config.save_pretrained(OUT / "language")
    t.save(str(OUT / "language" / "tokenizer.json"))


captions = pairs()
vision()
text(captions)
language(captions)
