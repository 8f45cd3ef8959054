"""Writes data/testdata/hf.parquet, rows as the Hugging Face datasets library lays them out, and obelics.parquet and inside.parquet, pages as
OBELICS is published and with their pictures inside (pillow and pyarrow)."""
import io
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def png(colour):
    f = io.BytesIO()
    Image.new("RGB", (3, 2), colour).save(f, "PNG")
    return f.getvalue()


image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
table = pa.table(
    {
        "image": pa.array([{"bytes": png((255, 0, 0)), "path": "r.png"}, {"bytes": png((0, 255, 0)), "path": None},
                           {"bytes": None, "path": None}, {"bytes": png((0, 0, 255)), "path": "b.png"}], image),
        "captions": pa.array([["a red field", "red"], ["a green field"], ["nothing"], [" ", "a blue field"]], pa.list_(pa.string())),
        "image_id": pa.array([7, 8, 9, 10], pa.int64()),
        "score": pa.array([0.5, None, 1.5, 2.5], pa.float32()),
    }
)
out = pathlib.Path("data/testdata")
out.mkdir(parents=True, exist_ok=True)
pq.write_table(table, out / "hf.parquet", row_group_size=3)

# OBELICS: lists of texts and of addresses side by side, and what is known of them as JSON.
texts = [[None, "A red field.", None, "And more."], ["Nothing but text."], [], ["x", None], None]
images = [["r.png", None, "https://example.org/g.png", None], [None], [], [None, "none.png"], None]
metadata = ['[{"alt": "red"}, null, {}, null]', "[null]", "[]", "x", None]
strings = pa.list_(pa.string())
pq.write_table(
    pa.table({"images": pa.array(images, strings), "metadata": pa.array(metadata), "general_metadata": pa.array(['{"url": "u"}'] * 5),
              "texts": pa.array(texts, strings)}),
    out / "obelics.parquet", row_group_size=2, compression="zstd",
)
inside = [[{"bytes": png((0, 255, 0)), "path": None}, None, {"bytes": png((255, 0, 0)), "path": "x.png"}], [{"bytes": None, "path": "r.png"}, None], [], None]
pq.write_table(
    pa.table({"images": pa.array(inside, pa.list_(image)), "texts": pa.array([[None, "a", None], [None, "b"], [], []], strings)}), out / "inside.parquet",
)
