"""The views of the Explore tab, in the page's order: the first is shown at first, key 1 chooses it."""

from app.explore.view import View
from app.explore.views.attention import ATTENTION
from app.explore.views.foreground import FOREGROUND
from app.explore.views.norms import NORMS
from app.explore.views.pca import PCA
from app.explore.views.segments import SEGMENTS
from app.explore.views.words import WORDS
from core.errors import RequestError

VIEWS = (PCA, FOREGROUND, ATTENTION, NORMS, SEGMENTS, WORDS)


def find(name: str) -> View:
    """The view of that name; RequestError where there is none."""
    for view in VIEWS:
        if view.name == name:
            return view
    raise RequestError(f"view is {name!r}; choose from {', '.join(view.name for view in VIEWS)}.")


def named_by(key: str) -> str:
    """The name of the view of that key, as the page's address has it; RequestError where there is none."""
    for view in VIEWS:
        if view.key == key:
            return view.name
    raise RequestError(f"view is {key[:40]!r}; choose from {', '.join(view.key for view in VIEWS)}.")
