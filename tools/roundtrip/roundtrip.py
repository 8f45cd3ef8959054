"""Does transformers load what dragoman trained, and compute the same with it?

    python tools/roundtrip/roundtrip.py [--dragoman ./dragoman] [DIR...]

Each DIR is a Hugging Face directory that `dragoman train` wrote. Without any, models of testdata are fine-tuned for a few steps, and a
model is trained from scratch in both stages, and those are looked at. Each must load without a missing, unexpected or mismatched name, with
its tokenizer, and `dragoman trace --dtype f32` must give transformers' logits to 1e-4 of their scale, in pictures and texts with padding.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

root = Path(__file__).parents[2]
pairs = root / "recipes" / "tiny"


def words(model):
    """two texts that the model's tokenizer has words for"""
    if model == "blip2-itm":
        return ["a cat", "red boat on the sea"]
    return ["w3 w9", "w12 w13 w14"]


def train(dragoman, work, name, recipe):
    path = work / f"{name}.json"  # JSON is YAML
    path.write_text(json.dumps(recipe | {"output": str(work / name), "dtype": "f32", "seed": 1}))
    subprocess.run([dragoman, "-q", "train", str(path)], check=True, stdout=subprocess.DEVNULL)
    return work / name / "model"


def finetuned(dragoman, work, model):
    pictures = sorted((pairs / "pictures").glob("*.png"))[:8]
    rows = [{"image": str(p), "text": t} for p in pictures for t in words(model)]
    data = work / f"{model}.jsonl"
    data.write_text("".join(json.dumps(r) + "\n" for r in rows))
    stage = dict(name="tune", kind="stage2", steps=4, batch=4, lr=1e-3)
    if model == "blip2-itm":
        stage |= dict(kind="stage1", itc=1, itm=1)
    return train(dragoman, work, model, {"model": {"from": str(root / "testdata" / model)}, "data": {"train": [{"path": str(data)}]}, "stages": [stage]})


def fresh(dragoman, work, language):
    model = dict(vision=str(pairs / "vision"), text=str(pairs / "text"), qformer=dict(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, num_query_tokens=4, image_text_hidden_size=16))
    stages = [dict(name="align", kind="stage1", steps=4, batch=5, lr=1e-3)]
    if language:
        model["language"] = str(pairs / "language")
        stages.append(dict(name="prompt", kind="stage2", steps=4, batch=5, lr=1e-3))
    data = {"train": [{"path": str(pairs / "pairs.jsonl")}]}
    return train(dragoman, work, "fresh-" + ("captioning" if language else "matching"), {"model": model, "data": data, "stages": stages})


def load(path):
    config = json.loads((path / "config.json").read_text())
    kind = getattr(transformers, config["architectures"][0])
    model, info = kind.from_pretrained(path, dtype=torch.float32, output_loading_info=True)
    wrong = {k: sorted(v) for k, v in info.items() if v and k != "error_msgs"} | ({"errors": info["error_msgs"]} if info.get("error_msgs") else {})
    assert not wrong, f"{path}: {wrong}"
    return model.eval(), kind.__name__


def inputs(model):
    """pictures and texts of two rows, the second shorter, and the keyword arguments beside them"""
    torch.manual_seed(5)
    c = model.config
    size = c.vision_config.image_size
    x = {"pixel_values": torch.randn(2, 3, size, size)}

    def text(vocab, taken, front=None):
        ids = torch.randint(3, min(vocab, taken) if taken > 3 else vocab, (2, 6))
        mask = torch.ones_like(ids)
        mask[1, 4:] = 0
        if front is not None:
            ids = torch.cat([front, ids], 1)
            mask = torch.cat([torch.ones_like(front), mask], 1)
        return ids, mask

    if "Retrieval" in type(model).__name__:
        x["input_ids"], x["attention_mask"] = text(c.qformer_config.vocab_size, 0)
        return x
    image = torch.full((2, c.num_query_tokens), c.image_token_index)
    x["input_ids"], x["attention_mask"] = text(c.text_config.vocab_size, c.image_token_index, image)
    if "Instruct" in type(model).__name__:
        x["qformer_input_ids"], x["qformer_attention_mask"] = text(c.qformer_config.vocab_size, 0)
    if c.text_config.model_type == "t5":
        x["decoder_input_ids"] = torch.cat([torch.zeros(2, 1, dtype=torch.long), torch.randint(3, c.image_token_index, (2, 3))], 1)
    return x


def trace(dragoman, path, work, x, output, *more):
    save_file({k: v.contiguous() for k, v in x.items()}, work / "in.safetensors")
    subprocess.run([dragoman, "-q", "trace", "--model", str(path), "--dtype", "f32", "--inputs", str(work / "in.safetensors"), "--select", output,
                    "--out", str(work / "out.safetensors"), *more], check=True, stdout=subprocess.DEVNULL)
    return load_file(work / "out.safetensors")[output]


def check(dragoman, path, work):
    model, kind = load(path)
    transformers.AutoTokenizer.from_pretrained(path)
    x = inputs(model)
    wanted = {"logits": ("logits", [])}
    if "Retrieval" in kind:
        wanted = {head: ("logits_per_image", ["--head", head]) for head in ("itm", "itc")}
    for what, (output, more) in wanted.items():
        with torch.no_grad():
            args = {"use_image_text_matching_head": what == "itm"} if "Retrieval" in kind else {}
            want = getattr(model(**x, **args), output)
        got = trace(dragoman, path, work, x, output, *more)
        if "decoder_input_ids" not in x and what == "logits":  # what stands at padding means nothing
            keep = x["attention_mask"].bool()
            want, got = want[keep], got[keep]
        off = ((want - got).abs().max() / want.abs().max()).item()
        assert off < 1e-4, f"{path}: {what}: off by {off:.2g} of the largest"
        print(f"{path.parent.name}: {kind}, nothing missing, nothing unexpected; {what} {list(want.shape)} within {off:.1e} of the largest")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--dragoman", default="dragoman")
    p.add_argument("dirs", nargs="*", type=Path)
    a = p.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        dirs = a.dirs or [finetuned(a.dragoman, work, m) for m in ("blip2-opt", "blip2-llama", "blip2-t5", "instructblip", "blip2-itm")] + [
            fresh(a.dragoman, work, True), fresh(a.dragoman, work, False)]
        for d in dirs:
            check(a.dragoman, d, work)


if __name__ == "__main__":
    sys.exit(main())
