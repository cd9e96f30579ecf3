"""A tour for a class: six steps on the sample pictures, each a sentence to read, a thing to try, and where it is."""

from dataclasses import asdict, dataclass, field

from app.page import modules
from core.templates import html


@dataclass(frozen=True)
class Stop:
    """One step. `tab` is the tab's address; `timeline` what the Emergence tab is to show."""

    title: str
    see: str
    ask: str
    tab: str
    timeline: dict[str, str | bool] = field(default_factory=dict)


STOPS = (
    Stop(
        "A network that has learned nothing",
        "Every patch of the pictures is coloured by what a network with random numbers makes of it. Colour, brightness and "
        "the place in the picture pass through: any network shows that much.",
        "Point at the cheetah's fur. Does the network find the other animals, or just anything as bright?",
        "emergence",
        {"at": "first", "view": "pca", "swipe": False},
    ),
    Stop(
        "The same network, trained",
        "It has looked at many pictures without one label: nobody said cat, ear or sky. Patches that belong together "
        "now have one colour, in one picture and across pictures.",
        "Point at the same place again. What has become more alike, what less?",
        "emergence",
        {"at": "last", "view": "pca", "swipe": False},
    ),
    Stop(
        "Object and ground",
        "A simple rule cuts the patches in two and keeps what stands out. With large models that is the object, although "
        "no mask was ever shown. This small one does not get there: by our scores its cut finds less than colour does.",
        "Where is the cut wrong? Swipe to see what the network before its first step would keep.",
        "emergence",
        {"at": "last", "view": "foreground", "swipe": True},
    ),
    Stop(
        "Parts find their partners",
        "Each patch of one picture is paired with the patch of another that is most like it, where both choose each "
        "other. Between two views of one motorcycle all pairs are right; between two elephants most are.",
        "Follow a wheel. Then open the elephants: which parts find their partner, which do not?",
        "match",
    ),
    Stop(
        "Searching by a part",
        "A picture, a box or a single part can be the question to a whole collection. It opens with photographs, asked "
        "with a sunflower. By our scores the first results are of the question's class many times as often as by chance; "
        "most are still of another.",
        "Click a petal: where in each result was it found? Then choose a result of another class and ask with that.",
        "search",
    ),
    Stop(
        "When did it emerge?",
        "The network was kept after 0, 1, 2, 4, … steps. The curves say how much of each ability was there, from chance to "
        "perfect.",
        "Which ability comes first? Does it come when the loss (dashed) falls?",
        "emergence",
        {"at": "play", "view": "pca", "swipe": False},
    ),
)


def tour_script() -> str:
    """The tour as a script for the page's head; `window.dinoscope.tour()` opens it."""
    return html(
        """<script type="module">
import { start } from "./{{ module }}";
start({{ stops | tojson }});
</script>""",
        module=modules.address("tour/tour.js"),
        stops=[asdict(stop) for stop in STOPS],
    )
