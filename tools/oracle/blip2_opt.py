"""A tiny random BLIP-2 with OPT behind it, as transformers 5 writes it and as the first releases were written, and what transformers
computes with it.

    python tools/oracle/blip2_opt.py

writes testdata/blip2-opt (config.json names the image token, weights in two safetensors shards, one processor_config.json for
everything) and testdata/blip2-opt-legacy (no image token, dead keys, an old vocabulary size, weights in two pickled shards with the
head spelt out, preprocessor_config.json, vocab.json and merges.txt): the same weights. In blip2-opt also inputs.safetensors,
expected.safetensors by module path with the gradient of every parameter, larger.safetensors (a larger picture, between whose positions is
interpolated), picture.png and answers.json: what generate says of it, at two sizes.
"""

import json
import shutil

import torch
from blip2 import picture, randomize, root, watch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Processor,
    BlipImageProcessorPil,
    PreTrainedTokenizerFast,
)

NEW, OLD = root / "blip2-opt", root / "blip2-opt-legacy"
QUERIES = 4
TEXTS = ["a photo of a cat", "a photo of two dogs on the sea", "Question: what is this? Answer: a red boat", "Question: how many cats? Answer: two\n"]


def tokenizer():
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=282, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    t.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=t, bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="<pad>")


def model(tok, eos, image_id):
    c = Blip2Config(
        vision_config=dict(hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3, image_size=14, patch_size=7),
        qformer_config=dict(hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=12, encoder_hidden_size=12,
                            hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0),
        text_config=dict(model_type="opt", hidden_size=16, ffn_dim=24, num_hidden_layers=2, num_attention_heads=2, vocab_size=288,
                         max_position_embeddings=64, dropout=0.0, word_embed_proj_dim=16, eos_token_id=eos),
        num_query_tokens=QUERIES, image_token_index=image_id)
    m = Blip2ForConditionalGeneration(c).eval()
    randomize(m)
    m.generation_config.eos_token_id, m.generation_config.bos_token_id, m.generation_config.pad_token_id = eos, 2, 1
    m.language_model.generation_config = m.generation_config
    return m


def answers(m, processor, image):
    """What generate says: ids behind the prompt, and their log-probabilities."""
    out = []
    for prompt, size in [(None, 14), ("a photo of", 14), ("Question: what is this? Answer:", 14), ("a photo of", 24)]:
        enc = processor(images=image, text=prompt, size={"height": size, "width": size}, return_tensors="pt")
        r = m.generate(**enc, interpolate_pos_encoding=size != 14, max_new_tokens=12, do_sample=False, output_scores=True, return_dict_in_generate=True)
        new = r.sequences[0, -len(r.scores):]
        logprobs = [s[0].log_softmax(-1)[i].item() for s, i in zip(r.scores, new)]
        ids = enc.input_ids[0].tolist() if prompt is not None else None
        out.append({"prompt": prompt, "size": size, "input_ids": ids, "tokens": new.tolist(), "logprobs": logprobs,
                    "text": processor.decode(new, skip_special_tokens=True).strip()})
    return out


def legacy(m, tok, new_config):
    """The same model as a directory of 2023."""
    shutil.rmtree(OLD, ignore_errors=True)
    OLD.mkdir(parents=True)
    state = {k: v.clone() for k, v in m.state_dict().items()}
    state["language_model.lm_head.weight"] = state["language_model.model.decoder.embed_tokens.weight"].clone()
    names = sorted(state)
    shards = {"pytorch_model-00001-of-00002.bin": names[:len(names) // 3], "pytorch_model-00002-of-00002.bin": names[len(names) // 3:]}
    for file, some in shards.items():
        torch.save({k: state[k] for k in some}, OLD / file)
    (OLD / "pytorch_model.bin.index.json").write_text(json.dumps({
        "metadata": {"total_size": sum(v.numel() * 4 for v in state.values())},
        "weight_map": {k: f for f, some in shards.items() for k in some}}, indent=1))
    dead = {"top_k": 50, "num_beams": 1, "torchscript": False, "pruned_heads": {}, "id2label": {"0": "LABEL_0"}, "_name_or_path": ""}
    c = json.loads(json.dumps(new_config))
    del c["image_token_index"]
    c["use_decoder_only_language_model"], c["torch_dtype"] = True, "float32"
    c["text_config"] |= dead | {"vocab_size": 285, "prefix": "</s>"}
    c["vision_config"] |= dead | {"dropout": 0.0, "projection_dim": 512, "num_channels": 3}
    c["qformer_config"] |= dead | {"classifier_dropout": None}
    (OLD / "config.json").write_text(json.dumps(c | dead, indent=1))
    (OLD / "generation_config.json").write_text((NEW / "generation_config.json").read_text())
    (OLD / "preprocessor_config.json").write_text(json.dumps({
        "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "BlipImageProcessor", "processor_class": "Blip2Processor", "resample": 3,
        "rescale_factor": 0.00392156862745098, "size": {"height": 14, "width": 14}}, indent=1))
    t = json.loads(tok.backend_tokenizer.to_str())
    (OLD / "vocab.json").write_text(json.dumps(t["model"]["vocab"], ensure_ascii=False))
    (OLD / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(x) + "\n" for x in t["model"]["merges"]))
    role = lambda s: {"__type": "AddedToken", "content": s, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}
    (OLD / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": True, "add_prefix_space": False, "bos_token": role("</s>"), "eos_token": role("</s>"), "unk_token": role("</s>"),
        "pad_token": role("<pad>"), "errors": "replace", "tokenizer_class": "GPT2Tokenizer"}, indent=1))
    (OLD / "special_tokens_map.json").write_text(json.dumps({
        "bos_token": role("</s>"), "eos_token": role("</s>"), "pad_token": "<pad>", "unk_token": role("</s>")}, indent=1))


def main():
    shutil.rmtree(NEW, ignore_errors=True)
    NEW.mkdir(parents=True)
    tok = tokenizer()
    image = picture(NEW / "picture.png")
    processor = Blip2Processor(BlipImageProcessorPil(size={"height": 14, "width": 14}), tok, num_query_tokens=QUERIES)
    eos, image_id = tok.convert_tokens_to_ids("Ċ"), tok.convert_tokens_to_ids("<image>")
    torch.manual_seed(1)
    m = model(tok, eos, image_id)
    # The embedding of what ends the first answer changes places with that of the end of a line.
    first = answers(m, processor, image)[0]["tokens"]
    last = next(i for i in first[4:] if first.index(i) >= 4)
    with torch.no_grad():
        words = m.get_input_embeddings().weight
        words[[eos, last]] = words[[last, eos]].clone()
    said = answers(m, processor, image)
    assert said[0]["tokens"][-1] == eos and len(said[0]["tokens"]) < 12, said
    m.save_pretrained(NEW, max_shard_size="30KB")
    processor.save_pretrained(NEW)
    (NEW / "answers.json").write_text(json.dumps(said, indent=1) + "\n")
    legacy(m, tok, json.loads((NEW / "config.json").read_text()))

    texts = ["a photo of", "Question: what is this? Answer:"]
    enc = [tok(t).input_ids for t in texts]
    n = max(map(len, enc))
    ids = torch.tensor([[image_id] * QUERIES + e + [1] * (n - len(e)) for e in enc])  # padded on the right, as for training
    mask = torch.tensor([[1] * (QUERIES + len(e)) + [0] * (n - len(e)) for e in enc])
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :QUERIES] = -100
    pixels = torch.randn(2, 3, 14, 14)
    out = {}
    lm = "language_model.model.decoder"
    hooks = watch(m, out, {
        "vision_model", "vision_model.embeddings", "qformer", "qformer.layernorm", "language_projection", lm, lm + ".final_layer_norm",
        "language_model.lm_head", *(f"vision_model.encoder.layers.{i}{x}" for i in range(2) for x in ("", ".self_attn", ".mlp")),
        *(f"qformer.encoder.layer.{i}{x}" for i in range(3) for x in ("", ".attention", ".crossattention")),
        *(f"{lm}.layers.{i}{x}" for i in range(2) for x in ("", ".self_attn", ".self_attn.q_proj", ".self_attn.v_proj", ".self_attn_layer_norm", ".fc2")),
    })
    r = m(pixel_values=pixels, input_ids=ids, attention_mask=mask, labels=labels)
    for h in hooks:
        h.remove()
    r.loss.backward()
    out["logits"], out["loss"] = r.logits.detach(), r.loss.detach().reshape(1)
    out |= {"grad." + name: p.grad for name, p in m.named_parameters()}
    save_file({"pixel_values": pixels, "input_ids": ids, "attention_mask": mask, "labels": labels}, NEW / "inputs.safetensors")
    save_file({k: v.contiguous().clone() for k, v in out.items()}, NEW / "expected.safetensors")
    larger(m, ids[:1], mask[:1])


def larger(m, ids, mask):
    pixels = torch.randn(1, 3, 38, 38)  # five patches a side, and three pixels that none reads
    out = {}
    watch(m, out, {"vision_model", "vision_model.embeddings", "qformer"})
    with torch.no_grad():
        r = m(pixel_values=pixels, input_ids=ids, attention_mask=mask, interpolate_pos_encoding=True)
    out |= {"logits": r.logits, "pixel_values": pixels, "input_ids": ids, "attention_mask": mask}
    save_file({k: v.contiguous().clone() for k, v in out.items()}, NEW / "larger.safetensors")


if __name__ == "__main__":
    main()
