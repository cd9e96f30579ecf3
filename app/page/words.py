"""The page's help."""

from collections.abc import Sequence

_HELP = """
**Pictures** stay in the tray at the left: drop files anywhere, paste with Ctrl+V, use the camera, or add samples.
Tick up to eight to see them together. No other visitor can see them. They are forgotten ten minutes after this page is
closed; until then a reload brings them back.

**Links:** the address of this page is the view. *Copy link* gives it to others, with the samples and pins but without your
own pictures. *Back* goes to the tab before.

**Pointing** at a patch asks all pictures what looks like it. *Click* keeps the question, *Shift+click* adds to it,
*Alt+click* subtracts, *Escape* forgets it. Keys **1** to **{views}** switch the view. Key **R** lets the pointer *read*
the number of a patch instead, and paint nothing.

**Programs** can ask too: `from gradio_client import Client, handle_file`, then `Client(URL).view_api()` lists
{endpoints} and `/match`.
"""


def help_text(views: int, endpoints: Sequence[str]) -> str:
    """The Help panel as Markdown, for so many views and endpoints of these names."""
    return _HELP.format(views=views, endpoints=", ".join(f"`/{name}`" for name in endpoints))
