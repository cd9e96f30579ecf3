"""What the Explore tab says about itself, and the page's help."""

from app.explore import views

SEE = (
    "**What you see.** Every patch of every selected picture, coloured by what the model makes of it, "
    "without one label."
)
TRY = (
    "**What to try.** Point at an eye, a paw or the sky: all pictures answer with what looks alike to the model. "
    "Click to keep the question."
)

_HELP = """
**Pictures** stay in the tray at the left: drop files anywhere, paste with Ctrl+V, use the camera, or add samples.
Tick up to eight to see them together. They are kept only while this page is open, and no other visitor can see them.

**Pointing** at a patch asks all pictures what looks like it. *Click* keeps the question, *Shift+click* adds to it,
*Alt+click* subtracts, *Escape* forgets it. Keys **1** to **{views}** switch the view.

**Programs** can ask too: `from gradio_client import Client, handle_file`, then `Client(URL).view_api()` lists
{endpoints} and `/match`.
"""


def help_text() -> str:
    """What the Help button shows, Markdown."""
    asked = [view.key for view in views.VIEWS if view.endpoint] + ["similarity"]
    return _HELP.format(views=len(views.VIEWS), endpoints=", ".join(f"`/{name}`" for name in asked))
