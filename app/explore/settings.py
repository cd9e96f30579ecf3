"""The settings of a view: every control of the Explore tab."""

from dataclasses import asdict, dataclass, field
from typing import Any

from app.explore import views
from app.explore.view import View
from app.server.models import Loaded
from app.server.session import Captured, FeatureSettings


@dataclass(frozen=True)
class Settings(FeatureSettings):
    """A view with its options, in the units the page shows, and the features it is painted from.

    RequestError where there is no such view, or it refuses its options.
    """

    view: str = field(default_factory=lambda: views.VIEWS[0].name)
    options: Any = None
    """The view's own; None stands for its defaults."""

    def __post_init__(self):
        view = self.shown
        if self.options is None:
            object.__setattr__(self, "options", view.options())

    @property
    def shown(self) -> View:
        return views.find(self.view)

    @property
    def takes(self) -> Captured:
        return self.shown.takes

    @property
    def attends(self) -> bool:
        return self.shown.attends

    def as_dict(self) -> dict[str, Any]:
        """All of them by name, the view's own beside the common ones."""
        return {"view": self.view, "size": self.size, "block": self.block} | asdict(self.options)


def opening_settings(model: Loaded) -> Settings:
    """The settings of a page that nobody has touched yet."""
    return Settings(size=model.default_size)
