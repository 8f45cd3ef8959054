"""Builds the pictures and pairs.jsonl from the unpacked packages: build.py DIR, where fetch.sh has filled DIR/src.

The same packages give the same bytes: everything is walked in sorted order and nothing is drawn by chance.
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

from PIL import Image

import classes
import clipart
import kinds
from concepts import Concepts, held_out, kind, slug

Image.MAX_IMAGE_PIXELS = None  # the limit is PIXELS below
PIXELS = 30_000_000
COMMON = 20  # pictures that a word must be said of to be plain
SIZE = 256  # longer side of a drawn or shrunk picture; smaller ones keep their size


def png(source, out):
    """Any picture as PNG with its alpha, at most SIZE on the longer side."""
    with Image.open(source) as image:
        if image.width * image.height > PIXELS:
            raise ValueError(f"{image.width}×{image.height} pixels are too many")
        image = image.convert("RGBA")
        image.thumbnail((SIZE, SIZE), Image.Resampling.BOX, reducing_gap=3.0)
        image.save(out, compress_level=6)


class Builder:
    def __init__(self, root):
        self.root, self.src = root, root / "src"
        self.concepts = Concepts(self.src)
        self.rows, self.drawings = [], []
        self.missing = collections.Counter()

    def place(self, style, name):
        folder = self.root / "images" / style
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.png"

    def add(self, style, concept, out):
        if concept["kind"] == "direction":
            return False
        split = "train"
        if style == "openmoji":
            split = "openmoji"
        elif concept["held"]:
            split = "held-concept"
        elif style == "twemoji":
            split = "held-style"
        self.rows.append({
            "image": str(out.relative_to(self.root)), "text": concept["text"], "tags": concept["tags"],
            "style": style, "concept": concept["key"], "kind": concept["kind"], "split": split,
        })
        return True

    def bitmaps(self, style, folder, suffix):
        """A folder of bitmaps that are named by hexcode."""
        for path in sorted(folder.glob("*" + suffix)):
            concept = self.concepts.by_key.get(hexkey(path))
            out = concept and self.place(style, concept["key"])
            if concept and self.add(style, concept, out) and not out.exists():
                png(path, out)

    def vectors(self, style, folder):
        """A folder of SVGs that are named by hexcode."""
        for path in sorted(folder.glob("*.svg")):
            concept = self.concepts.by_key.get(hexkey(path))
            out = concept and self.place(style, concept["key"])
            if concept and self.add(style, concept, out):
                self.draw(str(path), out)

    def icons(self, style, package):
        """An Iconify set: SVG bodies by name. A name that means no emoji is a caption of its own."""
        data = json.loads((self.src / package / "icons.json").read_text())
        for name, icon in sorted(data["icons"].items()):
            if "skin-tone" in name:
                continue
            concept = self.concepts.named(name)
            if concept is None:
                self.missing[style] += 1
                if style != "streamline":
                    continue
                text = re.sub(r"-\d+$", "", name).replace("-", " ")
                if not re.fullmatch(r"[a-z ]{3,}", text):
                    continue
                concept = {"key": slug(text), "text": text, "kind": kind(text), "tags": [], "held": self.leaks(text)}
            width = icon.get("width", data.get("width", 16))
            height = icon.get("height", data.get("height", 16))
            box = f'{icon.get("left", 0)} {icon.get("top", 0)} {width} {height}'
            out = self.place(style, name)
            if self.add(style, concept, out):
                self.draw(f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
                          f'width="{width}" height="{height}" viewBox="{box}">{icon["body"]}</svg>', out)

    def leaks(self, text):
        """True if a free caption is a held-out concept, or names one word for word."""
        held = [c["text"].lower() for c in self.concepts.by_key.values() if c["held"]]
        return held_out(text) or any(re.search(rf"\b{re.escape(h)}s?\b", text) for h in held)

    def clip_art(self):
        for path, title, tags in clipart.rows(self.src, self.concepts):
            concept = self.concepts.by_slug.get(slug(title))
            if concept is None:
                concept = {"key": slug(title), "text": title, "kind": kind(title), "tags": [], "held": self.leaks(title)}
            out = self.place("clipart", path.stem)
            try:
                if not out.exists():
                    png(path, out)
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                print(f"build.py: {path.name}: {error}", file=sys.stderr)
                continue
            tags = sorted(set(tags) | set(concept["tags"]))
            self.add("clipart", concept | {"tags": tags}, out)

    def draw(self, svg, out):
        if not out.exists():
            self.drawings.append({"svg": svg, "size": SIZE, "out": str(out)})

    def rasterise(self):
        """Draws what is waiting. The rasteriser aborts on a few broken SVGs: the one it fell over is left out."""
        command = ["node", pathlib.Path(__file__).with_name("raster.mjs"), str(self.root / "node")]
        while self.drawings:
            lines = "\n".join(json.dumps(d) for d in self.drawings)
            done = subprocess.run(command, input=lines, text=True, stderr=subprocess.PIPE)
            self.drawings = [d for d in self.drawings if not pathlib.Path(d["out"]).exists()]
            if done.returncode >= 0:
                break
            print(f"build.py: {self.drawings.pop(0)['out']}: cannot be drawn", file=sys.stderr)
        for drawing in self.drawings:
            print(f"build.py: {drawing['out']}: not drawn", file=sys.stderr)

    def finish(self):
        self.rasterise()
        seen, rows = set(), []
        for row in self.rows:
            if row["image"] not in seen and (self.root / row["image"]).exists():
                seen.add(row["image"])
                rows.append(row)
        with open(self.root / "pairs.jsonl", "w") as f:
            f.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        return rows


def hexkey(path):
    return "-".join(p for p in path.stem.lower().split("-") if p != "fe0f")


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    b = Builder(root)
    b.bitmaps("noto", b.src / "emoji-datasource-google/img/google/64", ".png")
    b.bitmaps("twemoji", b.src / "emoji-datasource-twitter/img/twitter/64", ".png")
    b.bitmaps("fluent-3d", b.src / "lobehub-fluent-emoji-3d/assets", ".webp")
    b.vectors("fluent-flat", b.src / "lobehub-fluent-emoji-flat/assets")
    b.vectors("openmoji", b.src / "openmoji/color/svg")
    b.icons("emojione", "iconify-json-emojione")
    b.icons("noto-v1", "iconify-json-noto-v1")
    b.icons("fxemoji", "iconify-json-fxemoji")
    b.icons("streamline", "iconify-json-streamline-emojis")
    b.clip_art()
    rows = b.finish()
    counts = collections.Counter(word for row in rows if row["split"] == "train"
                                 for word in {row["text"].lower(), *row["tags"]})
    known = {word for word, count in counts.items() if count >= COMMON}
    print(f"{classes.write(b.src, root / 'classes.jsonl', known, kinds.said)} ImageNet classes")
    print(f"{kinds.write(root, rows)} captions are of a kind")
    for (style, split), n in sorted(collections.Counter((r["style"], r["split"]) for r in rows).items()):
        print(f"{n:6} {style:12} {split}")
    for name in ("kind", "split"):
        print(f"{len(rows)} pairs by {name}:", dict(sorted(collections.Counter(r[name] for r in rows).items())))
    print("captions that are trained:", len({r["text"] for r in rows if r["split"] == "train"}),
          "· held-out captions:", len({r["text"] for r in rows if r["split"] == "held-concept"}))
    print("icons that mean no emoji:", dict(b.missing))


if __name__ == "__main__":
    main()
