"""Words for numbers in sentences: one picture, two pictures."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number of things as people say it; `plural` where it is not the noun with an s.

    >>> counted(1, "picture"), counted(1200, "picture"), counted(2, "match", "matches")
    ('1 picture', '1,200 pictures', '2 matches')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"
