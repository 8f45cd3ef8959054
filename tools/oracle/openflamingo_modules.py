"""What every module of the committed OpenFlamingos gives, assembled by open_flamingo 2.0.1's own code (which runs with newer versions of torch and
transformers, too):

    python tools/oracle/openflamingo_modules.py gptneox mpt mosaic

writes model/flamingo/testdata/openflamingo-LM/modules.safetensors, by module path, for the inputs.safetensors beside it, and below blind/ for
the same texts where no token sees a picture. The image encoder is transformers' here, and left out.
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
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, CLIPVisionModel

ROOT = Path(__file__).parents[2] / "model" / "flamingo" / "testdata"
of.PerceiverResampler = functools.partial(of.PerceiverResampler, depth=2, heads=1, num_latents=3)
flamingo_lm.GatedCrossAttentionBlock = functools.partial(flamingo_lm.GatedCrossAttentionBlock, heads=1)


def assemble(path):
    class Visual(torch.nn.Module):
        def forward(self, x):
            y = look(x)
            return y.pooler_output, y.last_hidden_state[:, 1:]

    look = CLIPVisionModel.from_pretrained(path / "vision").eval()
    config = json.loads((path / "language" / "config.json").read_text())
    if config["model_type"] == "mosaic_gpt":
        words = MosaicGPT(MosaicGPTConfig(**{k: config[k] for k in ("d_model", "n_heads", "n_layers", "mlp_ratio", "max_seq_len", "vocab_size")}))
        words.load_state_dict(load_file(path / "language" / "model.safetensors"))
    else:
        words = AutoModelForCausalLM.from_pretrained(path / "language", attn_implementation="eager")
    tok = AutoTokenizer.from_pretrained(path / "language")
    tok.add_special_tokens({"additional_special_tokens": ["<|endofchunk|>", "<image>"]})
    tok.add_special_tokens({"pad_token": "<PAD>"})
    extend_instance(words.eval(), flamingo_lm.FlamingoLMMixin)
    words.set_decoder_layers_attr_name(_infer_decoder_layers_attr_name(words))
    words.resize_token_embeddings(len(tok))
    image, eoc = tok.convert_tokens_to_ids("<image>"), tok.convert_tokens_to_ids("<|endofchunk|>")
    every = json.loads((path / "config.json").read_text())["cross_attn_every_n_layers"]
    m = of.Flamingo(SimpleNamespace(visual=Visual()), words, eoc, image, vis_dim=12, cross_attn_every_n_layers=every).eval()
    state = torch.load(path / "checkpoint.pt")
    m.load_state_dict({n.removeprefix("module."): t for n, t in state.get("model_state_dict", state).items()}, strict=False)
    return m, image


def record(kind):
    path = ROOT / f"openflamingo-{kind}"
    m, image = assemble(path)
    x, out = load_file(path / "inputs.safetensors"), {}

    def keep(name):
        def hook(_m, _a, y):
            y = y[0] if isinstance(y, tuple) else y
            if isinstance(y, torch.Tensor):
                out[name] = y.detach().clone()
        return hook

    # Two layers of four are enough: one of them has a gated block in each of the models.
    skip = ("layers.2.", "layers.3.", "blocks.2.", "blocks.3.", "vision_encoder", "rotary", "old_decoder_blocks", "gated_cross_attn_layers", "lm_head", "embed_out")
    for n, part in m.named_modules():
        if n and not any(s in n + "." for s in skip):
            part.register_forward_hook(keep(n))
    with torch.no_grad():
        m(x["vision_x"], x["lang_x"], attention_mask=x["attention_mask"])
        everything = dict(out)
        m(x["vision_x"], x["lang_x"].masked_fill(x["lang_x"] == image, 3), attention_mask=x["attention_mask"])
    everything |= {"blind/" + n: y for n, y in out.items() if "gated_cross_attn_layer" in n}
    for y in everything.values():
        if y.shape[:2] == x["lang_x"].shape and y.dim() == 3:
            y[x["attention_mask"] == 0] = 0  # nobody sees what padding becomes
    save_file({n: y.contiguous().float() for n, y in everything.items()}, path / "modules.safetensors")
    print(kind, len(everything))


for kind in sys.argv[1:]:
    record(kind)
