"""Pictures for the command's own tests: one emoji of Noto (Apache-2.0) in every disguise.

    python tools/oracle/pictures.py        # after make pairs

writes cmd/dragoman/testdata/pictures.
"""

from pathlib import Path

import numpy as np
from PIL import Image

root = Path(__file__).parents[2]
out = root / "cmd/dragoman/testdata/pictures"
out.mkdir(parents=True, exist_ok=True)
src = Image.open(root / "build/pairs/images/noto/1f408.png").convert("RGBA").resize((96, 96), Image.Resampling.LANCZOS)
white = Image.new("RGBA", src.size, "white")
white.alpha_composite(src)
rgb = white.convert("RGB")

src.save(out / "cat.png")
rgb.save(out / "cat.jpg", quality=85)
rgb.convert("CMYK").save(out / "cmyk.jpg", quality=80)
exif = Image.Exif()
exif[0x0112] = 6
rgb.rotate(90).save(out / "rotated.jpg", exif=exif, quality=85)
rgb.save(out / "animated.gif", save_all=True, append_images=[rgb.rotate(180)])
grey = np.asarray(rgb.convert("L"), dtype=np.uint16) * 257
Image.fromarray(grey).save(out / "grey16.png")
rgb.save(out / "cat.webp", lossless=True)
Image.new("RGB", (1, 1), "red").save(out / "one.png")
(out / "empty.png").write_bytes(b"")
(out / "truncated.jpg").write_bytes((out / "cat.jpg").read_bytes()[:700])
(out / "text.png").write_bytes(b"this is not a picture\n")
huge = bytearray((out / "one.png").read_bytes())
huge[16:24] = (40000).to_bytes(4, "big") * 2  # the header's size; its checksum is mended below
import zlib

huge[29:33] = zlib.crc32(bytes(huge[12:29])).to_bytes(4, "big")
(out / "huge.png").write_bytes(bytes(huge))
for f in sorted(out.iterdir()):
    print(f.name, f.stat().st_size)
