"""Tiny random OpenFlamingos, put together and run by the real open_flamingo 2.0.1 (torch 2.0.1, transformers 4.33):

    python tools/oracle/openflamingo.py opt opt350 llama gptneox pythia mpt mosaic

writes model/flamingo/testdata/openflamingo-LM: config.json; checkpoint.pt (of opt and mosaic flat, as released; of the others as a training run leaves it);
vision and language, what transformers saves of the frozen parts; inputs.safetensors, expected.safetensors named by module path, with the
gradients of the loss; and pages.json as tools/oracle/idefics.py has it, with pictures.safetensors.
"""

import functools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from mosaic import MosaicGPT, MosaicGPTConfig
from open_flamingo.src import flamingo as of
from open_flamingo.src import flamingo_lm
from open_flamingo.src.factory import _infer_decoder_layers_attr_name
from open_flamingo.src.utils import extend_instance
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import CLIPVisionConfig, CLIPVisionModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM, MptConfig, MptForCausalLM, OPTConfig, OPTForCausalLM, PreTrainedTokenizerFast

ROOT = Path(__file__).parents[2] / "model" / "flamingo" / "testdata"
CHARS = "\n !,.:?ABCDEFQUabcdefghijklmnopqrstuvwxyz0123456789"
VOCAB = 3 + len(CHARS)

# The project's sizes, 64 latents and 8 heads of 64, would be megabytes.
of.PerceiverResampler = functools.partial(of.PerceiverResampler, depth=2, heads=1, num_latents=3)
flamingo_lm.GatedCrossAttentionBlock = functools.partial(flamingo_lm.GatedCrossAttentionBlock, heads=1)


def randomize(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            norm = p.dim() == 1 and name.endswith("weight")
            p.copy_(torch.randn_like(p) * (0.25 if p.dim() > 1 else 0.15) + (1.0 if norm else 0.7 if "gate" in name.rpartition(".")[2] else 0.0))


class Visual(torch.nn.Module):
    """open_clip's image encoder, whose second output is the patches: transformers' has the same."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        y = self.model(x)
        return y.pooler_output, y.last_hidden_state[:, 1:]


def tokenizer(path):
    vocab = {w: i for i, w in enumerate(["<unk>", "<s>", "</s>", *CHARS])}
    t = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
    t.decoder = decoders.Fuse()
    t.add_special_tokens([AddedToken(x, normalized=False) for x in ("<unk>", "<s>", "</s>")])
    f = PreTrainedTokenizerFast(tokenizer_object=t, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    f.save_pretrained(path)
    f.add_special_tokens({"additional_special_tokens": ["<|endofchunk|>", "<image>"]})
    f.add_special_tokens({"pad_token": "<PAD>"})
    return f


SIZES = dict(vocab_size=VOCAB + 9, hidden_size=16, num_hidden_layers=4, num_attention_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2)
LANGUAGES = {
    "opt": lambda: OPTForCausalLM(OPTConfig(ffn_dim=24, word_embed_proj_dim=16, dropout=0.0, pad_token_id=1, **SIZES)),
    # As opt-350m: words are narrower than hidden states, and norms stand behind the sums.
    "opt350": lambda: OPTForCausalLM(OPTConfig(ffn_dim=24, word_embed_proj_dim=10, do_layer_norm_before=False, dropout=0.0, pad_token_id=1, **SIZES)),
    "gptneox": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(intermediate_size=24, rotary_pct=1.0, use_parallel_residual=False, hidden_dropout=0.0, attention_dropout=0.0, **SIZES)),
    "pythia": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(intermediate_size=24, rotary_pct=0.5, use_parallel_residual=True, hidden_dropout=0.0, attention_dropout=0.0, **SIZES)),
    "mpt": lambda: MptForCausalLM(MptConfig(d_model=16, n_heads=2, n_layers=4, max_seq_len=128, vocab_size=VOCAB + 9)),
    "mosaic": lambda: MosaicGPT(MosaicGPTConfig(d_model=24, n_heads=3, n_layers=4, mlp_ratio=2, max_seq_len=128, vocab_size=VOCAB + 9)),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(intermediate_size=24, **SIZES)),
}


def make(kind):
    torch.manual_seed(21)
    path = ROOT / f"openflamingo-{kind}"
    look = CLIPVisionModel(CLIPVisionConfig(hidden_size=12, image_size=14, patch_size=7, intermediate_size=20, num_hidden_layers=2, num_attention_heads=2)).eval()
    words = LANGUAGES[kind]().eval()
    randomize(look)
    randomize(words)
    look.save_pretrained(path / "vision", safe_serialization=True)
    tok = tokenizer(path / "language")
    if kind == "llama":
        # Upstream does not save an output head of LLaMA's, which resizing cuts: the file here has the rows that are left.
        words.resize_token_embeddings(len(tok))
    words.save_pretrained(path / "language", safe_serialization=True)
    extend_instance(words, flamingo_lm.FlamingoLMMixin)
    blocks = _infer_decoder_layers_attr_name(words)
    words.set_decoder_layers_attr_name(blocks)
    words.resize_token_embeddings(len(tok))
    image, eoc = tok.convert_tokens_to_ids("<image>"), tok.convert_tokens_to_ids("<|endofchunk|>")
    every = 1 if kind in ("opt", "mosaic") else 2
    m = of.Flamingo(SimpleNamespace(visual=Visual(look)), words, eoc, image, vis_dim=12, cross_attn_every_n_layers=every).eval()
    with torch.no_grad():
        for part in (m.perceiver, m.lang_encoder.gated_cross_attn_layers):
            randomize(part)
        words.get_input_embeddings().weight[-3:] = torch.randn_like(words.get_input_embeddings().weight[-3:]) * 0.25
    m.requires_grad_(False)
    m.perceiver.requires_grad_(True)
    m.lang_encoder.gated_cross_attn_layers.requires_grad_(True)
    m.lang_encoder.get_input_embeddings().requires_grad_(True)

    state = m.state_dict()
    trained = {n for n, p in m.named_parameters() if p.requires_grad} | {n for n in state if "embed" in n}
    released = {n: t for n, t in state.items() if n in trained or n not in dict(m.named_parameters()) and "gated_cross_attn_layer." in n}
    released = {n: t.clone() for n, t in released.items() if not any(x in n for x in ("old_decoder_blocks", "gated_cross_attn_layers", "vision_encoder"))}
    if kind in ("opt", "mosaic"):
        torch.save(released, path / "checkpoint.pt")
    else:
        torch.save({"epoch": 0, "model_state_dict": {"module." + n: t for n, t in released.items()}, "lr_scheduler_state_dict": {"last_epoch": 3}}, path / "checkpoint.pt")
    (path / "config.json").write_text(json.dumps({
        "model_type": "open_flamingo", "clip_vision_encoder_path": "vision", "lang_encoder_path": "language", "tokenizer_path": "language",
        "cross_attn_every_n_layers": every}, indent=1) + "\n")

    ids = torch.randint(3, VOCAB, (2, 9))
    ids[0, 2], ids[0, 5], ids[1, 0], ids[1, 4] = image, image, image, eoc
    mask = torch.ones_like(ids)
    mask[1, 7:], ids[1, 7:] = 0, tok.pad_token_id
    labels = ids.masked_fill((mask == 0) | (ids == image), -100)
    pixels = torch.randn(2, 2, 1, 3, 14, 14)
    out = {}

    def keep(name):
        def hook(_m, _a, result):
            out[name] = (result[0] if isinstance(result, tuple) else result).detach().clone()
        return hook

    hooks = [m.perceiver.register_forward_hook(keep("perceiver"))]
    for n, x in m.named_modules():
        if n.startswith("lang_encoder." + blocks) and n.endswith((".gated_cross_attn_layer", ".decoder_layer")):
            hooks.append(x.register_forward_hook(keep(n)))
    r = m(pixels, ids, attention_mask=mask, labels=labels)
    for h in hooks:
        h.remove()
    r.loss.backward()
    out |= {"logits": r.logits.detach(), "loss": r.loss.detach().reshape(1)}
    out |= {"grad." + n: p.grad for n, p in m.named_parameters() if p.grad is not None and "gated_cross_attn_layers" not in n and "old_decoder" not in n}
    for x in out.values():
        if x.shape[:2] == ids.shape and x.dim() == 3:
            x[mask == 0] = 0  # nobody sees what padding becomes
    f32 = {k: v.contiguous().clone().float() for k, v in out.items()}
    save_file({"lang_x": ids, "attention_mask": mask, "vision_x": pixels, "labels": labels}, path / "inputs.safetensors")
    save_file(f32, path / "expected.safetensors")

    pages = [
        [None, "Output:a cat<|endofchunk|>\n", None, "Output:"],
        ["two ", None, None, "Question:what? Short answer:"],
    ]
    done, pictures = [], {}
    for i, page in enumerate(pages):
        x = tok("".join("<image>" if part is None else part for part in page), return_tensors="pt")
        n = sum(part is None for part in page)
        pixels = torch.randn(1, n, 1, 3, 14, 14)
        pictures[str(i)] = pixels[0, :, 0].contiguous()
        with torch.no_grad():
            y = m.generate(pixels, x["input_ids"], attention_mask=x["attention_mask"], max_new_tokens=8, do_sample=False, bad_words_ids=[[image]], pad_token_id=tok.pad_token_id)
            beams = m.generate(pixels, x["input_ids"], attention_mask=x["attention_mask"], max_new_tokens=6, num_beams=3, length_penalty=0.0, bad_words_ids=[[image]], pad_token_id=tok.pad_token_id)
        at = x["input_ids"].shape[1]
        done.append({"page": page, "ids": x["input_ids"][0].tolist(), "generated": y[0, at:].tolist(), "beams": beams[0, at:].tolist()})
        print(kind, done[-1])
    save_file(pictures, path / "pictures.safetensors")
    (path / "pages.json").write_text(json.dumps(done) + "\n")


for kind in sys.argv[1:]:
    make(kind)
