"""Which bridge? Trains every bridge of recipes/bridges between the same frozen parts, with the same pairs, steps and seeds, and writes a table:

    go build ./cmd/dragoman && python tools/which-bridge.py [--seeds 5] [--steps N] [--jobs N] [--out FOLDER] [NAME…]

Besides the recipes there are two controls: "blind", a linear bridge whose pictures were dealt out to other pairs, so that it can learn no more
than how captions are written; and "ungated", Flamingo's blocks with all gates wide open from the first step on and kept there.

--built-in trains between the parts of the built-in model instead, on what `make pairs` builds: four styles of some concepts, and another
style of the same concepts held out. That takes minutes a run on a free core, not seconds.

A run that is finished is not repeated. What is compared is the loss of held-out captions, nats a token, at the end of the last step.
"""

import argparse
import concurrent.futures
import json
import math
import pathlib
import random
import statistics
import struct
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[1]
NAMES = ("blind", "linear", "perceiver", "resampler", "qformer", "ungated", "gated")
STYLES, UNSEEN, CONCEPTS, HELD = ("noto", "fluent-flat", "fluent-3d", "emojione"), "twemoji", 120, 48
OPEN = 4.0  # tanh of it is 0.999


def write_pairs(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))


def shuffled(rows, seed):
    """The same pictures and texts, but no picture has its own text."""
    texts = [r["text"] for r in rows]
    random.Random(seed).shuffle(texts)
    return [{"image": r["image"], "text": t} for r, t in zip(rows, texts)]


def tiny_pairs():
    folder = ROOT / "recipes/tiny"
    rows = [json.loads(line) for line in (folder / "pairs.jsonl").read_text().splitlines()]
    found = {split: [{"image": str(folder / r["image"]), "text": r["text"]} for r in rows if r["split"] == split] for split in ("train", "held")}
    return found["train"], found["held"]


def built_in_pairs():
    folder, found = ROOT / "build/pairs", {}
    for line in (folder / "pairs.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["kind"] == "plain":
            found.setdefault(row["concept"], {})[row["style"]] = {"image": str(folder / row["image"]), "text": row["text"]}
    usable = sorted(c for c, by in found.items() if all(s in by for s in (*STYLES, UNSEEN)))
    chosen = random.Random(7).sample(usable, CONCEPTS)
    return [found[c][s] for c in chosen for s in STYLES], [found[c][UNSEEN] for c in chosen[:HELD]]


def widen_gates(path):
    """Opens every gate of a model that was just begun."""
    data = bytearray(path.read_bytes())
    size = struct.unpack("<Q", data[:8])[0]
    for name, t in json.loads(data[8 : 8 + size]).items():
        if name.endswith("_gate"):
            begin, end = (8 + size + x for x in t["data_offsets"])
            data[begin:end] = struct.pack("<f", OPEN) * ((end - begin) // 4)
    path.write_bytes(data)


def trained(path, name):
    """How many numbers the bridge learns."""
    with open(path, "rb") as f:
        header = json.loads(f.read(struct.unpack("<Q", f.read(8))[0]))
    header.pop("__metadata__", None)
    begins = {"qformer": ("qformer.", "query_tokens", "language_", "feature_"), "linear": ("language_",), "blind": ("language_",)}.get(name, ("language_", "feature_", "perceiver.", "lang_encoder.", "new_words."))
    return sum(math.prod(t["shape"]) for n, t in header.items() if n.startswith(begins) and not (name == "ungated" and n.endswith("_gate")))


class Comparison:
    def __init__(self, args):
        self.args, self.out = args, args.out.resolve()
        train, held = built_in_pairs() if args.built_in else tiny_pairs()
        write_pairs(self.out / "train.jsonl", train)
        write_pairs(self.out / "blind.jsonl", shuffled(train, 1))
        write_pairs(self.out / "held.jsonl", held)

    def train(self, recipe, out, **settings):
        if (out / "model/config.json").exists():
            return
        settings = {"output": out, "stages.0.steps": self.args.steps, "stages.0.every": self.args.steps, **settings}
        command = [self.args.dragoman, "train", recipe, "--threads", "1", "--resume"]
        for key, value in settings.items():
            command += ["--set", f"{key}={value}"]
        out.parent.mkdir(parents=True, exist_ok=True)
        with open(f"{out}.log", "w") as log:
            subprocess.run([str(c) for c in command], check=True, stdout=log, stderr=log)

    def recipe(self, name, seed, pairs="train", start=None):
        """The recipe's file, with this comparison's pairs and parts."""
        text = (ROOT / f"recipes/bridges/{name}.yaml").read_text()
        head, rest = text.split("\ndata:", 1)
        if start:
            head = head[: head.index("model:")] + f"model:\n  system: flamingo\n  from: {start}\n"
        elif self.args.built_in:
            head = head.replace("../tiny/vision", "mini:efficientnet-lite0-57934424.pth").replace("language: language", "language: mini:SmolLM2-135M-Instruct.Q4_1.gguf")
            for a, b in (("hidden_size: 32", "hidden_size: 192"), ("intermediate_size: 64", "intermediate_size: 768"), ("num_attention_heads: 2", "num_attention_heads: 6"),
                         ("head_dim: 16", "head_dim: 32"), ("num_query_tokens: 4", "num_query_tokens: 8"), ("num_latents: 4", "num_latents: 8"),
                         ("    gated:", "    gated:\n      cross_attn_every_n_layers: 6")):
                head = head.replace(a, b)
            rest = rest.replace("lr: 5e-3", "lr: 2e-3")
        else:
            head = head.replace("../tiny", str(ROOT / "recipes/tiny")).replace("language: language", f"language: {ROOT}/recipes/bridges/language")
        stages = rest[rest.index("\nstages:"):]
        if start:
            stages = stages.replace("scale: 20", "scale: 0")
        data = f"\ndata:\n  train:\n    - path: {self.out}/{pairs}.jsonl\n  validation:\n    - path: {self.out}/held.jsonl\n  max_tokens: 24\n"
        path = self.out / f"recipes/{pairs}-{name}{'-open' if start else ''}-{seed}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + data + ("\nviews:\n  cached: 1\n" if self.args.built_in else "") + stages)
        return path

    def run(self, job):
        name, seed = job
        out = self.out / "runs" / f"{name}-{seed}"
        if name == "ungated":
            first = self.out / "runs" / f"begun-{seed}"
            self.train(self.recipe("gated", seed), first, seed=seed, **{"stages.0.steps": 1, "stages.0.every": 1})
            widen_gates(first / "model/model.safetensors")
            self.train(self.recipe("gated", seed, start=first / "model"), out, seed=seed)
        elif name == "blind":
            self.train(self.recipe("linear", seed, pairs="blind"), out, seed=seed)
        else:
            self.train(self.recipe(name, seed), out, seed=seed)
        lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
        learnt = [x["losses"]["loss"] for x in lines if x.get("losses")]
        return name, [x for x in lines if x.get("validation")][-1]["validation"]["loss"], learnt[-1], trained(out / "model/model.safetensors", name)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="*", default=NAMES)
    p.add_argument("--seeds", type=int, default=5)
    p.add_argument("--steps", type=int, default=200)
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("--built-in", action="store_true")
    p.add_argument("--out", type=pathlib.Path, default=ROOT / "build/bridges")
    p.add_argument("--dragoman", default=str(ROOT / "dragoman"))
    c = Comparison(p.parse_args())
    jobs = [(name, seed) for seed in range(1, c.args.seeds + 1) for name in c.args.names]
    found = {}
    with concurrent.futures.ThreadPoolExecutor(c.args.jobs) as pool:
        for name, held, learnt, size in pool.map(c.run, jobs):
            found.setdefault(name, []).append((held, learnt, size))
            print(f"{name}: {held:.3f}", file=sys.stderr)
    lines = ["| bridge | numbers that learn | held-out loss | spread | training loss |", "|---|---|---|---|---|"]
    for name in c.args.names:
        held, learnt, sizes = zip(*found[name])
        spread = statistics.stdev(held) if len(held) > 1 else 0.0
        lines.append(f"| {name} | {sizes[0]:,} | {statistics.mean(held):.3f} | {spread:.3f} | {statistics.mean(learnt):.3f} |")
    (c.out / "table.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
