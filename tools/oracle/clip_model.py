"""Tiny random CLIPs, by transformers and by open_clip:

    python tools/oracle/clip_model.py

writes model/clip/testdata/{clip,clip-old,openclip}: clip as transformers 5 saves it; clip-old with the first generation's configuration (whole
copies under *_config_dict, eos_token_id 2), pytorch_model.bin, and vocab.json with merges.txt; openclip as open_clip does. Each has
inputs.safetensors, and expected.safetensors named by module path, with the gradients of the contrastive loss; texts.json has texts with
their ids, what those decode to, and for each its embedding; pixels.safetensors what the processor makes of picture.png.
"""

import json
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

ROOT = Path(__file__).parents[2] / "model" / "clip" / "testdata"
CORPUS = """a photo of a cat. a photo of the dogs, isn't it? The Quick brown fox's 42 jumps over 1,234 lazy dogs & cats!
A painting of a red boat on the sea; we've seen two boats, they're blue. Ein schöner Tag, größer als gestern. l'été à la plage"""
TEXTS = [
    "a photo of a cat", "The Quick  brown\tfox's 42 jumps!", "isn't it? they're we'll I'M", "größer als ÉTÉ e\u0301te\u0301", "", " ", "日本 🙂 x", "a<|endoftext|>b",
    "1,234.5", "\u00a0a\u3000b", "ⅧⅣ ²", "<|startoftext|> dog", "it''s --- ok", "İstanbul ŞEHİR ß ẞ", "a " * 40,
]


def words():
    t = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Lowercase()
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=590, end_of_word_suffix="</w>", initial_alphabet=alphabet, show_progress=False, min_frequency=1)
    t.train_from_iterator(CORPUS.split("\n"), trainer)
    merges = [tuple(m) for m in json.loads(t.to_str())["model"]["merges"]]
    # CLIP's own order: bytes, bytes at a word's end, merges, the two ends of a text.
    vocab = {w: i for i, w in enumerate([*alphabet, *(a + "</w>" for a in alphabet)])}
    kept = []
    for a, b in merges:
        if a in vocab and b in vocab and a + b not in vocab:
            vocab[a + b] = len(vocab)
            kept.append((a, b))
    for w in ("<|startoftext|>", "<|endoftext|>"):
        vocab[w] = len(vocab)
    return vocab, kept


VOCAB, MERGES = words()
BOS, EOS = len(VOCAB) - 2, len(VOCAB) - 1


def randomize(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = p.dim() == 1 and ("norm" in name or "ln_" in name) and name.endswith("weight")
            if name != "logit_scale":
                p.copy_(torch.randn_like(p) * (0.25 if p.dim() > 1 else 0.1) + (1.0 if norm else 0.0))


def inputs(size, positions):
    ids = torch.randint(0, BOS, (3, 7))
    ids[:, 0], ids[0, 6], ids[1, 4], ids[2, 5] = BOS, EOS, EOS, EOS
    mask = torch.ones_like(ids)
    mask[1, 5:], ids[1, 5:] = 0, EOS  # as CLIP pads
    mask[2, 6:], ids[2, 6:] = 0, 0
    assert ids.shape[1] <= positions
    return torch.randn(3, 3, size, size), ids, mask


def write(path, pixels, ids, mask, out):
    zero = mask.unsqueeze(-1).float()
    for name, x in out.items():
        if x.dim() == 3 and x.shape[:2] == mask.shape:
            out[name] = x * zero  # what padding becomes is nobody's concern
    save_file({"pixel_values": pixels, "input_ids": ids, "attention_mask": mask}, path / "inputs.safetensors")
    save_file({n: x.detach().contiguous().clone() for n, x in out.items()}, path / "expected.safetensors")


def trace(m, path, pixels, ids, mask):
    out = {}

    def keep(name):
        def hook(_m, _a, result):
            x = result[0] if isinstance(result, tuple) else getattr(result, "last_hidden_state", result)
            out[name] = x.detach().clone()
        return hook

    hooks = [x.register_forward_hook(keep(n)) for n, x in m.named_modules() if n and not n.endswith(("_fn", "_proj", "fc1", "fc2", "embedding", "layers", "norm1", "norm2"))]
    r = m(input_ids=ids, pixel_values=pixels, attention_mask=mask, return_loss=True)
    for h in hooks:
        h.remove()
    r.loss.backward()
    for n in ("logits_per_image", "logits_per_text", "text_embeds", "image_embeds", "loss"):
        out[n] = getattr(r, n)
    out["text_model.pooler_output"], out["vision_model.pooler_output"] = r.text_model_output.pooler_output, r.vision_model_output.pooler_output
    for side in ("text", "vision"):  # transformers puts the projection into the output
        out.pop(f"{side}_model.pooler_output")
    out |= {"grad." + n: p.grad if p.grad is not None else torch.zeros_like(p) for n, p in m.named_parameters()}
    write(path, pixels, ids, mask, out)


def texts(m, path, most):
    tok = CLIPTokenizer.from_pretrained(path)
    found = []
    for t in TEXTS:
        ids = tok(t, truncation=True, max_length=most)["input_ids"]
        whole = tok(t)["input_ids"]
        with torch.no_grad():
            e = m.get_text_features(input_ids=torch.tensor([ids])).pooler_output
            e = e / e.norm(dim=-1, keepdim=True)
        plain = tok(t, add_special_tokens=False)["input_ids"]
        found.append({"text": t, "ids": ids, "whole": whole, "plain": plain, "decoded": tok.decode(whole), "embedding": [round(v, 6) for v in e[0].tolist()]})
    (path / "texts.json").write_text(json.dumps(found, ensure_ascii=False) + "\n")


def picture(m, path, processor):
    px = processor(images=Image.open(ROOT / "picture.png"), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        e = m.get_image_features(pixel_values=px).pooler_output
        e = e / e.norm(dim=-1, keepdim=True)
    save_file({"pixel_values": px.contiguous(), "embedding": e}, path / "pixels.safetensors")


def clip():
    torch.manual_seed(5)
    path = ROOT / "clip"
    text = dict(vocab_size=len(VOCAB), hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=9,
                bos_token_id=BOS, eos_token_id=EOS, pad_token_id=EOS, hidden_act="gelu")
    look = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=2, image_size=15, patch_size=4)
    m = CLIPModel(CLIPConfig(text_config=text, vision_config=look, projection_dim=10)).eval()
    randomize(m)
    m.save_pretrained(path)
    CLIPTokenizer(VOCAB, MERGES, model_max_length=9).save_pretrained(path)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 15}, crop_size={"height": 15, "width": 15})
    processor.save_pretrained(path)
    trace(m, path, *inputs(15, 9))
    texts(m, path, 9)
    picture(m, path, processor)


def old():
    torch.manual_seed(6)
    path = ROOT / "clip-old"
    path.mkdir(parents=True, exist_ok=True)
    text = dict(vocab_size=len(VOCAB), hidden_size=16, intermediate_size=20, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=12,
                bos_token_id=0, eos_token_id=2, pad_token_id=1)
    look = dict(hidden_size=12, intermediate_size=24, num_hidden_layers=2, num_attention_heads=3, image_size=14, patch_size=7)
    m = CLIPModel(CLIPConfig(text_config=text, vision_config=look, projection_dim=6)).eval()
    randomize(m)
    torch.save(m.state_dict(), path / "pytorch_model.bin")
    (path / "config.json").write_text(json.dumps({
        "model_type": "clip", "architectures": ["CLIPModel"], "projection_dim": 6, "logit_scale_init_value": 2.6592,
        "text_config": {"vocab_size": 99, "hidden_size": 16, "eos_token_id": 2}, "text_config_dict": text,
        "vision_config": {"image_size": 14}, "vision_config_dict": look}, indent=1) + "\n")
    (path / "vocab.json").write_text(json.dumps(VOCAB, ensure_ascii=False))
    (path / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in MERGES))
    (path / "tokenizer_config.json").write_text(json.dumps({
        "unk_token": "<|endoftext|>", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
        "model_max_length": 12, "do_lower_case": True, "tokenizer_class": "CLIPTokenizer", "errors": "replace", "add_prefix_space": False}) + "\n")
    (path / "special_tokens_map.json").write_text(json.dumps({
        "bos_token": {"content": "<|startoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True},
        "eos_token": {"content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True},
        "unk_token": {"content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}, "pad_token": "<|endoftext|>"}) + "\n")
    (path / "preprocessor_config.json").write_text(json.dumps({
        "crop_size": 14, "do_center_crop": True, "do_normalize": True, "do_resize": True, "feature_extractor_type": "CLIPFeatureExtractor",
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 14}) + "\n")
    trace(m, path, *inputs(14, 12))
    texts(m, path, 12)
    picture(m, path, CLIPImageProcessorPil.from_pretrained(path))


def openclip():
    torch.manual_seed(7)
    path = ROOT / "openclip"
    path.mkdir(parents=True, exist_ok=True)
    config = {"embed_dim": 10, "quick_gelu": True,
              "vision_cfg": {"image_size": 14, "layers": 2, "width": 16, "head_width": 8, "patch_size": 7, "mlp_ratio": 2.0},
              "text_cfg": {"context_length": 8, "vocab_size": len(VOCAB), "width": 12, "heads": 3, "layers": 2}}
    m = open_clip.CLIP(**{k: dict(v) if isinstance(v, dict) else v for k, v in config.items()}).eval()
    randomize(m)
    save_file({n: t.contiguous() for n, t in m.state_dict().items() if n != "attn_mask"}, path / "open_clip_model.safetensors")
    (path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {
        "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}}, indent=1) + "\n")
    pixels, ids, mask = inputs(14, 8)
    ids = torch.cat([ids, torch.zeros(3, 1, dtype=ids.dtype)], 1)  # open_clip reads rows of the whole length, padded with 0
    ids[1, 5:] = 0
    with torch.no_grad():
        image, text, scale = m(pixels, ids)
    write(path, pixels, ids, torch.ones_like(ids), {
        "image_embeds": image, "text_embeds": text, "logits_per_image": scale * image @ text.T, "logits_per_text": scale * text @ image.T})


ROOT.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(3)
Image.fromarray(np.kron(rng.integers(0, 256, (5, 8, 3), dtype=np.uint8), np.ones((6, 6, 1), np.uint8))[:29, :47]).save(ROOT / "picture.png", optimize=True)
clip()
old()
openclip()
