"""Writes picture/testdata/frames: GIFs whose frames lie on one another in every way, with Pillow's reading of each frame as hashes.

Run from the repository's root with pillow and numpy installed.
"""
import hashlib
import io
import json
import pathlib
import struct

import numpy as np
from PIL import Image

OUT = pathlib.Path("picture/testdata/frames")
COLOURS = 8


def codes(pixels):
    """LZW of 3-bit indices without any compression: a clear code before every fourth pixel keeps all codes at 4 bits."""
    out, bits, n = bytearray(), 0, 0
    stream = []
    for i, p in enumerate(pixels):
        if i % 4 == 0:
            stream.append(COLOURS)
        stream.append(int(p))
    for code in stream + [COLOURS + 1]:
        bits |= code << n
        n += 4
        while n >= 8:
            out.append(bits & 255)
            bits, n = bits >> 8, n - 8
    if n:
        out.append(bits & 255)
    blocks = b"".join(bytes([len(out[i : i + 255])]) + bytes(out[i : i + 255]) for i in range(0, len(out), 255))
    return b"\x03" + blocks + b"\0"


def palette(rng):
    return rng.integers(0, 256, 3 * COLOURS, dtype=np.uint8).tobytes()


def animation(seed, first_transparent, later_transparent, disposals, whole, apart=False):
    """A file of frames: rectangles of noise, with the ways of going away in turn. apart: the first one, too, is a part of the canvas."""
    rng = np.random.default_rng(seed)
    w, h = 12, 9
    out = b"GIF89a" + struct.pack("<HHBBB", w, h, 0x80 | 2, 3, 0) + palette(rng)
    for i, disposal in enumerate(disposals):
        x, y, fw, fh = 0, 0, w, h
        if apart if i == 0 else not whole:
            fw, fh = int(rng.integers(1, w + 1)), int(rng.integers(1, h + 1))
            x, y = int(rng.integers(0, w - fw + 1)), int(rng.integers(0, h - fh + 1))
        clear = first_transparent if i == 0 else later_transparent
        delay = [10, 0, 25, 1, 5][i % 5]
        if not (i == 3 and disposal == 0):  # one frame without any extension
            out += b"\x21\xf9\x04" + struct.pack("<BHBB", disposal << 2 | clear, delay, int(rng.integers(0, COLOURS)), 0)
        own = i % 3 == 2
        out += b"\x2c" + struct.pack("<HHHHB", x, y, fw, fh, 0x80 | 2 if own else 0) + (palette(rng) if own else b"")
        out += codes(rng.integers(0, COLOURS, fw * fh))
    return out + b";"


def frames(data):
    im = Image.open(io.BytesIO(data))
    out = []
    for i in range(im.n_frames):
        im.seek(i)
        im.load()
        shown = im.convert("RGBA")
        white = Image.alpha_composite(Image.new("RGBA", shown.size, "white"), shown).convert("RGB")
        out.append(hashlib.sha256(white.tobytes()).hexdigest())
    return out


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    cases = []
    seed = 0
    for first in (0, 1):
        for later in (0, 1):
            for disposals in ([0, 0, 0, 0, 0], [1, 1, 1, 1], [2, 2, 2, 2, 2], [3, 3, 3, 3], [1, 2, 3, 0, 2, 0, 3, 1]):
                for whole in (False, True):
                    if whole and disposals[0] < 2:
                        continue
                    seed += 1
                    name = f"{seed:02}.gif"
                    data = animation(seed, first, later, disposals, whole)
                    (OUT / name).write_bytes(data)
                    cases.append({"file": name, "sha256": frames(data)})
    for first in (0, 1):
        for disposals in ([1, 1, 1], [2, 2, 2], [3, 3, 3]):
            seed += 1
            data = animation(seed, first, 1, disposals, False, apart=True)
            (OUT / f"{seed:02}.gif").write_bytes(data)
            cases.append({"file": f"{seed:02}.gif", "sha256": frames(data)})
    (OUT.parent / "frames.json").write_text(json.dumps(cases, indent=0) + "\n")


if __name__ == "__main__":
    main()
