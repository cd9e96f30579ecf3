"""The whole chain from pictures to a page; killed, divided over processes, without room, and fed rubbish."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from core import VisionTransformer, ViTConfig
from core.pictures.gallery import samples
from core.pictures.listing import find_pictures
from core.pictures.names import from_text
from core.records.curation import DROPPED
from core.records.runs import save_backbone
from tests.train.curate.planted import planted, unit
from train.curate.__main__ import main
from train.curate.steps.embed import adopt
from train.data.sources import open_source

ROOT = Path(__file__).parents[3]
EVIL = '<img src=x onerror="alert(1)">&.png'


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A tiny model; photographs in a pool, some twice, one with a name that is HTML; three of them curated."""
    root = tmp_path_factory.mktemp("given")
    model = VisionTransformer(ViTConfig(width=48, depth=2, heads=3, image_size=56, layer_scale=1.0))
    model.initialise(torch.Generator().manual_seed(0))
    save_backbone(model, root / "tiny.safetensors")
    for folder in ("pool", "curated"):
        (root / folder).mkdir()
    for place, sample in enumerate(samples()):
        image = Image.open(sample.path).convert("RGB").resize((90, 64))
        image.save(root / ("curated" if place < 3 else "pool") / f"{sample.name}.png")
        if place > 7:
            image.resize((60, 42)).save(root / "pool" / f"{sample.name} small.png")
    image.save(root / "pool" / EVIL)
    (root / "pool" / "broken.jpg").write_bytes(b"no picture")
    return root


def words(given, out):
    return [
        *("--curated", str(given / "curated"), "--pool", str(given / "pool"), "--out", str(out)),
        *("--embed.model", str(given / "tiny.safetensors"), "--embed.size", "56"),
        *("--deduplicate.threshold", "0.999", "--retrieve.k", "2"),
    ]


MODULE = ("-m", "train.curate")


def start(out, *more, ranks=1) -> subprocess.Popen:
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", str(ranks)] if ranks > 1 else []
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launch, *more, "--out", str(out)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process) -> None:
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-3000:]


def outcome(root) -> dict[str, bytes]:
    """All that a curation decides, to the bit."""
    tables = ("duplicates.parquet", "retrieved.parquet", "fates.parquet")
    found = {name: pq.read_table(root / name) for name in tables}
    return found | {"centres": np.load(root / "clusters" / "centres.npz")["fine"].tobytes()}


def differing(one: dict, other: dict) -> list[str]:
    return [key for key in one if one[key] != other[key]]


def test_the_whole_chain(given, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(words(given, out)) == 0
    printed = capsys.readouterr().out
    assert "3 in curated" in printed and "1 unreadable" in printed and "selected.txt" in printed
    table = pq.read_table(out / "fates.parquet").to_pandas()
    assert len(table) == len(open_source(given / "pool")) + 3
    assert table[table.name.str.endswith("broken.jpg")].reason.tolist() == ["cannot be read"]
    kept = table[table.kept].name.tolist()
    listed = open_source(out / "selected.txt")
    assert [listed.name(place) for place in range(len(listed))] == kept and Path(kept[0]).exists()
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page and "<img src=x" not in page and "onerror=&#34;" in page
    assert "http://" not in page and "https://" not in page and page.count("data:image/webp") >= 10
    assert f"<h1>{len(kept)} images are kept</h1>" in page
    assert page.count("<h2") == 5 and "<td>" in page and page.count("<polyline") == 2 and 'class="fill"' in page
    assert not re.search(r"\{[{%#]|[}%#]\}", page.partition("</style>")[2]), "no template is left in it"


def test_a_finished_curation_is_left_alone_and_steps_can_be_told_otherwise(given, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(words(given, out)) == 0
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet") if path.name != DROPPED}
    assert main(words(given, out)) == 0
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert main(["deduplicate", "--threshold", "0.9", "--out", str(out)]) == 0
    searched = out / "search" / "pool" / "00000.parquet"
    assert searched.stat().st_mtime_ns == written[searched]
    assert not (out / DROPPED).exists(), "shows what was dropped at another threshold"
    table = pq.read_table(out / "fates.parquet").to_pandas()
    assert set(table.step) == {"curated", "embed", "deduplicate"}  # what was retrieved from others is no more
    assert main(["retrieve", "--out", str(out)]) == 0
    assert "retrieve" in set(pq.read_table(out / "fates.parquet").to_pandas().step) or not table.kept[3:].any()


def test_kept_images_are_packed_for_training(given, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(words(given, out)) == 0 and main(["pack", "--out", str(out)]) == 0
    table = pq.read_table(out / "fates.parquet").to_pandas()
    packed, kept = open_source(out / "selected"), table[table.kept].name.tolist()
    assert [packed.read(place).data for place in range(len(packed))] == [Path(name).read_bytes() for name in kept]


NAMES = ("two\nlines.png", "tab\t.png", "#first.png", "a.png 3.png", " blank.png", '"quoted".png', r"back\nslash.png",
         "caf\udce9.png", "caf\udce9/1.png", "plain.png")  # fmt: skip


def test_any_name_survives_the_list_and_the_tables(given, tmp_path, capsys):
    """Selected, trained on, packed and shown, whatever the file system holds."""
    folder, generator = tmp_path / "pool", np.random.default_rng(0)
    for name in NAMES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (60, 60, 3), np.uint8)).save(folder / name)
    out = tmp_path / "out"
    asked = [*words(given, out), "--pool", str(folder), "--retrieve.k", "20", "--deduplicate.threshold", "0.9999999"]
    assert main(asked) == 0 and main(["pack", "--out", str(out)]) == 0
    listed = open_source(out / "selected.txt")
    table = pq.read_table(out / "fates.parquet").to_pandas()
    kept = [from_text(name) for name in table[table.kept].name]
    assert [listed.name(place) for place in range(len(listed))] == kept and all(map(os.path.exists, kept))
    assert {str(folder / name) for name in NAMES} <= set(kept)
    assert len(open_source(out / "selected")) == len(kept)
    assert [one.path for one in find_pictures([f"@{out / 'selected.txt'}"])[0]] == list(listed.files)


def test_mistakes_end_with_a_sentence(given, tmp_path, capsys):
    asked = words(given, tmp_path / "out")
    for more, said in (
        (["--pool", str(tmp_path / "nowhere")], "nowhere does not exist"),
        (["--embed.model", "nobody"], "There is no model 'nobody'"),
        (["--memory", "0"], "memory is 0.0"),
    ):
        assert main([*asked, *more]) == 2
        assert said in capsys.readouterr().err
    assert main(["cluster", "--out", str(tmp_path / "nothing")]) == 2
    assert "no finished step `embed`" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["search/pool/00000.parquet", "clusters/centres.npz", "steps/deduplicate.json"])
def test_damage_is_named_with_its_remedy(given, tmp_path, capsys, name):
    out = tmp_path / "out"
    assert main(words(given, out)) == 0
    damaged = out / name
    whole = outcome(out)
    damaged.write_bytes(damaged.read_bytes()[:20])
    step = "cluster" if "clusters" in name else "deduplicate"
    if step == "cluster":
        (out / "clusters" / "pool" / "00000.parquet").unlink()
        (out / "steps" / "cluster.json").unlink()
    assert main([step, "--out", str(out), *(["--threshold", "0.99"] if step == "deduplicate" else [])]) == 2
    said = capsys.readouterr().err
    assert f"{damaged} is damaged" in said and "remove it and run the same command again" in said
    damaged.unlink()
    assert main(words(given, out)) == 0
    after = outcome(out)
    assert differing(after, whole) == []


def test_a_full_disk_at_any_step_is_said_and_made_up_for(given, tmp_path, capsys):
    """A limit on the size of files grows with each attempt: each ends one write further on, none ends with half a file."""
    asked, out = words(given, tmp_path / "out"), tmp_path / "out"
    assert main(words(given, tmp_path / "whole")) == 0
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    said = []
    try:
        for limit in (500, 2500, 5000, 9000, 20_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            status = main(asked)
            error = capsys.readouterr().err
            said += [error] if status else []
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(said) >= 3 and all("is whole: put it right and run it again" in one for one in said), said
    assert main(asked) == 0
    after, whole = outcome(out), outcome(tmp_path / "whole")
    assert differing(after, whole) == []


def made_elsewhere(folder) -> Path:
    pool = planted(originals=2600, copies=300).pool
    adopt(folder, {"pool": pool, "curated": unit(pool[:30] + 0.3 * pool[30:60]), "evaluation": pool[100:110]})
    return folder


STEPS = (
    ("deduplicate", "--threshold", "0.85", "--evaluation-threshold", "0.8"),
    ("cluster", "--levels", "2", "--clusters", "40", "--batch", "700"),
    ("retrieve",),
    ("report",),
)


STEP_BY_STEP = """
import sys; from pathlib import Path; from train import dist
from train.curate.config import *; from train.curate.steps.cluster import cluster
from train.curate.steps.deduplicate import deduplicate; from train.curate.steps.retrieve import retrieve
root, world = Path(sys.argv[-1]), dist.join("cpu")
deduplicate(root, DeduplicateConfig(threshold=0.85, evaluation_threshold=0.8), 4, world)
cluster(root, ClusterConfig(levels=2, clusters=40, batch=700), world)
retrieve(root, RetrieveConfig(), 4, world)
dist.leave()
"""


def test_two_processes_give_what_one_gives(tmp_path):
    """From vectors with several parts of everything, and clusters of two levels from mini-batches."""
    (tmp_path / "steps.py").write_text(STEP_BY_STEP)
    alone, both = made_elsewhere(tmp_path / "alone"), made_elsewhere(tmp_path / "both")
    processes = [start(root, str(tmp_path / "steps.py"), ranks=ranks) for root, ranks in ((alone, 1), (both, 2))]
    for process in processes:
        finish(process)
    assert differing(outcome(alone), outcome(both)) == []


@pytest.mark.slow
def test_two_processes_embed_what_one_embeds(given, tmp_path):
    alone, both = tmp_path / "alone", tmp_path / "both"
    for process in [start(alone, *MODULE, *words(given, alone)), start(both, *MODULE, *words(given, both), ranks=2)]:
        finish(process)
    assert differing(outcome(alone), outcome(both)) == []
    one, two = (np.load(root / "embeddings" / "pool" / "vectors.npy") for root in (alone, both))
    assert np.array_equal(one, two)


@pytest.mark.slow
def test_killed_at_any_moment_every_step_goes_on(tmp_path):
    """SIGKILL as soon as this and that file is there, and at moments between; the end is that of a whole run."""
    whole, killed = made_elsewhere(tmp_path / "whole"), made_elsewhere(tmp_path / "killed")
    awaited = {
        "deduplicate": ("search/pool/settings.json", "search/pool/00001.parquet", "search/pool/found.json"),
        "cluster": ("clusters/coarse.npz", "clusters/groups/00002.npz", "clusters/centres.npz"),
        "retrieve": ("search/retrieval/00000.parquet", "retrieved.parquet"),
        "report": (),
    }
    for step in STEPS:
        finish(start(whole, *MODULE, *step))
        for name in awaited[step[0]]:
            process = start(killed, *MODULE, *step)
            while process.poll() is None and not (killed / name).exists():
                time.sleep(0.001)
            process.send_signal(signal.SIGKILL)
            process.communicate()
        finish(start(killed, *MODULE, *step))
    one, other = outcome(whole), outcome(killed)
    assert differing(one, other) == []
    assert (killed / "report.html").stat().st_size == pytest.approx((whole / "report.html").stat().st_size, rel=0.01)
    assert not list(killed.rglob("*.part"))
