"""Many at once against the served app: every answer checked, times by number of clients, and memory after many requests.

    python -m tests.benchmarks.load [--requests 500] [--clients 2 8 32]

The app runs as its users start it, on the shipped model, in a process of its own. Each client sends photographs to
/pca, /similarity and /search (one in five at 1036 px, the rest at 224), and each answer is compared with the one
that the same question got when nothing else was asked. Then a visitor leaves 40 jobs behind, and a newcomer asks.
"""

import argparse
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from gradio_client import Client, handle_file
from PIL import Image

from core.pictures.gallery import samples

SMALL, LARGE = 224, 1036
Question = tuple[str, dict]
Answer = tuple[bytes, str]


def questions() -> list[Question]:
    """Endpoint and arguments of each kind of question, over the sample photographs."""
    asked: list[Question] = []
    for number, sample in enumerate(samples()):
        file, size = handle_file(str(sample.path)), LARGE if number % 5 == 4 else SMALL
        asked.append(("/pca", {"image": file, "size": size}))
        asked.append(("/similarity", {"image": file, "x": 30, "y": 40, "size": SMALL}))
        asked.append(("/search", {"collection": "gallery", "image": file, "k": 12}))
    return asked


def ask(client: Client, question: Question) -> Answer:
    """The pixels and the numbers of the answer."""
    name, arguments = question
    painted, numbers = client.predict(**arguments, api_name=name)
    with Image.open(painted) as image:
        return image.convert("RGB").tobytes(), json.dumps(numbers)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, nargs="+", default=[2, 8, 32])
    parser.add_argument("--requests", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "app", "--port", "7900", "--collections", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
            try:
                assert server.stdout
                line = next(line for line in server.stdout if line.startswith("Dinoscope is at "))
                _measure(line.split()[-1], server.pid, options)
            finally:
                server.terminate()


def _measure(address: str, pid: int, options: argparse.Namespace) -> None:
    client, asked = Client(address, verbose=False), questions()
    right = [ask(client, question) for question in asked]
    print(f"{len(asked)} different questions; memory {_megabytes(pid)} MB")
    print("clients  requests  wrong  failed  median s  95 % s  requests/s  memory MB")
    for count in options.clients:
        _together(address, pid, count, max(options.requests // len(options.clients), count), asked, right)
    _vanished(address)


def _together(address: str, pid: int, count: int, total: int, asked: list[Question], right: list[Answer]) -> None:
    times: list[float] = []
    wrong, failed = 0, 0

    def work(number: int) -> None:
        nonlocal wrong, failed
        client = Client(address, verbose=False)
        for turn in range(total // count):
            place = (number * 7 + turn) % len(asked)
            started = time.perf_counter()
            try:
                wrong += ask(client, asked[place]) != right[place]
            except Exception as error:  # counted, whatever it is
                failed += 1
                print(f"  {asked[place][0]}: {error}")
            times.append(time.perf_counter() - started)

    began = time.perf_counter()
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))
    spent = time.perf_counter() - began
    late = sorted(times)[int(0.95 * len(times))]
    print(
        f"{count:7}  {len(times):8}  {wrong:5}  {failed:6}  {statistics.median(times):8.2f}  {late:6.2f}  "
        f"{len(times) / spent:10.1f}  {_megabytes(pid):9}"
    )


def _vanished(address: str) -> None:
    """Forty clients that ask for something large and never listen; then a newcomer with a small question."""
    stream = io.BytesIO()
    Image.new("RGB", (LARGE, LARGE), "white").save(stream, "PNG")
    for number in range(40):
        sent = {"files": (f"{number}.png", stream.getvalue() + bytes([number]))}
        (path,) = httpx.post(f"{address}/gradio_api/upload", files=sent).json()
        body = {"data": [{"path": path, "meta": {"_type": "gradio.FileData"}}, LARGE, -1]}
        httpx.post(f"{address}/gradio_api/call/pca", json=body).raise_for_status()
    started = time.perf_counter()
    ask(Client(address, verbose=False), ("/pca", {"image": handle_file(str(samples()[0].path)), "size": SMALL}))
    print(f"a newcomer behind 40 jobs of clients that have left: {time.perf_counter() - started:.2f} s")


def _megabytes(pid: int) -> int:
    """Resident memory of a process."""
    words = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()
    return int(words[0]) >> 10


if __name__ == "__main__":
    main()
