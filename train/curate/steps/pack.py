"""The images that are kept, copied into Parquet shards: what training reads where they are not files of their own.

DIR/selected/00000.parquet …    `image` (bytes, path), `label`
"""

from pathlib import Path

import pyarrow as pa
from tqdm import tqdm

from core.pictures.names import as_text
from core.records.curation import FATES
from train import dist
from train.curate.embeddings import parts_of
from train.curate.folder import Parts, prepare, read_table, required_record, write_table
from train.curate.steps.originals import Originals
from train.dist import World

SHARD = 1024
"""Images in a shard."""
SCHEMA = pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.string())])


def pack(root: Path, world: World) -> tuple[Path, int]:
    """The folder of the shards and how many images they hold; goes on where it was stopped. Every rank calls it."""
    key = required_record(root, "retrieve").key
    table = read_table(root / FATES, ["set", "row", "kept"])
    kept = table.filter(table["kept"])
    places = list(zip(kept["set"].to_pylist(), kept["row"].to_pylist(), strict=True))
    folder, originals = root / "selected", Originals(root)
    prepare(folder, {"of": key, "images": len(places)}, world)
    parts = Parts(folder, parts_of(len(places), SHARD))
    missing = parts.missing(world)
    for number in tqdm(missing, desc="pack", unit=" shards", disable=not (world.leads and missing)):
        images = [originals.read(name, row) for name, row in places[number * SHARD : (number + 1) * SHARD]]
        rows = [{"image": {"bytes": one.data, "path": as_text(one.name)}, "label": one.label} for one in images]
        write_table(parts.path(number), pa.Table.from_pylist(rows, schema=SCHEMA))
    dist.wait()
    return folder, len(places)
