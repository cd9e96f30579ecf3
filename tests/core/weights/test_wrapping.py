"""Weights as training programs wrap them: by any of their prefixes, stacked in any order, the teacher's before others."""

import itertools
import logging

import pytest
import torch

import core
from core import ModelError
from core.weights import layouts
from core.weights.wrapping import unwrapped
from tests import data
from tests.core.weights.test_load import assert_same

MODEL = data.model("vit_plain")
STATE = MODEL.state_dict()


def below(place, state=STATE):
    return {f"{place}.{name}": tensor for name, tensor in state.items()}


def shifted(by):
    return {name: tensor + by for name, tensor in STATE.items()}


def load(path, stored, **others):
    torch.save(stored, path, **others)
    return core.load_model(path, device="cpu")


@pytest.mark.parametrize(
    "place",
    ["module", "_orig_mod", "backbone", "model", "student", "dinov2", "pretrained",
     *map(".".join, itertools.permutations(["module", "_orig_mod", "teacher", "backbone"], 3))],
)  # fmt: skip
def test_every_stack_of_prefixes_is_taken_off(tmp_path, place):
    assert_same(load(tmp_path / "a.pth", below(place)), MODEL)
    nested = below("backbone")
    for part in reversed(place.split(".")):
        nested = {part: nested, "iteration": 3}
    assert_same(load(tmp_path / "b.pth", nested), MODEL)


def test_what_wrappers_put_between_is_left_out_too(tmp_path):
    state = {}
    for name, tensor in STATE.items():
        block, _, rest = name.partition(".norm")
        wrapped = name.startswith("blocks.")
        state[f"{block}._checkpoint_wrapped_module._fsdp_wrapped_module.norm{rest}" if wrapped and rest else name] = (
            tensor
        )
    assert state.keys() != STATE.keys()
    assert_same(load(tmp_path / "wrapped.pth", {"model": below("_orig_mod", state)}), MODEL)


def test_the_layout_of_transformers_is_found_below_prefixes_as_well(tmp_path):
    theirs = layouts.to_hugging_face(STATE, MODEL.config)
    assert_same(
        load(tmp_path / "a.pth", {"state_dict": below("module.dinov2", theirs) | {"head.x": torch.ones(1)}}), MODEL
    )


@pytest.mark.parametrize(
    "stored",
    [
        {"model": below("student.backbone", shifted(1)) | below("teacher.backbone"), "iteration": 3},
        {"teacher": below("backbone"), "student": below("backbone", shifted(1)), "optimizer": {"state": {0: {}}}},
        {"model": shifted(1), "model_ema": STATE, "epoch": 3},
        {"networks": below("gram_teacher.backbone", shifted(1)) | below("teacher.backbone")},
    ],
    ids=["what dinov2 writes", "what dino writes", "what timm writes", "an anchor beside it"],
)
def test_the_teacher_is_preferred_and_it_is_said(tmp_path, caplog, stored):
    with caplog.at_level(logging.INFO):
        model = load(tmp_path / "model_final.pth", stored)
    assert_same(model, MODEL)
    assert "the teacher's weights were taken" in model.source.note and "the teacher's weights" in caplog.text


def test_a_student_alone_is_taken_and_it_is_said(tmp_path):
    model = load(tmp_path / "a.pth", {"student": below("backbone")})
    assert_same(model, MODEL)
    assert "a student's weights only" in model.source.note


def test_backbones_of_the_same_rank_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"a\.pth: The file holds 2 backbones, below 'left', 'right'"):
        load(tmp_path / "a.pth", below("left") | below("right"))


def test_a_missing_mask_token_is_filled_with_zeros_and_it_is_said(tmp_path, caplog):
    state = {name: tensor for name, tensor in STATE.items() if name != "mask_token"}
    with caplog.at_level(logging.INFO):
        model = load(tmp_path / "a.pth", state)
    assert "no mask token" in model.source.note and "no mask token" in caplog.text
    assert not model.mask_token.any() and torch.equal(model.norm.bias, MODEL.norm.bias)


def test_a_name_that_is_there_twice_is_refused():
    with pytest.raises(ModelError, match=r"norm\.bias is there twice"):
        unwrapped({"norm.bias": torch.ones(1), "module.norm.bias": torch.ones(1)})


def test_dictionaries_within_themselves_come_to_an_end():
    stored: dict = {"patch_embed.proj.weight": torch.ones(1)}
    stored["again"] = stored
    with pytest.raises(ModelError):
        unwrapped(stored)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda tensor: (tensor * 100).to(torch.int8), "int8"),
        (lambda tensor: tensor.to(torch.float8_e4m3fn), "float8_e4m3fn"),
        (lambda tensor: tensor.bool(), "bool"),
        (lambda tensor: tensor.to(torch.complex64), "complex64"),
        (lambda tensor: tensor.to_sparse(), "sparse_coo float32"),
        (lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8), "qint8"),
        (lambda tensor: tensor.to("meta"), "no numbers"),
    ],
    ids=["int8", "float8", "bool", "complex", "sparse", "quantised", "meta"],
)
def test_other_numbers_than_floating_point_ones_are_refused(tmp_path, broken, said):
    name = "blocks.1.mlp.fc1.weight"
    with pytest.raises(ModelError, match=rf"a\.pth: {name} holds {said}: quantised"):
        load(tmp_path / "a.pth", STATE | {name: broken(STATE[name])})


@pytest.mark.parametrize("value", [torch.nan, torch.inf, 1e300])
def test_weights_that_are_no_numbers_are_refused_by_name_and_count(tmp_path, value):
    """Those too that leave float32, in which all is computed."""
    bad = STATE["norm.weight"].double()
    bad[:3] = value
    with pytest.raises(ModelError, match=r"a\.pth cannot be used: NaN or infinity in norm\.weight \(3 of 48\)"):
        load(tmp_path / "a.pth", STATE | {"norm.weight": bad})


@pytest.mark.parametrize("checksums", [True, False])
def test_flipped_bytes_in_a_file_of_torchs_are_noticed(tmp_path, checksums):
    """Which torch, mapping the file, does not notice; files may have been written without checksums."""
    path, before = tmp_path / "a.pth", torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(checksums)
    try:
        torch.save(STATE, path)
    finally:
        torch.serialization.set_crc32_options(before)
    content = bytearray(path.read_bytes())
    place = content.find(STATE["norm.weight"].numpy().tobytes())
    assert place > 0
    content[place + 1] ^= 4  # a digit far behind the point
    path.write_bytes(content)
    if checksums:
        with pytest.raises(ModelError, match=r"a\.pth is damaged \(Bad CRC-32"):
            core.load_model(path)
    else:
        core.load_model(path, device="cpu")
