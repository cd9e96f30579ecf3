"""What one tab tells another about collections: the filter that both show, and a picture to be asked with."""

from dataclasses import dataclass

from core.collection.facets import EVERYTHING, Filter


@dataclass(frozen=True)
class Filtered:
    """The filter that was chosen last, and the key of the collection of which it was."""

    collection: str = ""
    only: Filter = EVERYTHING

    def of(self, key: str) -> Filter:
        """The filter for the collection of that key: everything, where another was filtered."""
        return self.only if self.collection == key else EVERYTHING

    def after(self, key: str, only: Filter) -> "Filtered":
        """What is shared once `only` is chosen in the collection of that key. No filter replaces no filter of another.

        >>> Filtered("a", Filter(tags=("x",))).after("b", Filter()).collection
        'a'
        """
        return Filtered(key, only) if only or key == self.collection else self


@dataclass(frozen=True)
class Sought:
    """A picture that Search is to ask with: one of a collection by its record, or one of the tray or a part of it."""

    collection: str = ""
    record: int | None = None
    picture: str = ""
    """Its id in the tray."""
    point: tuple[float, float] | None = None
    """(x, y) of the part, in shares of the picture's sides."""
    number: int = 0
    """Counts what was asked for, so that the same is asked again."""
