"""Writes picture/testdata: files in every format with Pillow's reading of them, resizes and processors as hashes.

Run from the repository's root with pillow, numpy, torch and transformers installed.
"""
import hashlib
import io
import json
import pathlib
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps, ImageSequence, PngImagePlugin

from gif_frames import animation

OUT = pathlib.Path("picture/testdata")


def noise(n, seed):
    """The generator that the Go test repeats: bytes 24..31 of a 64-bit linear congruence."""
    out = np.empty(n, np.uint8)
    s = seed
    for i in range(n):
        s = (s * 6364136223846793005 + 1442695040888963407) & (1 << 64) - 1
        out[i] = s >> 56
    return out


def noise_image(w, h, channels, seed):
    a = noise(w * h * channels, seed).reshape(h, w, channels)
    return Image.fromarray(a, {3: "RGB", 4: "RGBA"}[channels])


def scene(w, h, mode="RGB"):
    """A smooth picture with edges and some noise, so that chroma and the block edges show."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    r = 128 + 100 * np.sin(x / 5 + y / 11)
    g = 255 * (x / max(w - 1, 1))
    b = 255 * (y / max(h - 1, 1))
    disc = (x - w / 2) ** 2 + (y - h / 2) ** 2 < (min(w, h) / 3) ** 2
    a = np.stack([np.where(disc, 230, r), np.where(disc, 30, g), b], -1)
    a += np.random.default_rng(w * 1000 + h).normal(0, 6, a.shape)
    im = Image.fromarray(np.clip(a, 0, 255).astype(np.uint8), "RGB")
    if mode == "RGBA":
        alpha = np.clip(255 * (1.2 - np.hypot(x - w / 2, y - h / 2) / (min(w, h) / 2)), 0, 255)
        im.putalpha(Image.fromarray(alpha.astype(np.uint8), "L"))
        return im
    return im.convert(mode)


def rgb(im, drop=False):
    """What the reader should give: oriented, on white, or with alpha forgotten."""
    im.load()
    im = ImageOps.exif_transpose(im)
    if not drop and ("A" in im.getbands() or im.info.get("transparency") is not None):
        im = im.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", im.size, (255, 255, 255)), im).convert("RGB")
    return im.convert("RGB")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def interlaced_png(im):
    """Pillow does not write Adam7, so it is done by hand."""
    a = np.asarray(im)
    raw = b""
    for x0, y0, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        part = a[y0::dy, x0::dx]
        if part.size:
            raw += b"".join(b"\0" + row.tobytes() for row in part)
    head = struct.pack(">IIBBBBB", im.width, im.height, 8, 2, 0, 0, 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def rgb16_png(im):
    a = np.asarray(im).astype(np.uint16) * 256 + 200
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in a)
    head = struct.pack(">IIBBBBB", im.width, im.height, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def raw_png(w, h, depth, kind, rows, transparent=None):
    """A PNG of any depth, whose rows are given, and perhaps a colour that is transparent."""
    raw = b"".join(b"\0" + row for row in rows)
    named = b"" if transparent is None else chunk(b"tRNS", transparent)
    head = struct.pack(">IIBBBBB", w, h, depth, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + named + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def raw_tiff(order, w, h, bits, samples, photometric, blocks, **more):
    """A TIFF whose strips or tiles are given; more is further tags, by number."""
    e = "<" if order == "II" else ">"
    tags = {256: [w], 257: [h], 258: [bits] * samples, 259: [1], 262: [photometric], 277: [samples], 278: [h]}
    tags |= {int(k[1:]): v for k, v in more.items()}
    where, sizes = (324, 325) if 322 in tags else (273, 279)
    offsets, body = [], b""
    for block in blocks:
        offsets.append(8 + len(body))
        body += block
    tags |= {where: offsets, sizes: [len(b) for b in blocks]}
    at, extra, entries = 8 + len(body), b"", b""
    behind = at + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        values = struct.pack(e + "I" * len(tags[tag]), *tags[tag])
        if tag not in (where, sizes):
            values = struct.pack(e + "H" * len(tags[tag]), *tags[tag])
        kind = 4 if tag in (where, sizes) else 3
        place = values.ljust(4, b"\0") if len(values) <= 4 else struct.pack(e + "I", behind + len(extra))
        extra += values if len(values) > 4 else b""
        entries += struct.pack(e + "HHI", tag, kind, len(tags[tag])) + place
    return order.encode() + struct.pack(e + "HI", 42, at) + body + struct.pack(e + "H", len(tags)) + entries + bytes(4) + extra


def exif(orientation):
    e = Image.Exif()
    e[0x0112] = orientation
    return e.tobytes()


def save(im, fmt, **kw):
    f = io.BytesIO()
    im.save(f, fmt, **kw)
    return f.getvalue()


def resampled_jpeg(data, sampling):
    """The same blocks under another sampling of the first channel: a scrambled picture, but one that must be read alike."""
    i = data.index(b"\xff\xc0")
    return data[: i + 11] + bytes([sampling]) + data[i + 12 :]


def adobe_jpeg(data, transform):
    """Names another colour transform in Adobe's segment, or takes the segment out."""
    i = data.index(b"\xff\xee")
    if transform is None:
        return data[:i] + data[i + 2 + struct.unpack(">H", data[i + 2 : i + 4])[0] :]
    return data[: i + 15] + bytes([transform]) + data[i + 16 :]


def without_tables(data):
    """Without its Huffman tables, which are the standard's: as a frame of a video has it."""
    while (i := data.find(b"\xff\xc4")) > 0:
        data = data[:i] + data[i + 2 + struct.unpack(">H", data[i + 2 : i + 4])[0] :]
    return data


def raw_bmp(w, h, bits, pixels, compression=0, size=40, masks=(), palette=b"", colours=0, offset=None):
    """BMPs that Pillow reads and does not write."""
    head = struct.pack("<IHHHH", 12, w, h, 1, bits) if size == 12 else struct.pack("<IiiHHIIiiII", size, w, h, 1, bits, compression, 0, 0, 0, colours, 0)
    head += b"".join(struct.pack("<I", m) for m in masks)
    head += bytes(max(0, size - len(head)))
    offset = 14 + len(head) + len(palette) if offset is None else offset
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, offset) + head + palette + pixels


def bitmaps():
    """BMP's other kinds: 16 bits, masks, OS/2's header, runs, short palettes."""
    pixels = noise(21 * 13 * 4, 6)
    high = np.zeros((13, 44), np.uint8)
    high[:, :42] = pixels[: 13 * 42].reshape(13, 42)
    yield "555.bmp", raw_bmp(21, 13, 16, high.tobytes())
    yield "565.bmp", raw_bmp(21, 13, 16, high.tobytes(), 3, masks=(0xF800, 0x7E0, 0x1F))
    yield "top-down-v5.bmp", raw_bmp(21, -13, 32, pixels.tobytes(), size=124, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000))
    for name, masks in [("bgra", (0xFF0000, 0xFF00, 0xFF, 0xFF000000)), ("rgba", (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
                        ("abgr", (0xFF000000, 0xFF0000, 0xFF00, 0xFF)), ("bgrx", (0xFF0000, 0xFF00, 0xFF, 0))]:
        yield f"{name}-v4.bmp", raw_bmp(21, 13, 32, pixels.tobytes(), 3, 108, masks)
    colours = noise(4 * 16, 7).tobytes()
    nibbles = noise(13 * 12, 8).tobytes()
    yield "palette-os2.bmp", raw_bmp(21, 13, 4, nibbles, size=12, palette=noise(3 * 16, 7).tobytes())
    yield "palette-short.bmp", raw_bmp(21, 13, 4, nibbles[:-1], palette=colours[:36], colours=9)
    yield "palette-unplaced.bmp", raw_bmp(21, 13, 4, nibbles, palette=colours, offset=54)
    runs = b"\x05\x03\x12\x09\x00\x00" + b"\x00\x07abcdefg\x00" + b"\x00\x02\x0e\x02" + b"\x15\x01\x00\x00\x07\x02\x00\x00" * 4 + b"\x00\x01"
    yield "runs8.bmp", raw_bmp(21, 12, 8, runs, 1, palette=noise(4 * 256, 9).tobytes())
    yield "runs4.bmp", raw_bmp(21, 12, 4, runs.replace(b"abcdefg\0", b"\x12\x34\x56\x78"), 2, palette=colours)


def turned():
    """Pictures whose orientation stands elsewhere than in EXIF: in XMP, or in the text that ImageMagick wrote."""
    im = scene(23, 14)
    def packet(form):
        return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description {form}</rdf:Description></x:xmpmeta>'

    attribute, element = packet('tiff:Orientation="6">'), packet("><tiff:Orientation>8</tiff:Orientation>")

    def png(add, **kw):
        info = PngImagePlugin.PngInfo()
        add(info)
        return save(im, "PNG", pnginfo=info, **kw)

    yield "xmp6.png", png(lambda i: i.add_itxt("XML:com.adobe.xmp", attribute))
    yield "xmp8-deflated.png", png(lambda i: i.add_itxt("XML:com.adobe.xmp", element, zip=True))
    yield "exif3-xmp6.png", png(lambda i: i.add_itxt("XML:com.adobe.xmp", attribute), exif=exif(3))
    raw = exif(5)
    profile = f"\nexif\n{len(raw):8}\n" + "\n".join(raw.hex()[i : i + 72] for i in range(0, 2 * len(raw), 72)) + "\n"
    yield "raw-exif5.png", png(lambda i: i.add_text("Raw profile type exif", profile))
    yield "raw-exif5-deflated.png", png(lambda i: i.add_text("Raw profile type exif", profile, zip=True))
    yield "xmp6.jpg", save(im, "JPEG", quality=90, subsampling=0, xmp=attribute.encode())
    yield "exif3-xmp6.jpg", save(im, "JPEG", quality=90, subsampling=0, xmp=attribute.encode(), exif=exif(3))
    yield "xmp8.webp", save(im, "WEBP", lossless=True, xmp=element.encode())
    yield "xmp6.tiff", save(im, "TIFF", tiffinfo={700: attribute.encode()})


def files():
    s, rgba = scene(45, 31), scene(45, 31, "RGBA")
    yield "rgb.png", save(s, "PNG")
    yield "grey.png", save(s.convert("L"), "PNG")
    yield "palette.png", save(s.quantize(32), "PNG")
    yield "palette-transparent.png", save(s.quantize(16), "PNG", transparency=3)
    yield "one-bit.png", save(s.convert("1"), "PNG")
    yield "alpha.png", save(rgba, "PNG")
    yield "grey-alpha.png", save(rgba.convert("LA"), "PNG")
    yield "interlaced.png", interlaced_png(s)
    yield "rgb16.png", rgb16_png(s)
    yield "exif6.png", save(s, "PNG", exif=exif(6))
    yield "one-pixel.png", save(scene(1, 1), "PNG")
    yield "thin.png", save(scene(1, 300), "PNG")
    for name, sub in [("444", 0), ("422", 1), ("420", 2)]:
        yield f"{name}.jpg", save(s, "JPEG", quality=85, subsampling=sub)
        yield f"{name}-progressive.jpg", save(s, "JPEG", quality=60, subsampling=sub, progressive=True)
    yield "turned-420.jpg", save(s.rotate(90, expand=True), "JPEG", quality=85, subsampling=2)
    yield "narrow-420.jpg", save(scene(3, 21), "JPEG", subsampling=2)
    yield "tiny-420.jpg", save(scene(5, 5), "JPEG", subsampling=2)
    yield "one-pixel.jpg", save(scene(1, 1), "JPEG", subsampling=2)
    yield "large-420.jpg", save(scene(160, 120), "JPEG", quality=75, subsampling=2)
    yield "coarse-420.jpg", save(scene(64, 48), "JPEG", quality=8, subsampling=2)
    big = scene(333, 257)
    yield "large-422-progressive.jpg", save(big, "JPEG", quality=92, subsampling=1, progressive=True)
    yield "optimised-420.jpg", save(scene(200, 99), "JPEG", quality=30, subsampling=2, optimize=True)
    yield "noise-444.jpg", save(noise_image(40, 40, 3, 5), "JPEG", quality=100, subsampling=0)
    yield "grey-progressive.jpg", save(s.convert("L"), "JPEG", progressive=True)
    yield "cmyk-progressive.jpg", save(s.convert("CMYK"), "JPEG", quality=60, progressive=True)
    yield "grey.jpg", save(s.convert("L"), "JPEG")
    yield "restart.jpg", save(s, "JPEG", subsampling=2, restart_marker_blocks=2)
    yield "cmyk.jpg", save(s.convert("CMYK"), "JPEG", quality=90)
    inks = save(s.convert("CMYK"), "JPEG", quality=90)
    yield "ycck.jpg", adobe_jpeg(inks, 2)
    yield "cmyk-bare.jpg", adobe_jpeg(inks, None)
    yield "no-tables.jpg", without_tables(save(s, "JPEG", quality=85, subsampling=2))
    yield "440.jpg", resampled_jpeg(save(s, "JPEG", subsampling=1), 0x12)
    wide = save(scene(64, 32), "JPEG", subsampling=2)
    yield "411.jpg", resampled_jpeg(wide, 0x41)
    yield "441.jpg", resampled_jpeg(wide, 0x14)
    yield "rgb.jpg", save(s, "JPEG", quality=90, keep_rgb=True)
    for o in range(2, 9):
        yield f"exif{o}.jpg", save(scene(23, 14), "JPEG", quality=90, subsampling=0, exif=exif(o))
    yield "plain.gif", save(s.quantize(64), "GIF")
    yield "transparent.gif", save(s.quantize(16), "GIF", transparency=2)
    yield "animated.gif", save(s, "GIF", save_all=True, append_images=[ImageOps.invert(s)])
    yield "interlaced.gif", save(s.quantize(64), "GIF", interlace=1)
    yield "apart.gif", animation(9, 1, 1, [1, 1], False, apart=True)
    yield "lossless.webp", save(s, "WEBP", lossless=True)
    yield "lossless-alpha.webp", save(rgba, "WEBP", lossless=True, exact=True)
    yield "lossy.webp", save(s, "WEBP", quality=70)
    yield "lossy-even.webp", save(scene(64, 48), "WEBP", quality=50)
    yield "lossy-alpha.webp", save(rgba, "WEBP", quality=80)
    yield "one-pixel.webp", save(scene(1, 1), "WEBP")
    yield "exif6.webp", save(s, "WEBP", lossless=True, exif=exif(6))
    yield "animated.webp", save(rgba, "WEBP", save_all=True, append_images=[ImageOps.invert(s).convert("RGBA")], duration=100)
    yield "rgb.bmp", save(s, "BMP")
    yield "palette.bmp", save(s.quantize(16), "BMP")
    yield "grey.bmp", save(s.convert("L"), "BMP")
    yield from bitmaps()
    yield "rgb.tiff", save(s, "TIFF")
    yield "lzw.tiff", save(s, "TIFF", compression="tiff_lzw")
    yield "deflate.tiff", save(s.convert("L"), "TIFF", compression="tiff_adobe_deflate")
    yield "alpha.tiff", save(rgba, "TIFF")
    yield "palette.tiff", save(s.quantize(16), "TIFF")
    grey16 = noise(45 * 31 * 2, 3).reshape(31, 45, 2)
    grey16[::2, :, 0] = 0
    yield "grey16.png", raw_png(45, 31, 16, 0, [r.tobytes() for r in grey16])
    yield "named-grey2.png", raw_png(40, 9, 2, 0, [r.tobytes() for r in noise(90, 4).reshape(9, 10)], b"\0\0")
    yield "named-grey.png", raw_png(40, 9, 8, 0, [r.tobytes() for r in noise(360, 4).reshape(9, 40) & 3], b"\0\1")
    yield "named-rgb16.png", raw_png(5, 9, 16, 2, [r.tobytes() for r in noise(270, 5).reshape(9, 30) & 1], b"\0\1\0\0\0\1")
    yield "cut.gif", save(rgba, "GIF", save_all=True, append_images=[ImageOps.invert(s).convert("RGBA")])
    yield "cmyk.tiff", save(s.convert("CMYK"), "TIFF", compression="tiff_lzw")
    yield "grey-alpha.tiff", save(rgba.convert("LA"), "TIFF", compression="packbits")
    yield "one-bit-group4.tiff", save(s.convert("1"), "TIFF", compression="group4")
    yield "one-bit-group3.tiff", save(s.convert("1"), "TIFF", compression="group3")
    yield "jpeg.tiff", save(scene(64, 80), "TIFF", compression="jpeg", quality=80)
    yield "cmyk-jpeg.tiff", save(s.convert("CMYK"), "TIFF", compression="jpeg", quality=80)
    yield "predicted.tiff", save(s, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield "float.tiff", save(s.convert("F"), "TIFF")
    yield "integer.tiff", save(s.convert("I"), "TIFF", compression="tiff_adobe_deflate")
    for order in ("II", "MM"):
        pixels = noise(21 * 13 * 8, 6).reshape(13, -1)
        wide = pixels[:, : 21 * 6].tobytes()
        yield f"rgb16-{order}.tiff", raw_tiff(order, 21, 13, 16, 3, 2, [wide])
        yield f"grey16-{order}.tiff", raw_tiff(order, 21, 13, 16, 1, 1, [pixels[:, :42].tobytes()])
        yield f"white-is-zero2-{order}.tiff", raw_tiff(order, 21, 13, 2, 1, 0, [pixels[:, :6].tobytes()], t266=[2])
        yield f"tiles-{order}.tiff", raw_tiff(order, 21, 13, 8, 4, 2, [noise(1024, 8).tobytes(), noise(1024, 9).tobytes()], t322=[16], t323=[16], t338=[1])
    for compression in ("tiff_lzw", "zstd"):
        yield f"float-predicted-{compression}.tiff", save(s.convert("F"), "TIFF", compression=compression, tiffinfo={317: 3})
    yield "big.tiff", save(s, "TIFF", big_tiff=True, compression="zstd", tiffinfo={317: 2})
    yield "big-turned.tiff", save(rgba, "TIFF", big_tiff=True, tiffinfo={0x0112: 6})
    yield "grey12.tiff", raw_tiff("II", 21, 13, 12, 1, 1, [noise(13 * 32, 6).tobytes()])
    yield "planes.tiff", raw_tiff("II", 21, 13, 8, 3, 2, [noise(273, k).tobytes() for k in (1, 2, 3)], t284=[2])
    yield from turned()
    yield "exif3.tiff", save(s, "TIFF", tiffinfo={0x0112: 3})


def write_decode():
    folder = OUT / "decode"
    folder.mkdir(parents=True, exist_ok=True)
    cases = []
    for name, data in files():
        (folder / name).write_bytes(data)
        im = next(ImageSequence.Iterator(Image.open(io.BytesIO(data))))
        want = rgb(im)
        case = {"file": name, "w": want.width, "h": want.height, "sha256": hashlib.sha256(want.tobytes()).hexdigest()}
        if (dropped := rgb(im, drop=True)).tobytes() != want.tobytes():
            case["dropped"] = hashlib.sha256(dropped.tobytes()).hexdigest()
        cases.append(case)
    (OUT / "decode.json").write_text(json.dumps(cases, indent=0) + "\n")


def write_resize():
    cases = []
    sizes = [(1, 1, 7, 5), (7, 5, 1, 1), (3, 2, 224, 224), (97, 61, 31, 17), (31, 17, 97, 61), (64, 64, 224, 224),
             (300, 40, 224, 224), (40, 300, 224, 224), (224, 100, 224, 224), (100, 224, 224, 224), (224, 224, 224, 224),
             (401, 299, 260, 260), (500, 333, 64, 48), (13, 700, 5, 300)]
    for channels in (3, 4):
        for i, (w, h, ow, oh) in enumerate(sizes):
            im = noise_image(w, h, channels, i + 1)
            for f in range(6):
                if f in (1, 4, 5) and (channels == 4 or i % 3):
                    continue
                got = im.resize((ow, oh), Image.Resampling(f))
                cases.append({"w": w, "h": h, "channels": channels, "seed": i + 1, "filter": f, "to": [ow, oh],
                              "sha256": hashlib.sha256(got.tobytes()).hexdigest()})
    (OUT / "resize.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


def write_processors():
    from transformers import BlipImageProcessorPil, CLIPImageProcessorPil

    import tempfile
    cases, configs = [], []
    for name, p in [
        ("blip2-224", BlipImageProcessorPil(size={"height": 224, "width": 224})),
        ("blip2-oblong", BlipImageProcessorPil(size={"height": 32, "width": 48}, resample=2)),
        ("clip-224", CLIPImageProcessorPil()),
        ("clip-33", CLIPImageProcessorPil(size={"shortest_edge": 36}, crop_size={"height": 33, "width": 33})),
        ("clip-pad", CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size={"height": 33, "width": 31})),
    ]:
        with tempfile.TemporaryDirectory() as d:
            p.save_pretrained(d)
            config = json.loads((pathlib.Path(d) / "preprocessor_config.json").read_text())
        configs.append((name, config, p))
    # As files spell it, which 5 reads but does not write.
    blip, clip = {"image_processor_type": "BlipImageProcessor"}, {"image_processor_type": "CLIPImageProcessor"}
    for name, config in [
        ("number", blip | {"size": 30}), ("pair", blip | {"size": [20, 30]}), ("edge", blip | {"size": {"shortest_edge": 30}}),
        ("cut", blip | {"size": {"height": 40, "width": 50}, "do_center_crop": True, "crop_size": 33}),
        ("cut-number", blip | {"size": 40, "do_center_crop": True, "crop_size": {"height": 20, "width": 44}}),
        ("kept", blip | {"do_resize": False}), ("kept-cut", blip | {"do_resize": False, "do_center_crop": True, "crop_size": 64}),
        ("raw", blip | {"size": 30, "do_rescale": False}), ("raw-plain", blip | {"size": 30, "do_rescale": False, "do_normalize": False}),
        ("plain", blip | {"size": 30, "do_normalize": False, "rescale_factor": 0.01}),
        ("grey-mean", blip | {"size": 30, "image_mean": 0.5, "image_std": 0.25, "rescale_factor": 1 / 127.5}),
        ("clip-number", clip | {"size": 30, "crop_size": 28}), ("clip-default", clip | {"size": {"shortest_edge": 250}}),
        ("clip-squashed", clip | {"size": {"height": 40, "width": 30}, "crop_size": 28}), ("clip-uncut", clip | {"size": 40, "do_center_crop": False}),
        *((f"filter-{i}", blip | {"size": 37, "resample": i}) for i in range(6)),
    ]:
        cls = BlipImageProcessorPil if config["image_processor_type"].startswith("Blip") else CLIPImageProcessorPil
        configs.append((name, config, cls.from_dict(dict(config))))
    for name, config, p in configs:
        for w, h in [(61, 97), (300, 211), (224, 224), (225, 300)]:
            im = noise_image(w, h, 3, w)
            px = p(images=im, return_tensors="np")["pixel_values"][0].astype(np.float32)
            flat = px.reshape(-1)
            at = list(range(0, flat.size, max(flat.size // 50, 1)))
            cases.append({"name": name, "config": config, "w": w, "h": h, "shape": list(px.shape), "at": at,
                          "values": [float(v) for v in flat[at]], "sha256": hashlib.sha256(px.tobytes()).hexdigest()})
    (OUT / "processor.json").write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")


if __name__ == "__main__":
    write_decode()
    write_resize()
    write_processors()
