"""Which of a visitor's answers is the newest of its kind, so that a late one does not overwrite it."""

from collections.abc import Callable


class Latest:
    """Answers of one kind, such as what one tab shows: whichever was asked for last is the one that counts.

    >>> latest = Latest()
    >>> first, aside = latest.claim("ada"), latest.watch("ada")
    >>> first(), aside()
    (True, True)
    >>> second = latest.claim("ada")
    >>> first(), aside(), second()
    (False, False, True)
    """

    def __init__(self):
        self._newest: dict[str, object] = {}

    def claim(self, visitor: str) -> Callable[[], bool]:
        """Become this visitor's newest answer; what is returned says whether one still is."""
        token = self._newest[visitor] = object()
        return lambda: self._newest.get(visitor) is token

    def watch(self, visitor: str) -> Callable[[], bool]:
        """Whether no newer answer was asked for since, without becoming one."""
        before = self._newest.get(visitor)
        return lambda: self._newest.get(visitor) is before

    def forget(self, visitor: str) -> None:
        """A visitor has left: nothing that is on its way to them counts."""
        self._newest.pop(visitor, None)
