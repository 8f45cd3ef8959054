"""Tiny random IDEFICS checkpoints as transformers writes them, and what transformers computes with them.

    python tools/oracle/idefics.py

writes model/flamingo/testdata/idefics (a resampler, norms of queries and keys, a block before every other layer, a tokenizer that knows
the end of an utterance) and model/flamingo/testdata/idefics-plain (the encoder's features themselves, vectors for gates): the model's
directory, with inputs.safetensors, expected.safetensors named by module path, and pages.json: pages of texts and pictures (null), the
ids that IdeficsProcessor makes of them, and what generate continues them with, given pictures.safetensors.
"""

import json
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import IdeficsConfig, IdeficsForVisionText2Text, PreTrainedTokenizerFast
from transformers.models.idefics.image_processing_pil_idefics import IdeficsImageProcessorPil
from transformers.models.idefics.processing_idefics import IdeficsProcessor, image_attention_mask_for_packed_input_ids, incremental_to_binary_attention_mask

ROOT = Path(__file__).parents[2] / "model" / "flamingo" / "testdata"
VOCAB = 64
CHARS = "\n !,.:?ABCDEFQUabcdefghijklmnopqrstuvwxyz0123456789"


def randomize(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = "norm" in name and name.endswith("weight")
            p.copy_(torch.randn_like(p) * (0.3 if p.dim() > 1 else 0.15) + (1.0 if norm else 0.8 if "alpha" in name else 0.0))


def tokenizer(path, extra):
    vocab = {w: i for i, w in enumerate(["<unk>", "<s>", "</s>", *CHARS])}
    while len(vocab) < VOCAB:
        vocab[f"<{len(vocab)}>"] = len(vocab)
    t = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
    t.decoder = decoders.Fuse()
    t.add_special_tokens([AddedToken(x, normalized=False) for x in ("<unk>", "<s>", "</s>", *extra)])
    f = PreTrainedTokenizerFast(tokenizer_object=t, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="<unk>", additional_special_tokens=list(extra))
    f.save_pretrained(path)
    return f


def make(name, extra, **config):
    torch.manual_seed(11)
    path = ROOT / name
    path.mkdir(parents=True, exist_ok=True)
    c = IdeficsConfig(vocab_size=VOCAB, additional_vocab_size=len(extra), hidden_size=16, intermediate_size=24, num_hidden_layers=4, num_attention_heads=2,
                      max_position_embeddings=128, freeze_text_layers=False, freeze_vision_layers=False,
                      vision_config=dict(embed_dim=12, image_size=14, patch_size=7, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2), **config)
    c._attn_implementation = "eager"
    m = IdeficsForVisionText2Text(c).eval()
    randomize(m)
    m.save_pretrained(path)
    tok = tokenizer(path, extra)
    image_id = VOCAB + extra.index("<image>")

    ids = torch.randint(3, VOCAB, (2, 9))
    ids[0, 2], ids[0, 5], ids[1, 0], ids[1, 4], ids[1, 6] = image_id, image_id, image_id, 2, image_id
    mask = torch.ones_like(ids)
    mask[1, 8], ids[1, 8], mask[0, 3] = 0, 0, 0  # padding behind a row, and in one: positions do not count it
    seen, _ = image_attention_mask_for_packed_input_ids(ids, tok, "pt")
    seen = incremental_to_binary_attention_mask(seen, "pt", num_classes=2)
    pixels = torch.randn(2, 2, 3, 14, 14)
    labels = ids.masked_fill((mask == 0) | (ids == image_id), -100)
    out = {}

    def keep(name):
        def hook(_m, _a, result):
            x = result[0] if isinstance(result, tuple) else getattr(result, "last_hidden_state", result)
            if isinstance(x, torch.Tensor):
                out[name] = x.detach().clone()
        return hook

    hooks = [x.register_forward_hook(keep(n)) for n, x in m.named_modules() if n and not n.endswith("rotary_emb")]
    r = m(input_ids=ids, attention_mask=mask, pixel_values=pixels, image_attention_mask=seen)
    for h in hooks:
        h.remove()
    # transformers' own loss takes the vocabulary for its width, which the additional words exceed.
    loss = torch.nn.functional.cross_entropy(r.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    loss.backward()
    out |= {"logits": r.logits.detach(), "loss": loss.detach().reshape(1)}
    grads = ("latents", "alpha", "embed_tokens", "lm_head", "cross_attn.q_proj", "cross_attn.k_layer", "blocks.1", "layers.1.self_attn.v_proj", "class_embedding", "gated_cross_attn_layers.1.mlp")
    out |= {"grad." + n: p.grad for n, p in m.named_parameters() if any(g in n for g in grads)}
    save_file({"input_ids": ids, "attention_mask": mask, "image_attention_mask": seen.long(), "pixel_values": pixels, "labels": labels}, path / "inputs.safetensors")
    save_file({k: v.contiguous().clone().float() for k, v in out.items()}, path / "expected.safetensors")

    p = IdeficsProcessor(IdeficsImageProcessorPil(image_size=14), tok, image_size=14)
    # It asks its tokenizer's map for the end of an utterance, as IDEFICS's own tokenizer has it and newer ones do not.
    p.tokenizer_was_trained_with_end_of_utterance_token = "<end_of_utterance>" in extra
    picture = Image.new("RGB", (9, 7), (200, 30, 90))
    pages = [
        ["User:", None, " what is it? ", "A cat."],
        [None, None, "cats", None, "dogs. a"],
        ["no picture at all"],
    ]
    done, pictures = [], {}
    for i, page in enumerate(pages):
        x = p(text=[[picture if part is None else part for part in page]])
        x["pixel_values"] = torch.randn_like(x["pixel_values"].float()) * ("image_attention_mask" in x)
        pictures[str(i)] = x["pixel_values"][0].contiguous()
        bad = [[VOCAB + extra.index(t)] for t in ("<image>", "<fake_token_around_image>")]
        with torch.no_grad():
            y = m.generate(**x, max_new_tokens=8, do_sample=False, bad_words_ids=bad)
            beams = m.generate(**x, max_new_tokens=6, do_sample=False, bad_words_ids=bad, num_beams=3, length_penalty=0.0)
        n = x["input_ids"].shape[1]
        done.append({"page": page, "ids": x["input_ids"][0].tolist(), "generated": y[0, n:].tolist(), "beams": beams[0, n:].tolist()})
        print(done[-1])
    save_file(pictures, path / "pictures.safetensors")
    (path / "pages.json").write_text(json.dumps(done) + "\n")


fake, image = "<fake_token_around_image>", "<image>"
make("idefics", [fake, image, "<end_of_utterance>"], cross_layer_interval=2, qk_layer_norms=True, use_resampler=True,
     perceiver_config=dict(use_resampler=True, resampler_n_latents=3, resampler_depth=2, resampler_n_heads=2, resampler_head_dim=6, qk_layer_norms_perceiver=True))
make("idefics-plain", [fake, image], cross_layer_interval=1, alpha_type="vector")
