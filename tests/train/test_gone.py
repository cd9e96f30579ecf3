"""Pictures that are gone before a run reads them, or vanish while it goes on: in every mode as damaged ones are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core import DinoError, VisionTransformer, ViTConfig
from core.records.runs import read_metrics, save_backbone
from tests.train.small_run import CONFIG, logged
from train.config import DistillationConfig, RunConfig, from_json, to_json
from train.data import resident
from train.data.sources import open_source
from train.distill import for_distillation
from train.method.teacher_memory import TeacherMemory
from train.phase_config import PhaseConfig
from train.pretrain import pretrain
from train.run import loop

GONE = ("cat/1.png", "dog/4.png")
SHORT = replace(CONFIG, optim=replace(CONFIG.optim, steps=4), log=replace(CONFIG.log, snapshots=False))


@pytest.fixture
def data(tmp_path):
    generator = np.random.default_rng(0)
    for number in range(12):
        path = tmp_path / "data" / ("cat" if number % 2 else "dog") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (70, 80, 3), dtype=np.uint8)).save(path)
    return tmp_path / "data"


def remove(path: Path) -> None:
    path.unlink()


def damage(path: Path) -> None:
    path.write_bytes(b"rubbish")


def distilled(folder: Path) -> RunConfig:
    teacher = VisionTransformer(ViTConfig(width=24, depth=1, heads=2, image_size=56, layer_scale=1.0))
    teacher.initialise(torch.Generator().manual_seed(3))
    path = save_backbone(teacher, folder / "teacher.safetensors")
    return replace(for_distillation(SHORT), distillation=DistillationConfig(str(path), fixed_crops=True))


def config_of(mode: str, folder: Path) -> RunConfig:
    if mode == "distill":
        return distilled(folder)
    if mode == "resident":
        return replace(SHORT, compute=replace(SHORT.compute, resident=True, resident_side=70))
    if mode == "a later phase":
        later = PhaseConfig(2, global_size=84, batch=4)
        return replace(SHORT, phases=(later,))
    return SHORT


def listed(run: Path) -> list[str]:
    """The names in unreadable.txt, as they are below `data`."""
    lines = (run / "unreadable.txt").read_text(encoding="utf-8").splitlines()
    return sorted("/".join(Path(line.split("\t")[0]).parts[-2:]) for line in lines)


@pytest.mark.parametrize("mode", ["workers decode", "resident", "distill", "a later phase"])
def test_a_picture_that_vanishes_in_the_middle_is_replaced_as_one_that_breaks(data, tmp_path, monkeypatch, mode):
    """After the first step (before the pictures are loaded, where they are kept) two of them are lost."""
    config, losing, pictures = config_of(mode, tmp_path), [], {name: (data / name).read_bytes() for name in GONE}

    def losing_before(module, name: str) -> None:
        original = getattr(module, name)

        def wrapped(*given, **more):
            while losing:
                losing.pop()()
            return original(*given, **more)

        monkeypatch.setattr(module, name, wrapped)

    losing_before(*((resident, "_refuse_by_sample") if mode == "resident" else (loop, "update")))
    for how in (remove, damage):
        for name, picture in pictures.items():
            (data / name).write_bytes(picture)
            losing.append(lambda path=data / name, how=how: how(path))
        run = pretrain(config, [data], tmp_path / how.__name__)
        assert listed(run) == sorted(GONE) and len(logged(run)) == config.steps
    assert logged(tmp_path / "remove") == logged(tmp_path / "damage")


def test_what_the_teacher_is_remembered_to_say_is_of_the_picture_that_is_shown(data, tmp_path, monkeypatch):
    """Also where a picture it has spoken of is replaced since: crops and memory are those of the one in its place."""
    config, recall, asked = distilled(tmp_path), TeacherMemory.recall, []

    def compared(memory, crops, indices, compute):
        seen, fresh = recall(memory, crops, indices, compute), compute(crops)
        torch.testing.assert_close(seen.patches, fresh.patches, atol=3e-3, rtol=3e-3)
        asked.extend(indices.tolist())
        return seen

    monkeypatch.setattr(TeacherMemory, "recall", compared)
    run = pretrain(config, [data], tmp_path / "run")
    assert set(asked) == set(range(12)), "it has spoken of all"
    config = from_json(RunConfig, (run / "config.json").read_text())
    longer = replace(config, optim=replace(config.optim, steps=7))
    (run / "config.json").write_text(to_json(longer))
    places = {path: place for place, path in enumerate(open_source(data).files)}
    listing = tmp_path / "data" / "list.txt"
    listing.write_text("".join(f"{path}\n" for path in places))
    (data / GONE[0]).unlink()
    asked.clear()
    pretrain(longer, [listing], run, resume=True)
    assert places[data / GONE[0]] not in asked and len(asked) == 3 * config.optim.batch and listed(run) == [GONE[0]]


@pytest.mark.parametrize("workers", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_list_may_name_files_that_are_not_there(data, tmp_path, workers):
    (data / "list.txt").write_text("".join(f"{path.relative_to(data)}\n" for path in sorted(data.rglob("*.png"))))
    (data / GONE[0]).unlink()
    config = replace(SHORT, compute=replace(SHORT.compute, workers=workers))
    run = pretrain(config, [data / "list.txt"], tmp_path / "run", labelled=[data / "list.txt"])
    assert listed(run) == [GONE[0]] and len(logged(run)) == config.steps
    assert any("probe/knn_top1" in line for line in read_metrics(run)), "scored by the labels of those that are there"


@pytest.mark.parametrize("mode", ["workers decode", "resident"])
def test_when_everything_is_gone_the_run_ends_with_a_sentence(data, tmp_path, monkeypatch, mode):
    def lose(*_):
        for path in data.rglob("*.png"):
            path.unlink()

    if mode == "resident":
        monkeypatch.setattr(resident, "_refuse_by_sample", lose)
    else:
        update = loop.update
        monkeypatch.setattr(loop, "update", lambda *given: lose() or update(*given))
    with pytest.raises(DinoError, match=r"12 images in a row could not be read; (.|\n)*png' is not there"):
        pretrain(config_of(mode, tmp_path), [data], tmp_path / "run")
