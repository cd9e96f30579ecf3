"""The emergence scale: how much of each property is in a model's frozen features, on a small world whose truth is known.

    columns = read_scale(load_model("embedded"), "embedded", ScaleConfig())
    print(as_text(columns))

Objects, parts, categories, copies and depth, each beside an untrained model, colour alone, position alone and
chance. The command is `python -m train.evaluate emergence --model NAME_OR_PATH`.
"""

from train.evaluate.emergence.scale import Column, ScaleConfig, read_scale
from train.evaluate.emergence.table import as_json, as_text
from train.evaluate.emergence.world_set import FIRST_SEED

__all__ = ["FIRST_SEED", "Column", "ScaleConfig", "as_json", "as_text", "read_scale"]
