"""Pages on which a picture of nothing stands before plain text, so that a Flamingo learns to leave the language model alone there:
plain.py WORDNET_FOLDER OUT_FOLDER writes OUT_FOLDER/plain.jsonl and its pictures.

The pictures are plain colours, gradients and noise; the texts are what WordNet says of a few words.
"""

import json
import pathlib
import random
import struct
import sys
import zlib

SIDE = 96
PICTURES = 120
PAGES = 2000


def png(rows):
    """rows are SIDE byte strings of RGB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def nothing(dice):
    """A picture of nothing: half of them grey."""
    kind = dice.choice(["plain", "plain", "gradient", "noise"])
    grey = dice.random() < 0.5
    colour = lambda: [dice.randrange(256)] * 3 if grey else [dice.randrange(256) for _ in range(3)]
    a, b, spread = colour(), colour(), dice.randrange(4, 64)
    rows = []
    for y in range(SIDE):
        row = bytearray()
        for _ in range(SIDE):
            shift = dice.randrange(-spread, spread + 1) if kind == "noise" else 0
            for c in range(3):
                v = a[c] + (b[c] - a[c]) * y // (SIDE - 1) if kind == "gradient" else a[c] + shift
                row.append(min(255, max(0, v)))
        rows.append(bytes(row))
    return png(rows)


def glosses(folder):
    found = []
    for part in ("noun", "verb", "adj", "adv"):
        with open(f"{folder}/data.{part}", encoding="utf-8") as f:
            found += [line.split(" | ", 1)[1].strip() for line in f if not line.startswith(" ")]
    return found


def main():
    dice = random.Random(1)
    texts, out = glosses(sys.argv[1]), pathlib.Path(sys.argv[2])
    (out / "plain").mkdir(parents=True, exist_ok=True)
    for i in range(PICTURES):
        (out / f"plain/{i}.png").write_bytes(nothing(dice))
    with open(out / "plain.jsonl", "w", encoding="utf-8") as f:
        for _ in range(PAGES):
            text = ". ".join(t[0].upper() + t[1:] for t in dice.sample(texts, 4))
            f.write(json.dumps({"parts": [{"image": f"plain/{dice.randrange(PICTURES)}.png"}, {"text": text}]}) + "\n")


main()
