"""HTML from Jinja2 templates, in which every value is text unless the template says `safe` of it."""

import functools
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(template: Path, **values: object) -> str:
    """A template file with these values. It may include files of its own folder; a value it lacks is an error."""
    return _environment(template.parent).get_template(template.name).render(values)


def html(source: str, **values: object) -> str:
    """A line of HTML from a template given as text, which must be a constant: it is kept compiled.

    >>> html("<b>{{ name }}</b>", name="<img src=x>")
    '<b>&lt;img src=x&gt;</b>'
    """
    return _compiled(source).render(values)


@functools.cache
def _environment(folder: Path | None = None) -> Environment:
    loader = FileSystemLoader(folder) if folder else None
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


@functools.cache
def _compiled(source: str):
    return _environment().from_string(source)
