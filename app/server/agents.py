"""Parts that Gradio's server for agents (Gradio 6.31) lacks: several results of one endpoint, and lists of files.

It takes the results of an endpoint for one, which then reaches the agent as the text of a list; and it looks for the
files of a list where its schema says "items", which no list has. Both are put right on the server's own object; a
Gradio that does without is left as it is.
"""

from typing import Any

import gradio as gr
from gradio.data_classes import FileData


def mend(server: Any) -> None:
    """Let agents get pictures as pictures, and send several at once."""
    run, convert = getattr(server, "_execute_tool_without_progress", None), server.convert_strings_to_filedata

    async def all_results(job: Any) -> list:
        results = await run(job)  # type: ignore[misc]  # put in place only where there is one
        nested = len(results) == 1 and isinstance(results[0], list | tuple)
        return list(results[0]) if nested else results

    def with_lists(value: dict, positions: list[list]) -> dict:
        return convert(value, [place for position in positions for place in _places(value, position)])

    if run is not None:
        server._execute_tool_without_progress = all_results
    server.convert_strings_to_filedata = with_lists


def list_of_files(component: gr.File) -> gr.File:
    """The component, described without references, which agents' own checks of what they send do not follow."""
    schema = FileData.model_json_schema()
    parts = schema.pop("$defs", {})
    setattr(component, "api_info", lambda: {"type": "array", "items": _resolved(schema, parts)})  # noqa: B010
    return component


def _resolved(schema: Any, parts: dict) -> Any:
    """A JSON schema with every reference replaced by what it refers to."""
    if isinstance(schema, list):
        return [_resolved(entry, parts) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _resolved(parts[schema["$ref"].rpartition("/")[2]], parts)
    return {name: _resolved(entry, parts) for name, entry in schema.items()}


def _places(value: dict, position: list) -> list[list]:
    """The places of files in a value, by its schema: one for each entry of a list.

    >>> _places({"images": ["a", "b"]}, ["images", "items"]), _places({"image": "a"}, ["image"])
    ([['images', 0], ['images', 1]], [['image']])
    """
    if len(position) == 2 and position[1] == "items" and isinstance(value.get(position[0]), list):
        return [[position[0], number] for number in range(len(value[position[0]]))]
    return [position]
