"""Miniature trees in the layouts that datasets are published in, and what is said where something is missing."""

import json
import pickle

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from core import ImageError
from train.data.sources import DataError
from train.evaluate.datasets.layouts.classes import published_parts
from train.evaluate.datasets.layouts.dense import EIGEN_CROP, depth_set, segmentation_set
from train.evaluate.datasets.layouts.objects import read_boxes, read_objects
from train.evaluate.datasets.layouts.revisited import read_landmarks
from train.evaluate.datasets.layouts.spair import read_pairs
from train.evaluate.datasets.truth import read_depth, read_labels


def picture(path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((6, 8, 3), np.uint8) if pixels is None else np.asarray(pixels)).save(path)


def labels_of(source):
    return [(source.read(place).name.rsplit("/", 1)[-1], source.label(place)) for place in range(len(source))]


@pytest.fixture
def imagenet(tmp_path):
    inner = tmp_path / "ILSVRC" / "Data" / "CLS-LOC"
    for number, wnid in enumerate(("n01", "n02")):
        picture(inner / "train" / wnid / f"{wnid}_1.JPEG")
        picture(inner / "val" / f"ILSVRC2012_val_0000000{number + 1}.JPEG")
    return tmp_path


TRUTH = [("ILSVRC2012_val_00000001.JPEG", "n02"), ("ILSVRC2012_val_00000002.JPEG", "n01")]


def test_imagenet_with_kaggles_table(imagenet):
    (imagenet / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\nILSVRC2012_val_00000002,n01 1 2 3 4 \nILSVRC2012_val_00000001,n02 1 2 3 4 n02 5 6 7 8\n"
    )
    picture(imagenet / "ILSVRC" / "Data" / "CLS-LOC" / "val" / "._ILSVRC2012_val_00000001.JPEG")
    parts = published_parts(imagenet)
    assert labels_of(parts.train) == [("n01_1.JPEG", "n01"), ("n02_1.JPEG", "n02")]
    assert labels_of(parts.test) == TRUTH


def test_imagenet_with_its_development_kit(imagenet):
    kit = imagenet / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    synsets = np.array([(1, "n02"), (2, "n01"), (3, "n09")], dtype=[("ILSVRC2012_ID", "O"), ("WNID", "O")])
    savemat(kit / "meta.mat", {"synsets": synsets.reshape(-1, 1)})
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n2\n")
    assert labels_of(published_parts(imagenet).test) == TRUTH
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n")
    with pytest.raises(DataError, match="1 validation image, the folder holds 2"):
        published_parts(imagenet)


def test_tables_of_imagenet_that_are_damaged_are_named(imagenet):
    kit = imagenet / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    (kit / "meta.mat").write_bytes(b"no matrix")
    with pytest.raises(DataError, match="is not ImageNet's development kit"):
        published_parts(imagenet)
    for text in ("a,b\n1,2\n", "ImageId,PredictionString\nx,\n", "caf\udce9\n"):
        (imagenet / "LOC_val_solution.csv").write_text(text, errors="surrogateescape")
        with pytest.raises(DataError, match=r"LOC_val_solution\.csv is not the table"):
            published_parts(imagenet)


def test_imagenet_sorted_into_folders_and_without_any_labels(imagenet, tmp_path):
    with pytest.raises(DataError, match="LOC_val_solution"):
        published_parts(imagenet)
    picture(tmp_path / "any" / "train" / "cat" / "1.png")
    picture(tmp_path / "any" / "test" / "cat" / "2.png")
    assert labels_of(published_parts(tmp_path / "any").test) == [("2.png", "cat")]
    assert published_parts(tmp_path / "any" / "train") is None


def test_ade20k(tmp_path):
    for part in ("training", "validation"):
        picture(tmp_path / "images" / part / f"ADE_{part}_1.jpg")
        picture(tmp_path / "annotations" / part / f"ADE_{part}_1.png", np.array([[0, 1], [150, 2]], np.uint8))
        picture(tmp_path / "images" / part / ".thumbs" / "ADE.jpg")
    found = segmentation_set(tmp_path)
    assert found.classes == 150 and found.test[0].image.name == "ADE_validation_1.jpg"
    assert found.read(found.train[0].truth).tolist() == [[-1, 0], [149, 1]]


@pytest.fixture
def voc(tmp_path):
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("2007_1", "2007_2"):
        picture(root / "JPEGImages" / f"{name}.jpg")
    palette = Image.fromarray(np.array([[0, 15, 255, 0, 0, 0, 0, 0]] * 6, np.uint8), "P")
    palette.putpalette(list(range(256)) * 3)
    (root / "SegmentationClass").mkdir()
    for name in ("2007_1", "2007_2"):
        palette.save(root / "SegmentationClass" / f"{name}.png")
    for folder, part, name in (
        ("Segmentation", "train", "2007_1"),
        ("Segmentation", "val", "2007_2"),
        ("Main", "trainval", "2007_2"),
    ):
        (root / "ImageSets" / folder).mkdir(parents=True, exist_ok=True)
        (root / "ImageSets" / folder / f"{part}.txt").write_text(f"{name}\n")
    (root / "Annotations").mkdir()
    box = "<bndbox><xmin>2</xmin><ymin>1</ymin><xmax>4</xmax><ymax>6</ymax></bndbox>"
    (root / "Annotations" / "2007_2.xml").write_text(f"<annotation><object><name>cat</name>{box}</object></annotation>")
    return tmp_path


def test_voc_masks(voc):
    found = segmentation_set(voc)
    assert found.classes == 21 and [one.image.stem for one in (*found.train, *found.test)] == ["2007_1", "2007_2"]
    assert found.truth(found.train[0])[0].tolist() == [0, 15, -1, 0, 0, 0, 0, 0]


def test_voc_objects(voc):
    (one,) = read_objects(voc)
    assert one.boxes() == [(1.0, 0.0, 4.0, 6.0)] and one.labels()[0, 1] == 15
    path = voc / "VOCdevkit" / "VOC2012" / "Annotations" / "2007_2.xml"
    path.write_text('<!DOCTYPE x [<!ENTITY a "b">]><annotation/>')
    with pytest.raises(DataError, match="entities"):
        read_boxes(path)


def test_nyu_depth(tmp_path):
    picture(tmp_path / "kitchen" / "rgb_1.jpg")
    picture(tmp_path / "kitchen" / "sync_depth_1.png", np.full((6, 8), 2500, np.uint16))
    line = "/kitchen/rgb_1.jpg /kitchen/sync_depth_1.png 518.8579\n"
    (tmp_path / "nyu_train.txt").write_text(line)
    (tmp_path / "nyu_test.txt").write_text(line.replace("/kitchen", "kitchen") + "kitchen/rgb_2.jpg None 518.8579\n")
    found = depth_set(tmp_path)
    assert found.crop == EIGEN_CROP and len(found.test) == 1
    assert (found.truth(found.test[0]) == 2.5).all()


def test_the_plain_form(tmp_path):
    for number in range(4):
        picture(tmp_path / "images" / f"{number}.png")
        picture(tmp_path / "masks" / f"{number}.png", np.array([[0, 1, 255] + [2] * 5] * 6, np.uint8))
    found = segmentation_set(tmp_path)
    assert (len(found.train), len(found.test), found.classes) == (3, 1, 0)
    assert found.truth(found.train[0])[0].tolist() == [0, 1, -1, 2, 2, 2, 2, 2]
    assert read_objects(tmp_path)[0].boxes() == [(1, 0, 2, 6), (3, 0, 8, 6)]
    picture(tmp_path / "images" / "cat" / "0.png")
    picture(tmp_path / "masks" / "cat" / "0.png", np.full((6, 8), 3, np.uint8))
    found = segmentation_set(tmp_path)
    nested = next(one for one in (*found.train, *found.test) if one.image.parent.name == "cat")
    assert (found.truth(nested) == 3).all()
    (tmp_path / "masks" / "2.png").unlink()
    with pytest.raises(DataError, match=r"such as 2.png"):
        segmentation_set(tmp_path)
    for part in ("train", "val"):
        picture(tmp_path / "parted" / part / "images" / "1.png")
        picture(tmp_path / "parted" / part / "masks" / "1.png", np.zeros((6, 8), np.uint8))
    assert segmentation_set(tmp_path / "parted").test[0].image.parts[-3] == "val"


def test_truth_that_is_none(tmp_path):
    picture(tmp_path / "colour.png")
    (tmp_path / "broken.png").write_bytes(b"no")
    for path, message in ((tmp_path / "colour.png", "RGB"), (tmp_path / "broken.png", "cannot be read")):
        with pytest.raises(ImageError, match=message):
            read_labels(path)
    np.save(tmp_path / "metres.npy", np.array([[1.5, np.nan], [-1, np.inf]]))
    assert read_depth(tmp_path / "metres.npy").tolist() == [[1.5, 0], [0, 0]]
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ImageError, match="cannot be read"):
        read_depth(tmp_path / "objects.npy")


def pair(**changed):
    known = {"src_imname": "a.jpg", "trg_imname": "b.jpg", "category": "cat", "src_kps": [[1, 2]], "trg_kps": [[3, 4]]}
    return json.dumps(known | {"trg_bndbox": [0, 0, 5, 2]} | changed)


def test_spair(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / "JPEGImages" / "cat" / f"{name}.jpg")
    folder = tmp_path / "PairAnnotation" / "test"
    folder.mkdir(parents=True)
    (folder / "000001-a-b:cat.json").write_text(pair())
    (found,) = read_pairs(tmp_path)
    assert (found.extent, found.category, found.target.name) == (5, "cat", "b.jpg")
    assert found.target_points.tolist() == [[3, 4]]
    for wrong, message in (
        (pair(trg_kps=[]), "1 and 0 key points"),
        (pair(trg_imname="../../secret.jpg"), "not in"),
        ("{", "is no pair"),
        ("[]", "is no pair"),
    ):
        (folder / "000001-a-b:cat.json").write_text(wrong)
        with pytest.raises(DataError, match=message):
            read_pairs(tmp_path)
    with pytest.raises(DataError, match="has no pairs"):
        read_pairs(tmp_path, "val")


LANDMARKS = {
    "imlist": ["one", "two"],
    "qimlist": ["one"],
    "gnd": [{"bbx": (0.0, 0.0, 4.0, 4.0), "easy": np.array([1]), "hard": [], "junk": [0]}],
}


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_landmarks_from_a_pickle_of_tables(tmp_path, protocol):
    for name in ("one", "two"):
        picture(tmp_path / "jpg" / f"{name}.jpg")
    easy = [1] if protocol < 3 else np.array([1])  # arrays of Python 3 in old protocols call _codecs, those of 2 do not
    known = LANDMARKS | {"gnd": [LANDMARKS["gnd"][0] | {"easy": easy}]}
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps(known, protocol))
    found = read_landmarks(tmp_path)
    (query,) = found.queries
    assert [path.stem for path in found.images] == ["one", "two"]
    assert query.easy.tolist() == [1] and query.junk.tolist() == [0] and query.box == (0, 0, 4, 4)


def test_landmarks_from_python_2_and_from_json(tmp_path):
    for name in ("one", "two"):
        picture(tmp_path / "jpg" / f"{name}.jpg")
    plain = LANDMARKS | {"gnd": [LANDMARKS["gnd"][0] | {"easy": [1]}]}
    (tmp_path / "gnd_x.json").write_text(json.dumps(plain))
    assert read_landmarks(tmp_path).queries[0].easy.tolist() == [1]


def test_landmarks_whose_box_has_three_sides_are_refused(tmp_path):
    for name in ("one", "two"):
        picture(tmp_path / "jpg" / f"{name}.jpg")
    (tmp_path / "gnd_x.json").write_text(
        json.dumps(LANDMARKS | {"gnd": [LANDMARKS["gnd"][0] | {"easy": [1], "bbx": [0, 0, 4]}]})
    )
    with pytest.raises(DataError, match="is no ground truth"):
        read_landmarks(tmp_path)


class Trap:
    def __reduce__(self):
        return (open, ("trap", "w"))


def test_a_pickle_that_would_run_code_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for harm in ({"imlist": Trap()}, np.array([Trap()], dtype=object)):
        (tmp_path / "gnd_x.pkl").write_bytes(pickle.dumps(harm))
        with pytest.raises(DataError, match="more than tables"):
            read_landmarks(tmp_path)
    assert not (tmp_path / "trap").exists()
    (tmp_path / "gnd_x.pkl").write_bytes(b"rubbish")
    with pytest.raises(DataError, match=r"gnd_x.pkl"):
        read_landmarks(tmp_path)


def test_landmarks_that_mean_pictures_that_are_not_there(tmp_path):
    picture(tmp_path / "jpg" / "one.jpg")
    (tmp_path / "gnd_x.json").write_text(
        json.dumps(LANDMARKS | {"gnd": [{"easy": [9], "hard": [], "junk": []}], "imlist": ["one"]})
    )
    with pytest.raises(DataError, match="picture 9 of 1"):
        read_landmarks(tmp_path)
