"""Where words are in a picture, for models that learned from pictures with texts."""

from dataclasses import dataclass

from app.explore.controls import Text
from app.explore.view import Code, Painted, Program, Reading, Scene, View
from core import RequestError
from core.analysis.render import colourise

CAPTION = "How much each patch, by itself, is what the words say: the brighter, the more. The scale is that of all pictures shown."
LESSON = """
Models such as CLIP and SigLIP learned from pictures with the texts beside them on the web: a picture and its own text
were to get vectors that point the same way, other pairs not. Ever since, words can be compared with a picture that
nobody has labelled.

What they compare with words is one vector of the whole picture. A patch was never asked, and attention mixes the whole
picture into each of them, so that all answer for everything. Shown is what a patch says *before* it hears the others:
its value in the last block (CLIP), or in the pooling (SigLIP).

Cosines between a picture and words are small, 0.3 is much for CLIP and 0.1 for SigLIP; what counts is where they are
larger than elsewhere. Try a part, a colour, another language, and a thing that is not there.

*Source: Radford et al. 2021, “Learning Transferable Visual Models From Natural Language Supervision”; Zhou et al. 2022,
“Extract Free Dense Labels from CLIP”, section 3.3; Tschannen et al. 2025, “SigLIP 2”.*
"""


@dataclass(frozen=True)
class Options:
    looked_for: str = "an eye"


def paint(scene: Scene) -> Painted:
    """The cosine of each patch with the words, on one scale for all pictures."""
    if not scene.options.looked_for.strip():
        raise RequestError("There are no words to look for; type some, such as 'a wheel'.")
    asked = scene.captures[0].encode([scene.options.looked_for])
    found = [capture.similarity(asked) for capture in scene.captures]
    values = [patches[0].numpy() for _, patches in found]
    low, high = (float(end(one for value in values for one in (value.min(), value.max()))) for end in (min, max))
    wholes = ", ".join(f"{float(whole[0]):.2f}" for whole, _ in found)
    return Painted(
        layers=[colourise(value, "viridis", low, high) for value in values],
        values=values,
        legend={"palette": "viridis", "low": f"{low:.2f}", "high": f"{high:.2f}"},
        facts=f"Cosine of each whole picture with the words: {wholes}.",
        reading=Reading(("cosine with the words",), digits=3),
    )


def program(code: Code) -> Program:
    return [
        "from core.analysis.render import colourise",
        "from core.analysis.words import capture_words, encode_text",
    ], [
        f"captures = [capture_words(model, image, {code.size}) for image in images]",
        f"asked = encode_text(model, [{code.options.looked_for!r}])",
        "values = [capture.similarity(asked)[1][0].numpy() for capture in captures]",
        "low, high = (end(float(end(value.flat)) for value in values) for end in (min, max))",
        "colours = [colourise(value, 'viridis', low, high) for value in values]",
    ]


WORDS = View(
    "Words",
    CAPTION,
    LESSON,
    paint,
    program,
    Options,
    (
        Text(
            "looked_for",
            "Words to look for",
            "a wheel",
            "Enter looks for them. For models that learned with texts: CLIP, SigLIP.",
        ),
    ),
    takes="words",
)
