"""The page's help."""

from collections.abc import Sequence

_HELP = """
**Pictures** stay in the tray at the left: drop files anywhere, paste with Ctrl+V, use the camera, or add samples.
Tick up to eight to see them together. They are kept only while this page is open, and no other visitor can see them.

**Pointing** at a patch asks all pictures what looks like it. *Click* keeps the question, *Shift+click* adds to it,
*Alt+click* subtracts, *Escape* forgets it. Keys **1** to **{views}** switch the view.

**Programs** can ask too, after `python -m pip install gradio_client`: `from gradio_client import Client, handle_file`, then `Client(URL).view_api()` lists
{endpoints} and `/match`.
"""


def help_text(views: int, endpoints: Sequence[str]) -> str:
    """The Help panel as Markdown, for so many views and endpoints of these names."""
    return _HELP.format(views=views, endpoints=", ".join(f"`/{name}`" for name in endpoints))
