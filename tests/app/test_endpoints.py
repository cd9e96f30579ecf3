"""What programs and strangers can ask of a running server."""

import json
import time
import urllib.error
import urllib.request

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.app.small import SIZE, photograph

JSON = {"content-type": "application/json"}
OFFERED = {"pca", "foreground", "attention", "similarity", "match", "search", "add_images", "atlas"}


@pytest.fixture(scope="module")
def client(served):
    return Client(served[0], verbose=False)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "disc.png"
    path.write_bytes(photograph(3))
    return handle_file(str(path))


def test_only_the_endpoints_are_offered_with_typed_parameters(client):
    described = client.view_api(return_format="dict")["named_endpoints"]
    assert set(described) == {f"/{name}" for name in OFFERED}
    parameters = {entry["parameter_name"]: entry for entry in described["/similarity"]["parameters"]}
    assert list(parameters) == ["image", "x", "y", "other", "size", "layer"]
    assert parameters["image"]["python_type"]["type"] == "filepath"
    assert parameters["size"]["parameter_has_default"] and parameters["size"]["parameter_default"] is None
    assert not parameters["x"]["parameter_has_default"]
    assert "longer side in pixels" in described["/pca"]["description"]


def test_a_collection_is_filled_and_asked(client, file, tmp_path):
    (tmp_path / "other.png").write_bytes(photograph(8, 90, 150))
    images = [file, handle_file(str(tmp_path / "other.png"))]
    filled = client.predict(collection="By program", images=images, tags="new", size=SIZE, api_name="/add_images")
    assert (len(filled["added"]), filled["refused"], filled["pictures"]) == (2, [], 2)
    sheet, numbers = client.predict(
        collection=filled["collection"], image=file, mode="region", point="80, 60", k=2, tags="new", api_name="/search"
    )
    assert [result["name"] for result in numbers["results"]] == ["disc.png", "other.png"]
    assert numbers["results"][0]["score"] == pytest.approx(1, abs=0.01)
    with Image.open(sheet) as image:
        assert image.width > image.height
    with pytest.raises(Exception, match="There is no collection"):
        client.predict(collection="none", image=file, api_name="/search")
    described = client.view_api(return_format="dict")["named_endpoints"]["/add_images"]["parameters"]
    assert described[1]["python_type"]["type"] == "list[filepath]"


@pytest.mark.parametrize("name", ["/pca", "/foreground", "/attention"])
def test_a_picture_and_its_numbers(client, file, name):
    picture, numbers = client.predict(image=file, size=SIZE, api_name=name)
    with Image.open(picture) as image:
        assert image.size == (160, 120)
    rows, columns = numbers["grid"]
    assert (rows, columns) == (6, 8) and numbers["model"] == "small"
    values = np.array(numbers["values"])
    assert values.shape[:2] == (6, 8) and values.min() >= 0 and values.max() <= 1
    if name == "/pca":
        assert len(numbers["explained"]) == values.shape[2] == 3
    if name == "/foreground":
        assert 0 < numbers["threshold"] < 1 and sum(numbers["counts"]) == 48


@pytest.mark.parametrize("name", ["/pca", "/foreground", "/attention", "/similarity", "/match"])
def test_without_a_size_it_is_the_models_own(client, served, file, name, monkeypatch):
    more = {"/similarity": {"x": 80, "y": 60}, "/match": {"other": file}}.get(name, {})
    monkeypatch.setattr(served[1].models.get("small").model, "default_size", 2 * SIZE)
    for size in ({}, {"size": None}):
        numbers = client.predict(image=file, **more, **size, api_name=name)[1]
        assert numbers["grid"] == [12, 16]


@pytest.mark.parametrize("name", ["/pca", "/foreground", "/similarity"])
def test_a_large_picture_is_painted_smaller_and_its_places_stay(client, tmp_path, name):
    (tmp_path / "wide.png").write_bytes(photograph(1, 8400, 12))
    more = {"/similarity": {"x": 8300, "y": 5}}.get(name, {})
    picture, numbers = client.predict(image=handle_file(str(tmp_path / "wide.png")), **more, size=SIZE, api_name=name)
    with Image.open(picture) as image:
        assert image.size == (2048, 3)
    assert (numbers["width"], numbers["height"]) == (8400, 12)
    if more:
        assert 7800 < numbers["best"]["x"] < 8400


def test_a_part_of_a_large_picture_is_searched_for_by_its_own_places(client, file, tmp_path):
    (tmp_path / "wide.png").write_bytes(photograph(1, 8400, 12))
    wide = handle_file(str(tmp_path / "wide.png"))
    filled = client.predict(collection="Wide", images=[wide, file], size=SIZE, api_name="/add_images")
    for mode in ("cls", "region"):
        _, numbers = client.predict(
            collection=filled["collection"], image=wide, mode=mode, box="8000, 0, 8400, 12", k=2, api_name="/search"
        )
        found = {result["name"]: result for result in numbers["results"]}
        assert (found["wide.png"]["width"], found["wide.png"]["height"]) == (8400, 12)


def test_more_pixels_than_the_server_takes_are_refused_in_a_sentence(client, served, file, monkeypatch):
    monkeypatch.setattr(served[1].library, "largest", 10_000)
    with pytest.raises(Exception, match=r"too large: 160×120 pixels. Up to 0.01 megapixels .* make it smaller"):
        client.predict(image=file, size=SIZE, api_name="/pca")
    monkeypatch.setattr(served[1].library, "largest", 20_000)
    assert client.predict(image=file, size=SIZE, api_name="/pca")


def test_a_patch_is_most_similar_to_itself(client, file):
    _, numbers = client.predict(image=file, x=90, y=70, size=SIZE, api_name="/similarity")
    assert numbers["best"]["cosine"] == pytest.approx(1, abs=1e-4)
    assert abs(numbers["best"]["x"] - 90) <= 10 and abs(numbers["best"]["y"] - 70) <= 10


def test_another_picture_can_be_searched(client, file, tmp_path):
    (tmp_path / "other.png").write_bytes(photograph(4, 90, 150))
    other = handle_file(str(tmp_path / "other.png"))
    picture, numbers = client.predict(image=file, x=80, y=60, other=other, size=SIZE, api_name="/similarity")
    assert numbers["grid"] == [8, 5]
    with Image.open(picture) as image:
        assert image.size == (90, 150)


def test_two_pictures_are_matched(client, file, tmp_path):
    (tmp_path / "other.png").write_bytes(photograph(3))
    other = handle_file(str(tmp_path / "other.png"))
    options = {"size": SIZE, "density": 1, "inside": False}
    picture, numbers = client.predict(image=file, other=other, **options, api_name="/match")
    with Image.open(picture) as sheet:
        assert sheet.width > 2 * sheet.height > 1000  # side by side
    assert (numbers["grid"], numbers["other_grid"]) == ([6, 8], [6, 8])
    matches = np.array(numbers["matches"])
    assert len(matches) >= 40 and np.array_equal(matches[:, :2], matches[:, 2:4])  # the same picture twice
    assert np.allclose(matches[:, 4], 1, atol=1e-3)
    few = client.predict(image=file, other=other, **(options | {"density": 0.25}), api_name="/match")[1]
    assert len(few["matches"]) <= 4
    with pytest.raises(Exception, match="density is 7"):
        client.predict(image=file, other=other, density=7, size=SIZE, api_name="/match")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"size": 3}, "size is 3"), ({"layer": 7}, "layer is 7"), ({"image": None}, "No image was sent")],
)
def test_a_wrong_request_says_what_is_allowed(client, file, wrong, message):
    with pytest.raises(Exception, match=message):
        client.predict(**({"image": file, "size": SIZE} | wrong), api_name="/pca")


def test_a_file_that_is_no_picture_says_so(client, tmp_path):
    (tmp_path / "notes.txt").write_text("to do: nothing")
    with pytest.raises(Exception, match=r"notes|picture|image"):
        client.predict(image=handle_file(str(tmp_path / "notes.txt")), api_name="/pca")


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / f"{seed}.png" for seed in range(6)]
    for seed, path in enumerate(paths):
        path.write_bytes(photograph(seed % 2, 60 + 20 * (seed % 2), 60))
    return [handle_file(str(path)) for path in paths]


def test_a_map_of_pictures(client, files):
    described = client.view_api(return_format="dict")["named_endpoints"]["/atlas"]["parameters"]
    parameters = {entry["parameter_name"]: entry for entry in described}
    assert list(parameters) == ["images", "method", "clusters", "neighbours", "seed"]
    assert "list[filepath]" in parameters["images"]["python_type"]["type"]
    picture, numbers = client.predict(images=files, method="pca", clusters=2, api_name="/atlas")
    with Image.open(picture) as image:
        assert image.size == (1200, 1200)
    assert [point["name"] for point in numbers["points"]] == [f"{seed}.png" for seed in range(6)]
    labels = [point["cluster"] for point in numbers["points"]]
    assert labels[::2] == [labels[0]] * 3 and labels[1::2] == [labels[1]] * 3 and sorted(set(labels)) == [1, 2]
    assert all(numbers["points"][medoid]["cluster"] == number for number, medoid in enumerate(numbers["medoids"], 1))
    assert max(point["x"] ** 2 + point["y"] ** 2 for point in numbers["points"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"method": "tsne"}, "choose from umap, pca"), ({"images": []}, "0 images"), ({"clusters": 99}, "choose 1 to 6")],
)
def test_a_map_that_cannot_be_says_so(client, files, wrong, message):
    with pytest.raises(Exception, match=message):
        client.predict(**({"images": files, "method": "pca"} | wrong), api_name="/atlas")


def test_long_jobs_of_one_visitor_do_not_starve_another(served, client, files, file, monkeypatch):
    """Six maps of six pictures, a fifth of a second a picture, wait in line; a light request is answered at once."""
    engine = served[1]
    compute = engine.compute

    def slowly(model, images, *rest):
        maps = []
        for image in images:
            maps += compute(model, [image], *rest)
            with model.lock:
                time.sleep(0.2)
        return maps

    monkeypatch.setattr(engine, "compute", slowly)
    jobs = [client.submit(images=files, method="pca", api_name="/atlas") for _ in range(6)]
    while engine.models.get("small").lock.locked() is False:
        time.sleep(0.01)
    other = Client(served[0], verbose=False)
    started = time.monotonic()
    other.predict(image=file, size=SIZE - 14, api_name="/pca")
    waited = time.monotonic() - started
    assert not all(job.done() for job in jobs), f"answered only after all others, {waited:.1f} s"
    assert waited < 4
    for job in jobs:
        job.result(timeout=120)


def status_of(url: str, data: bytes | None = None, headers: dict | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers or {}), timeout=120) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "../../../../etc/passwd",
        "requirements.txt",
        "app/build.py",
    ],
)
def test_files_of_the_server_are_not_served(served, path):
    assert status_of(f"{served[0]}/gradio_api/file={path}") in (403, 404)


def test_a_path_on_the_server_is_not_taken_for_an_upload(client):
    with pytest.raises(Exception, match=r"(?i)path|upload|file"):
        client.predict(image={"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, size=SIZE, api_name="/pca")


def test_an_upload_beyond_the_limit_is_refused(served):
    boundary = "limit"
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="large.png"\r\n'
            "Content-Type: image/png\r\n\r\n"
        ).encode()
        + b"\0" * 600_000
        + f"\r\n--{boundary}--\r\n".encode()
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    assert status_of(f"{served[0]}/gradio_api/upload", body, headers) == 413


def test_the_page_s_own_events_are_not_callable_by_name(served):
    with urllib.request.urlopen(f"{served[0]}/config", timeout=120) as response:
        dependencies = json.load(response)["dependencies"]
    public = {entry["api_name"] for entry in dependencies if entry["api_visibility"] == "public"}
    assert public == OFFERED


def test_the_page_names_no_other_host(served):
    with urllib.request.urlopen(served[0], timeout=120) as response:
        page, policy = response.read().decode(), response.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    for line in page.split("<"):
        if line.startswith(("script", "link", "meta", "img", "iframe")):
            assert "//" not in line.split(">")[0], line


HUGE = 1e300
PICTURE = {"path": "sent.png", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("similarity", [PICTURE, None, 5, None, SIZE, -1], "x is missing; give a number"),
        ("similarity", [PICTURE, "left", 5, None, SIZE, -1], "'left' is no number"),
        ("similarity", [PICTURE, float("nan"), 5, None, SIZE, -1], "no number"),
        ("pca", [PICTURE, HUGE, -1], "no number that can be meant"),
        ("pca", [PICTURE, SIZE, [1]], "no number"),
        ("pca", [PICTURE, -14, -1], "size is -14"),
        ("search", [None, PICTURE, "cls", "", "", 3, "", ""], "There is no collection"),
        ("match", [PICTURE, PICTURE, SIZE, -1, HUGE, True, False, 1], "density"),
        ("atlas", [[PICTURE] * 6, "umap", 0, 15, -1], "seed is -1"),
        ("atlas", [[PICTURE] * 6, "pca", 2, 15, -1], "seed is -1"),
        ("atlas", [None, "pca", 0, 15, 0], "0 images were sent"),
        ("pca", ["photo.jpg", SIZE, -1], "no file that was sent"),
        ("pca", [5, SIZE, -1], "no file that was sent"),
        ("pca", [[PICTURE], SIZE, -1], "no file that was sent"),
        ("pca", [PICTURE | {"path": 5}, SIZE, -1], "no file that was sent"),
        ("pca", [PICTURE | {"path": "sent.png.gone"}, SIZE, -1], "not any more; send it again"),
        ("atlas", [PICTURE, "pca", 0, 15, 0], "no file that was sent"),
        ("match", [PICTURE, PICTURE, SIZE, -1, 0.35, "no", True, 1], "mutual is 'no'; give true or false"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_in_words(served, file, capfd, name, values, told):
    (path,) = httpx.post(f"{served[0]}/gradio_api/upload", files={"files": ("a.png", photograph(7))}).json()
    body = json.dumps({"data": values}).replace('"sent.png', f'"{path}')
    event = httpx.post(f"{served[0]}/gradio_api/call/{name}", content=body, headers=JSON).json()["event_id"]
    answer = httpx.get(f"{served[0]}/gradio_api/call/{name}/{event}", timeout=60).text
    assert answer.startswith("event: error") and told in answer
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("name", "values"), [("pca", [PICTURE, None, None]), ("similarity", [PICTURE, 5, 5, None, SIZE, None])]
)
def test_values_left_empty_are_the_usual_ones(served, name, values):
    (path,) = httpx.post(f"{served[0]}/gradio_api/upload", files={"files": ("a.png", photograph(7))}).json()
    body = json.dumps({"data": values}).replace('"sent.png"', json.dumps(path))
    event = httpx.post(f"{served[0]}/gradio_api/call/{name}", content=body, headers=JSON).json()["event_id"]
    assert "event: complete" in httpx.get(f"{served[0]}/gradio_api/call/{name}/{event}", timeout=60).text
