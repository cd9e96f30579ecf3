"""The page's JavaScript and styles, which lie beside the rooms they belong to: found, named, served, inlined.

A module is named by its room and file, as in "explore/stage.js", and imports others by the way from one to the other,
as in "../page/layers.js". A component's module exports `mount({ element, props, trigger, watch, server })`; what it
keeps of one component lives in that call, since there may be several, and Gradio may build one anew. It keeps its own
DOM and reads its props; Python changes them one by one, as in `gr.HTML(view=view_prop(...))`, and props that are left
out are neither sent again nor drawn anew.

Addresses hold a hash of all modules: browsers may keep them for good, and a page never gets another release's.
"""

import hashlib
import json
import re
from functools import cache
from pathlib import Path
from posixpath import join, normpath
from urllib.parse import quote

import gradio as gr
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from core.templates import html

APP = Path(__file__).parents[1]
LOST = "This part of the page did not come from the server. Reload the page."
_IMPORT = re.compile(r'^(import [^"]*)"(\.[^"]+)";$', re.MULTILINE)


@cache
def sources() -> dict[str, str]:
    """Each module's text by its name."""
    return {f"{path.parent.name}/{path.name}": path.read_text("utf-8") for path in sorted(APP.glob("*/*.js"))}


@cache
def version() -> str:
    """A name for the modules as they are now."""
    return hashlib.sha256(json.dumps(sources()).encode()).hexdigest()[:16]


def address(name: str) -> str:
    """The address of a module, relative to the page."""
    assert name in sources(), f"{name} is no module; there are {', '.join(sources())}"
    return f"modules/{version()}/{name}"


def imports(name: str) -> list[str]:
    """The names of the modules that a module imports."""
    return [_other(name, way) for _, way in _IMPORT.findall(sources()[name])]


def reached(*names: str) -> list[str]:
    """These modules and all that they import, themselves or through others."""
    found = list(names)
    for name in found:
        found += [other for other in imports(name) if other not in found]
    return found


def component(name: str, elem_id: str, **props) -> gr.HTML:
    """A component that a module mounts, once it is there, with the props as they are by then."""
    mount = (
        f'import(new URL("{address(name)}", document.baseURI)).then('
        "({ mount }) => mount({ element, props, trigger, watch, server }), "
        f'(error) => {{ console.error(error); element.textContent = "{LOST}"; }});'
    )
    # the template stays empty: Gradio then never touches the DOM that the module builds
    return gr.HTML(
        html_template="",
        js_on_load=mount,
        apply_default_css=False,
        container=False,
        padding=False,
        elem_id=elem_id,
        elem_classes=["dino-component"],
        **props,
    )


def script(name: str) -> str:
    """A module of the whole page, as a tag for its head."""
    return html('<script type="module" src="{{ address }}"></script>', address=address(name))


def preloads(*names: str) -> str:
    """Tags for the page's head by which modules come at once, rather than after those that import them."""
    tags = '{% for address in addresses %}<link rel="modulepreload" href="{{ address }}">{% endfor %}'
    return html(tags, addresses=[address(name) for name in reached(*names)])


def route() -> Route:
    """`/modules/…`: the modules and nothing else, for as long as they are of this release."""

    async def module(request: Request) -> Response:
        asked = request.path_params
        text = sources().get(f"{asked['room']}/{asked['file']}") if asked["version"] == version() else None
        if text is None:
            return PlainTextResponse("There is no such module in this release.", 404)
        return Response(text, media_type="text/javascript", headers={"cache-control": "max-age=31536000, immutable"})

    return Route("/modules/{version}/{room}/{file}", module)


def inlined(*names: str) -> str:
    """Modules and all that they import as an import map, for a page without a server: `import … from "map/map.js"`."""

    def named(module: str) -> str:
        return _IMPORT.sub(lambda found: f'{found[1]}"{_other(module, found[2])}";', sources()[module])

    whole = {module: f"data:text/javascript;charset=utf-8,{quote(named(module))}" for module in reached(*names)}
    return html('<script type="importmap">{{ map | tojson }}</script>', map={"imports": whole})


def styles() -> list[Path]:
    """The style sheets of all rooms; the page's come first, so that a tab's may differ."""
    return sorted(APP.glob("*/*.css"), key=lambda path: (path.parent.name != "page", path))


def _other(name: str, way: str) -> str:
    return normpath(join(name, "..", way))
