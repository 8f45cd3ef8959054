"""Writes data/testdata/hf.parquet: three rows as the Hugging Face datasets library lays them out (pillow and pyarrow)."""
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
