"""The tasks of `python -m train.evaluate`: a file each, with its flags and its measure, and an entry here."""

from train.evaluate.task import Task
from train.evaluate.tasks.depth import Depth
from train.evaluate.tasks.emergence import Emergence
from train.evaluate.tasks.fewshot import FewShot
from train.evaluate.tasks.foreground import Foreground
from train.evaluate.tasks.knn import Knn
from train.evaluate.tasks.linear import Linear
from train.evaluate.tasks.logreg import Logreg
from train.evaluate.tasks.matching import Matching
from train.evaluate.tasks.retrieval import Retrieval
from train.evaluate.tasks.robustness import Robustness
from train.evaluate.tasks.segmentation import Segmentation

TASKS: tuple[type[Task], ...] = (
    Emergence,
    Knn,
    Linear,
    Logreg,
    FewShot,
    Robustness,
    Segmentation,
    Depth,
    Retrieval,
    Matching,
    Foreground,
)
"""In the order in which --help lists them."""
