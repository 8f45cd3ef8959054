"""Tiny random BLIP-2 checkpoints as transformers writes them, and what transformers computes with them.

    python tools/oracle/blip2.py [itm] [llama] [t5]

writes testdata/blip2-itm (matching), testdata/blip2-llama and testdata/blip2-t5 (a language model behind it): the model's directory, with
inputs.safetensors and expected.safetensors, the latter named by module path.
"""

import json
import sys
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2ForImageTextRetrieval,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    BlipImageProcessorPil,
    LlamaConfig,
    OPTConfig,
)

root = Path(__file__).parents[2] / "testdata"
vision = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, image_size=28, patch_size=14, layer_norm_eps=1e-6)
qformer = dict(hidden_size=16, num_hidden_layers=3, num_attention_heads=4, intermediate_size=28, encoder_hidden_size=24, max_position_embeddings=20,
               hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def randomize(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = "norm" in name.lower() and name.endswith("weight")
            p.copy_(torch.randn_like(p) * (0.25 if p.dim() > 1 else 0.1) + (1.0 if norm else 0.0))


def words_tokenizer(path):
    words = "[PAD] [UNK] [CLS] [SEP] [MASK] a cat dog red boat on the sea ##s two ##ing run . , ! [DEC]".split()
    vocab = {w: i for i, w in enumerate(words)}
    t = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    t.normalizer = normalizers.BertNormalizer(lowercase=True)
    t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    t.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    t.decoder = decoders.WordPiece()
    t.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]"])
    t.save(str(path / "tokenizer.json"))
    return t, len(words)


def processor(path):
    (path / "preprocessor_config.json").write_text(json.dumps({
        "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "BlipImageProcessor", "resample": 3, "rescale_factor": 0.00392156862745098,
        "size": {"height": 28, "width": 28},
    }, indent=1))


def watch(model, out, wanted):
    def keep(name):
        def hook(_m, _a, result):
            x = result[0] if isinstance(result, tuple) else getattr(result, "last_hidden_state", result)
            if isinstance(x, torch.Tensor):
                out[name] = x.detach().clone().float()
        return hook
    return [m.register_forward_hook(keep(n)) for n, m in model.named_modules() if n in wanted]


def itm():
    torch.manual_seed(1)
    path = root / "blip2-itm"
    path.mkdir(parents=True, exist_ok=True)
    tok, size = words_tokenizer(path)
    c = Blip2Config(
        vision_config=vision, qformer_config={**qformer, "vocab_size": size, "use_qformer_text_input": True},
        text_config={"model_type": "opt"}, num_query_tokens=4, image_text_hidden_size=8)
    m = Blip2ForImageTextRetrieval(c).eval()
    randomize(m)
    m.save_pretrained(path)
    processor(path)
    texts = ["a cat on the sea", "two dogs running", "red boat!"]
    enc = [tok.encode(t).ids for t in texts]
    n = max(map(len, enc))
    ids = torch.tensor([e + [0] * (n - len(e)) for e in enc])
    mask = torch.tensor([[1] * len(e) + [0] * (n - len(e)) for e in enc])
    pixels = torch.randn(3, 3, 28, 28)
    out = {}
    hooks = watch(m, out, {"vision_model", "vision_model.encoder.layers.1", "qformer", "qformer.encoder.layer.2.crossattention", "qformer.encoder.layer.1"})
    with torch.no_grad():
        r = m(pixel_values=pixels, input_ids=ids, attention_mask=mask, use_image_text_matching_head=True)
        out["itm_logits"] = r.logits_per_image
        for h in hooks:
            h.remove()
        r = m(pixel_values=pixels, input_ids=ids, attention_mask=mask, use_image_text_matching_head=False)
        out["logits_per_image"], out["image_embeds"], out["text_embeds"] = r.logits_per_image, r.image_embeds, r.text_embeds
    itm_of_picture(m, tok, path)
    save_file({"pixel_values": pixels, "input_ids": ids, "attention_mask": mask}, path / "inputs.safetensors")
    save_file({k: v.contiguous() for k, v in out.items()}, path / "expected.safetensors")


def itm_of_picture(m, tok, path):
    """What a picture file is like: the probability that it matches a text, the cosine of its best query, and both embeddings."""
    image = picture(path / "picture.png")
    pixels = BlipImageProcessorPil(size={"height": 28, "width": 28})(image, return_tensors="pt").pixel_values
    out = []
    for text in ["a cat on the sea", "two dogs"]:
        ids = torch.tensor([tok.encode(text).ids])
        args = dict(pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids))
        with torch.no_grad():
            match = m(**args, use_image_text_matching_head=True).logits_per_image.softmax(-1)[0, 1]
            r = m(**args, use_image_text_matching_head=False)
        out.append({"text": text, "itm": match.item(), "itc": r.logits_per_image[0, 0].item(), "image_embeds": r.image_embeds[0].tolist(),
                    "text_embeds": r.text_embeds[0].tolist()})
    (path / "match.json").write_text(json.dumps(out) + "\n")


def picture(path):
    im = Image.new("RGB", (20, 17))
    im.putdata([(12 * x, 15 * y, (x * y * 7) % 256) for y in range(17) for x in range(20)])
    im.save(path, optimize=True)
    return im


def llama():
    torch.manual_seed(2)
    path = root / "blip2-llama"
    path.mkdir(parents=True, exist_ok=True)
    vocab = 50
    c = Blip2Config(
        vision_config=vision, qformer_config=qformer, num_query_tokens=4,
        text_config=dict(model_type="llama", hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=2, vocab_size=vocab, max_position_embeddings=64, bos_token_id=1, eos_token_id=2, pad_token_id=0),
        image_token_index=49)
    m = Blip2ForConditionalGeneration(c).eval()
    randomize(m)
    m.save_pretrained(path)
    processor(path)
    t = Tokenizer(models.WordLevel({f"w{i}" if i > 2 else ["<pad>", "<s>", "</s>"][i]: i for i in range(vocab)}, unk_token="<pad>"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.save(str(path / "tokenizer.json"))
    pixels = torch.randn(2, 3, 28, 28)
    text = torch.randint(3, 48, (2, 6))
    ids = torch.cat([torch.full((2, 4), 49), torch.ones(2, 1, dtype=torch.long), text], 1)
    labels = ids.clone()
    labels[:, :5] = -100
    out = {}
    hooks = watch(m, out, {"vision_model", "qformer", "qformer.encoder.layer.2.crossattention", "language_projection", "language_model.model.layers.1"})
    r = m(pixel_values=pixels, input_ids=ids, attention_mask=torch.ones_like(ids), labels=labels)
    out["logits"], out["loss"] = r.logits.detach(), r.loss.detach().reshape(1)
    for h in hooks:
        h.remove()
    r.loss.backward()
    for name, p in m.named_parameters():
        if p.grad is not None and (name.startswith(("query_tokens", "language_projection")) or name.endswith(("layers.1.self_attn.qkv.weight", "layer.0.crossattention.attention.key.weight", "layers.0.mlp.down_proj.weight"))):
            out["grad." + name] = p.grad
    with torch.no_grad():
        out["generated"] = m.generate(pixel_values=pixels[:1], input_ids=ids[:1, :7], attention_mask=torch.ones(1, 7, dtype=torch.long), max_new_tokens=8, do_sample=False).float()
        # A penalty below 1 favours what was there before, placeholders among it.
        out["generated.favoured"] = m.generate(pixel_values=pixels[1:], input_ids=ids[1:, :7], attention_mask=torch.ones(1, 7, dtype=torch.long), max_new_tokens=8, do_sample=False, repetition_penalty=0.5).float()
        # Phrases are looked for among all of them.
        phrase = ids[1, 2:7].tolist() + [int(out["generated.favoured"][0, 7])]
        out["generated.phrase"] = m.generate(pixel_values=pixels[1:], input_ids=ids[1:, :7], attention_mask=torch.ones(1, 7, dtype=torch.long), max_new_tokens=8, do_sample=False, repetition_penalty=0.5, bad_words_ids=[phrase]).float()
        print(*(out["generated" + x].tolist() for x in ("", ".favoured", ".phrase")))
    save_file({"pixel_values": pixels, "input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": labels}, path / "inputs.safetensors")
    save_file({k: v.contiguous().clone() for k, v in out.items()}, path / "expected.safetensors")


def t5():
    """Flan-T5 behind the bridge: gated with erf, and a head of its own."""
    torch.manual_seed(3)
    path = root / "blip2-t5"
    path.mkdir(parents=True, exist_ok=True)
    vocab, image = 44, 43
    text = dict(
        model_type="t5", vocab_size=vocab, d_model=12, d_kv=5, num_heads=2, d_ff=14, num_layers=2, num_decoder_layers=2,
        relative_attention_num_buckets=8, relative_attention_max_distance=16, feed_forward_proj="gated-gelu", dense_act_fn="gelu",
        dropout_rate=0.0, bos_token_id=1, eos_token_id=1, pad_token_id=0, decoder_start_token_id=0, tie_word_embeddings=False)
    c = Blip2Config(vision_config=vision, qformer_config=qformer, num_query_tokens=4, text_config=dict(text), image_token_index=image)
    m = Blip2ForConditionalGeneration(c).eval()
    m.language_model.lm_head.weight = torch.nn.Parameter(torch.empty(vocab, 12))
    randomize(m)
    tensors = {k: v.contiguous() for k, v in m.state_dict().items() if "embed_tokens" not in k}
    save_file(tensors, path / "model.safetensors", metadata={"format": "pt"})
    # As transformers 4 has it: what differs from the defaults, besides the sizes.
    (path / "config.json").write_text(json.dumps(dict(
        architectures=["Blip2ForConditionalGeneration"], model_type="blip-2", image_token_index=image, num_query_tokens=4,
        vision_config=dict(vision, model_type="blip_2_vision_model"), qformer_config=dict(qformer, model_type="blip_2_qformer"),
        text_config=text, use_decoder_only_language_model=False, is_encoder_decoder=True), indent=1) + "\n")
    processor(path)
    t = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"w{i}": i for i in range(3, image)}, unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    t.add_special_tokens(["<pad>", "</s>", "<unk>", "<image>"])
    t.save(str(path / "tokenizer.json"))

    pixels = torch.randn(2, 3, 28, 28)
    ids = torch.cat([torch.full((2, 4), image), torch.randint(3, image, (2, 4)), torch.ones(2, 1, dtype=torch.long)], 1)
    mask = torch.ones_like(ids)
    ids[1, 6:], mask[1, 7:] = torch.tensor([1, 0, 0]), 0  # a shorter row, padded on the right
    labels = torch.randint(3, image, (2, 4))
    labels[0, 3], labels[1, 2:] = 1, torch.tensor([1, -100])
    out = {}
    names = {n for n, _ in m.named_modules() if n.startswith("language_model.")}
    inner = {n for n in names if n.endswith(("Attention", "DenseReluDense", "layer_norm", "lm_head", "encoder", "decoder")) or n.rpartition(".")[0].endswith(("block", "layer"))}
    hooks = watch(m, out, {"vision_model", "qformer", "language_projection"} | inner)
    r = m(pixel_values=pixels, input_ids=ids, attention_mask=mask, labels=labels)
    out["logits"], out["loss"] = r.logits.detach(), r.loss.detach().reshape(1)
    for h in hooks:
        h.remove()
    r.loss.backward()
    for name, p in m.named_parameters():
        if p.grad is not None and (name.startswith(("query_tokens", "language_")) or name.endswith(("layers.1.self_attn.qkv.weight", "layer.0.crossattention.attention.key.weight"))):
            out["grad." + name] = p.grad
    with torch.no_grad():
        for key, args in {"greedy": {}, "beams": dict(num_beams=3, length_penalty=-1.0), "penalised": dict(repetition_penalty=1.7, min_new_tokens=5)}.items():
            out["generated." + key] = m.generate(pixel_values=pixels, input_ids=ids, attention_mask=mask, max_new_tokens=9, do_sample=False, **args).float()
        out["generated.captions"] = m.generate(pixel_values=pixels, max_new_tokens=9, do_sample=False).float()
    print({k: v.tolist() for k, v in out.items() if k.startswith("generated")})
    save_file({"pixel_values": pixels, "input_ids": ids, "attention_mask": mask, "labels": labels}, path / "inputs.safetensors")
    save_file({k: v.contiguous().clone() for k, v in out.items()}, path / "expected.safetensors")


if __name__ == "__main__":
    for make in sys.argv[1:] or ["itm", "llama", "t5"]:
        globals()[make]()
    for f in sorted(root.glob("blip2-*/*")):
        print(f.relative_to(root), f.stat().st_size)
