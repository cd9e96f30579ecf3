"""The page's help."""

from collections.abc import Sequence

_PICTURES = (
    "**Pictures** stay in the tray at the left: drop files anywhere, paste with Ctrl+V, use the camera, or add samples.",
    "**Pictures** stay in the tray above: add files, use the camera, or add samples.",
)
_KEPT = (
    "Tick up to eight to see them together. No other visitor can see them. They are forgotten ten minutes after this page "
    "is closed; until then a reload brings them back."
)
_LINKS = (
    "**Links:** the address of this page is the view. *Copy link* gives it to others, with the samples and pins but "
    "without your own pictures. *Back* goes to the tab before."
)
_POINTING = (
    "**Pointing** at a patch asks all pictures what looks like it. *Click* keeps the question, *Shift+click* adds to it, "
    "*Alt+click* subtracts, *Escape* forgets it. Keys **1** to **{views}** switch the view. Key **R** lets the pointer "
    "*read* the number of a patch instead, and paint nothing.",
    "**Pointing** at a patch asks all pictures what looks like it: tap one, or drag. *Clear* forgets the question. *Read* "
    "lets the pointer read the number of a patch instead.",
)
_CLASS = (
    "**In front of a class**, *Present* (key **P**) leaves the pictures alone on the page, with large words and a spotlight "
    "that asks nothing (**S** switches it); *Escape* ends it. *Tour* (key **T**) goes through the page step by step, also "
    "in steps of your own.",
    "**In front of a class**, *Present* leaves the pictures alone on the page, with large words. *Tour* goes through the "
    "page step by step, also in steps of your own.",
)
_PROGRAMS = (
    "**Programs** can ask too, after `python -m pip install gradio_client`: `from gradio_client import Client, "
    "handle_file`, then `Client(URL).view_api()` lists {endpoints} and `/match`."
)


def help_texts(views: int, endpoints: Sequence[str]) -> tuple[str, str]:
    """The Help panel as Markdown where there are keys, and where a finger points, which has none.

    For so many views and endpoints of these names.
    """
    known = {"views": views, "endpoints": ", ".join(f"`/{name}`" for name in endpoints)}
    keys, finger = (
        "\n\n".join([f"{pictures} {_KEPT}", _LINKS, pointing, teaching, _PROGRAMS]).format(**known)
        for pictures, pointing, teaching in zip(_PICTURES, _POINTING, _CLASS, strict=True)
    )
    return keys, finger
