"""The log-likelihoods of texts behind a page, by transformers and by open_flamingo, of the tiny models that are committed:

    python tools/oracle/choices.py idefics idefics-plain                    transformers
    python tools/oracle/choices.py openflamingo-opt openflamingo-llama …    open_flamingo 2.0.1

writes model/flamingo/testdata/KIND/choices.json: for each page of pages.json, texts, the ids of each behind the page, and the
log-probability of each id given the page and those before it. OpenFlamingo's evaluation tokenises a class's name by itself.
"""

import functools
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import load_file

ROOT = Path(__file__).parents[2] / "model" / "flamingo" / "testdata"
TEXTS = ["yes", "no", "a cat", "b", "maybe 3 dogs."]


def idefics(path):
    from transformers import AutoTokenizer, IdeficsForVisionText2Text
    from transformers.models.idefics.processing_idefics import image_attention_mask_for_packed_input_ids, incremental_to_binary_attention_mask

    m = IdeficsForVisionText2Text.from_pretrained(path).eval()
    tok = AutoTokenizer.from_pretrained(path)

    def forward(ids, pixels):
        ids = torch.tensor([ids])
        n = pixels.shape[0]
        if "<image>" in tok.convert_ids_to_tokens(ids[0].tolist()):
            seen, _ = image_attention_mask_for_packed_input_ids(ids, tok, "pt")
            seen = incremental_to_binary_attention_mask(seen, "pt", num_classes=n)
        else:
            seen = torch.zeros(1, ids.shape[1], n)
        return m(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=pixels[None], image_attention_mask=seen).logits[0]

    return tok, forward, lambda text: " " + text


def openflamingo(path):
    from open_flamingo.src import flamingo as of
    from open_flamingo.src import flamingo_lm
    from open_flamingo.src.factory import _infer_decoder_layers_attr_name
    from open_flamingo.src.utils import extend_instance
    from transformers import AutoModelForCausalLM, AutoTokenizer, CLIPVisionModel

    of.PerceiverResampler = functools.partial(of.PerceiverResampler, depth=2, heads=1, num_latents=3)
    flamingo_lm.GatedCrossAttentionBlock = functools.partial(flamingo_lm.GatedCrossAttentionBlock, heads=1)
    look = CLIPVisionModel.from_pretrained(path / "vision").eval()
    words = AutoModelForCausalLM.from_pretrained(path / "language").eval()
    tok = AutoTokenizer.from_pretrained(path / "language")
    tok.add_special_tokens({"additional_special_tokens": ["<|endofchunk|>", "<image>"]})
    tok.add_special_tokens({"pad_token": "<PAD>"})
    extend_instance(words, flamingo_lm.FlamingoLMMixin)
    words.set_decoder_layers_attr_name(_infer_decoder_layers_attr_name(words))
    words.resize_token_embeddings(len(tok))
    image, eoc = tok.convert_tokens_to_ids("<image>"), tok.convert_tokens_to_ids("<|endofchunk|>")

    class Visual(torch.nn.Module):
        def forward(self, x):
            y = look(x)
            return y.pooler_output, y.last_hidden_state[:, 1:]

    every = json.loads((path / "config.json").read_text())["cross_attn_every_n_layers"]
    m = of.Flamingo(SimpleNamespace(visual=Visual()), words, eoc, image, vis_dim=12, cross_attn_every_n_layers=every).eval()
    state = torch.load(path / "checkpoint.pt")
    state = {n.removeprefix("module."): t for n, t in state.get("model_state_dict", state).items()}
    _, unexpected = m.load_state_dict(state, strict=False)
    assert not unexpected, unexpected

    def forward(ids, pixels):
        ids = torch.tensor([ids])
        return m(pixels[None, :, None], ids, attention_mask=torch.ones_like(ids)).logits[0]

    return tok, forward, lambda text: text


for kind in sys.argv[1:]:
    path = ROOT / kind
    tok, forward, written = (idefics if kind.startswith("idefics") else openflamingo)(path)
    pictures, done = load_file(path / "pictures.safetensors"), []
    for i, page in enumerate(json.loads((path / "pages.json").read_text())):
        choices = []
        for text in TEXTS:
            ids = tok(written(text), add_special_tokens=False)["input_ids"]
            with torch.no_grad():
                p = torch.log_softmax(forward(page["ids"] + ids, pictures[str(i)]).double(), -1)
            at = len(page["ids"]) - 1
            choices.append({"text": text, "ids": ids, "logprobs": [float(p[at + k, x]) for k, x in enumerate(ids)]})
        done.append(choices)
    (path / "choices.json").write_text(json.dumps(done) + "\n")
    print(kind, [round(sum(c["logprobs"]), 4) for c in done[0]])
