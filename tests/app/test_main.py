"""`python -m app` as somebody types it."""

import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from tests.app.conftest import unused_port


def start(*words: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "app", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def address_of(process: subprocess.Popen) -> str:
    line = process.stdout.readline()
    found = re.fullmatch(r"Dinoscope is at (http://127\.0\.0\.1:\d+)\n", line)
    assert found, line + (process.stderr.read() if process.poll() is not None else "")
    return found[1]


def stop(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise


@pytest.mark.slow
def test_it_serves_on_the_next_free_port_and_ends_when_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("--port", str(port), "--model", "untrained")
        try:
            address = address_of(process)
            assert int(address.rsplit(":", 1)[1]) > port
            with urllib.request.urlopen(address, timeout=120) as response:
                assert b"Dinoscope" in response.read()
        finally:
            stop(process)


@pytest.mark.slow
def test_a_wrong_address_is_one_clear_line():
    process = start("--host", "no.such.host.invalid", "--port", str(unused_port()))
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "python -m app: --host 'no.such.host.invalid' is not an address of this machine" in errors
    assert "Traceback" not in errors


def test_help_explains_every_option_and_imports_nothing_heavy():
    code = "import sys\nfrom app.__main__ import arguments\ntry:\n    arguments(['--help'])\nexcept SystemExit:\n    pass\n"
    code += "print('torch' in sys.modules, 'gradio' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    for option in (
        "--host",
        "--port",
        "--model",
        "--collections",
        "--auth",
        "--max-upload-mb",
        "--max-megapixels",
        "--mcp",
    ):
        assert option in result.stdout
    assert result.stdout.endswith("False False\n")


def test_the_page_needs_none_of_the_slow_libraries():
    code = (
        "import sys\nfrom app.server.quickstart import import_gradio\nimport_gradio()\nimport app.build\n"
        "print([name for name in ('sklearn', 'scipy', 'umap', 'transformers', 'plotly', 'train') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert result.stdout.strip() == "[]"
