"""How well a model finds what shows the same in the two collections that ship, asked with each of their pictures.

    python -m tests.benchmarks.searching [--model embedded] [--out assets/search.json]

Whole pictures by the cosine of their cls tokens, as the Search tab compares them, the picture asked with left out: of the
first 1, 5 and 10, the share with its label, mean over all pictures. Then, of each class of photographs, the picture and
the clicked patch that find most of their class among the first eight others: candidates for `app/search/examples.py`.
Run it with --out when other weights ship; tests compare what the page and the model's card say with that file.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from app.search.examples import FIRST
from app.server.built_in import GALLERY, PHOTOGRAPHS, built_in
from app.server.models import Models
from app.server.shelf import Shelf
from core.collection.collection import Collection
from core.collection.vectors import STEP
from core.files import write_whole

AT = (1, 5, 10)


def precision(collection: Collection) -> dict:
    """{"pictures", "labels", "precision": {"1", "5", "10"}, "chance"}: each picture asked among all others."""
    right = right_of(collection)
    labels = [record.label for record in collection.records()]
    same = np.array([labels.count(label) - 1 for label in labels]) / (len(labels) - 1)
    at = {str(first): round(float(right[:, :first].mean()), 4) for first in AT}
    return {"pictures": len(labels), "labels": len({*labels}), "precision": at, "chance": round(float(same.mean()), 4)}


def right_of(collection: Collection) -> np.ndarray:
    """Whether the results for each picture [n, n - 1], best first, have its label."""
    ids, vectors = collection.vectors("cls")
    known = {record.id: record.label for record in collection.records()}
    labels = np.array([known[identity] for identity in ids.tolist()])
    cosines = vectors.astype(np.float32) @ vectors.astype(np.float32).T
    np.fill_diagonal(cosines, -np.inf)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :-1]
    return labels[order] == labels[:, None]


def best_parts(collection: Collection, each: int = 4) -> dict[str, list[tuple[int, str, tuple[float, float]]]]:
    """By label (how many of the first eight others, name, (x, y) as shares) of the clicked patches that find most."""
    snapshot, records = collection.store.snapshot(), collection.records()
    labels = np.array([record.label for record in records])
    cells = torch.from_numpy(np.array(snapshot.cells)).float() / STEP
    ends = np.cumsum(snapshot.places[:, 1] * snapshot.places[:, 2])
    found: dict[str, list[tuple[int, str, tuple[float, float]]]] = {}
    for row, record in enumerate(records):
        own = snapshot.grid(row)
        height, width = own.shape[:2]
        products = (F.normalize(own.flatten(0, 1), dim=1) @ cells.T).numpy()
        most = np.maximum.reduceat(products, np.concatenate([[0], ends[:-1]]), axis=1)  # [h·w, n]
        most[:, row] = -np.inf
        counts = (labels[np.argsort(-most, axis=1)[:, :FIRST]] == record.label).sum(axis=1)
        for place in np.argsort(-counts, kind="stable")[:each].tolist():
            line, column = divmod(place, width)
            point = (round((column + 0.5) / width, 3), round((line + 0.5) / height, 3))
            found.setdefault(record.label, []).append((int(counts[place]), record.name, point))
    return {label: sorted(those, reverse=True)[:each] for label, those in found.items()}


def main() -> None:
    """Print the tables, and write the scores where that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shelf = Shelf(Path(folder) / "collections", Path(folder) / "cache", built_in())
        model = Models(options.model).get(options.model)
        filled = {key: shelf.fill(key, model, lambda *_: None, lambda: False) for key in (PHOTOGRAPHS, GALLERY)}
        scores = {key: precision(collection) for key, collection in filled.items()}
        for key, score in scores.items():
            print(key, json.dumps(score))
        if options.out:
            source = model.model.source
            about = {"name": options.model, "sha256": source.sha256 if source else ""}
            write_whole(options.out, json.dumps({"model": about, "collections": scores}, indent=2) + "\n")
        print(f"\nphotographs that find most of their class among the first {FIRST} others")
        photographs = filled[PHOTOGRAPHS]
        counts = right_of(photographs)[:, :FIRST].sum(axis=1)
        best = sorted(
            ((int(count), one.name) for count, one in zip(counts, photographs.records(), strict=True)), reverse=True
        )
        print("\n".join(f"{count}  {name}" for count, name in best[:30]))
        print("\nclicked patches that do")
        for _, those in sorted(best_parts(photographs).items(), key=lambda pair: -pair[1][0][0]):
            print(*(f"{count} {name} {point}" for count, name, point in those), sep="  ")


if __name__ == "__main__":
    main()
