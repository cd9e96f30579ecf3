"""Checkpoints that are not what was written: known as damaged, and the whole one before them taken, with a word."""

import json
import logging
import shutil
from dataclasses import replace

import pytest
import torch
from torch import nn

from core import RequestError
from tests.train.small_run import CONFIG, last_weights, logged
from train import checkpoint
from train.checkpoint import CHECKSUMS, CheckpointError, damage, last_whole, steps_saved
from train.config import read_config, write_config
from train.pretrain import pretrain

CPU = torch.device("cpu")


def cut(folder):
    (part,) = folder.glob("*.distcp")
    part.write_bytes(part.read_bytes()[:-1000])


def flip(folder, name="*.distcp"):
    (part,) = folder.glob(name)
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)


def lose(folder):
    next(folder.glob("*.distcp")).unlink()


DAMAGES = {
    "cut short": cut,
    "a flipped byte": flip,
    "a flipped byte in what names the others": lambda folder: flip(folder, ".metadata"),
    "a missing file": lose,
    "no checksums that can be read": lambda folder: (folder / CHECKSUMS).write_text("{"),
    "none of the list": lambda folder: (folder / CHECKSUMS).write_text("{}"),
    "checksums of files elsewhere": lambda folder: (folder / CHECKSUMS).write_text('{".metadata": "0", "../x": "0"}'),
}


def saved(run, *steps, width=8):
    """Small checkpoints of those steps."""
    network = nn.Linear(width, width)
    optimiser = torch.optim.AdamW(network.parameters())
    for step in steps:
        checkpoint.save(run, step, network, [optimiser], {"scaler": {}}, keep=9)
    return network, optimiser


@pytest.mark.parametrize("harm", DAMAGES.values(), ids=DAMAGES)
def test_the_last_whole_one_is_found_and_what_is_damaged_set_aside(tmp_path, caplog, harm):
    caplog.set_level(logging.WARNING)
    saved(tmp_path, 2, 4, 6)
    assert last_whole(tmp_path, CPU) == 6 and not caplog.text
    for step in (4, 6):
        harm(tmp_path / "checkpoints" / f"step-{step:08}")
    assert last_whole(tmp_path, CPU) == 2
    assert steps_saved(tmp_path) == [2] and (tmp_path / "checkpoints" / "step-00000006.damaged").is_dir()
    assert "step-00000006 is damaged" in caplog.text and "Going on from step 2 instead" in caplog.text


@pytest.mark.parametrize("harm", DAMAGES.values(), ids=DAMAGES)
def test_where_all_are_damaged_nothing_is_touched(tmp_path, harm):
    saved(tmp_path, 2)
    harm(tmp_path / "checkpoints" / "step-00000002")
    with pytest.raises(CheckpointError, match=r"No checkpoint in .* is whole.*--start-from"):
        last_whole(tmp_path, CPU)
    assert steps_saved(tmp_path) == [2]


def test_a_run_that_has_saved_nothing_yet_begins_at_0(tmp_path):
    assert last_whole(tmp_path, CPU) == 0


@pytest.mark.parametrize(
    "harm", [cut, lose, lambda folder: (folder / ".metadata").write_bytes(b"nothing")], ids=["cut", "lost", "rubbish"]
)
def test_of_earlier_versions_it_is_known_what_is_cut_short_or_missing(tmp_path, harm):
    saved(tmp_path, 2)
    folder = tmp_path / "checkpoints" / "step-00000002"
    (folder / CHECKSUMS).unlink()
    assert damage(folder) == ""
    harm(folder)
    assert damage(folder)


def test_one_that_is_whole_and_of_another_shape_does_not_fit(tmp_path):
    saved(tmp_path, 2)
    other = nn.Linear(4, 4)
    with pytest.raises(CheckpointError, match="does not fit this run"):
        checkpoint.load(tmp_path, 2, other, [torch.optim.AdamW(other.parameters())], {"scaler": {}})
    network, optimiser = saved(tmp_path, 2)
    cut(tmp_path / "checkpoints" / "step-00000002")
    with pytest.raises(CheckpointError, match=r"is damaged \(__0_0\.distcp is not what was written\)"):
        checkpoint.load(tmp_path, 2, network, [optimiser], {"scaler": {}})
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.load_part(tmp_path, 2, network, "")


def test_a_run_goes_on_to_the_bit_from_the_one_before(photographs, tmp_path, caplog):
    config = replace(CONFIG, log=replace(CONFIG.log, snapshots=False))
    whole = pretrain(config, [photographs], tmp_path / "whole")
    run = shutil.copytree(whole, tmp_path / "harmed")
    cut(run / "checkpoints" / "step-00000008")
    pretrain(config, [photographs], run, resume=True)
    assert "Going on from step 6 instead" in caplog.text
    assert logged(run) == logged(whole)
    assert all(torch.equal(tensor, last_weights(run)[name]) for name, tensor in last_weights(whole).items())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this is no JSON"),
        ("null", "no JSON object"),
        ("[" * 100_000, "this is no JSON"),
        ("{}", "it lacks model, heads, augment, optim"),
        ('{"steps": "x"}', "it lacks model"),
    ],
)
def test_a_config_that_is_none_is_named(photographs, tmp_path, text, said):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(RequestError, match=rf"config\.json does not say what is trained \(.*{said}"):
        pretrain(CONFIG, [photographs], tmp_path, resume=True)


@pytest.mark.parametrize(
    ("where", "value"),
    [(("optim", "steps"), "8"), (("optim", "steps"), 8.5), (("optim", "base_lr"), float("nan")), (("seed",), True),
     (("optim", "betas"), [0.9]), (("optim",), [1]), (("compute", "shard"), "never"), (("phases",), [{"steps": "3"}]),
     (("optim", "clip"), 10**400)],
)  # fmt: skip
def test_values_that_cannot_be_are_refused_by_name(tmp_path, where, value):
    path = tmp_path / "config.json"
    write_config(path, CONFIG)
    values = json.loads(path.read_text())
    inner = values
    for name in where[:-1]:
        inner = inner[name]
    inner[where[-1]] = value
    path.write_text(json.dumps(values))
    with pytest.raises(RequestError, match=r"config\.json does not say what is trained"):
        read_config(path)


def test_values_that_were_changed_are_taken_with_a_word(tmp_path, caplog):
    """By hand, or by a failing disk; not a word where only the form is another."""
    path = tmp_path / "config.json"
    write_config(path, CONFIG)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=7))
    assert read_config(path) == CONFIG and not caplog.text
    path.write_text(path.read_text().replace('"steps": 8', '"steps": 9'))
    assert read_config(path).optim.steps == 9 and "was changed since it was written" in caplog.text
