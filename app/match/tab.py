"""The Match tab: a reference, what is matched in other pictures, and the controls beside it."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.match.handlers import SHOWS, MatchSettings, examples
from app.match.words import LESSON, SEE, TRY
from app.page import modules
from app.page.shared import Fitted

FILES = {"json": "Points (JSON)", "csv": "Points (CSV)", "png": "Picture (PNG)", "svg": "Picture (SVG)"}


@dataclass(frozen=True)
class Match:
    """`settings` holds the widgets that are a `MatchSettings` field, by its name; `groups` those of matches and parts."""

    examples: dict[str, gr.Button]
    own: gr.Button
    """Leads from the example that the tab opens with to the visitor's own pictures."""
    settings: dict[str, Any]
    stage: gr.HTML
    facts: gr.Markdown
    parts: gr.Column
    downloads: dict[str, gr.Button]
    file: gr.DownloadButton


def match_component(elem_id: str = "match-stage") -> gr.HTML:
    """A reference beside other pictures, lines between them, and a pointer that is followed into each of them.

    Props `pictures` and `features` as the stage's, `matches` as `app.match.payloads.matches_prop` says, `busy`. `.select`
    has the event data {"reference": id}, `.submit` {"picture", "outline": [[x, y], ...]} of a drawn region in shares of
    the picture, `.clear` {}.
    """
    return modules.component("match/match.js", elem_id, pictures={}, features={}, matches={}, busy=False)


def lay_out() -> Match:
    """The tab's widgets."""
    gr.Markdown(f"{SEE}\n\n{TRY}", elem_classes="lead")
    settings: dict[str, Any] = {}
    with gr.Row(elem_id="match-top"):
        settings["show"] = gr.Radio(
            list(SHOWS),
            value=SHOWS[0],
            label="What is shown of the matches",
            show_label=False,
            container=False,
            elem_id="match-show",
            elem_classes="pills",
        )
        with gr.Row(elem_id="match-examples", elem_classes="examples"):
            gr.Markdown("Examples:", elem_classes="hint")
            buttons = {
                name: gr.Button(name, size="sm", min_width=60, elem_id=f"match-example-{number}")
                for number, name in enumerate(examples())
            }
            own = gr.Button("The selected pictures", size="sm", min_width=60, elem_id="match-own", visible=False)
    with gr.Row(elem_id="match-sides", elem_classes="sides"):
        with gr.Column(scale=5, min_width=320, elem_classes="picture-side"):
            stage = match_component()
            facts = gr.Markdown(elem_id="match-facts", elem_classes="facts")
        with gr.Column(scale=1, min_width=280, elem_classes="control-side"):
            parts = _controls(settings)
            with gr.Accordion("Download", open=False, elem_id="match-downloads"):
                downloads = {
                    kind: gr.Button(label, size="sm", elem_id=f"match-{kind}") for kind, label in FILES.items()
                }
                file = gr.DownloadButton(visible="hidden", elem_id="match-file")
    with gr.Accordion("What am I seeing?", open=False, elem_id="match-lesson", elem_classes="lesson"):
        gr.Markdown(LESSON)
    return Match(buttons, own, settings, stage, facts, parts, downloads, file)


def _controls(settings: dict[str, Any]) -> gr.Column:
    usual = MatchSettings()
    with gr.Group():
        settings["density"] = Fitted(
            0.1, 1, value=usual.density, step=0.05, label="Density", elem_id="match-density", buttons=[],
            info="Matches per patch along a line",
        )  # fmt: skip
        settings["mutual"] = gr.Checkbox(
            usual.mutual, label="Mutual only", elem_id="match-mutual", info="Both patches choose each other"
        )
        settings["inside"] = gr.Checkbox(
            usual.inside, label="Inside the foreground", elem_id="match-inside", info="Leave the ground out"
        )
        settings["smoothing"] = Fitted(
            0, 3, value=usual.smoothing, step=1, label="Smoothing", elem_id="match-smoothing", buttons=[],
            info="Neighbours at each side that must be alike, too",
        )  # fmt: skip
    with gr.Column(visible=False, elem_id="match-parts-group") as parts, gr.Group():
        settings["parts"] = Fitted(2, 8, value=usual.parts, step=1, label="Parts", elem_id="match-parts", buttons=[])
    gr.Markdown("Resolution and block are those chosen in Explore.", elem_classes="hint")
    return parts
