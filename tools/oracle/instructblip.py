"""Tiny random InstructBLIPs with a LLaMA and with a Flan-T5 behind them, as transformers 5 writes them, and what transformers computes
with them.

    python tools/oracle/instructblip.py [llama] [t5]

writes testdata/instructblip and testdata/instructblip-t5: the model's directory (the Q-Former's tokenizer in qformer_tokenizer),
inputs.safetensors, expected.safetensors by module path with the gradient of every parameter, picture.png and answers.json: what generate
says of it. As in the released Vicuna models, config.json of the first names 0 and 1 for the ids that begin and end a text, while the
tokenizer has 2 for both. The second has a head of its own, which transformers 5 writes with tie_word_embeddings true.
"""

import json
import shutil
import sys

import torch
from blip2 import picture, randomize, root, watch, words_tokenizer
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BlipImageProcessorPil,
    InstructBlipConfig,
    InstructBlipForConditionalGeneration,
    InstructBlipProcessor,
    PreTrainedTokenizerFast,
)

QUERIES, VOCAB = 4, 64


def llama_tokenizer():
    t = Tokenizer(models.WordLevel({f"w{i}" if i > 2 else ["<unk>", "<s>", "</s>"][i]: i for i in range(50)}, unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.post_processor = processors.TemplateProcessing(single="</s> $A", special_tokens=[("</s>", 2)])
    return PreTrainedTokenizerFast(tokenizer_object=t, bos_token="</s>", eos_token="</s>", unk_token="</s>", pad_token="[PAD]")


def t5_tokenizer():
    t = Tokenizer(models.WordLevel({"<pad>": 0, "</s>": 1, "<unk>": 2} | {f"w{i}": i for i in range(3, 50)}, unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    t.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=t, eos_token="</s>", unk_token="<unk>", pad_token="<pad>")


LLAMA = dict(model_type="llama", hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2, vocab_size=VOCAB,
             max_position_embeddings=64, bos_token_id=0, eos_token_id=1, tie_word_embeddings=False)
T5 = dict(model_type="t5", vocab_size=VOCAB, d_model=16, d_kv=5, num_heads=2, d_ff=14, num_layers=2, num_decoder_layers=2,
          relative_attention_num_buckets=8, relative_attention_max_distance=16, feed_forward_proj="gated-gelu", dense_act_fn="gelu",
          dropout_rate=0.0, bos_token_id=1, eos_token_id=1, decoder_start_token_id=0, tie_word_embeddings=False)


def llama():
    make(root / "instructblip", LLAMA, llama_tokenizer(), [0, 1, 2])


def t5():
    make(root / "instructblip-t5", T5, t5_tokenizer(), [1])


def make(OUT, text, tok, stops):
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    torch.manual_seed(6)
    words, size = words_tokenizer(OUT)
    (OUT / "tokenizer.json").unlink()
    qtok = PreTrainedTokenizerFast(tokenizer_object=words, cls_token="[CLS]", sep_token="[SEP]", unk_token="[UNK]", pad_token="[PAD]", mask_token="[MASK]",
                                   bos_token="[DEC]", truncation_side="left")
    image = picture(OUT / "picture.png")
    processor = InstructBlipProcessor(BlipImageProcessorPil(size={"height": 14, "width": 14}), tok, qtok, num_query_tokens=QUERIES)
    image_id = tok.convert_tokens_to_ids("<image>")
    c = InstructBlipConfig(
        vision_config=dict(hidden_size=12, intermediate_size=20, num_hidden_layers=2, num_attention_heads=3, image_size=14, patch_size=7),
        qformer_config=dict(hidden_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=12, encoder_hidden_size=12, vocab_size=size,
                            max_position_embeddings=20, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0),
        text_config=text | {"pad_token_id": tok.pad_token_id},
        num_query_tokens=QUERIES, image_token_index=image_id)
    m = InstructBlipForConditionalGeneration(c).eval()
    if text is T5:
        m.language_model.lm_head.weight = torch.nn.Parameter(torch.empty(VOCAB, 16))
    randomize(m)
    g = m.generation_config
    g.bos_token_id, g.eos_token_id, g.pad_token_id = text["bos_token_id"], text["eos_token_id"], tok.pad_token_id
    g.decoder_start_token_id = text.get("decoder_start_token_id")
    m.language_model.generation_config = g
    said = []
    for prompt in ["a cat on the sea", "w3 w4 w30 two dogs", "red boat ! w9"]:
        enc = processor(images=image, text=prompt, return_tensors="pt")
        r = m.generate(**enc, max_new_tokens=12, do_sample=False, output_scores=True, return_dict_in_generate=True, eos_token_id=stops)
        new = r.sequences[0, -len(r.scores):]
        said.append({"prompt": prompt, "input_ids": enc.input_ids[0].tolist(), "qformer_input_ids": enc.qformer_input_ids[0].tolist(),
                     "tokens": new.tolist(), "logprobs": [s[0].log_softmax(-1)[i].item() for s, i in zip(r.scores, new)]})
    print([a["tokens"] for a in said], image_id, tok.pad_token_id, size)
    m.save_pretrained(OUT)
    processor.save_pretrained(OUT)
    (OUT / "answers.json").write_text(json.dumps(said, indent=1) + "\n")

    texts = ["a cat on the sea", "two dogs"]
    enc = processor(images=[image] * 2, text=texts, padding=True, return_tensors="pt")
    pixels = torch.randn(2, 3, 14, 14)
    ids = torch.cat([torch.full((2, QUERIES), image_id), torch.full((2, 1), 2), torch.randint(3, 50, (2, 5))], 1)
    mask = torch.ones_like(ids)
    mask[1, -2:] = 0
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :QUERIES] = -100
    if text is T5:
        labels = torch.tensor([[9, 30, 14, 1], [25, 1, -100, -100]])
    out = {}
    lm = "language_model.model"
    blocks = [n for n, _ in m.named_modules() if n.startswith("language_model.") and n.rpartition(".")[0].endswith(("block", "layer"))]
    hooks = watch(m, out, {
        "vision_model", "qformer", "language_projection", lm, "language_model.lm_head", *blocks,
        *(f"vision_model.encoder.layers.{i}" for i in range(2)),
        *(f"qformer.encoder.layer.{i}{x}" for i in range(3) for x in ("", ".attention", ".crossattention")),
        *(f"{lm}.layers.{i}{x}" for i in range(2) for x in ("", ".self_attn", ".mlp")),
    })
    inputs = {"pixel_values": pixels, "qformer_input_ids": enc.qformer_input_ids, "qformer_attention_mask": enc.qformer_attention_mask,
              "input_ids": ids, "attention_mask": mask, "labels": labels}
    r = m(**inputs)
    for h in hooks:
        h.remove()
    r.loss.backward()
    out["logits"], out["loss"] = r.logits.detach(), r.loss.detach().reshape(1)
    out |= {"grad." + name: p.grad for name, p in m.named_parameters() if p.grad is not None}
    print("no gradient:", [n for n, p in m.named_parameters() if p.grad is None])
    save_file(inputs, OUT / "inputs.safetensors")
    save_file({k: v.contiguous().clone() for k, v in out.items()}, OUT / "expected.safetensors")


if __name__ == "__main__":
    for kind in sys.argv[1:] or ["llama", "t5"]:
        globals()[kind]()
