"""The endpoints for programs that ask or fill collections: /search and /add_images."""

from pathlib import Path
from typing import Any

import gradio as gr
from PIL import Image

from app.page.endpoints import image_widget, offer
from app.page.marked import split_tags
from app.page.sending import SentFile, SentNumber
from app.page.wiring import LONG
from app.search.files import contact_sheet
from app.search.handlers import LARGEST_K
from app.server.access import Access
from app.server.agents import list_of_files
from app.server.engine import Engine
from core import RequestError
from core.collection.collection import Collection, Hit
from core.collection.facets import Filter
from core.collection.incoming import Limits
from core.collection.query import Mode
from core.collection.words import search_words

SIZE = 224
EXACT = "exact: the words compared with every one"


def lay_out(engine: Engine, access: Access) -> None:
    """/search and /add_images; the latter for those who may write here."""
    api = SearchApi(engine)

    def add_images(collection: str, images: list[str], tags: str, size: int, request: gr.Request) -> dict:
        access.check_writing(dict(request.headers))
        return api.add_images(collection, images, tags, size)

    collection = gr.Textbox(label="collection: its key or title, photographs or gallery")
    images = list_of_files(SentFile(label="images, zip or tar archives", type="filepath", file_count="multiple"))
    mode = gr.Textbox("cls", label="mode: cls, mean or region")
    box = gr.Textbox("", label="box: left, top, right, bottom in pixels, or empty")
    point = gr.Textbox("", label="point: x, y in pixels, or empty")
    k = SentNumber(24, label="results", precision=0)
    tags = gr.Textbox("", label="tags with commas between, or empty")
    words = gr.Textbox("", label="words: what to look for instead of a picture, or empty")
    size = SentNumber(SIZE, label="longer side in pixels, for a new collection", precision=0)
    offer(api.search, [collection, image_widget(), mode, box, point, k, tags, words])
    offer(add_images, [collection, images, tags, size], documented=api.add_images, **LONG)


class SearchApi:
    """The endpoints, on the server's own model; their names, parameters and first lines are what clients see."""

    def __init__(self, engine: Engine):
        self.engine = engine

    def search(
        self,
        collection: str,
        image: str | None = None,
        mode: Mode = "cls",
        box: str = "",
        point: str = "",
        k: int = 24,
        tags: str = "",
        words: str = "",
    ) -> tuple[Image.Image, dict]:
        """The pictures of a collection most like a picture or a part of it, each with the place where it matches.

        collection: its key or title ("photographs" and "gallery" ship with the app). image: a file. mode: cls, mean, region.
        box: "left, top, right, bottom" or point: "x, y", pixels of the picture, or neither. k: 1 to 200. tags: only
        pictures with all of these, commas between. words: a text instead of the image, for a model with a text tower
        (CLIP, SigLIP). Picture: contact sheet. Numbers: model, collection, method, credit (where pictures that ship are
        whose), problems (a sentence for whatever is damaged and left out), results, best first: [{id, name, label, tags, score, box [left,
        top, right, bottom] in pixels, width, height, sha256}].
        """
        opened = self._open(collection)
        if not 1 <= int(k) <= LARGEST_K:
            raise RequestError(f"k is {k}; choose 1 to {LARGEST_K}.")
        if words.strip():
            hits, method = search_words(opened, words, int(k), only=Filter(split_tags(tags))), EXACT
        else:
            hits, method = self._like(opened, image, mode, box, point, int(k), tags), opened.method(mode).sentence
        results = [
            {
                "id": hit.id,
                "name": hit.name,
                "label": hit.record.label,
                "tags": list(hit.record.tags),
                "score": round(hit.score, 4),
                "box": [round(edge, 1) for edge in hit.place.box],
                "width": hit.record.width,
                "height": hit.record.height,
                "sha256": hit.record.digest,
            }
            for hit in hits
        ]
        about = {"model": opened.about.model, "collection": opened.title, "method": method}
        if credit := self.engine.shelf.credit(self._key(collection)):
            about["credit"] = credit
        self.engine.shelf.index_if_damaged(opened)
        return contact_sheet(opened, hits), {**about, "problems": opened.problems, "results": results}

    def _like(
        self, opened: Collection, image: str | None, mode: Mode, box: str, point: str, k: int, tags: str
    ) -> list[Hit]:
        if not image:
            raise RequestError("No image was sent: pass a file, for instance gradio_client.handle_file('photo.jpg').")
        picture = self.engine.library.decode(Path(image).read_bytes(), Path(image).name)
        parts: dict[str, Any] = {"box": _numbers(box, 4, "box"), "point": _numbers(point, 2, "point")}
        return opened.search(picture, k, mode=mode, tags=split_tags(tags), **parts)

    def add_images(self, collection: str, images: list[str], tags: str = "", size: int = SIZE) -> dict:
        """Pictures into a collection, which is made where none has that key or title; files, zip or tar archives.

        collection: its key or title. images: files. tags: given to all of them, commas between. size: longer side in
        pixels at which pictures are shown to the model, for a new collection. Numbers: collection (its key), title,
        added (ids), known (files that were there already), refused (a sentence for each), pictures (how many now).
        """
        if not images:
            raise RequestError("No images were sent: pass a list of gradio_client.handle_file(...).")
        model = self.engine.models.get(self.engine.models.default)
        key = self._key(collection) or self.engine.shelf.create(collection, model, int(size))
        self.engine.shelf.look(key)
        opened = self.engine.shelf.open(key, model)
        added = opened.add(list(images), tags=split_tags(tags), limits=Limits(pixels=self.engine.library.largest))
        self.engine.shelf.index_soon(opened)
        return {
            "collection": key,
            "title": opened.title,
            "added": added.ids,
            "known": added.known,
            "refused": added.refused,
            "pictures": len(opened),
        }

    def _open(self, name: str) -> Collection:
        key = self._key(name)
        if not key:
            raise RequestError(f"There is no collection {str(name)[:60]!r}; there are: {self._titles() or 'none'}.")
        model = self.engine.models.get(self.engine.models.default)
        return self.engine.shelf.fill(key, model, lambda done, total: None, lambda: False)

    def _key(self, name: str) -> str:
        """The key that a key or title means; empty where it means none, RequestError where several."""
        listed = self.engine.shelf.listed()
        keys = [one.key for one in listed if one.key == name] or [one.key for one in listed if one.title == name]
        if len(keys) > 1:
            raise RequestError(f"{len(keys)} collections are called {name!r}; give the key of one: {', '.join(keys)}.")
        return keys[0] if keys else ""

    def _titles(self) -> str:
        return ", ".join(one.key for one in self.engine.shelf.listed())


def _numbers(text: str, count: int, name: str) -> tuple[float, ...] | None:
    """Numbers with commas between; None for an empty text."""
    if not (text or "").strip():
        return None
    try:
        numbers = tuple(float(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        raise RequestError(f"{name} is {text!r}; give {count} numbers with commas between, in pixels of the picture.")
    return numbers
