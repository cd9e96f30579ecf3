"""A config survives its file, and nothing unknown or impossible gets in."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from core import RequestError, ViTConfig
from train.config import RunConfig, from_json, to_json
from train.data.augment import AugmentConfig


def test_a_config_comes_back_as_it_was_written():
    config = RunConfig(model=ViTConfig(width=192, heads=3), augment=AugmentConfig(local_crops=3), seed=7)
    assert from_json(RunConfig, to_json(config)) == config


@pytest.mark.parametrize("path", [(), ("optim",)])
def test_an_unknown_key_is_named(path):
    values = json.loads(to_json(RunConfig()))
    inner = values
    for key in path:
        inner = inner[key]
    inner["learning_rat"] = 1
    with pytest.raises(RequestError, match="learning_rat"):
        from_json(RunConfig, json.dumps(values))


def test_crops_must_fit_the_patch():
    with pytest.raises(RequestError, match="local_size is 100"):
        RunConfig(augment=AugmentConfig(local_size=100))


def test_every_value_is_read_somewhere():
    """A value that nothing reads would be believed to matter."""
    root = Path(__file__).parents[2]
    texts = {
        path: path.read_text(encoding="utf-8") for folder in ("core", "train") for path in (root / folder).rglob("*.py")
    }
    read = set(re.findall(r"\.(\w+)", "\n".join(texts.values())))
    read |= set(
        re.findall(r'"(\w+)"', texts[root / "train" / "run" / "account.py"] + texts[root / "train" / "config.py"])
    )
    pending = [RunConfig()]
    while pending:
        config = pending.pop()
        for item in dataclasses.fields(config):
            value = getattr(config, item.name)
            assert item.name in read, f"{type(config).__name__}.{item.name} is read nowhere"
            if dataclasses.is_dataclass(value):
                pending.append(value)
